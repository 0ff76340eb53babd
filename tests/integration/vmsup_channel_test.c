/* SPDX-License-Identifier: ISC */
/*
 * vmsup's console for many and its guest channels: the real program with its
 * seccomp list, a real QEMU, the test guest. Needs no root: whoever runs this
 * is ctld, and the owner too where a test says so.
 */
#include <atf-c.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "tests/lib/suprun.h"

#define BANNER "POSTERN-TEST-GUEST"
#define NOBODY 4000000u
#define GROWTH 48 /* KiB: first touches of stack and buffers */

static struct suprun r;

static void
start(const atf_tc_t *tc, const char *words, unsigned n)
{
	static struct clreq_start req;
	unsigned i;

	memset(&req, 0, sizeof(req));
	(void)strlcpy(req.boot_args, words, sizeof(req.boot_args));
	req.nchannels = n;
	for (i = 0; i < n; i++)
		req.channels[i] = (uint16_t)(7 + i);
	suprun_qemu(&r, tc, &req, -1);
	ATF_REQUIRE_EQ(0, suprun_ready(&r, BANNER));
	ATF_REQUIRE_MSG(suprun_until_ready(&r, 10000), "%s",
	    suprun_ring(r.log));
}

static void
stop(void)
{
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGKILL));
	ATF_REQUIRE(suprun_state(&r, SUP_ENDED, 5000));
	ATF_REQUIRE_EQ(0, suprun_end(&r));
}

/* A stream handed over with op; our end, or -1 and errno. */
static int
hand(uint16_t op, const void *body)
{
	int sv[2], code;

	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv));
	code = suprun_say(&r, op, body, sv[1]);
	close(sv[1]);
	if (code == 0)
		return sv[0];
	close(sv[0]);
	errno = code;
	return -1;
}

static int
attach(void)
{
	struct supreq_console q = { 0 };

	return hand(SUPOP_CONSOLE, &q);
}

static int
connect_port(uint32_t port)
{
	struct supreq_connect q = { .port = port };

	return hand(SUPOP_CONNECT, &q);
}

static void
tell(uint32_t owner, uint32_t admin, unsigned n)
{
	static struct supreq_channels q;
	unsigned i;

	memset(&q, 0, sizeof(q));
	q.owner = owner;
	q.admins[0] = admin;
	q.nadmins = 1;
	q.nports = n;
	for (i = 0; i < n; i++)
		q.ports[i] = 7 + i;
	ATF_REQUIRE_EQ(0, suprun_say(&r, SUPOP_CHANNELS, &q, -1));
}

/* Until the stream has said text: 1; its end or ten seconds: 0. */
static int
hears(int fd, const char *text)
{
	static char buf[8192];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = now_ms() + 10000;
	size_t n = 0;
	ssize_t k;

	memset(buf, 0, sizeof(buf));
	while (now_ms() < until && n < sizeof(buf) - 1) {
		if (poll(&p, 1, 100) != 1)
			continue;
		k = recv(fd, buf + n, sizeof(buf) - 1 - n, MSG_DONTWAIT);
		if (k <= 0)
			break;
		n += (size_t)k;
		if (strstr(buf, text) != NULL)
			return 1;
	}
	(void)printf("heard: %s\n", buf);
	return 0;
}

static int
ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = now_ms() + 10000;
	char buf[4096];

	while (now_ms() < until)
		if (poll(&p, 1, 100) == 1 && recv(fd, buf, sizeof(buf), 0) <=
		    0)
			return 1;
	return 0;
}

static void
say(int fd, const char *text)
{
	ATF_REQUIRE_EQ((ssize_t)strlen(text),
	    send(fd, text, strlen(text), MSG_NOSIGNAL));
}

static int
dial(const char *line)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "channel.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, connect(fd, (void *)&sun, sizeof(sun)));
	/* who is refused may find the other end closed already */
	(void)send(fd, line, strlen(line), MSG_NOSIGNAL);
	return fd;
}

/* Open, as far as the VMM has told; events of a port come once a second. */
static int
connect_soon(uint32_t port)
{
	int i, fd = -1;

	for (i = 0; i < 100 && (fd = connect_port(port)) < 0; i++) {
		ATF_REQUIRE(errno == ECONNREFUSED || errno == EBUSY);
		(void)usleep(50000);
	}
	ATF_REQUIRE(fd >= 0);
	return fd;
}

ATF_TC_WITHOUT_HEAD(console);
ATF_TC_BODY(console, tc)
{
	int fd[5], i;

	start(tc, "echo", 0);
	for (i = 0; i < 4; i++)
		ATF_REQUIRE((fd[i] = attach()) >= 0);
	ATF_CHECK(attach() < 0 && errno == EBUSY);
	say(fd[0], "hello\n");
	for (i = 0; i < 4; i++)
		ATF_CHECK(hears(fd[i], "serial: hello\n"));
	ATF_CHECK(strstr(suprun_ring(r.console), "serial: hello\n") != NULL);
	/* whoever leaves makes room */
	close(fd[1]);
	for (i = 0; i < 100 && (fd[1] = attach()) < 0; i++)
		(void)usleep(20000);
	ATF_REQUIRE(fd[1] >= 0);
	say(fd[1], "again\n");
	ATF_CHECK(hears(fd[1], "serial: again\n"));
	/* the end of the VM is theirs too */
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGKILL));
	ATF_REQUIRE(suprun_state(&r, SUP_ENDED, 5000));
	ATF_CHECK(ended(fd[0]));
	ATF_CHECK(attach() < 0 && errno == ESRCH);
	ATF_CHECK_EQ(0, suprun_end(&r));
}

/* How much the guest has printed in all. */
static uint64_t
printed(void)
{
	static char buf[RING_CONSOLE];
	uint64_t pos = 0;

	(void)ring_read(r.console, &pos, buf, sizeof(buf), NULL);
	return pos;
}

/* A reader that stalls loses bytes; guest, ring and memory do not notice. */
ATF_TC_WITHOUT_HEAD(console_stalls);
ATF_TC_BODY(console_stalls, tc)
{
	uint64_t before;
	int fd[4], i;
	long kib;

	start(tc, "echo sleep,500 flood", 0);
	for (i = 0; i < 4; i++)
		ATF_REQUIRE((fd[i] = attach()) >= 0);
	(void)usleep(1500000);
	kib = suprun_memory(&r, "Anonymous");
	before = printed();
	(void)usleep(1000000);
	ATF_CHECK_MSG(printed() > before, "the guest stood still");
	ATF_CHECK(suprun_memory(&r, "Anonymous") <= kib + GROWTH);
	suprun_connect(&r); /* ctld is heard in the middle of it */
	ATF_CHECK(hears(fd[0], "flood flood"));
	stop();
}

/* A guest that does not read its console holds up nobody. */
ATF_TC_WITHOUT_HEAD(console_deaf_guest);
ATF_TC_BODY(console_deaf_guest, tc)
{
	static char much[1 << 20];
	size_t sent = 0;
	ssize_t k;
	int fd, i;

	start(tc, "halt", 0);
	ATF_REQUIRE((fd = attach()) >= 0);
	memset(much, 'x', sizeof(much));
	for (i = 0; i < 100; i++) {
		k = send(fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += k > 0 ? (size_t)k : 0;
		(void)usleep(5000);
	}
	ATF_CHECK_MSG(sent < 2 * sizeof(much), "%zu went in", sent);
	suprun_connect(&r);
	close(fd);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_PAUSE));
	stop();
}

ATF_TC_WITHOUT_HEAD(channel);
ATF_TC_BODY(channel, tc)
{
	int fd, two, i;

	start(tc, "echo shut,8", 2);
	ATF_CHECK(connect_port(7) < 0 && errno == ENOENT); /* not told yet */
	tell(NOBODY, NOBODY, 2);
	fd = connect_soon(7);
	say(fd, "hello\n");
	ATF_CHECK(hears(fd, "7: hello\n"));
	ATF_CHECK(connect_port(7) < 0 && errno == EBUSY);
	ATF_CHECK(connect_port(8) < 0 && errno == ECONNREFUSED);
	ATF_CHECK(connect_port(9) < 0 && errno == ENOENT);
	/* the guest opens the other, both at once, then closes it */
	say(fd, "do open,8\n");
	ATF_CHECK(hears(fd, "done\n"));
	two = connect_soon(8);
	say(two, "two\n");
	ATF_CHECK(hears(two, "8: two\n"));
	say(fd, "do shut,8\n");
	ATF_CHECK(ended(two));
	close(two);
	ATF_CHECK(connect_port(8) < 0 && errno == ECONNREFUSED);
	/* what is sent before one leaves still arrives */
	say(fd, "do say,goodbye\n");
	close(fd);
	for (i = 0; i < 100 &&
	    strstr(suprun_ring(r.console), "goodbye\n") == NULL; i++)
		(void)usleep(20000);
	ATF_CHECK(i < 100);
	fd = connect_soon(7);
	say(fd, "new\n");
	ATF_CHECK(hears(fd, "7: new\n"));
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGKILL));
	ATF_REQUIRE(suprun_state(&r, SUP_ENDED, 5000));
	ATF_CHECK(ended(fd));
	ATF_CHECK(connect_port(7) < 0 && errno == ESRCH);
	ATF_CHECK_EQ(0, suprun_end(&r));
}

ATF_TC_WITHOUT_HEAD(channel_socket);
ATF_TC_BODY(channel_socket, tc)
{
	int fd, idle[4], i;

	start(tc, "shut,8", 2);
	tell(getuid(), NOBODY, 2);
	close(connect_soon(7));
	(void)usleep(100000);
	fd = dial("CONNECT 7\nat once\n");
	ATF_CHECK(hears(fd, "OK 7\n7: at once\n"));
	i = dial("CONNECT 7\n");
	ATF_CHECK(hears(i, "ERR this port is in use\n") && ended(i));
	i = dial("CONNECT 8\n");
	ATF_CHECK(hears(i, "ERR the guest has not opened this port\n"));
	i = dial("CONNECT 9\n");
	ATF_CHECK(hears(i, "ERR the VM has no such port\n"));
	i = dial("GET / HTTP/1.0\r\n");
	ATF_CHECK(hears(i, "ERR say CONNECT PORT\n") && ended(i));
	/* piece by piece */
	close(fd);
	(void)usleep(100000);
	fd = dial("CONN");
	(void)usleep(100000);
	say(fd, "ECT 7");
	(void)usleep(100000);
	say(fd, "\nhalf");
	ATF_CHECK(hears(fd, "OK 7\n"));
	say(fd, "s\n");
	ATF_CHECK(hears(fd, "7: halfs\n"));
	/* who says nothing is ended after a while, and the next comes in */
	for (i = 0; i < 4; i++)
		idle[i] = dial("C");
	i = dial("CONNECT 9\n");
	ATF_CHECK(hears(i, "ERR the VM has no such port\n"));
	for (i = 0; i < 4; i++)
		ATF_CHECK(ended(idle[i]));
	stop();
}

/* Owner and admins, by the kernel's word. */
ATF_TC(channel_stranger);
ATF_TC_HEAD(channel_stranger, tc)
{
	atf_tc_set_md_var(tc, "require.user", "unprivileged");
}
ATF_TC_BODY(channel_stranger, tc)
{
	int fd;

	start(tc, "", 1);
	tell(NOBODY, NOBODY, 1);
	close(connect_soon(7));
	(void)usleep(100000);
	fd = dial("CONNECT 7\n");
	ATF_CHECK(hears(fd, "ERR this VM is not yours\n") && ended(fd));
	tell(NOBODY, getuid(), 1);
	fd = dial("CONNECT 7\n");
	ATF_CHECK(hears(fd, "OK 7\n"));
	stop();
}

/* A client that does not read holds up its port, and nothing besides. */
ATF_TC_WITHOUT_HEAD(channel_stalls);
ATF_TC_BODY(channel_stalls, tc)
{
	static char much[1 << 16];
	size_t sent = 0;
	int fd, two, i;
	ssize_t k;
	long kib;

	start(tc, "echo", 2);
	tell(NOBODY, NOBODY, 2);
	fd = connect_soon(7);
	memset(much, '\n', sizeof(much));
	for (i = 0; i < 200; i++) {
		k = send(fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += k > 0 ? (size_t)k : 0;
		(void)usleep(5000);
	}
	kib = suprun_memory(&r, "Anonymous");
	(void)printf("%zu bytes went in\n", sent);
	for (i = 0; i < 100; i++) {
		(void)send(fd, much, sizeof(much), MSG_DONTWAIT |
		    MSG_NOSIGNAL);
		(void)usleep(5000);
	}
	ATF_CHECK(suprun_memory(&r, "Anonymous") <= kib + GROWTH);
	suprun_connect(&r);
	/* one that is gone is no hindrance, even if the guest never reads */
	close(fd);
	two = connect_soon(7);
	close(two);
	stop();
}

ATF_TC_WITHOUT_HEAD(ready_port);
ATF_TC_BODY(ready_port, tc)
{
	struct supreq_ready_port q = { .port = 7 };
	static struct clreq_start req;

	req.nchannels = 1;
	req.channels[0] = 7;
	(void)strlcpy(req.boot_args, "shut,7 sleep,1500 open,7",
	    sizeof(req.boot_args));
	suprun_qemu(&r, tc, &req, -1);
	tell(NOBODY, NOBODY, 1);
	ATF_REQUIRE_EQ(0, suprun_say(&r, SUPOP_READY_PORT, &q, -1));
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 10000));
	ATF_CHECK_EQ(0, r.st.ready);
	ATF_CHECK(suprun_until_ready(&r, 10000));
	stop();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, console);
	ATF_TP_ADD_TC(tp, console_stalls);
	ATF_TP_ADD_TC(tp, console_deaf_guest);
	ATF_TP_ADD_TC(tp, channel);
	ATF_TP_ADD_TC(tp, channel_socket);
	ATF_TP_ADD_TC(tp, channel_stranger);
	ATF_TP_ADD_TC(tp, channel_stalls);
	ATF_TP_ADD_TC(tp, ready_port);
	return atf_no_error();
}
