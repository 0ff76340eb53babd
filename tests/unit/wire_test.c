/* SPDX-License-Identifier: ISC */
/*
 * The wire: what is well-formed arrives whole; each malformed record is
 * EBADMSG and leaves no descriptor behind. Runs as anybody.
 */
#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"

static struct wire_msg m;

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ATF_REQUIRE(d != NULL);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static void
pair(int sv[2])
{
	ATF_REQUIRE_EQ(0, wire_pair(sv));
}

static struct wire_hdr
header(uint32_t len)
{
	struct wire_hdr h = { .magic = WIRE_MAGIC, .version = WIRE_VERSION,
		.type = 1, .len = len };

	return h;
}

/* A record as an attacker would send it. nfds copies of standard input. */
static void
raw(int fd, const void *buf, size_t n, unsigned nfds)
{
	_Alignas(struct cmsghdr) unsigned char ctl[CMSG_SPACE(64 * 4)];
	struct iovec iov = { (void *)(uintptr_t)buf, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fds[64] = { 0 };

	memset(ctl, 0, sizeof(ctl));
	if (nfds > 0) {
		msg.msg_control = ctl;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	ATF_REQUIRE_EQ((ssize_t)n, sendmsg(fd, &msg, MSG_NOSIGNAL));
}

/* This record is refused and leaves nothing; the wire goes on. */
static void
refused(const void *buf, size_t n, unsigned nfds, const char *what)
{
	struct wire_hdr h = { .type = 2 };
	int sv[2], before;

	pair(sv);
	before = count_fds();
	raw(sv[0], buf, n, nfds);
	errno = 0;
	ATF_CHECK_MSG(wire_recv(sv[1], &m) == -1 && errno == EBADMSG,
	    "%s: errno %d", what, errno);
	ATF_CHECK_EQ(0, m.nfds);
	ATF_CHECK_EQ_MSG(before, count_fds(), "%s left descriptors", what);
	ATF_CHECK_EQ(0, wire_send(sv[0], &h, NULL, 0, NULL, 0));
	ATF_CHECK_EQ(1, wire_recv(sv[1], &m));
	(void)close(sv[0]);
	(void)close(sv[1]);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	struct wire_hdr h = { .type = 7, .seq = 9, .slot = 3,
		.generation = 1ULL << 40 };
	int sv[2], fds[2] = { 0, 1 }, before;

	(void)tc;
	pair(sv);
	before = count_fds();
	ATF_REQUIRE_EQ(0, wire_send(sv[0], &h, "12345678", 8, fds, 2));
	ATF_REQUIRE_EQ(1, wire_recv(sv[1], &m));
	ATF_CHECK_EQ(7, m.h.type);
	ATF_CHECK_EQ(8, m.h.len);
	ATF_CHECK_EQ(9, m.h.seq);
	ATF_CHECK_EQ(3, m.h.slot);
	ATF_CHECK_EQ(1ULL << 40, m.h.generation);
	ATF_CHECK_EQ(0, memcmp(m.body, "12345678\0", 9));
	ATF_REQUIRE_EQ(2, m.nfds);
	ATF_CHECK_EQ(FD_CLOEXEC, fcntl(m.fds[1], F_GETFD));
	wire_drop_fds(&m);
	wire_drop_fds(&m);
	ATF_CHECK_EQ(before, count_fds());
	ATF_CHECK(wire_recv(sv[1], &m) == -1 && errno == EAGAIN);
}

ATF_TC_WITHOUT_HEAD(largest);
ATF_TC_BODY(largest, tc)
{
	static unsigned char body[WIRE_BODY_MAX + 1];
	struct wire_hdr h = { .type = 1 };
	int sv[2], fds[WIRE_FDS_MAX + 1] = { 0 };

	(void)tc;
	pair(sv);
	memset(body, 0x5a, sizeof(body));
	ATF_CHECK_EQ(0, wire_send(sv[0], &h, body, WIRE_BODY_MAX, fds,
	    WIRE_FDS_MAX));
	ATF_REQUIRE_EQ(1, wire_recv(sv[1], &m));
	ATF_CHECK_EQ(WIRE_FDS_MAX, m.nfds);
	ATF_CHECK_EQ(0, memcmp(body, m.body, WIRE_BODY_MAX));
	wire_drop_fds(&m);
	ATF_CHECK(wire_send(sv[0], &h, body, WIRE_BODY_MAX + 1, NULL, 0) < 0);
	ATF_CHECK_EQ(EMSGSIZE, errno);
	ATF_CHECK(wire_send(sv[0], &h, NULL, 0, fds, WIRE_FDS_MAX + 1) < 0);
	/* nothing of the large body shows behind a small one */
	ATF_CHECK_EQ(0, wire_send(sv[0], &h, "x", 1, NULL, 0));
	ATF_REQUIRE_EQ(1, wire_recv(sv[1], &m));
	ATF_CHECK_EQ(0, m.body[1]);
	ATF_CHECK_EQ(0, m.body[WIRE_BODY_MAX - 1]);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static unsigned char buf[sizeof(struct wire_hdr) + WIRE_BODY_MAX + 8];
	struct wire_hdr h = header(0);

	(void)tc;
	refused(&h, sizeof(h) - 1, 0, "short header");
	refused(&h, 1, 3, "one byte with descriptors");
	h.magic ^= 1;
	refused(&h, sizeof(h), 1, "magic");
	h = header(0);
	h.version++;
	refused(&h, sizeof(h), 1, "version");
	h = header(0);
	h.zero = 1;
	refused(&h, sizeof(h), 1, "reserved");
	h = header(1);
	refused(&h, sizeof(h), 1, "length above the record");
	h = header(4);
	memcpy(buf, &h, sizeof(h));
	refused(buf, sizeof(h) + 8, 1, "length below the record");
	h = header(UINT32_MAX);
	refused(&h, sizeof(h), 0, "largest length");
	h = header(WIRE_BODY_MAX);
	memcpy(buf, &h, sizeof(h));
	refused(buf, sizeof(buf), 2, "record longer than any");
	h = header(0);
	refused(&h, sizeof(h), WIRE_FDS_MAX + 1, "one descriptor too many");
	refused(&h, sizeof(h), 64, "many descriptors too many");
	refused("", 0, 0, "empty record");
	refused("", 0, 1, "empty record with a descriptor");
}

ATF_TC_WITHOUT_HEAD(end_of_file);
ATF_TC_BODY(end_of_file, tc)
{
	struct wire_hdr h = header(0);
	int sv[2];

	(void)tc;
	pair(sv);
	raw(sv[0], "", 0, 0);
	raw(sv[0], &h, sizeof(h), 0);
	(void)close(sv[0]);
	/* the peer is gone, yet the empty record is not its end */
	ATF_CHECK(wire_recv(sv[1], &m) == -1 && errno == EBADMSG);
	ATF_CHECK_EQ(1, wire_recv(sv[1], &m));
	ATF_CHECK_EQ(0, wire_recv(sv[1], &m));
	ATF_CHECK_EQ(0, wire_recv(sv[1], &m));
	ATF_CHECK(wire_send(sv[1], &h, NULL, 0, NULL, 0) < 0);
	ATF_CHECK_EQ(EPIPE, errno);
	(void)close(sv[1]);
	/* shutdown(2) is an end too */
	pair(sv);
	ATF_REQUIRE_EQ(0, shutdown(sv[0], SHUT_WR));
	ATF_CHECK_EQ(0, wire_recv(sv[1], &m));
}

ATF_TC_WITHOUT_HEAD(full_and_slow);
ATF_TC_BODY(full_and_slow, tc)
{
	struct wire_hdr h = { .type = 1 };
	int sv[2], i;

	(void)tc;
	pair(sv);
	ATF_CHECK(wire_recv_wait(sv[1], &m, 10) == -1 && errno == ETIMEDOUT);
	for (i = 0; i < 100000; i++)
		if (wire_send(sv[0], &h, m.body, 8192, NULL, 0) < 0)
			break;
	ATF_CHECK_EQ(EAGAIN, errno);
	ATF_CHECK_EQ(1, wire_recv_wait(sv[1], &m, 10));
	ATF_CHECK_EQ(0, wire_send(sv[0], &h, NULL, 0, NULL, 0));
}

ATF_TC_WITHOUT_HEAD(rows);
ATF_TC_BODY(rows, tc)
{
	const struct wire_row row = { "x", 5, 16, 24, 1, 2, 1, 1 };
	const struct wire_row silent = { "y", 5, 16, 0, 0, 0, 0, 0 };
	struct rep_hdr r = { .code = 0 };

	(void)tc;
	memset(&m, 0, sizeof(m));
	m.h.type = 5;
	m.h.len = 16;
	m.nfds = 1;
	ATF_CHECK_EQ(0, wire_check_request(&m, &row));
	m.nfds = 2;
	ATF_CHECK_EQ(0, wire_check_request(&m, &row));
	m.nfds = 3;
	ATF_CHECK(wire_check_request(&m, &row) < 0 && errno == EBADMSG);
	m.nfds = 0;
	ATF_CHECK(wire_check_request(&m, &row) < 0);
	m.nfds = 1;
	m.h.len = 15;
	ATF_CHECK(wire_check_request(&m, &row) < 0);
	m.h.len = 17;
	ATF_CHECK(wire_check_request(&m, &row) < 0);
	m.h.len = 16;
	m.h.type = 5 | WIRE_REPLY;
	ATF_CHECK(wire_check_request(&m, &row) < 0);

	m.h.len = 24;
	ATF_CHECK_EQ(0, wire_check_reply(&m, &row));
	ATF_CHECK(wire_check_reply(&m, &silent) < 0 && errno == EBADMSG);
	m.nfds = 0;
	ATF_CHECK(wire_check_reply(&m, &row) < 0);
	r.code = 5;
	memcpy(m.body, &r, sizeof(r));
	ATF_CHECK_EQ(0, wire_check_reply(&m, &row));
	m.nfds = 1; /* a failure brings no descriptor */
	ATF_CHECK(wire_check_reply(&m, &row) < 0);
	m.nfds = 0;
	m.h.len = 16;
	ATF_CHECK(wire_check_reply(&m, &row) < 0);
	m.h.len = 24;
	m.h.type = 6 | WIRE_REPLY;
	ATF_CHECK(wire_check_reply(&m, &row) < 0);
	m.h.type = 5 | WIRE_REPLY;
	r.zero = 1;
	memcpy(m.body, &r, sizeof(r));
	ATF_CHECK(wire_check_reply(&m, &row) < 0);
}

ATF_TC_WITHOUT_HEAD(replies);
ATF_TC_BODY(replies, tc)
{
	static struct wire_msg answer;
	struct wire_hdr h = { .type = 4, .seq = 77, .slot = 2,
		.generation = 99 };
	struct rep_hdr r = { .code = 0 };
	uint32_t uid, gid;
	int sv[2];

	(void)tc;
	pair(sv);
	ATF_REQUIRE_EQ(0, wire_send(sv[0], &h, NULL, 0, NULL, 0));
	ATF_REQUIRE_EQ(1, wire_recv(sv[1], &m));
	ATF_REQUIRE_EQ(0, wire_reply(sv[1], &m, &r, sizeof(r), NULL, 0));
	ATF_REQUIRE_EQ(1, wire_recv(sv[0], &answer));
	ATF_CHECK_EQ((4 | WIRE_REPLY), answer.h.type);
	ATF_CHECK_EQ(77, answer.h.seq);
	ATF_CHECK_EQ(2, answer.h.slot);
	ATF_CHECK_EQ(99, answer.h.generation);
	ATF_REQUIRE_EQ(0, wire_peer(sv[0], &uid, &gid));
	ATF_CHECK_EQ(getuid(), uid);
	ATF_CHECK_EQ(getgid(), gid);
	ATF_CHECK(wire_peer(STDIN_FILENO, &uid, &gid) < 0);
}

ATF_TC_WITHOUT_HEAD(strings);
ATF_TC_BODY(strings, tc)
{
	(void)tc;
	ATF_CHECK(wire_str_ok("\0\0\0", 4));
	ATF_CHECK(wire_str_ok("abc", 4));
	ATF_CHECK(wire_str_ok("ab\0", 4));
	ATF_CHECK(!wire_str_ok("abcd", 4));
	ATF_CHECK(!wire_str_ok("a\0c", 4));
	ATF_CHECK(!wire_str_ok("", 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, largest);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, end_of_file);
	ATF_TP_ADD_TC(tp, full_and_slow);
	ATF_TP_ADD_TC(tp, rows);
	ATF_TP_ADD_TC(tp, replies);
	ATF_TP_ADD_TC(tp, strings);
	return atf_no_error();
}
