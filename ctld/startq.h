/* SPDX-License-Identifier: ISC */
/*
 * Starts that wait for their turn: so many go on at a time, of the node and
 * of an owner; owners take turns; each waits for its own pace. A stop never
 * waits here.
 */
#ifndef CTLD_STARTQ_H
#define CTLD_STARTQ_H

#include <stdint.h>
#include <bsd/sys/queue.h>

#include "common/bucket.h"

#define STARTQ_MAX 128u		/* held at all: the node's largest `starts` */
#define STARTS_GO 8u		/* between RESERVE and SPAWN at a time... */
#define STARTS_GO_OWNER 3u	/* ...and of one owner */

struct startq_item {
	TAILQ_ENTRY(startq_item) next;
	uint32_t uid;
	enum { SQ_NONE = 0, SQ_WAITS, SQ_GOES } state;
	void *arg;
};

struct startq {
	unsigned n, going;	/* held; of them, those that go on */
	unsigned turn;		/* whose turn it is */
	struct startq_owner {	/* free while n is 0 */
		uint32_t uid;
		unsigned n, going;
		TAILQ_HEAD(, startq_item) waits;
	} owner[STARTQ_MAX];
	struct buckets paces;
};

/* How many of uid's are held. */
unsigned startq_held(const struct startq *q, uint32_t uid);
/* Wait behind the owner's others. There is room: the caller asked
 * startq_held() and q->n. */
void startq_put(struct startq *q, struct startq_item *it, uint32_t uid);
/* Whose turn it is, which from now on goes on; NULL: nobody's, and in *ms
 * when to ask again (0: when one is taken out). */
struct startq_item *startq_next(struct startq *q, const struct sysconf *c,
    int64_t now, int64_t *ms);
/* It needs its place no more, waiting or going; again: nothing happens. */
void startq_drop(struct startq *q, struct startq_item *it);

#endif
