/* SPDX-License-Identifier: ISC */
/*
 * Token buckets, one for each user that is served: tokens come at a rate a
 * second and are kept up to a depth, so a burst passes and a flood does not.
 */
#ifndef COMMON_BUCKET_H
#define COMMON_BUCKET_H

#include <stdint.h>

#include "common/sysconf.h"

#define BUCKET_SECONDS 4u	/* of its rate, the depth of each bucket */

struct bucket {
	uint32_t uid;
	int64_t level;		/* thousandths of a token; < 0: owed */
	int64_t at;		/* when that was so, ms */
};
/* Zeroed: all are full. Members and root have room. */
struct buckets {
	unsigned n;
	struct bucket b[CONF_MEMBERS_MAX + 1];
};

/* One of uid's tokens. 0: taken; else in how many ms there will be one. */
int64_t bucket_take(struct buckets *t, uint32_t uid, uint32_t rate,
    uint32_t depth, int64_t now);
/* The same, but taken in any case: what is owed is waited for, as long as
 * the answer says. At most `depth` can be owed. */
int64_t bucket_owe(struct buckets *t, uint32_t uid, uint32_t rate,
    uint32_t depth, int64_t now);

#endif
