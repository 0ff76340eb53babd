/* SPDX-License-Identifier: ISC */
/*
 * The real privd-net between a fake front and a fake jail, in a lab of
 * private namespaces. Test code, root.
 */
#ifndef TESTS_NETHARNESS_H
#define TESTS_NETHARNESS_H

#include <atf-c.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/privops.h"
#include "tests/lib/netlab.h"
#include "tests/lib/roleharness.h"

#define SOON 2000	/* ms: what must come */
#define NEVER 60	/* ms: what must not */

#define NH_CASE(name, what)                                     \
	ATF_TC(name);                                           \
	ATF_TC_HEAD(name, tc)                                   \
	{                                                       \
		atf_tc_set_md_var(tc, "descr", what);           \
		atf_tc_set_md_var(tc, "require.user", "root");  \
		atf_tc_set_md_var(tc, "timeout", "60");         \
	}                                                       \
	ATF_TC_BODY(name, tc)

struct nh {
	struct lab lab;
	struct sysconf conf;
	char program[256];
	pid_t pid;
	int front, jail;	/* its peers' ends */
	int was_off;		/* forwarding was off before us */
	uint32_t seq;
	uint16_t step;		/* of the last refusal */
	uint8_t bad;		/* of the last NET_UP */
};

/* What jail would hand over for one VM. */
struct nh_vm {
	uint32_t slot;
	uint64_t generation;
	int fds[NSFD_N];
	struct req_net_up req;
};

/* The lab, a configuration with interfaces "pnt<slot>"; nothing runs yet. */
void nh_setup(struct nh *h, const atf_tc_t *tc);
void nh_open(struct nh *h, const char *program);	/* outside of a test */
/* The same, and privd-net with an empty table. */
void nh_setup_run(struct nh *h, const atf_tc_t *tc);
void nh_run(struct nh *h);	/* start privd-net (again) */
void nh_kill(struct nh *h);	/* SIGKILL and reap */
int nh_exit(struct nh *h);	/* wait for its end: its exit status */
int nh_down(struct nh *h);	/* `privd-net down`: its exit status */

/* One request and its answer: 0 or the errno of the reply. */
int nh_call(struct nh *h, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, void *rep);
void nh_commit(struct nh *h);	/* an empty NET_COMMIT that must succeed */

/* A fresh namespace with what is opened in it; nat, no ports, no list. */
void nh_vm(struct nh_vm *v, uint32_t slot, uint64_t gen);
void nh_vm_close(struct nh_vm *v);	/* the namespace goes with it */
void nh_port(struct nh_vm *v, uint32_t addr, uint16_t host, uint16_t guest,
    uint8_t proto);
void nh_allow(struct nh_vm *v, uint8_t proto, uint32_t addr, uint8_t prefix,
    uint16_t port);
/* NS_FDS, no answer. */
void nh_fds(struct nh *h, const struct nh_vm *v);
/* NET_UP: 0 or errno. */
int nh_up(struct nh *h, const struct nh_vm *v);
/* Both, which must succeed; then the guest's end of the TAP. Closes the tun
 * descriptor, as jail does: a TAP has one user.  */
int nh_start(struct nh *h, struct nh_vm *v);
/* Of a running VM: what jail hands over (namespace ns, -1: none). */
void nh_live(struct nh *h, const struct nh_vm *v, int ns);
/* The same, then the request with the client's socket. 0 or errno. */
int nh_set(struct nh *h, const struct nh_vm *v, int ns, int client);
int nh_show(struct nh *h, const struct nh_vm *v, int ns,
    struct rep_net_show *rp);
int nh_net_down(struct nh *h, const struct nh_vm *v);
int nh_restore(struct nh *h, const struct nh_vm *v);

uint32_t nh_vm_addr(const struct nh *h, const struct nh_vm *v);

#endif
