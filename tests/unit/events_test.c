/* SPDX-License-Identifier: ISC */
/* What ctld remembers of what happened, and whose flood pushes out what. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "ctld/events.h"

static void
add(struct events *ev, uint32_t owner, unsigned n)
{
	struct cl_event e;

	memset(&e, 0, sizeof(e));
	e.owner = owner;
	e.kind = EVENT_STARTED;
	(void)snprintf(e.name, sizeof(e.name), "vm%u", n);
	events_add(ev, &e);
}

/* All that owner sees, and the number of the last. */
static unsigned
count(const struct events *ev, uint32_t owner, int all, uint64_t *last)
{
	static struct clrep_events r;
	unsigned n = 0;

	*last = 0;
	do {
		events_after(ev, owner, all, *last, &r);
		n += r.n;
		if (r.n > 0) {
			ATF_CHECK(r.ev[0].seq > *last);
			*last = r.ev[r.n - 1].seq;
		}
	} while (r.n == CL_EVENTS_MAX);
	return n;
}

ATF_TC_WITHOUT_HEAD(order);
ATF_TC_BODY(order, tc)
{
	struct events *ev = events_new();
	struct clrep_events r;
	uint64_t last;
	unsigned i;

	ATF_REQUIRE(ev != NULL);
	ATF_CHECK_EQ(0, count(ev, 1, 1, &last));
	for (i = 0; i < 30; i++)
		add(ev, 1 + i % 2, i);
	ATF_CHECK_EQ(15, count(ev, 1, 0, &last));
	ATF_CHECK_EQ(29, last);
	ATF_CHECK_EQ(15, count(ev, 2, 0, &last));
	ATF_CHECK_EQ(0, count(ev, 3, 0, &last));
	ATF_CHECK_EQ(30, count(ev, 3, 1, &last));
	events_after(ev, 1, 0, 27, &r);
	ATF_CHECK_EQ(1, r.n);
	ATF_CHECK_STREQ("vm28", r.ev[0].name);
	ATF_CHECK_EQ(0, r.lost);
	events_after(ev, 1, 0, 29, &r);
	ATF_CHECK_EQ(0, r.n);
}

ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct events *ev = events_new();
	struct clrep_events r;
	uint64_t last;
	unsigned i;

	ATF_REQUIRE(ev != NULL);
	for (i = 0; i < 10; i++)
		add(ev, 1, i);
	for (i = 0; i < 10 * EVENTS_MAX; i++)
		add(ev, 2, i);
	/* the quiet owner has lost nothing, the other its own oldest */
	ATF_CHECK_EQ(10, count(ev, 1, 0, &last));
	ATF_CHECK_EQ(EVENTS_MAX - 10, count(ev, 2, 0, &last));
	ATF_CHECK_EQ(10 + 10 * EVENTS_MAX, last);
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 0, 1, &last));
	events_after(ev, 2, 0, 11, &r);
	ATF_CHECK_EQ(1, r.lost);
	events_after(ev, 1, 0, 5, &r);
	ATF_CHECK_EQ(0, r.lost);
	ATF_CHECK_EQ(5, r.n);
}

ATF_TC_WITHOUT_HEAD(many_owners);
ATF_TC_BODY(many_owners, tc)
{
	struct events *ev = events_new();
	uint64_t last;
	unsigned i;

	ATF_REQUIRE(ev != NULL);
	for (i = 0; i < 5 * EVENTS_MAX; i++)
		add(ev, i, 0);
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 0, 1, &last));
	ATF_CHECK_EQ(1, count(ev, 5 * EVENTS_MAX - 1, 0, &last));
	/* one owner with many gives way to each newcomer */
	for (i = 0; i < EVENTS_MAX; i++)
		add(ev, 7, i);
	for (i = 0; i < 10; i++)
		add(ev, 100000 + i, 0);
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 0, 1, &last));
	for (i = 0; i < 10; i++)
		ATF_CHECK_EQ(1, count(ev, 100000 + i, 0, &last));
}

/* What the next life knows of it. */
static struct events *
again(void)
{
	struct events *ev = events_new();

	ATF_REQUIRE(ev != NULL);
	ATF_REQUIRE_EQ(0, events_keep(ev, AT_FDCWD));
	return ev;
}

ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct events *ev = again();
	uint64_t last;
	unsigned i;

	ATF_CHECK(events_ended_well(ev)); /* there was none */
	events_daemon(ev, EVENT_DAEMON_STARTED, "first");
	for (i = 0; i < 10; i++)
		add(ev, 1, i);
	ev = again();
	ATF_CHECK(!events_ended_well(ev));
	ATF_CHECK_EQ(10, count(ev, 1, 0, &last));
	ATF_CHECK_EQ(11, last);
	ATF_CHECK_EQ(1, count(ev, 0, 0, &last)); /* root's own */
	events_daemon(ev, EVENT_DAEMON_ENDED, "in order");
	/* a flood: the same places, whoever wrote them */
	for (i = 0; i < 3 * EVENTS_MAX; i++)
		add(ev, 2, i);
	ev = again();
	ATF_CHECK(events_ended_well(ev));
	ATF_CHECK_EQ(10, count(ev, 1, 0, &last));
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 1, 1, &last));
	ATF_CHECK_EQ(12 + 3 * EVENTS_MAX, last);
	add(ev, 1, 0);
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 1, 1, &last));
	ATF_CHECK_EQ(13 + 3 * EVENTS_MAX, last);
}

/* Torn, foreign and hostile records are left out; their places are used. */
ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	struct events *ev = again();
	char junk[256];
	struct stat st;
	uint64_t last;
	unsigned i;
	int fd;

	for (i = 0; i < 20; i++)
		add(ev, 1, i);
	fd = open("events", O_RDWR);
	ATF_REQUIRE(fd >= 0);
	memset(junk, 0xff, sizeof(junk));
	ATF_REQUIRE_EQ(256, pwrite(fd, junk, 256, 3 * 256));
	/* a name that does not end */
	ATF_REQUIRE_EQ(64, pwrite(fd, junk, 64, 5 * 256 + 8 + 24 + 32));
	ATF_REQUIRE_EQ(0, ftruncate(fd, 19 * 256 + 100));
	ev = again();
	ATF_CHECK_EQ(17, count(ev, 1, 0, &last));
	for (i = 0; i < EVENTS_MAX - 17; i++)
		add(ev, 1, i);
	ATF_CHECK_EQ(EVENTS_MAX, count(ev, 1, 0, &last));
	ATF_CHECK_EQ(EVENTS_MAX, count(again(), 1, 0, &last));
	ATF_REQUIRE_EQ(0, fstat(fd, &st));
	ATF_CHECK_EQ(EVENTS_MAX * 256, st.st_size);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, order);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, many_owners);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, damaged);
	return atf_no_error();
}
