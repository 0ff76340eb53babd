/* SPDX-License-Identifier: ISC */
/*
 * A short-lived child that becomes something (a user namespace, a mount
 * namespace), so that jail can open files of its /proc directory; it is
 * killed and reaped before this returns, and holds nothing of jail's.
 */
#ifndef JAIL_HELPER_H
#define JAIL_HELPER_H

#include <stdint.h>

#include "common/err.h"

struct helper_file {
	const char *name;	/* beneath /proc/PID */
	int flags;
};

/* become: runs in the child, 0 or -1 with errno. fds[i] get the opened
 * files, owned by the caller. -1 with *e (step), nothing open. */
int helper_files(int (*become)(void), const struct helper_file *files,
    unsigned n, int *fds, uint16_t step, struct err *e);

/* The child's first step: leave the chroot for the empty mount namespace,
 * because a chrooted process may make no user namespace (EPERM) and cannot
 * pivot_root(2) (EINVAL). 0 or -1. */
int helper_enter_empty(void);

#endif
