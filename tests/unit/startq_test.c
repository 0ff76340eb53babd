/* SPDX-License-Identifier: ISC */
/* Whose start goes on next: turns, windows, pace, and what is taken out. */
#include <atf-c.h>
#include <stdlib.h>

#include "ctld/startq.h"

#define ALICE 1000u
#define BOB 1001u
#define CAROL 1002u

static struct sysconf conf;
static struct startq *q;
static struct startq_item item[STARTQ_MAX];

static void
fresh(void)
{
	sysconf_default(&conf);
	q = calloc(1, sizeof(*q));
	ATF_REQUIRE(q != NULL);
}

static void
put(unsigned first, unsigned n, uint32_t uid)
{
	unsigned i;

	for (i = first; i < first + n; i++)
		startq_put(q, &item[i], uid);
}

/* The number of the next one, or -1. */
static int
next(int64_t now)
{
	struct startq_item *it;
	int64_t ms;

	it = startq_next(q, &conf, now, &ms);
	return it != NULL ? (int)(it - item) : -1;
}

ATF_TC_WITHOUT_HEAD(turns);
ATF_TC_BODY(turns, tc)
{
	(void)tc;
	fresh();
	put(0, 30, ALICE);
	put(30, 2, BOB);
	put(40, 1, CAROL);
	ATF_CHECK_EQ(30, startq_held(q, ALICE));
	ATF_CHECK_EQ(33, q->n);
	/* a flood that came first has one turn before the others */
	ATF_CHECK_EQ(0, next(0));
	ATF_CHECK_EQ(30, next(0));
	ATF_CHECK_EQ(40, next(0));
	ATF_CHECK_EQ(1, next(0));
	ATF_CHECK_EQ(31, next(0));
	ATF_CHECK_EQ(2, next(0));
	/* three of Alice's go on: no more, though the node has room */
	ATF_CHECK_EQ(-1, next(0));
	ATF_CHECK_EQ(6, q->going);
	startq_drop(q, &item[1]);
	ATF_CHECK_EQ(3, next(0));
	ATF_CHECK_EQ(-1, next(0));
	/* who comes now waits for nobody of Alice's */
	put(50, 1, BOB);
	ATF_CHECK_EQ(50, next(0));
}

ATF_TC_WITHOUT_HEAD(node);
ATF_TC_BODY(node, tc)
{
	unsigned i;

	(void)tc;
	fresh();
	for (i = 0; i < 20; i++)
		put(i, 1, 2000 + i);
	for (i = 0; i < STARTS_GO; i++)
		ATF_CHECK_EQ((int)i, next(0));
	ATF_CHECK_EQ(-1, next(0));
	startq_drop(q, &item[5]);
	ATF_CHECK_EQ((int)STARTS_GO, next(0));
	ATF_CHECK_EQ(-1, next(0));
}

ATF_TC_WITHOUT_HEAD(taken_out);
ATF_TC_BODY(taken_out, tc)
{
	(void)tc;
	fresh();
	put(0, 5, ALICE);
	startq_drop(q, &item[0]); /* a stop came before its turn */
	startq_drop(q, &item[0]);
	startq_drop(q, &item[2]);
	ATF_CHECK_EQ(3, startq_held(q, ALICE));
	ATF_CHECK_EQ(1, next(0));
	ATF_CHECK_EQ(3, next(0));
	startq_drop(q, &item[1]);
	startq_drop(q, &item[1]);
	startq_drop(q, &item[3]);
	ATF_CHECK_EQ(4, next(0));
	startq_drop(q, &item[4]);
	ATF_CHECK_EQ(0, startq_held(q, ALICE));
	ATF_CHECK_EQ(0, q->n);
	ATF_CHECK_EQ(0, q->going);
}

ATF_TC_WITHOUT_HEAD(pace);
ATF_TC_BODY(pace, tc)
{
	int64_t ms;
	unsigned i;

	(void)tc;
	fresh();
	conf.fallback.start_rate = 2;
	put(0, 10, ALICE);
	put(20, 1, BOB);
	/* half of front's burst, then one every half second */
	for (i = 0; i < 4; i++) {
		if (i == 1)
			ATF_CHECK_EQ(20, next(0));
		ATF_CHECK_EQ((int)i, next(0));
		startq_drop(q, &item[i]);
	}
	ATF_CHECK(startq_next(q, &conf, 0, &ms) == NULL);
	ATF_CHECK_EQ(500, ms);
	ATF_CHECK(startq_next(q, &conf, 499, &ms) == NULL);
	ATF_CHECK_EQ(1, ms);
	ATF_CHECK_EQ(4, next(500));
	ATF_CHECK_EQ(-1, next(500));
	/* control: a pace of its own, and it would have gone */
	conf.owners[0] = conf.fallback;
	conf.owners[0].uid = ALICE;
	conf.owners[0].start_rate = 1000;
	conf.nowners = 1;
	ATF_CHECK_EQ(5, next(501));
}

ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	unsigned i;

	(void)tc;
	fresh();
	for (i = 0; i < STARTQ_MAX; i++)
		put(i, 1, 3000 + i);
	ATF_CHECK_EQ(STARTQ_MAX, q->n);
	for (i = 0; i < STARTQ_MAX; i++) {
		ATF_CHECK_EQ((int)i, next(0));
		startq_drop(q, &item[i]);
	}
	ATF_CHECK_EQ(0, q->n);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, turns);
	ATF_TP_ADD_TC(tp, node);
	ATF_TP_ADD_TC(tp, taken_out);
	ATF_TP_ADD_TC(tp, pace);
	ATF_TP_ADD_TC(tp, full);
	return atf_no_error();
}
