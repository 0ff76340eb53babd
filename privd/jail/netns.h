/* SPDX-License-Identifier: ISC */
#ifndef JAIL_NETNS_H
#define JAIL_NETNS_H

#include "common/err.h"
#include "policy/privops.h"

/* Make a network namespace and open in it what net needs (enum NSFD_*), the
 * caller owns all. jail is back in the host's namespace afterwards, or dead.
 * -1 with *e, nothing open. */
int netns_make(int fds[NSFD_N], struct err *e);

#endif
