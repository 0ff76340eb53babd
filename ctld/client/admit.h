/* SPDX-License-Identifier: ISC */
/* Who gets a connection: a pure decision over a small table. */
#ifndef CTLD_CLIENT_ADMIT_H
#define CTLD_CLIENT_ADMIT_H

#include <stdint.h>
#include <sys/types.h>

#include "common/bucket.h"
#include "common/sysconf.h"

#define CONNS_MAX 512u		/* the largest max_connections */
#define CONNS_KEPT 16u		/* of them, for root and admins alone */

struct conns {
	unsigned n;
	struct { pid_t pid; uint32_t uid; } c[CONNS_MAX];
	struct buckets paces;	/* new ones of each user */
};

enum admit {
	ADMIT_OK,
	ADMIT_DENIED,		/* not a member of the group */
	ADMIT_OWNER,		/* this uid has its share; *limit says it */
	ADMIT_PACE,		/* it comes too often; *limit a second */
	ADMIT_FULL,		/* nothing left for the likes of it */
};
/* now: in ms; *used of *limit are in use. */
enum admit admit(struct conns *t, const struct sysconf *conf, uint32_t uid,
    int64_t now, uint32_t *limit, uint32_t *used);

void conns_add(struct conns *t, pid_t pid, uint32_t uid);
void conns_remove(struct conns *t, pid_t pid);

#endif
