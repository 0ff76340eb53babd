/* SPDX-License-Identifier: ISC */
#ifndef JAIL_TREE_H
#define JAIL_TREE_H

#include "common/err.h"
#include "privd/jail/spawn.h"

/* In S: leave for a mount namespace of its own, build the VM's tree, pivot
 * into it, lock it read-only. 0, or -1 with *e. */
int tree_build(struct spawn *sp, struct err *e);

/* Once at jail's start: a mount namespace that holds the detached /usr (which
 * older kernels cannot clone while detached) and nothing else, from which
 * every S starts. The caller owns it; -1 with *e. */
int tree_template(struct err *e);

#endif
