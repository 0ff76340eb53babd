/* SPDX-License-Identifier: ISC */
#ifndef JAIL_ADOPT_H
#define JAIL_ADOPT_H

#include "privd/jail/jail.h"

/* At start: every VM whose cgroups are there gets its slot, and a pidfd of
 * its vmsup if that lives. 0 or -1 with *e. */
int adopt_all(struct jail *j, struct err *e);

/* A pidfd of a process that is in this leaf after the descriptor was opened,
 * so it cannot be another process with a reused number. -1: ESRCH. */
int adopt_pidfd(const struct cgroups *g, const struct cg_name *n,
    const char *leaf);

#endif
