/* SPDX-License-Identifier: ISC */
#ifndef JAIL_KILL_H
#define JAIL_KILL_H

#include "privd/jail/jail.h"

/* SIGTERM to the processes of the VMM's leaf, with the VMM's own rights.
 * 0 or -1; nothing there is success. */
int kill_term(const struct jail *j, const struct slot *s);

#endif
