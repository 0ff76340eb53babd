/* SPDX-License-Identifier: ISC */
/*
 * Clients: what the real ctld, confined as in service, tells whom.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "tests/lib/ctldrun.h"

CASE(foreign, "a foreign and an absent VM answer alike")
{
	static const uint16_t ops[] = { CLIENTOP_GET, CLIENTOP_STOP,
		CLIENTOP_KILL, CLIENTOP_REMOVE, CLIENTOP_LOGS,
		CLIENTOP_BOOT, CLIENTOP_DEFINITION, CLIENTOP_PAUSE,
		CLIENTOP_RESUME, CLIENTOP_WAIT, CLIENTOP_CONSOLE,
		CLIENTOP_CONNECT, CLIENTOP_CHANNEL };
	unsigned char body[WIRE_BODY_MAX] = { 0 };
	struct wire_msg mine, none;
	struct cl_ref ref = { .owner = FAKE_UID };
	struct setup s;
	struct cl_vm vm;
	int keep, other;
	unsigned i;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_REQUIRE_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		(void)strlcpy(ref.name, "web", sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		ATF_CHECK_EQ(CLE_NOT_FOUND, fake_ask(&s.f, other, ops[i],
		    body, NULL, 0, &mine).error);
		memset(ref.name, 0, sizeof(ref.name));
		(void)strlcpy(ref.name, vm.id, sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		ATF_CHECK_EQ(CLE_NOT_FOUND, fake_ask(&s.f, other, ops[i],
		    body, NULL, 0, &mine).error);
		/* the same question of a VM that nobody has */
		(void)strlcpy(ref.name, "vm-0000000000000000",
		    sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		(void)fake_ask(&s.f, other, ops[i], body, NULL, 0, &none);
		ATF_CHECK_EQ(mine.h.len, none.h.len);
		ATF_CHECK_EQ(0, memcmp(mine.body, none.body, 40));
		memset(ref.name, 0, sizeof(ref.name));
	}
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	ATF_CHECK_EQ(0, s.f.slots[0].seen_stop);
	/* control: an admin does reach it */
	other = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	(void)strlcpy(ref.name, "web", sizeof(ref.name));
	memset(body, 0, sizeof(body));
	memcpy(body, &ref, sizeof(ref));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, other, CLIENTOP_STOP, body,
	    NULL, 0, &mine).error);
	fake_end(&s.f);
}

CASE(lists, "a list is a sealed file of what the caller may see")
{
	struct cl_vm vms[4];
	struct setup s;
	int keep, other, admin;

	ct_begin(&s);
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	admin = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	ATF_CHECK_EQ(0, ct_list(&s, s.wire, 0, vms));
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_CHECK_EQ(1, ct_list(&s, s.wire, 0, vms));
	ATF_CHECK_STREQ("web", vms[0].name);
	ATF_CHECK_EQ(0, ct_list(&s, other, CL_LIST_ALL, vms));
	ATF_CHECK_EQ(0, ct_list(&s, admin, 0, vms));
	ATF_CHECK_EQ(1, ct_list(&s, admin, CL_LIST_ALL, vms));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, ct_list(&s, s.wire, 0, vms));
	ATF_CHECK_EQ(1, ct_list(&s, s.wire, CL_LIST_ALL, vms));
	fake_end(&s.f);
}

CASE(malformed, "a malformed record ends that wire and no other")
{
	struct clreq_get rq = { .ref.owner = OWNER_SELF };
	struct clreq_start sp;
	struct wire_hdr h;
	struct wire_msg m;
	struct setup s;
	int keep, bad;
	unsigned i;

	ct_begin(&s);
	for (i = 0; i < 7; i++) {
		bad = fake_client(&s.f, FAKE_UID, &keep, NULL);
		h = (struct wire_hdr){ .type = CLIENTOP_GET, .seq = 1 };
		memset(&rq, 0, sizeof(rq));
		if (i == 0) /* too long */
			(void)wire_send(bad, &h, &sp, sizeof(rq) + 8, NULL, 0);
		else if (i == 1) /* unknown */
			h.type = CLIENTOP_END;
		else if (i == 2) /* the listener's */
			h.type = CLIENTOP_CONN;
		else if (i == 3) /* a handle */
			h.slot = 1;
		else if (i == 4) /* no terminator */
			memset(rq.ref.name, 'a', sizeof(rq.ref.name));
		else if (i == 5) /* something after it */
			rq.ref.name[5] = 'x';
		else /* a reply */
			h.type |= WIRE_REPLY;
		if (i != 0)
			(void)wire_send(bad, &h, &rq, sizeof(rq), NULL, 0);
		ATF_CHECK_EQ_MSG(0, fake_answer(&s.f, bad, &m, 2000), "%u", i);
		(void)close(bad);
		(void)close(keep);
		ATF_CHECK_EQ(CLE_NOT_FOUND,
		    fake_get(&s.f, s.wire, "web", NULL));
	}
	fake_end(&s.f);
}

/* Wait until ctld has closed the supervisor's wire. */
static int
wire_hangup(struct setup *s)
{
	struct pollfd p = { .fd = s->f.slots[0].conn, .events = POLLRDHUP };

	return poll(&p, 1, 2000) == 1 &&
	    (p.revents & (POLLHUP | POLLRDHUP)) != 0 ? 0 : -1;
}

/* Right lengths, wrong everything else; each on a wire of its own. */
CASE(garbage, "records of random bytes end their wire at most")
{
	static unsigned char body[WIRE_BODY_MAX];
	struct setup s;
	struct wire_msg m;
	unsigned i, n, served = 0;
	uint16_t op;
	int keep, bad;

	ct_begin(&s);
	for (i = 0; i < 400; i++) {
		op = (uint16_t)(CLIENTOP_START +
		    arc4random_uniform(CLIENTOP_END - CLIENTOP_START));
		memset(body, 0, sizeof(body));
		n = arc4random_uniform(clientop_row(op)->w.req_len);
		arc4random_buf(body + (i % 2 ? 0 : n),
		    i % 2 ? n : clientop_row(op)->w.req_len - n);
		bad = fake_client(&s.f, FAKE_UID2, &keep, NULL);
		fake_send(&s.f, bad, op, body, NULL, 0);
		ATF_REQUIRE(fake_answer(&s.f, bad, &m, 5000) >= 0);
		wire_drop_fds(&m);
		(void)close(bad);
		(void)close(keep);
		served += fake_get(&s.f, s.wire, "web", NULL) ==
		    CLE_NOT_FOUND;
	}
	ATF_CHECK_EQ(400, served);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(bad_supervisor, "a supervisor that babbles loses its wire, no more")
{
	struct supreq_state st = { .state = 99 };
	struct wire_hdr h = { .type = SUPOP_STATE };
	struct setup s;
	unsigned i;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	for (i = 0; i < 4; i++) {
		st.state = i == 0 ? 99 : SUP_RUNNING;
		st.end = i == 1 ? 99 : END_UNKNOWN;
		st.ready = i == 2 ? 2 : 0;
		h.slot = i == 3 ? 1 : 0;
		ATF_REQUIRE(s.f.slots[0].conn >= 0);
		ATF_REQUIRE_EQ(0, wire_send(s.f.slots[0].conn, &h, &st,
		    sizeof(st), NULL, 0));
		ATF_REQUIRE_EQ(0, wire_hangup(&s));
		fake_pump(&s.f, 200); /* it comes back */
		ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	}
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	fake_end(&s.f);
}

CASE(bad_front, "a front end that answers nonsense: all start anew")
{
	struct rep_kill rep = { .r.code = 0 };
	struct wire_hdr h = { .type = PRIVOP_KILL | WIRE_REPLY, .seq = 9999 };
	struct setup s;
	int ws = 0;

	ct_begin(&s);
	ATF_REQUIRE_EQ(0, wire_send(s.f.front, &h, &rep, sizeof(rep), NULL,
	    0));
	ATF_REQUIRE_EQ(s.f.ctld, waitpid(s.f.ctld, &ws, 0));
	ATF_CHECK(WIFEXITED(ws) && WEXITSTATUS(ws) == 1);
}

CASE(admission, "who is served is what the kernel says")
{
	struct rep_cl r;
	struct setup s;
	int keep[40], wire[40], i, served = 0;

	ct_begin(&s);
	(void)fake_client(&s.f, 61099, &keep[0], &r); /* no member */
	ATF_CHECK_EQ(CLE_DENIED, r.error);
	for (i = 0; i < 40; i++) {
		wire[i] = fake_client(&s.f, FAKE_UID2, &keep[i], &r);
		served += r.error == CLE_NONE;
	}
	ATF_CHECK_EQ(32, served);
	ATF_CHECK_EQ(CLE_QUOTA, r.error);
	/* another owner is not concerned; one that goes makes room */
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s.f, s.wire, "web", NULL));
	(void)close(wire[0]);
	fake_pump(&s.f, 50);
	(void)fake_client(&s.f, FAKE_UID2, &keep[0], &r);
	ATF_CHECK_EQ(CLE_NONE, r.error);
	fake_end(&s.f);
}

CASE(liar, "a listener that names another uid is not believed")
{
	struct clreq_conn rq = { .uid = FAKE_UID2 };
	int wire[2], sock[2], fds[2];
	struct wire_msg m;
	struct setup s;

	ct_begin(&s);
	ATF_REQUIRE_EQ(0, wire_pair(wire));
	ATF_REQUIRE_EQ(0, seteuid(FAKE_UID));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	ATF_REQUIRE_EQ(0, seteuid(0));
	fds[0] = wire[1];
	fds[1] = sock[1];
	ATF_CHECK_EQ(CLE_DENIED, fake_ask(&s.f, s.f.listener, CLIENTOP_CONN,
	    &rq, fds, 2, &m).error);
	rq.uid = FAKE_UID; /* control */
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.f.listener, CLIENTOP_CONN,
	    &rq, fds, 2, &m).error);
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, foreign);
	ATF_TP_ADD_TC(tp, lists);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, garbage);
	ATF_TP_ADD_TC(tp, bad_supervisor);
	ATF_TP_ADD_TC(tp, bad_front);
	ATF_TP_ADD_TC(tp, admission);
	ATF_TP_ADD_TC(tp, liar);
	return atf_no_error();
}
