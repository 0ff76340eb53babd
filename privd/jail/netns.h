/* SPDX-License-Identifier: ISC */
#ifndef JAIL_NETNS_H
#define JAIL_NETNS_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "policy/privops.h"

/* Make a network namespace and open in it what net needs (enum NSFD_*), the
 * caller owns all. jail is back in the host's namespace afterwards, or dead.
 * -1 with *e, nothing open. */
int netns_make(int fds[NSFD_N], struct err *e);

/* Open the network namespace of a running vmsup anew, by the ids of its VM
 * (nobody else's opens it), and in it what net needs for a change (enum
 * NSLIVE_*); the caller owns all. jail is itself again afterwards, or dead.
 * -1 with *e, nothing open. */
struct netns_of {
	pid_t pid;
	uint32_t uid, gid;	/* the VM's supervisor */
	uint32_t jail_uid, jail_gid;
};
int netns_reopen(const struct netns_of *o, int fds[NSLIVE_N], struct err *e);

#endif
