/* SPDX-License-Identifier: ISC */
/*
 * The real ctld between a front that is slow and owners who want much: whose
 * start goes on, what a stop does to one that waits, and the ceilings that
 * only ctld can count.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/sysconf.h"
#include "ctld/startq.h"
#include "tests/lib/ctldrun.h"

#define TICKETS 4u	/* unanswered requests of a connection */

/* A start of the other tenant, who has files of its own. Not waited for. */
static void
start_other(struct setup *s, int wire)
{
	struct clreq_start rq;
	int fds[16];
	unsigned i, n = fake_files(fds);

	fake_spec(&rq, "b");
	for (i = 0; i < n; i++)
		ATF_REQUIRE_EQ(0, fchown(fds[i], FAKE_UID2, FAKE_GID));
	fake_send(&s->f, wire, CLIENTOP_START, &rq, fds, n);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
}

/* The owner of the nth start that front holds. */
static uint32_t
asker(const struct setup *s, unsigned n)
{
	uint32_t uid, gid;

	ATF_REQUIRE(n < s->f.nheld);
	ATF_REQUIRE_EQ(PRIVOP_RESERVE, s->f.held[n].h.type);
	ATF_REQUIRE_EQ(0, wire_peer(s->f.held[n].fds[0], &uid, &gid));
	return uid;
}

/* Front holds that many, within ten seconds; and no more come. */
static unsigned
held(struct setup *s, unsigned n)
{
	unsigned i;

	for (i = 0; i < 200 && s->f.nheld < n; i++)
		fake_pump(&s->f, 50);
	fake_pump(&s->f, 100);
	return s->f.nheld;
}

CASE(turns, "a flood of starts waits for itself, and another owner does not")
{
	struct wire_msg m;
	struct setup s;
	int keep, more, other;
	unsigned i;
	char name[16];

	ct_begin(&s);
	more = fake_client(&s.f, FAKE_UID, &keep, NULL);
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	s.f.hold = PRIVOP_RESERVE;
	for (i = 0; i < 2 * TICKETS; i++) {
		(void)snprintf(name, sizeof(name), "a%u", i);
		ct_start_begin(&s, i < TICKETS ? s.wire : more, name);
	}
	ATF_CHECK_EQ(STARTS_GO_OWNER, held(&s, STARTS_GO_OWNER));
	start_other(&s, other);
	ATF_REQUIRE_EQ(STARTS_GO_OWNER + 1, held(&s, STARTS_GO_OWNER + 1));
	ATF_CHECK_EQ(FAKE_UID, asker(&s, 0));
	ATF_CHECK_EQ(FAKE_UID2, asker(&s, STARTS_GO_OWNER));
	/* nothing is lost: in the end all of them run */
	fake_release(&s.f);
	for (i = 0; i < 2 * TICKETS; i++) {
		ATF_REQUIRE_EQ(1, fake_answer(&s.f, i < TICKETS ? s.wire :
			more, &m, 10000));
		ATF_CHECK_EQ(CLE_NONE, ((struct rep_cl *)m.body)->error);
	}
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, other, &m, 10000));
	ATF_CHECK_EQ(CLE_NONE, ((struct rep_cl *)m.body)->error);
	ATF_CHECK_EQ(2 * TICKETS + 1, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(stop_overtakes, "a stop takes a start out before its turn")
{
	struct setup s;
	struct wire_msg m;
	int keep, more;
	unsigned i, n;
	char name[16];

	ct_begin(&s);
	more = fake_client(&s.f, FAKE_UID, &keep, NULL);
	s.f.hold = PRIVOP_RESERVE;
	for (i = 0; i < TICKETS; i++) {
		(void)snprintf(name, sizeof(name), "a%u", i);
		ct_start_begin(&s, s.wire, name);
	}
	ATF_CHECK_EQ(STARTS_GO_OWNER, held(&s, STARTS_GO_OWNER));
	/* the fourth waits: front, which is stuck, is not asked */
	n = s.f.nlog;
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, more, "a3").error);
	ATF_CHECK_EQ(n, s.f.nlog);
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, s.wire, &m, 10000));
	ATF_CHECK_EQ(CLE_STATE, ((struct rep_cl *)m.body)->error);
	fake_release(&s.f);
	fake_until_used(&s.f, STARTS_GO_OWNER);
	/* control: its turn would have come */
	ATF_CHECK_EQ(STARTS_GO_OWNER, fake_count(&s.f, PRIVOP_RESERVE));
	fake_end(&s.f);
}

CASE(starts, "an owner's queue is bounded, and says so")
{
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;
	unsigned i, most;
	int keep, wire = -1, last = -1, other;
	char name[16];

	ct_begin(&s);
	most = s.f.conf.fallback.starts;
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	s.f.hold = PRIVOP_RESERVE;
	for (i = 0; i < most; i++) {
		if (i % TICKETS == 0)
			wire = fake_client(&s.f, FAKE_UID, &keep, NULL);
		(void)snprintf(name, sizeof(name), "a%u", i);
		ct_start_begin(&s, wire, name);
	}
	last = fake_client(&s.f, FAKE_UID, &keep, NULL);
	ct_start_begin(&s, last, "more");
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, last, &m, 10000));
	memcpy(&r, m.body, sizeof(r));
	ATF_CHECK_EQ(CLE_QUOTA, r.error);
	ATF_CHECK_STREQ("starts", r.field);
	ATF_CHECK_EQ(most, r.limit);
	ATF_CHECK_EQ(most, r.used);
	ATF_CHECK_MSG(strstr(r.reason, "your ceiling of 32 is reached: 32 in "
	    "use; try again") != NULL, "%s", r.reason);
	start_other(&s, other);
	ATF_CHECK_EQ(FAKE_UID2, asker(&s, held(&s, STARTS_GO_OWNER + 1) - 1));
	fake_end(&s.f);
}

CASE(streams, "connections that wait or follow: some are left for a stop")
{
	struct clreq_wait wait = { .ref.owner = OWNER_SELF };
	struct clreq_events ev = { .flags = CL_EVENTS_FOLLOW };
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;
	unsigned i, most;
	int keep, wire[64];

	ct_begin(&s);
	most = s.f.conf.fallback.streams;
	ATF_REQUIRE(most < 64 && most < s.f.conf.fallback.connections);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	(void)strlcpy(wait.ref.name, "web", sizeof(wait.ref.name));
	for (i = 0; i <= most; i++)
		wire[i] = fake_client(&s.f, FAKE_UID, &keep, NULL);
	for (i = 0; i < most; i++)
		fake_send(&s.f, wire[i], CLIENTOP_WAIT, &wait, NULL, 0);
	fake_pump(&s.f, 100);
	r = fake_ask(&s.f, wire[most], CLIENTOP_EVENTS, &ev, NULL, 0, &m);
	ATF_CHECK_EQ(CLE_QUOTA, r.error);
	ATF_CHECK_STREQ("streams", r.field);
	ATF_CHECK_EQ(most, r.limit);
	/* one of them ends, and it is let in: the VM's events are there */
	(void)close(wire[0]);
	fake_pump(&s.f, 100);
	r = fake_ask(&s.f, wire[most], CLIENTOP_EVENTS, &ev, NULL, 0, &m);
	ATF_CHECK_EQ(CLE_NONE, r.error);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, turns);
	ATF_TP_ADD_TC(tp, stop_overtakes);
	ATF_TP_ADD_TC(tp, starts);
	ATF_TP_ADD_TC(tp, streams);
	return atf_no_error();
}
