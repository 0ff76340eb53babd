/* SPDX-License-Identifier: ISC */
/*
 * Becoming a role and staying one. The starter, as root, calls role_become()
 * in the forked child just before exec; the executed program calls
 * role_seal() with its sealed seccomp program once everything is open. Any
 * failure is fatal: no filter, no service.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stdint.h>

enum role_id {
#define ROLE(ID, title, program, member, caps, nofile, fsize, nproc, place, \
    bel) ROLE_##ID,
#include "policy/roles.def"
#undef ROLE
	ROLE_END
};
#define ROLE_DIRS 3
struct role_place {	/* what a role sees of the file system */
	uint8_t empty_root;	/* chrooted into an empty one */
	uint8_t landlock, must;	/* only dir[] by Landlock; refuses without */
	struct { const char *name; uint64_t access; } dir[ROLE_DIRS];
};
struct role {
	const char *title, *program;
	uint64_t caps;
	uint32_t nofile, fsize_mib, nproc;
	struct role_place place;
	const char *believes;
};
extern const struct role roles[ROLE_END];

/* In the starter's child: bounding set, securebits, rlimits, ids, ambient
 * capabilities, no_new_privs. Exec follows. Fatal on any failure. */
void role_become(enum role_id id, uint32_t uid, uint32_t gid);

/* At the start of the executed program: title, ambient set cleared and
 * locked, dumpable 0, session, umask 077, and proof that uid 0, other ids
 * and other capabilities cannot be had back (each is tried). */
void role_prove(enum role_id id);

/* Load the sealed seccomp program: SIGSYS handler first (prints role, call
 * name, number and arch, then _exit(159)), then the filter, then look that
 * mode 2 is on. The memfd is closed. */
void role_seal(int filter_fd);
/* The same for a program that has no role of its own (S, V, vmsup, child of
 * a connection): load only; -1 with errno. handler != 0: with the SIGSYS
 * handler. */
int sandbox_load(int filter_fd, int handler);

/* Landlock: only beneath these (dirfd, rights) entries, nothing else of the
 * file system; rights unknown to the kernel's ABI are masked. 0 or -1
 * (EOPNOTSUPP: kernel without Landlock, which the caller must report). */
struct ll_rule { int dirfd; uint64_t access; };
#define LL_READ 1ull	/* read files and directories */
#define LL_WRITE 2ull	/* make, write, rename, remove files (no exec, no
			   device nodes, no sockets unless LL_SOCK) */
#define LL_SOCK 4ull	/* bind unix sockets */
int sandbox_landlock(const struct ll_rule *rules, unsigned n);
/* The role's own place by Landlock; dirs[i] is its dir[i], open. Fatal, but
 * on a kernel without Landlock for a role that does not insist. */
void role_confine(enum role_id id, const int dirs[ROLE_DIRS]);

#endif
