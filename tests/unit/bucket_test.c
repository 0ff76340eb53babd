/* SPDX-License-Identifier: ISC */
/* Token buckets, and the host's memory as text: pure functions. */
#include <atf-c.h>
#include <stdlib.h>

#include "common/bucket.h"
#include "common/meminfo.h"

#define U 1000u

static struct buckets *
fresh(void)
{
	struct buckets *t = calloc(1, sizeof(*t));

	ATF_REQUIRE(t != NULL);
	return t;
}

/* How many of n pass at once. */
static unsigned
pass(struct buckets *t, uint32_t uid, unsigned n, uint32_t rate,
    uint32_t depth, int64_t now)
{
	unsigned i, good = 0;

	for (i = 0; i < n; i++)
		good += bucket_take(t, uid, rate, depth, now) == 0;
	return good;
}

ATF_TC_WITHOUT_HEAD(burst_and_rate);
ATF_TC_BODY(burst_and_rate, tc)
{
	struct buckets *t = fresh();

	(void)tc;
	ATF_CHECK_EQ(40, pass(t, U, 1000, 10, 40, 5));
	ATF_CHECK_EQ(100, bucket_take(t, U, 10, 40, 5));
	ATF_CHECK_EQ(1, bucket_take(t, U, 10, 40, 104));
	ATF_CHECK_EQ(0, bucket_take(t, U, 10, 40, 105));
	ATF_CHECK_EQ(10, pass(t, U, 1000, 10, 40, 1105));
	/* never more than the depth, after however long */
	ATF_CHECK_EQ(40, pass(t, U, 1000, 10, 40, INT64_MAX / 2));
	/* a step back gives nothing, and the next second counts again */
	ATF_CHECK_EQ(0, pass(t, U, 10, 10, 40, 1000));
	ATF_CHECK_EQ(10, pass(t, U, 1000, 10, 40, 2000));
	/* the longest flood is held to the rate */
	ATF_CHECK_EQ(0, pass(t, U, 10, 10, 40, 2000));
}

ATF_TC_WITHOUT_HEAD(long_run);
ATF_TC_BODY(long_run, tc)
{
	struct buckets *t = fresh();
	unsigned n = 0;
	int64_t ms;

	(void)tc;
	for (ms = 0; ms < 100000; ms++)
		n += pass(t, U, 3, 7, 28, ms);
	ATF_CHECK_EQ_MSG(28 + 699, n, "%u", n);
}

ATF_TC_WITHOUT_HEAD(apart);
ATF_TC_BODY(apart, tc)
{
	struct buckets *t = fresh();
	uint32_t i;

	(void)tc;
	ATF_CHECK_EQ(2, pass(t, U, 50, 1, 2, 0));
	ATF_CHECK_EQ(2, pass(t, U + 1, 50, 1, 2, 0));
	/* every user that can be served has one, and nobody else */
	for (i = 2; i < CONF_MEMBERS_MAX + 1; i++)
		ATF_CHECK_EQ(2, pass(t, U + i, 3, 1, 2, 0));
	ATF_CHECK_EQ(0, pass(t, 7, 3, 1, 2, 0));
	ATF_CHECK_EQ(2, pass(t, U, 50, 1, 2, 2000));
}

ATF_TC_WITHOUT_HEAD(owed);
ATF_TC_BODY(owed, tc)
{
	struct buckets *t = fresh();
	int i;

	(void)tc;
	for (i = 0; i < 40; i++)
		ATF_CHECK_EQ(0, bucket_owe(t, U, 10, 40, 0));
	ATF_CHECK_EQ(100, bucket_owe(t, U, 10, 40, 0));
	ATF_CHECK_EQ(200, bucket_owe(t, U, 10, 40, 0));
	/* whoever waited owes nothing */
	ATF_CHECK_EQ(100, bucket_owe(t, U, 10, 40, 200));
	for (i = 0; i < 10000; i++)
		(void)bucket_owe(t, U, 10, 40, 200);
	ATF_CHECK_EQ(4000, bucket_owe(t, U, 10, 40, 200));
	ATF_CHECK_EQ(0, bucket_owe(t, U, 10, 40, 4400));
}

ATF_TC_WITHOUT_HEAD(meminfo);
ATF_TC_BODY(meminfo, tc)
{
	static const char text[] = "MemTotal:       24683960 kB\n"
				   "MemFree:        19838464 kB\n"
				   "MemAvailable:   21084160 kB\n"
				   "HugePages_Total:       7\n";

	(void)tc;
	ATF_CHECK_EQ(24105, meminfo_find(text, "MemTotal"));
	ATF_CHECK_EQ(20590, meminfo_find(text, "MemAvailable"));
	ATF_CHECK_EQ(0, meminfo_find(text, "Mem"));
	ATF_CHECK_EQ(0, meminfo_find(text, "Available"));
	ATF_CHECK_EQ(0, meminfo_find(text, "HugePages_Total"));
	ATF_CHECK_EQ(0, meminfo_find("", "MemTotal"));
	ATF_CHECK_EQ(0, meminfo_find("MemTotal", "MemTotal"));
	ATF_CHECK_EQ(0, meminfo_find("MemTotal: 12", "MemTotal"));
	ATF_CHECK_EQ(UINT32_MAX, meminfo_find("MemTotal: 99999999999999999999"
	    "9999999999 kB\n", "MemTotal"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, burst_and_rate);
	ATF_TP_ADD_TC(tp, long_run);
	ATF_TP_ADD_TC(tp, apart);
	ATF_TP_ADD_TC(tp, owed);
	ATF_TP_ADD_TC(tp, meminfo);
	return atf_no_error();
}
