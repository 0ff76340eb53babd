/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld; pure. Distrusts each owner's pace. Invariant: an owner waits
 * for its own starts and for at most one turn of every other owner's. The
 * pace is half a burst below front's, which refuses what is too fast, so that
 * what went out in time is in time there too.
 */
#include <stddef.h>

#include "ctld/startq.h"

static struct startq_owner *
find(struct startq *q, uint32_t uid)
{
	unsigned i;

	for (i = 0; i < STARTQ_MAX; i++)
		if (q->owner[i].n > 0 && q->owner[i].uid == uid)
			return &q->owner[i];
	return NULL;
}

unsigned
startq_held(const struct startq *q, uint32_t uid)
{
	unsigned i;

	for (i = 0; i < STARTQ_MAX; i++)
		if (q->owner[i].n > 0 && q->owner[i].uid == uid)
			return q->owner[i].n;
	return 0;
}

void
startq_put(struct startq *q, struct startq_item *it, uint32_t uid)
{
	struct startq_owner *o = find(q, uid);

	if (o == NULL) {
		for (o = q->owner; o->n > 0; o++)
			;
		o->uid = uid;
		TAILQ_INIT(&o->waits);
	}
	o->n++;
	q->n++;
	it->uid = uid;
	it->state = SQ_WAITS;
	TAILQ_INSERT_TAIL(&o->waits, it, next);
}

/* May one of this owner's go on now? Takes a token if so. */
static int
may_go(struct startq *q, struct startq_owner *o, const struct sysconf *c,
    int64_t now, int64_t *ms)
{
	uint32_t rate = sysconf_owner(c, o->uid)->start_rate;
	int64_t wait;

	if (o->n == o->going || o->going >= STARTS_GO_OWNER)
		return 0;
	wait = bucket_take(&q->paces, o->uid, rate,
	    (rate * BUCKET_SECONDS + 1) / 2, now);
	if (wait > 0 && (*ms == 0 || wait < *ms))
		*ms = wait;
	return wait == 0;
}

struct startq_item *
startq_next(struct startq *q, const struct sysconf *c, int64_t now,
    int64_t *ms)
{
	struct startq_owner *o;
	struct startq_item *it;
	unsigned i;

	*ms = 0;
	for (i = 0; i < STARTQ_MAX && q->going < STARTS_GO; i++) {
		o = &q->owner[(q->turn + i) % STARTQ_MAX];
		if (o->n == 0 || !may_go(q, o, c, now, ms))
			continue;
		it = TAILQ_FIRST(&o->waits);
		TAILQ_REMOVE(&o->waits, it, next);
		it->state = SQ_GOES;
		o->going++;
		q->going++;
		q->turn = (unsigned)(o - q->owner) + 1;
		return it;
	}
	return NULL;
}

void
startq_drop(struct startq *q, struct startq_item *it)
{
	struct startq_owner *o;

	if (it->state == SQ_NONE)
		return;
	o = find(q, it->uid);
	if (it->state == SQ_WAITS) {
		TAILQ_REMOVE(&o->waits, it, next);
	} else {
		o->going--;
		q->going--;
	}
	o->n--;
	q->n--;
	it->state = SQ_NONE;
}
