/* SPDX-License-Identifier: ISC */
/*
 * The root part of privd: what is opened, made and started before the same
 * process becomes front. Nothing here ever speaks to ctld or to a client.
 */
#ifndef PRIVD_STARTER_H
#define PRIVD_STARTER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/sandbox.h"
#include "common/sysconf.h"

#define CG1_N 7 /* v1 controllers, in the order of JAIL_FD_CG1 */

struct cgroups {
	int v2;		/* <instance>-vms, or -1 */
	int priv;	/* its leaf for jail itself, or -1 */
	int v1[CG1_N];	/* likewise; -1 where that is not a v1 controller */
};

struct starter {
	struct sysconf conf;
	int conf_fd;	/* the same, sealed */
	int lock;	/* held by every role that has effects: see lock_take */
	int run_dir, libexec;
	int ctld_run, ctld_state, ctld_channel; /* ctld's own directories */
	int ledger, listen;
	int notify;	/* to the service manager, or -1 */
	int was_off;	/* IPv4 forwarding was off before us */
	struct cgroups cg;
};

/* dirs.c. Every path is walked from the root; a component that is not root's
 * or that others may write is refused with the remedy (a sticky directory
 * such as /tmp is passed). Symbolic links are refused. */
int dir_trusted(const char *path, struct err *e);
/* A directory beneath an open one: made with this owner and mode, or found
 * with them. Returns it, open. */
int dir_make(int parent, const char *name, mode_t mode, uid_t uid,
    struct err *e);
/* A program that root may hand rights to; O_PATH, close-on-exec. */
int program_open(int dir, const char *name, struct err *e);
/* run_dir and what is in it; state_dir. */
int dirs_run(struct starter *s, struct err *e);
int dirs_rest(struct starter *s, struct err *e);

/* One daemon per instance. front, net, jail and ctld keep the descriptor, so
 * the lock is free only when the last of an earlier daemon has ended. Waits
 * for that at most wait_ms. */
int lock_take(struct starter *s, int wait_ms, struct err *e);

/* confrun.c: run ctld-conf on dir/name, as uid id[0] and gid id[1]; fills
 * s->conf and s->conf_fd. env:
 * what it may see, NULL-terminated. dir may be -1 with optional. */
int conf_run(struct starter *s, int dir, char *name, int optional,
    const uint32_t id[2], char *const env[], struct err *e);

/* notify.c: a socket connected to the service manager (sd_notify(3)'s
 * protocol; front writes), or -1. where: NOTIFY_SOCKET; usec: WATCHDOG_USEC,
 * NULL if there is none; shorter than front's pings is refused. */
int notify_open(struct starter *s, const char *where, const char *usec,
    struct err *e);

/* cgstart.c */
int cg_start(struct cgroups *cg, const struct sysconf *c, struct err *e);
/* How many VMs' cgroups there are; -1 with *e when it cannot be known. */
int cg_count(const struct sysconf *c, struct err *e);
/* Remove ours where empty; 0, or -1 with *e naming the first that stays. */
int cg_down(const struct sysconf *c, struct err *e);

/* hostnet.c */
/* *was_off: forwarding was off before our first start in this boot. */
int forward_save(int run_dir, int *was_off, struct err *e);
int forward_down(int run_dir, struct err *e);
void modules_load(void);

/* legacy.c: our hook in legacy iptables, where such tables are. A host where
 * it cannot be put in is served all the same, with a warning. */
void legacy_hook(const struct sysconf *c);
int legacy_down(const struct sysconf *c, struct err *e);

/* mounts.c: each returns a descriptor or -1 with *e. */
int mount_empty(struct err *e);		/* empty, read-only tmpfs */
int mount_clone(const char *path, uint64_t attrs, struct err *e);
int mount_dev(uid_t owner, struct err *e); /* tmpfs with the node tun */
int mount_empty_ns(struct err *e);	/* mount namespace: one empty tmpfs */

/* roles.c: compile, open, wire, fork and execute; returns when all but front
 * run, with front's descriptors in place and its program in *exe. */
int roles_start(struct starter *s, struct err *e);
/* In a forked child (or the starter itself, for front): take on the role,
 * keep[0..n-1] from RFD_CONF up, and execute. Does not return. */
void role_exec(enum role_id id, uint32_t uid, uint32_t gid, int exe,
    const int *keep, unsigned n, char *const argv[], char *const env[])
    __attribute__((noreturn));

/* down.c: undo what was made on the host; the exit status. */
#define DOWN_VMS_LEFT 3 /* nothing undone, and nothing wrong */
int down(struct starter *s);

#endif
