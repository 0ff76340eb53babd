/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-front, ctld, the client listener; pure. Distrusts the pace of
 * whom it counts. A clock that steps back gives nothing and takes nothing.
 */
#include <stddef.h>

#include "common/bucket.h"

#define ONE 1000	/* a token, in thousandths: rate is one a ms */

static struct bucket *
find(struct buckets *t, uint32_t uid, int64_t depth, int64_t now)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		if (t->b[i].uid == uid)
			return &t->b[i];
	if (t->n == sizeof(t->b) / sizeof(t->b[0]))
		return NULL;
	t->b[t->n] = (struct bucket){ uid, depth, now };
	return &t->b[t->n++];
}

static int64_t
take(struct buckets *t, uint32_t uid, uint32_t rate, uint32_t depth,
    int64_t now, int64_t least)
{
	int64_t full = (int64_t)depth * ONE, level;
	struct bucket *b = find(t, uid, full, now);

	if (b == NULL)
		return ONE; /* more users than are served: come again */
	level = b->level;
	if (now - b->at >= INT32_MAX)
		level = full;
	else if (now > b->at)
		level += (now - b->at) * rate;
	b->level = level < full ? level : full;
	b->at = now;
	if (b->level - ONE >= least)
		b->level -= ONE;
	else if (least == 0)
		return (ONE - b->level + rate - 1) / rate;
	return b->level >= 0 ? 0 : (rate - 1 - b->level) / rate;
}

int64_t
bucket_take(struct buckets *t, uint32_t uid, uint32_t rate, uint32_t depth,
    int64_t now)
{
	return take(t, uid, rate, depth, now, 0);
}

int64_t
bucket_owe(struct buckets *t, uint32_t uid, uint32_t rate, uint32_t depth,
    int64_t now)
{
	return take(t, uid, rate, depth, now, -(int64_t)depth * ONE);
}
