/* SPDX-License-Identifier: ISC */
/*
 * The real privd-jail between a fake front and a fake net. Test code, root.
 */
#ifndef TESTS_JAILHARNESS_H
#define TESTS_JAILHARNESS_H

#include <stdint.h>
#include <sys/types.h>
#include <atf-c.h>

#include "policy/privops.h"
#include "tests/lib/roleharness.h"

struct jh {
	struct sysconf conf;
	struct rh_cg cg;
	char build[256];	/* directory with the programs */
	char usr[256];		/* what VMs see as /usr */
	char sup[64];		/* vmsup beneath build; jh_init: a fake */
	pid_t pid;		/* privd-jail */
	int front, net;		/* its peers' ends */
	uint32_t seq;
	uint16_t step;		/* of the last refusal */
};

/* Configuration and cgroups of this instance; nothing runs yet. */
void jh_init(struct jh *j, const char *instance, const char *build,
    const char *usr);
/* The build directory, from the place of the test program. */
void jh_build(const atf_tc_t *tc, char build[256]);
/* The same with evilvmm as the VMM in a /usr of its own, and files "kernel"
 * and "drive" of the tenant's in the working directory. */
void jh_evil(struct jh *j, const atf_tc_t *tc, const char *instance);
void jh_run(struct jh *j);	/* start privd-jail (again) */
void jh_end(struct jh *j);	/* its wires end: it exits, VMs stay */
/* Kill and remove whatever is left; the number of VMs' cgroups found. */
int jh_clean(struct jh *j);

/* One request and its answer: 0 or the errno of the reply. *out: the
 * descriptor that came along, or NULL. */
int jh_call(struct jh *j, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, const int *fds, unsigned nfds, void *rep, int *out);
/* The same in two halves. */
uint32_t jh_ask(struct jh *j, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, const int *fds, unsigned nfds);
int jh_answer(struct jh *j, uint32_t seq, void *rep, int *out);

/* ---- the usual steps; each 0 or errno */
int jh_attest(struct jh *j, uint32_t slot, uint64_t gen, uid_t uid);
int jh_net(struct jh *j, uint32_t slot, uint64_t gen); /* with a TAP */
int jh_net_no_tap(struct jh *j, uint32_t slot, uint64_t gen);
int jh_limits(struct jh *j, uint32_t slot, uint64_t gen, uint32_t mib);
int jh_image(struct jh *j, uint32_t slot, uint64_t gen, uint32_t kind,
    uint32_t index, int ro, int rw);
/* ATTEST, NS_MAKE, LIMITS. */
int jh_prepare(struct jh *j, uint32_t slot, uint64_t gen, uid_t uid);

struct jh_vm {
	int argv, console, log, listen;	/* given with SPAWN */
	int pidfd;
};
/* args: "qemu\0-M\0microvm\0": n bytes. */
void jh_vm_init(struct jh_vm *v, const char *args, size_t n);
void jh_vm_close(struct jh_vm *v);
int jh_spawn(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v,
    uint32_t flags);
/* What the VMM has printed so far (from a fakesup), and its wait status once
 * it ended, else -1. */
int jh_console(const struct jh_vm *v, int log, char *buf, size_t size);
int jh_vm_wait(const struct jh_vm *v, int ms);
int jh_kill(struct jh *j, uint32_t slot, uint64_t gen, uint32_t how);
/* Repeats while EBUSY, for two seconds. */
int jh_reap(struct jh *j, uint32_t slot, uint64_t gen);
/* First process of a leaf ("sup", "vmm"), 0: none. */
pid_t jh_pid(struct jh *j, uint32_t slot, uint64_t gen, const char *leaf);
/* A file of n bytes in the working directory, owned by uid. */
void jh_file(const char *name, uid_t uid, mode_t mode, size_t n);

#endif
