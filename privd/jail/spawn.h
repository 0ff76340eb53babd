/* SPDX-License-Identifier: ISC */
/*
 * One start. jail fills struct spawn and clones S; S clones V. Both see
 * nothing of jail but this struct and its descriptors.
 */
#ifndef JAIL_SPAWN_H
#define JAIL_SPAWN_H

#include <stdint.h>

#include "common/err.h"
#include "common/vmfd.h"
#include "policy/privops.h"
#include "privd/jail/cgroup.h"

/* Descriptors of a start. S moves them to 3 + index and closes all others. */
enum spawn_fd {
	SP_SYNC,	/* to jail: sync_rec, then end of file at exec */
	SP_TEMPLATE,	/* mount namespace to start from */
	SP_NETNS,
	SP_DEV,		/* directory with node tun; only with SPAWN_TAP_FD */
	SP_FILTER_S, SP_FILTER_SUP, SP_FILTER_VMM,
	SP_SUP, SP_VMM,	/* programs */
	SP_CG_VMM,	/* the VMM's leaf */
	SP_LISTEN, SP_ARGV, SP_CONSOLE, SP_LOG, SP_CHANNEL,
	SP_KERNEL, SP_INITRD,	/* mounts, or files to be copied */
	SP_CG1,
	SP_DRIVE = SP_CG1 + CG1_N,
	SP_N = SP_DRIVE + 2 * IMAGE_DRIVES_MAX
};

struct spawn {
	uint32_t uid_sup, uid_vmm, gid, uid_ctld;
	uint32_t kind, flags, channels; /* of the request */
	int needs_usr, jailer;	/* jailer 0: no outer filter for the VMM */
	uint64_t fsize;		/* largest file the VMM may write */
	uint64_t copy_kernel, copy_initrd; /* bytes to copy; 0: a mount */
	int fd[SP_N];		/* -1: none */
};

/* What S and V say: code 0, just before exec, once each; else the step that
 * failed, and they exit. */
struct sync_rec {
	uint32_t step;
	int32_t code;
};

/* S: pid 1 of the VM's pid namespace, then vmsup. Never returns. */
_Noreturn void s_main(struct spawn *sp);
/* V: becomes the VMM. ends: of the pipes and the socket that vmsup has the
 * other ends of; go: end of file there means that S has executed vmsup. */
struct v_ends { int in, out, log, ctl, tun, go, channel[CHANNELS_MAX]; };
_Noreturn void v_main(struct spawn *sp, const struct v_ends *ends);
/* Tell jail that exec comes next. */
void spawn_ready(const struct spawn *sp);
/* Tell jail, then end. */
_Noreturn void spawn_die(const struct spawn *sp, uint16_t step, int code);

void spawn_init(struct spawn *sp);
void spawn_close(struct spawn *sp);

#endif
