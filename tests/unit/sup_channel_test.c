/* SPDX-License-Identifier: ISC */
/*
 * vmsup's guest channels without a VMM: the line that names a port, and who
 * is held up by whom. Runs as anybody.
 */
#include <atf-c.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static struct sup s;
static int guest;		/* the VMM's end of channel 0 */

static int
line(const char *text, uint32_t *port, size_t *used)
{
	return channel_line(text, strlen(text), port, used);
}

ATF_TC_WITHOUT_HEAD(connect_line);
ATF_TC_BODY(connect_line, tc)
{
	static const char *const bad[] = { "connect 7\n", "X", "CONNECT\n",
		"CONNECT \n", "CONNECT 0\n", "CONNECT 07\n", "CONNECT 65536",
		"CONNECT 99999999999", "CONNECT -1", "CONNECT 7 \n",
		"CONNECT 7\r\n", "CONNECT  7\n", "CONNECT 7x\n", "\n",
		" CONNECT 7\n", "CONNECX" };
	const char whole[] = "CONNECT 65535\nrest";
	uint32_t port = 0;
	size_t used = 0, i;

	(void)tc;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, line(bad[i], &port, &used), "%s",
		    bad[i]);
	for (i = 0; i < sizeof("CONNECT 65535") - 1; i++)
		ATF_CHECK_EQ_MSG(0, channel_line(whole, i, &port, &used),
		    "%zu bytes", i);
	ATF_CHECK_EQ(1, line(whole, &port, &used));
	ATF_CHECK_EQ(65535, port);
	ATF_CHECK_EQ(sizeof("CONNECT 65535\n") - 1, used);
	ATF_CHECK_EQ(1, line("CONNECT 1\n", &port, &used));
	ATF_CHECK_EQ(1, port);
	ATF_CHECK_EQ(0, channel_line("", 0, &port, &used));
}

/* One channel, number 7, open in the guest. */
static void
fresh(void)
{
	struct supreq_channels q = { .owner = 1, .nports = 1, .ports = { 7 } };
	int sv[2];

	memset(&s, 0, sizeof(s));
	s.conn = s.in = s.out = -1;
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv));
	s.chan.n = 1;
	s.chan.listen = -1;
	s.chan.c[0].vmm = sv[0];
	s.chan.c[0].client = -1;
	guest = sv[1];
	ATF_REQUIRE_EQ(0, channel_tell(&s, &q));
	channel_guest(&s, 0, 1);
}

/* Turns of the loop, as long as there is something to do. How many. */
static unsigned
loop(void)
{
	struct pollfd p[CHANNEL_POLLS];
	unsigned n;

	for (n = 0; n < 1000; n++) {
		channel_want(&s, p);
		if (poll(p, CHANNEL_POLLS, 0) <= 0)
			break;
		channel_act(&s, p);
	}
	return n;
}

static int
client(void)
{
	int sv[2];

	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv));
	ATF_REQUIRE_EQ(0, channel_connect(&s, 7, sv[1]));
	return sv[0];
}

static size_t
read_all(int fd)
{
	char buf[65536];
	size_t n = 0;
	ssize_t k;

	while ((k = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		n += (size_t)k;
	return n;
}

ATF_TC_WITHOUT_HEAD(states);
ATF_TC_BODY(states, tc)
{
	int fd;

	(void)tc;
	fresh();
	ATF_CHECK_EQ(ENOENT, channel_connect(&s, 8, 0));
	ATF_CHECK_EQ(ENOENT, channel_connect(&s, 0, 0));
	channel_guest(&s, 0, 0);
	channel_guest(&s, 1, 1); /* one that is not there */
	ATF_CHECK_EQ(ECONNREFUSED, channel_connect(&s, 7, 0));
	channel_guest(&s, 0, 1);
	fd = client();
	ATF_CHECK_EQ(EBUSY, channel_connect(&s, 7, 0));
	ATF_REQUIRE_EQ(5, send(guest, "hello", 5, 0));
	ATF_CHECK(loop() < 10);
	ATF_CHECK_EQ(5, read_all(fd));
	/* the guest closes its end: its last words are heard, then the end */
	ATF_REQUIRE_EQ(3, send(guest, "bye", 3, 0));
	channel_guest(&s, 0, 0);
	ATF_CHECK_EQ(3, read_all(fd));
	ATF_CHECK_EQ(0, recv(fd, &fd, sizeof(fd), MSG_DONTWAIT));
	channel_end(&s);
	ATF_CHECK_EQ(ESRCH, channel_connect(&s, 7, 0));
}

ATF_TC_WITHOUT_HEAD(nobody_hears);
ATF_TC_BODY(nobody_hears, tc)
{
	char buf[65536];
	int fd, i;

	(void)tc;
	fresh();
	memset(buf, 'x', sizeof(buf));
	/* whatever the guest writes to nobody is taken off its hands */
	for (i = 0; i < 64; i++) {
		ATF_REQUIRE(send(guest, buf, sizeof(buf), MSG_DONTWAIT) > 0);
		(void)loop();
	}
	ATF_REQUIRE(send(guest, "old", 3, MSG_DONTWAIT) == 3);
	fd = client();
	(void)loop();
	ATF_CHECK_EQ(0, read_all(fd)); /* and is not the next one's */
	ATF_REQUIRE(send(guest, "new", 3, MSG_DONTWAIT) == 3);
	(void)loop();
	ATF_CHECK_EQ(3, read_all(fd));
}

/* Neither side's stall makes the loop turn, or loses a byte. */
ATF_TC_WITHOUT_HEAD(stalls);
ATF_TC_BODY(stalls, tc)
{
	static char buf[1 << 20];
	size_t sent = 0, got = 0;
	ssize_t k;
	int fd, i;

	(void)tc;
	fresh();
	fd = client();
	for (i = 0; i < 50; i++) {
		k = send(guest, buf, sizeof(buf), MSG_DONTWAIT);
		sent += k > 0 ? (size_t)k : 0;
		(void)loop();
	}
	ATF_CHECK(sent < sizeof(buf));
	ATF_CHECK_EQ(0, loop());
	for (i = 0; i < 1000 && got < sent; i++) {
		got += read_all(fd);
		(void)loop();
	}
	ATF_CHECK_EQ(sent, got);
	/* the other way */
	sent = got = 0;
	for (i = 0; i < 50; i++) {
		k = send(fd, buf, sizeof(buf), MSG_DONTWAIT);
		sent += k > 0 ? (size_t)k : 0;
		(void)loop();
	}
	ATF_CHECK_EQ(0, loop());
	/* it leaves: no turn for that, and all it sent still arrives */
	close(fd);
	ATF_CHECK(loop() < 10);
	for (i = 0; i < 1000 && got < sent; i++) {
		got += read_all(guest);
		(void)loop();
	}
	ATF_CHECK_EQ(sent, got);
	ATF_CHECK_EQ(-1, s.chan.c[0].client);
}

/* One that left while the guest reads nothing keeps nobody out. */
ATF_TC_WITHOUT_HEAD(takes_over);
ATF_TC_BODY(takes_over, tc)
{
	static char buf[1 << 20];
	int fd, i;

	(void)tc;
	fresh();
	fd = client();
	for (i = 0; i < 50; i++) {
		(void)send(fd, buf, sizeof(buf), MSG_DONTWAIT);
		(void)loop();
	}
	ATF_CHECK_EQ(EBUSY, channel_connect(&s, 7, 0));
	close(fd);
	(void)loop();
	fd = client();
	ATF_REQUIRE_EQ(2, send(guest, "hi", 2, 0));
	(void)loop();
	ATF_CHECK_EQ(2, read_all(fd));
}

/* A VMM that writes without end to a port that it calls closed. */
ATF_TC_WITHOUT_HEAD(hostile_vmm);
ATF_TC_BODY(hostile_vmm, tc)
{
	static char buf[1 << 20];
	int fd, i;

	(void)tc;
	fresh();
	fd = client();
	for (i = 0; i < 20; i++) {
		(void)send(guest, buf, sizeof(buf), MSG_DONTWAIT);
		channel_guest(&s, 0, i % 2);
	}
	close(guest);
	(void)loop();
	for (i = 0; i < 1000 && recv(fd, buf, sizeof(buf), 0) > 0; i++)
		(void)loop();
	ATF_CHECK_EQ(-1, s.chan.c[0].vmm);
	ATF_CHECK_EQ(-1, s.chan.c[0].client);
	ATF_CHECK_EQ(0, loop());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, connect_line);
	ATF_TP_ADD_TC(tp, states);
	ATF_TP_ADD_TC(tp, nobody_hears);
	ATF_TP_ADD_TC(tp, stalls);
	ATF_TP_ADD_TC(tp, takes_over);
	ATF_TP_ADD_TC(tp, hostile_vmm);
	return atf_no_error();
}
