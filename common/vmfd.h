/* SPDX-License-Identifier: ISC */
/*
 * Descriptor numbers and paths that jail arranges for a VM's two processes;
 * nothing here depends on which VMM it is. Used by privd/jail, ctld/sup and
 * ctld/backend.
 */
#ifndef COMMON_VMFD_H
#define COMMON_VMFD_H

#define CHANNELS_MAX 8	/* guest channel ports of a VM */
#define CONSOLES_MAX 4	/* attached to its console at a time */

/* vmsup. argv: "vmsup", decimal uid of ctld, decimal enum vmm_kind, decimal
 * number of channels. */
enum {
	SUP_FD_LISTEN = 3,	/* ctld's listening SEQPACKET socket */
	SUP_FD_CONSOLE_RING,	/* memfd, common/ring.h */
	SUP_FD_LOG_RING,
	SUP_FD_CONSOLE_IN,	/* write end of the VMM's stdin pipe */
	SUP_FD_CONSOLE_OUT,	/* read end of its stdout */
	SUP_FD_LOG,		/* read end of its stderr */
	SUP_FD_CTL,		/* stream socketpair to the VMM (QMP) */
	SUP_FD_VMM,		/* pidfd of the VMM, vmsup's child */
	SUP_FD_FILTER,		/* sealed memfd: its seccomp program */
	SUP_FD_CHANNEL_LISTEN,	/* ctld's listening stream socket for who
				   connects to a channel; only with channels */
	SUP_FD_CHANNEL,		/* channel i: stream socketpair to the VMM */
	SUP_FD_END = SUP_FD_CHANNEL + CHANNELS_MAX
};

/* VMM: 0-2 are pipes to vmsup (console in, console out, log). */
enum {
	VMM_FD_CTL = 3,		/* stream socketpair to vmsup */
	VMM_FD_TAP = 4,		/* with SPAWN_TAP_FD */
	VMM_FD_DRIVE = 10,	/* drive i: 10 + 2i read-only, 11 + 2i
				   read-write (absent: read-only drive) */
	VMM_FD_CHANNEL = 40,	/* channel i: stream socketpair to vmsup */
	VMM_FD_EXE = 60,	/* the pinned VMM, close-on-exec */
};

#define VMM_PATH_KERNEL "/img/kernel"
#define VMM_PATH_INITRD "/img/initrd"
#define VMM_PATH_RUN "/run"

/* What every guest sees (design section 4). */
#define GUEST_MAC "06:00:ac:10:00:02"
#define GUEST_ADDR 0xac100002u	/* 172.16.0.2/30 */
#define GUEST_GATEWAY 0xac100001u

#endif
