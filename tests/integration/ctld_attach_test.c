/* SPDX-License-Identifier: ISC */
/*
 * Console and guest channel in the real ctld, confined as in service: which
 * stream goes to whom, whatever the supervisor answers, is, or becomes.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "tests/lib/ctldrun.h"

static struct setup s;
static struct wire_msg m;

/* A running VM with channel port 7. */
static void
begin(void)
{
	struct clreq_start rq;

	ct_begin(&s);
	fake_spec(&rq, "web");
	rq.nchannels = 1;
	rq.channels[0] = 7;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start(&s, s.wire, &rq, &m).error);
	wire_drop_fds(&m);
	fake_pump(&s.f, 50);
}

static struct rep_cl
console(void)
{
	struct clreq_console q = { .ref.owner = OWNER_SELF };

	(void)strlcpy(q.ref.name, "web", sizeof(q.ref.name));
	return fake_ask(&s.f, s.wire, CLIENTOP_CONSOLE, &q, NULL, 0, &m);
}

static struct rep_cl
connect_port(uint32_t port)
{
	struct clreq_connect q = { .ref.owner = OWNER_SELF, .port = port };

	(void)strlcpy(q.ref.name, "web", sizeof(q.ref.name));
	return fake_ask(&s.f, s.wire, CLIENTOP_CONNECT, &q, NULL, 0, &m);
}

CASE(streams, "one end to the supervisor, the other to the client")
{
	char c = 0;

	(void)tc;
	begin();
	ATF_REQUIRE_EQ(CLE_NONE, console().error);
	ATF_REQUIRE_EQ(1, m.nfds);
	ATF_REQUIRE(s.f.stream >= 0);
	ATF_CHECK_EQ(1, send(s.f.stream, "x", 1, 0));
	ATF_CHECK_EQ(1, recv(m.fds[0], &c, 1, 0));
	ATF_CHECK_EQ('x', c);
	/* nobody else has either end: each hears the other's */
	fd_close(&s.f.stream);
	ATF_CHECK_EQ(0, recv(m.fds[0], &c, 1, 0));
	wire_drop_fds(&m);
	ATF_CHECK_EQ(CLE_NONE, connect_port(7).error);
	ATF_CHECK_EQ(1, m.nfds);
	wire_drop_fds(&m);
	ATF_CHECK_EQ(CLE_INVALID, connect_port(8).error);
	fake_end(&s.f);
}

CASE(refusals, "what the supervisor's answer means")
{
	static const struct { int code; uint16_t console, connect; } t[] = {
		{ EBUSY, CLE_QUOTA, CLE_STATE },
		{ ECONNREFUSED, CLE_STATE, CLE_STATE },
		{ ESRCH, CLE_STATE, CLE_STATE },
		{ EIO, CLE_HOST, CLE_HOST },
		{ -1, CLE_HOST, CLE_HOST },
		{ INT32_MAX, CLE_HOST, CLE_HOST } };
	struct rep_cl r;
	size_t i;

	(void)tc;
	begin();
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		s.f.stream_code = t[i].code;
		ATF_CHECK_EQ(t[i].console, console().error);
		ATF_CHECK_EQ(0, m.nfds);
		r = connect_port(7);
		ATF_CHECK_EQ(t[i].connect, r.error);
		ATF_CHECK_EQ(0, m.nfds);
		if (t[i].code == ECONNREFUSED)
			ATF_CHECK_STREQ("PortClosed", r.reason);
	}
	s.f.stream_code = 0;
	ATF_REQUIRE_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	r = console();
	ATF_CHECK_EQ(CLE_STATE, r.error);
	ATF_CHECK_STREQ("Stopped", r.reason);
	fake_end(&s.f);
}

/* A month-old one would take the request for malformed. */
CASE(older, "an older supervisor is not asked")
{
	(void)tc;
	ct_begin(&s);
	s.f.sup_version = 1;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	fake_pump(&s.f, 50);
	ATF_CHECK_EQ(CLE_UNSUPPORTED, console().error);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	fake_end(&s.f);
}

CASE(gone, "client or supervisor go while a stream is on its way")
{
	struct clreq_console q = { .ref.owner = OWNER_SELF };

	(void)tc;
	begin();
	(void)strlcpy(q.ref.name, "web", sizeof(q.ref.name));
	/* the supervisor never answers, and its connection breaks */
	s.f.stream_code = -2;
	fake_send(&s.f, s.wire, CLIENTOP_CONSOLE, &q, NULL, 0);
	fake_pump(&s.f, 100);
	ATF_REQUIRE(s.f.stream >= 0);
	fd_close(&s.f.slots[0].conn);
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, s.wire, &m, 2000));
	ATF_CHECK_EQ(0, m.nfds);
	fake_pump(&s.f, 100);
	/* the client goes; what comes too late means nothing */
	fake_send(&s.f, s.wire, CLIENTOP_CONSOLE, &q, NULL, 0);
	fake_pump(&s.f, 100);
	(void)close(s.wire);
	fake_pump(&s.f, 100);
	s.f.stream_code = 0;
	s.wire = fake_client(&s.f, FAKE_UID, &s.keep, NULL);
	ATF_CHECK_EQ(CLE_NONE, console().error);
	wire_drop_fds(&m);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, streams);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, older);
	ATF_TP_ADD_TC(tp, gone);
	return atf_no_error();
}
