/* SPDX-License-Identifier: ISC */
#ifndef JAIL_KILL_H
#define JAIL_KILL_H

#include "privd/jail/jail.h"

/* SIGKILL to everything in a leaf, or with NULL in the VM. Nothing there is
 * success. A cgroup that was killed once may kill what is cloned into it
 * later (seen on Linux 6.18), so the slot is marked and starts nothing
 * more. 0 or -1. */
int kill_all(const struct jail *j, struct slot *s, const char *leaf);

/* SIGTERM to the processes of the VMM's leaf, with the VMM's own rights.
 * 0 or -1; nothing there is success. */
int kill_term(const struct jail *j, const struct slot *s);

#endif
