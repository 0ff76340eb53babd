/* SPDX-License-Identifier: ISC */
/*
 * The VMMs that a jail can hold, as data: nothing else in privd asks which
 * one it is.
 */
#ifndef JAIL_VMM_H
#define JAIL_VMM_H

#include <stdint.h>

#include "common/err.h"
#include "common/sysconf.h"

struct vmm {
	const char *name;
	int dir;		/* descriptor that the program is beneath */
	int filter;		/* descriptor of its seccomp program */
	int in_usr;		/* where the configuration names it: qemu_path,
				   beneath /usr, or firecracker_path */
	int needs_usr;		/* dynamic: /usr read-only in its tree */
	uint32_t flags;		/* SPAWN_ flags that make sense for it */
};

/* NULL for a kind that does not exist. */
const struct vmm *vmm_get(uint32_t kind);

/* Open the VMM's program: a regular file of root that nobody else can write,
 * beneath the held directory. Pinned anew at each start, so that an upgrade
 * takes effect. The caller owns the descriptor; -1 with *e. */
int vmm_pin(const struct sysconf *c, const struct vmm *v, struct err *e);

#endif
