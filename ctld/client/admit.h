/* SPDX-License-Identifier: ISC */
/* Who gets a connection: a pure decision over a small table. */
#ifndef CTLD_CLIENT_ADMIT_H
#define CTLD_CLIENT_ADMIT_H

#include <stdint.h>
#include <sys/types.h>

#include "common/sysconf.h"

#define CONNS_MAX 512u
#define CONNS_KEPT 16u		/* of them, for root and admins alone */

struct conns {
	unsigned n;
	struct { pid_t pid; uint32_t uid; } c[CONNS_MAX];
};

enum admit {
	ADMIT_OK,
	ADMIT_DENIED,		/* not a member of the group */
	ADMIT_OWNER,		/* this uid has its share; *limit says it */
	ADMIT_FULL,		/* nothing left for the likes of it */
};
enum admit admit(const struct conns *t, const struct sysconf *conf,
    uint32_t uid, uint32_t *limit);

void conns_add(struct conns *t, pid_t pid, uint32_t uid);
void conns_remove(struct conns *t, pid_t pid);

#endif
