/* SPDX-License-Identifier: ISC */
/* vmsup's side of supops, in one process: ctld and VMM are played here. */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static struct sup s;
static struct wire_msg m;
static int peer;
static int command_code;
static uint32_t command_id;
static enum sup_cmd command_last;

static int
fake_command(struct sup *sup, enum sup_cmd cmd, uint32_t id)
{
	(void)sup;
	command_last = cmd;
	command_id = id;
	return command_code;
}

static const struct sup_backend fake = { .name = "fake",
	.command = fake_command };

static void
ring_new(struct ring *r, int *fd, const char *name, size_t size)
{
	*fd = ring_create(name, size);
	ATF_REQUIRE(*fd >= 0);
	ATF_REQUIRE_EQ(0, ring_map(r, *fd));
}

static void
fresh(void)
{
	int sv[2];

	memset(&s, 0, sizeof(s));
	s.be = &fake;
	s.state = SUP_STARTING;
	s.wait_status = -1;
	s.listen = s.in = s.out = s.log_out = s.ctl = s.vmm = s.chld = -1;
	s.conn_id = 1;
	ring_new(&s.console, &s.console_ring, "console", RING_CONSOLE);
	ring_new(&s.log, &s.log_ring, "log", RING_LOG);
	console_start(&s);
	ATF_REQUIRE_EQ(0, wire_pair(sv));
	s.conn = sv[0];
	peer = sv[1];
	command_code = 0;
}

static void
ask(uint16_t type, const void *body, size_t n)
{
	struct wire_hdr h = { .type = type, .seq = 77, .slot = 5,
		.generation = 9 };

	ATF_REQUIRE_EQ(0, wire_send(peer, &h, body, n, NULL, 0));
	serve_input(&s);
}

/* The next record must be this; its body. */
static const void *
expect(uint16_t type)
{
	ATF_REQUIRE_EQ(1, wire_recv(peer, &m));
	ATF_REQUIRE_EQ(type, m.h.type);
	return m.body;
}

static void
expect_code(uint16_t type, int code)
{
	struct rep_hdr r;

	memcpy(&r, expect(type | WIRE_REPLY), sizeof(r));
	ATF_CHECK_EQ_MSG(code, r.code, "%d", r.code);
	ATF_CHECK_EQ(77, m.h.seq);
	ATF_CHECK_EQ(9, m.h.generation);
	ATF_CHECK_EQ(0, wire_check_reply(&m, supop_row(type)));
}

static void
nothing(void)
{
	ATF_CHECK_EQ(-1, wire_recv(peer, &m));
	ATF_CHECK_EQ(EAGAIN, errno);
}

static void
hello(void)
{
	struct supreq_hello q = { .version = 1 };

	ask(SUPOP_HELLO, &q, sizeof(q));
	(void)expect(SUPOP_HELLO | WIRE_REPLY);
	(void)expect(SUPOP_STATE);
}

/* The connection was dropped and nothing else happened. */
static void
dropped(void)
{
	ATF_CHECK_EQ(-1, s.conn);
	ATF_CHECK_EQ(0, s.greeted);
	ATF_CHECK_EQ(0, s.acked);
	ATF_CHECK_EQ(0, wire_recv(peer, &m));
	close(peer);
}

static const uint64_t zero;

ATF_TC_WITHOUT_HEAD(greeting);
ATF_TC_BODY(greeting, tc)
{
	struct supreq_hello q = { .version = SUP_VERSION };
	struct suprep_hello r;
	struct supreq_state t;

	(void)tc;
	fresh();
	ask(SUPOP_HELLO, &q, sizeof(q));
	memcpy(&r, expect(SUPOP_HELLO | WIRE_REPLY), sizeof(r));
	ATF_CHECK_EQ(0, wire_check_reply(&m, supop_row(SUPOP_HELLO)));
	ATF_CHECK_EQ(0, r.r.code);
	ATF_CHECK_EQ(SUP_VERSION, r.version);
	ATF_CHECK_EQ(SUP_STARTING, r.state);
	ATF_CHECK_EQ(-1, r.wait_status);
	memcpy(&t, expect(SUPOP_STATE), sizeof(t));
	ATF_CHECK_EQ(SUP_STARTING, t.state);
	sup_state(&s, SUP_RUNNING);
	sup_state(&s, SUP_RUNNING);
	memcpy(&t, expect(SUPOP_STATE), sizeof(t));
	ATF_CHECK_EQ(SUP_RUNNING, t.state);
	nothing();
	/* an older ctld is answered in its version */
	q.version = 1;
	ask(SUPOP_HELLO, &q, sizeof(q));
	memcpy(&r, expect(SUPOP_HELLO | WIRE_REPLY), sizeof(r));
	ATF_CHECK_EQ(1, r.version);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static const struct { uint16_t type; size_t n; int greet; } t[] = {
		{ 0, 8, 1 }, { SUPOP_END, 8, 1 }, { 0xffff, 8, 1 },
		{ SUPOP_STATE, sizeof(struct supreq_state), 1 },
		{ SUPOP_PAUSE | WIRE_REPLY, 8, 1 },
		{ SUPOP_PAUSE, 0, 1 }, { SUPOP_PAUSE, 7, 1 },
		{ SUPOP_PAUSE, 16, 1 }, { SUPOP_PAUSE, 8, 0 },
		{ SUPOP_QUIT, 8, 0 }, { SUPOP_READY, 64, 1 },
		{ SUPOP_HELLO, 8, 0 }, { SUPOP_HELLO, 4, 0 },
		{ SUPOP_PACE, 8, 1 } };
	static unsigned char bytes[WIRE_BODY_MAX];
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fresh();
		if (t[i].greet)
			hello();
		ask(t[i].type, bytes, t[i].n); /* HELLO: version 0 */
		dropped();
	}
	/* members that must be zero are not; a text without an end */
	memset(bytes, 1, sizeof(bytes));
	for (i = SUPOP_NONE + 1; i < SUPOP_END; i++) {
		fresh();
		hello();
		ask((uint16_t)i, bytes, supop_row((uint16_t)i)->req_len);
		dropped();
	}
	fresh();
	hello();
	ATF_REQUIRE_EQ(3, send(peer, "abc", 3, 0));
	serve_input(&s);
	dropped();
	fresh();
	ATF_REQUIRE_EQ(0, send(peer, "", 0, 0));
	serve_input(&s);
	dropped();
}

/* Descriptors that come along are never kept. */
ATF_TC_WITHOUT_HEAD(with_fds);
ATF_TC_BODY(with_fds, tc)
{
	struct supreq_hello q = { .version = 1 };
	struct wire_hdr h = { .type = SUPOP_HELLO };
	int before, after, fd = 0;

	(void)tc;
	fresh();
	before = dup(0);
	close(before);
	ATF_REQUIRE_EQ(0, wire_send(peer, &h, &q, sizeof(q), &fd, 1));
	serve_input(&s);
	ATF_CHECK_EQ(-1, s.conn);
	after = dup(0);
	ATF_CHECK(after <= before);
}

ATF_TC_WITHOUT_HEAD(commands);
ATF_TC_BODY(commands, tc)
{
	static const struct { uint16_t type; enum sup_cmd cmd; } t[] = {
		{ SUPOP_SHUTDOWN, SUP_CMD_SHUTDOWN }, { SUPOP_QUIT,
		SUP_CMD_QUIT }, { SUPOP_PAUSE, SUP_CMD_PAUSE },
		{ SUPOP_RESUME, SUP_CMD_RESUME } };
	size_t i;

	(void)tc;
	fresh();
	hello();
	for (i = 0; i < 4; i++) {
		ask(t[i].type, &zero, sizeof(zero));
		ATF_CHECK_EQ(t[i].cmd, command_last);
		nothing();
		ask_answer(&s, command_id, i == 3 ? EIO : 0);
		expect_code(t[i].type, i == 3 ? EIO : 0);
	}
	/* an answer twice, or to nothing, is nothing */
	ask_answer(&s, command_id, 0);
	ask_answer(&s, 12345, 0);
	nothing();
	command_code = EAGAIN;
	ask(SUPOP_PAUSE, &zero, sizeof(zero));
	expect_code(SUPOP_PAUSE, EAGAIN);
	s.state = SUP_ENDED;
	ask(SUPOP_PAUSE, &zero, sizeof(zero));
	expect_code(SUPOP_PAUSE, ESRCH);
}

ATF_TC_WITHOUT_HEAD(deadline);
ATF_TC_BODY(deadline, tc)
{
	int64_t now;
	unsigned i;

	(void)tc;
	fresh();
	hello();
	ATF_CHECK_EQ(-1, serve_timeout(&s, now_ms()));
	ask(SUPOP_PAUSE, &zero, sizeof(zero));
	now = now_ms();
	ATF_CHECK(serve_timeout(&s, now) > 0 &&
	    serve_timeout(&s, now) <= SUP_ASK_MS);
	serve_expire(&s, now);
	nothing();
	serve_expire(&s, now + SUP_ASK_MS);
	expect_code(SUPOP_PAUSE, ETIMEDOUT);
	ATF_CHECK_EQ(-1, serve_timeout(&s, now));
	ask_answer(&s, command_id, 0); /* too late */
	nothing();
	/* so many wait at most */
	for (i = 0; i < SUP_ASKS_MAX; i++)
		ask(SUPOP_PAUSE, &zero, sizeof(zero));
	nothing();
	ask(SUPOP_PAUSE, &zero, sizeof(zero));
	expect_code(SUPOP_PAUSE, EBUSY);
	ask_fail_all(&s, EPIPE);
	for (i = 0; i < SUP_ASKS_MAX; i++)
		expect_code(SUPOP_PAUSE, EPIPE);
	nothing();
}

ATF_TC_WITHOUT_HEAD(ack);
ATF_TC_BODY(ack, tc)
{
	(void)tc;
	fresh();
	hello();
	ask(SUPOP_ACK_EXIT, &zero, sizeof(zero));
	expect_code(SUPOP_ACK_EXIT, EBUSY);
	ATF_CHECK_EQ(0, s.acked);
	s.state = SUP_ENDED;
	ask(SUPOP_ACK_EXIT, &zero, sizeof(zero));
	expect_code(SUPOP_ACK_EXIT, 0);
	ATF_CHECK_EQ(1, s.acked);
}

ATF_TC_WITHOUT_HEAD(ready);
ATF_TC_BODY(ready, tc)
{
	static const char filler[4096];
	struct supreq_ready q = { .text = "login:" };
	struct supreq_state t;
	unsigned i;
	int p[2];

	(void)tc;
	fresh();
	hello();
	/* printed before anybody asked */
	ring_put(&s.console, "booting\nlogin: ", 15);
	ask(SUPOP_READY, &q, sizeof(q));
	expect_code(SUPOP_READY, 0);
	memcpy(&t, expect(SUPOP_STATE), sizeof(t));
	ATF_CHECK_EQ(1, t.ready);
	/* asked again by a new ctld, when the ring has forgotten it */
	for (i = 0; i < RING_CONSOLE / sizeof(filler); i++)
		ring_put(&s.console, filler, sizeof(filler));
	ask(SUPOP_READY, &q, sizeof(q));
	expect_code(SUPOP_READY, 0);
	ATF_CHECK_EQ(1, s.ready);
	ring_put(&s.console, "login: ", 7);
	/* another text, half of which is there already */
	memset(&q, 0, sizeof(q));
	(void)strlcpy(q.text, "gin: root", sizeof(q.text));
	ask(SUPOP_READY, &q, sizeof(q));
	expect_code(SUPOP_READY, 0);
	nothing();
	ATF_CHECK_EQ(0, s.ready);
	ATF_REQUIRE_EQ(0, pipe(p));
	s.out = p[0];
	ATF_REQUIRE_EQ(4, write(p[1], "root", 4));
	ATF_CHECK_EQ(4, console_input(&s));
	memcpy(&t, expect(SUPOP_STATE), sizeof(t));
	ATF_CHECK_EQ(1, t.ready);
	close(p[1]);
	ATF_CHECK_EQ(0, console_input(&s));
	ATF_CHECK_EQ(-1, s.out);
}

ATF_TC_WITHOUT_HEAD(rings);
ATF_TC_BODY(rings, tc)
{
	char buf[16];
	uint64_t pos = 0;

	(void)tc;
	fresh();
	hello();
	ring_put(&s.console, "con", 3);
	ask(SUPOP_RINGS, &zero, sizeof(zero));
	expect_code(SUPOP_RINGS, 0);
	ATF_REQUIRE_EQ(2, m.nfds);
	ATF_REQUIRE_EQ(3, ring_read(m.fds[0], &pos, buf, sizeof(buf), NULL));
	ATF_CHECK_EQ(0, memcmp(buf, "con", 3));
	wire_drop_fds(&m);
}

/* A ctld that does not read delays nothing and gets the newest state. */
ATF_TC_WITHOUT_HEAD(slow_reader);
ATF_TC_BODY(slow_reader, tc)
{
	struct supreq_state t;
	unsigned i;

	(void)tc;
	fresh();
	hello();
	for (i = 0; i < 100000 && !s.owed; i++)
		sup_state(&s, i % 2 ? SUP_RUNNING : SUP_PAUSED);
	ATF_REQUIRE(s.owed);
	ATF_REQUIRE(s.conn >= 0);
	sup_end(&s, END_SIGNAL);
	sup_state(&s, SUP_ENDED);
	while (wire_recv(peer, &m) == 1)
		;
	ATF_CHECK_EQ(EAGAIN, errno);
	serve_tell(&s);
	ATF_CHECK_EQ(0, s.owed);
	memcpy(&t, expect(SUPOP_STATE), sizeof(t));
	ATF_CHECK_EQ(SUP_ENDED, t.state);
	ATF_CHECK_EQ(END_SIGNAL, t.end);
}

/* Real sockets: only ctld's uid, and the newest connection wins. */
ATF_TC_WITHOUT_HEAD(connections);
ATF_TC_BODY(connections, tc)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int a, b, old;

	(void)tc;
	fresh();
	(void)strlcpy(sun.sun_path, "sup.sock", sizeof(sun.sun_path));
	s.listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	ATF_REQUIRE_EQ(0, bind(s.listen, (void *)&sun, sizeof(sun)));
	ATF_REQUIRE_EQ(0, listen(s.listen, 4));
	serve_accept(&s); /* nobody there: nothing happens */
	ATF_CHECK(s.conn >= 0 && s.accept_at == 0);
	old = peer;
	a = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ATF_REQUIRE_EQ(0, connect(a, (void *)&sun, sizeof(sun)));
	s.ctld_uid = (uint32_t)getuid() + 1;
	serve_accept(&s);
	ATF_CHECK_EQ(1, s.conn_id); /* refused; the old one stays */
	ATF_CHECK_EQ(0, recv(a, &m, 1, 0));
	b = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	ATF_REQUIRE_EQ(0, connect(b, (void *)&sun, sizeof(sun)));
	s.ctld_uid = (uint32_t)getuid();
	hello();
	ask(SUPOP_PAUSE, &zero, sizeof(zero));
	serve_accept(&s);
	ATF_CHECK_EQ(2, s.conn_id);
	ATF_CHECK_EQ(0, wire_recv(old, &m));
	/* what the old one asked is not answered to the new one */
	peer = b;
	hello();
	ask_answer(&s, command_id, 0);
	nothing();
	close(s.listen);
	s.listen = -1;
	serve_accept(&s); /* fails for good: not tried again at once */
	ATF_CHECK(serve_timeout(&s, now_ms()) > 0);
	(void)unlink(sun.sun_path);
}

/* How much of a full pipe is taken before the rest must wait. */
static size_t
taken(uint32_t rate)
{
	struct supreq_pace q = { .rate = rate };
	static const char noise[4096];
	size_t n = 0;
	int p[2], i;

	fresh();
	hello();
	ask(SUPOP_PACE, &q, sizeof(q));
	expect_code(SUPOP_PACE, 0);
	ATF_REQUIRE_EQ(0, pipe(p));
	for (i = 0; i < 16; i++)
		ATF_REQUIRE_EQ(4096, write(p[1], noise, sizeof(noise)));
	s.out = p[0];
	for (i = 0; i < 16 && console_until(&s, now_ms()) == 0; i++)
		n += console_input(&s);
	(void)close(p[1]);
	return n;
}

ATF_TC_WITHOUT_HEAD(pace);
ATF_TC_BODY(pace, tc)
{
	size_t n;

	(void)tc;
	/* a second's worth, one read more, and what the test itself took */
	n = taken(16384);
	ATF_CHECK_MSG(n >= 16384 && n <= 40960, "%zu bytes", n);
	ATF_CHECK(console_until(&s, now_ms()) > now_ms());
	ATF_CHECK(serve_timeout(&s, now_ms()) > 0);
	/* it says nothing while it waits, and goes on when time has come */
	s.paid_us -= 1000000;
	ATF_CHECK_EQ(0, console_until(&s, now_ms()));
	/* control: at a pace that is none all of it passes */
	ATF_CHECK_EQ(65536, taken(1u << 30));
	ATF_CHECK_EQ(0, console_until(&s, now_ms()));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, greeting);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, with_fds);
	ATF_TP_ADD_TC(tp, commands);
	ATF_TP_ADD_TC(tp, deadline);
	ATF_TP_ADD_TC(tp, ack);
	ATF_TP_ADD_TC(tp, ready);
	ATF_TP_ADD_TC(tp, pace);
	ATF_TP_ADD_TC(tp, rings);
	ATF_TP_ADD_TC(tp, slow_reader);
	ATF_TP_ADD_TC(tp, connections);
	return atf_no_error();
}
