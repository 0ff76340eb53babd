/* SPDX-License-Identifier: ISC */
/*
 * A connection without its process: framing, admission, the shapes of
 * answers, lines of a log. Runs as anybody.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/ring.h"
#include "ctld/client/admit.h"
#include "ctld/client/conn.h"
#include "ctld/client/logs.h"
#include "ctld/client/shape.h"
#include "tests/lib/sendfds.h"

ATF_TC_WITHOUT_HEAD(framing);
ATF_TC_BODY(framing, tc)
{
	static struct conn c;
	int sv[2], wire[2];

	(void)tc;
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire));
	conn_init(&c, sv[0], wire[0]);
	/* two messages and a half in one write: two, in order */
	ATF_REQUIRE_EQ(9, write(sv[1], "one\0two\0t", 9));
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK(c.n == 3 && memcmp(c.in, "one", 3) == 0);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK(c.n == 3 && memcmp(c.in, "two", 3) == 0);
	ATF_REQUIRE_EQ(4, write(sv[1], "hree", 5) - 1);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK(c.n == 5 && memcmp(c.in, "three", 5) == 0);
	/* half of one, then silence */
	ATF_REQUIRE_EQ(2, write(sv[1], "fo", 2));
	ATF_CHECK_EQ(CONN_HALF, conn_next(&c));
	/* ctld's end ends it at once */
	(void)close(wire[1]);
	ATF_CHECK_EQ(CONN_EOF, conn_next(&c));
}

ATF_TC_WITHOUT_HEAD(framing_too_long);
ATF_TC_BODY(framing_too_long, tc)
{
	static struct conn c;
	static char big[CONN_MESSAGE_MAX + 1];
	int sv[2], wire[2], room = 1 << 20;

	(void)tc;
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire));
	ATF_REQUIRE_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &room,
	    sizeof(room)));
	conn_init(&c, sv[0], wire[0]);
	memset(big, 'x', sizeof(big));
	big[CONN_MESSAGE_MAX - 1] = '\0';
	ATF_REQUIRE_EQ(CONN_MESSAGE_MAX,
	    write(sv[1], big, CONN_MESSAGE_MAX));
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(CONN_MESSAGE_MAX - 1, c.n);
	big[CONN_MESSAGE_MAX - 1] = 'x';
	ATF_REQUIRE_EQ((ssize_t)sizeof(big),
	    write(sv[1], big, sizeof(big)));
	ATF_CHECK_EQ(CONN_TOO_LONG, conn_next(&c));
}

ATF_TC_WITHOUT_HEAD(framing_fds);
ATF_TC_BODY(framing_fds, tc)
{
	static struct conn c;
	int sv[2], wire[2], fds[253], i, null = open("/dev/null", O_RDONLY);

	(void)tc;
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire));
	for (i = 0; i < 253; i++)
		fds[i] = null;
	conn_init(&c, sv[0], wire[0]);
	/* descriptors stay with the message that they came with */
	ATF_REQUIRE_EQ(4, write(sv[1], "one", 4));
	send_fds(sv[1], "two", 4, fds, 2);
	ATF_REQUIRE_EQ(6, write(sv[1], "three", 6));
	send_fds(sv[1], "four\0five", 10, fds, 1);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(0, c.nfds);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(2, c.nfds);
	ATF_CHECK(fcntl(c.fds[0], F_GETFD) == FD_CLOEXEC);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(0, c.nfds);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(1, c.nfds);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(0, c.nfds);
	send_fds(sv[1], "x", 2, fds, CONN_FDS_MAX);
	ATF_CHECK_EQ(CONN_MESSAGE, conn_next(&c));
	ATF_CHECK_EQ(CONN_FDS_MAX, c.nfds);
	send_fds(sv[1], "x", 2, fds, 253);
	ATF_CHECK_EQ(CONN_FDS, conn_next(&c));
	/* nor by one a byte */
	for (i = 0; i < (int)CONN_FDS_MAX + 1; i++)
		send_fds(sv[1], "y", 1, fds, 1);
	ATF_CHECK_EQ(CONN_FDS, conn_next(&c));
}

ATF_TC_WITHOUT_HEAD(admission);
ATF_TC_BODY(admission, tc)
{
	static struct sysconf conf;
	static struct conns t;
	uint32_t limit = 0, used = 0, i;

	(void)tc;
	sysconf_default(&conf);
	conf.nmembers = 20;
	for (i = 0; i < 20; i++)
		conf.members[i] = 1000 + i;
	conf.nadmins = 1;
	conf.admins[0] = 1019;
	ATF_CHECK_EQ(ADMIT_DENIED, admit(&t, &conf, 999, 1, &limit, &used));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1000, 1, &limit, &used));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 0, 1, &limit, &used));
	for (i = 0; i < 32; i++)
		conns_add(&t, (pid_t)(100 + i), 1000);
	ATF_CHECK_EQ(ADMIT_OWNER, admit(&t, &conf, 1000, 1, &limit, &used));
	ATF_CHECK_EQ(32, limit);
	ATF_CHECK_EQ(32, used);
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1001, 1, &limit, &used));
	conns_remove(&t, 100);
	conns_remove(&t, 100);
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1000, 1, &limit, &used));
	for (i = t.n; i < CONNS_MAX - CONNS_KEPT; i++)
		conns_add(&t, (pid_t)(1000 + i), 2000 + i);
	ATF_CHECK_EQ(ADMIT_FULL, admit(&t, &conf, 1001, 1, &limit, &used));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1019, 1, &limit, &used));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 0, 1, &limit, &used));
	for (i = t.n; i < CONNS_MAX; i++)
		conns_add(&t, (pid_t)(1000 + i), 2000 + i);
	ATF_CHECK_EQ(ADMIT_FULL, admit(&t, &conf, 0, 1, &limit, &used));
	ATF_CHECK_EQ(CONNS_MAX, limit);
}

/* One that comes and goes as fast as it can: its own rate, nobody else's. */
ATF_TC_WITHOUT_HEAD(admission_pace);
ATF_TC_BODY(admission_pace, tc)
{
	static struct sysconf conf;
	static struct conns t;
	uint32_t limit = 0, used = 0, i, n;

	(void)tc;
	sysconf_default(&conf);
	conf.nmembers = 2;
	conf.members[0] = 1000;
	conf.members[1] = 1001;
	conf.fallback.connect_rate = 10;
	for (i = n = 0; i < 1000; i++)
		n += admit(&t, &conf, 1000, 1, &limit, &used) == ADMIT_OK;
	ATF_CHECK_EQ(10 * BUCKET_SECONDS, n);
	ATF_CHECK_EQ(ADMIT_PACE, admit(&t, &conf, 1000, 1, &limit, &used));
	ATF_CHECK_EQ(10, limit);
	ATF_CHECK_EQ(UINT32_MAX, used);
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1001, 1, &limit, &used));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1000, 101, &limit, &used));
	ATF_CHECK_EQ(ADMIT_PACE, admit(&t, &conf, 1000, 102, &limit, &used));
	/* control: without a ceiling that matters all of them come in */
	conf.fallback.connect_rate = 1000;
	for (i = n = 0; i < 1000; i++)
		n += admit(&t, &conf, 1000, 100000, &limit, &used) ==
		    ADMIT_OK;
	ATF_CHECK_EQ(1000, n);
}

ATF_TC_WITHOUT_HEAD(shapes);
ATF_TC_BODY(shapes, tc)
{
	struct cl_vm vm = { .id = "vm-0123456789abcdef", .name = "web",
		.owner = 1000, .status = VM_RUNNING, .cpus = 2,
		.memory_mib = 512, .backend = BACKEND_QEMU, .nports = 1,
		.vm_addr = 0x0ac80003, .created_ms = 951782400000 };
	char buf[32], *text;
	json_t *j;

	(void)tc;
	vm.ports[0] = (struct net_port){ .host = 8080, .guest = 80,
		.proto = IPPROTO_TCP };
	ATF_CHECK(shape_vm_ok(&vm));
	j = shape_vm(&vm);
	text = json_dumps(j, JSON_COMPACT);
	ATF_CHECK_STREQ("{\"id\":\"vm-0123456789abcdef\",\"name\":\"web\","
	    "\"status\":\"Running\",\"guest_ip\":\"10.200.0.3\",\"cpus\":2,"
	    "\"memory_mib\":512,\"profile\":null,\"revision\":null,"
	    "\"flake_ref\":null,\"ports\":[{\"host\":8080,\"guest\":80}],"
	    "\"owner\":1000,\"backend\":\"qemu\",\"state\":\"Running\","
	    "\"reason\":null,\"created\":\"2000-02-29T00:00:00Z\","
	    "\"started\":null,\"ended\":null,\"address\":\"10.200.0.3\"}",
	    text);
	free(text);
	json_decref(j);
	vm.status = VM_FAILED;
	(void)strlcpy(vm.reason, "oom", sizeof(vm.reason));
	j = shape_status(&vm);
	text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	ATF_CHECK_STREQ("{\"Failed\":{\"reason\":\"oom\"}}", text);
	free(text);
	json_decref(j);
	shape_time(0, buf);
	ATF_CHECK_STREQ("1970-01-01T00:00:00Z", buf);
	shape_time(1772323199999, buf);
	ATF_CHECK_STREQ("2026-02-28T23:59:59Z", buf);
	shape_time(4107542400000, buf);
	ATF_CHECK_STREQ("2100-03-01T00:00:00Z", buf);
	vm.status = 99;
	ATF_CHECK(!shape_vm_ok(&vm));
	vm.status = VM_RUNNING;
	memset(vm.name, 'a', sizeof(vm.name));
	ATF_CHECK(!shape_vm_ok(&vm));
}

static void
tail(const char *text, uint64_t lines, const char *want)
{
	struct log_source s = { .fd = memfd_create("log", 0) };
	char buf[256] = "";
	uint64_t end;

	ATF_REQUIRE_EQ((ssize_t)strlen(text),
	    write(s.fd, text, strlen(text)));
	ATF_REQUIRE_EQ(0, log_tail(&s, lines, &end));
	ATF_CHECK_EQ(strlen(text), end);
	(void)log_read(&s, buf, sizeof(buf) - 1);
	ATF_CHECK_STREQ(want, buf);
	(void)close(s.fd);
}

ATF_TC_WITHOUT_HEAD(log_lines);
ATF_TC_BODY(log_lines, tc)
{
	static char big[100000];
	struct log_source s;
	char text[16];
	uint64_t end;
	unsigned i;
	struct ring r;

	(void)tc;
	tail("", 5, "");
	tail("a\nb\nc\n", 2, "b\nc\n");
	tail("a\nb\nc", 2, "b\nc");
	tail("a\nb\nc\n", 9, "a\nb\nc\n");
	tail("a\nb\nc\n", 0, "");
	tail("a\nb\nc", 1, "c");
	tail("\n\n\n", 2, "\n\n");
	/* over many buffers, and in a ring that has wrapped around */
	for (i = 0; i < sizeof(big); i++)
		big[i] = i % 10 == 9 ? '\n' : 'x';
	s = (struct log_source){ .fd = ring_create("t", RING_LOG),
		.ring = 1 };
	ATF_REQUIRE(s.fd >= 0);
	ATF_REQUIRE_EQ(0, ring_map(&r, s.fd));
	ring_put(&r, big, sizeof(big));
	ring_put(&r, "last", 4);
	ATF_REQUIRE_EQ(0, log_tail(&s, 2, &end));
	memset(text, 0, sizeof(text));
	ATF_CHECK_EQ(14, log_read(&s, text, sizeof(text)));
	ATF_CHECK_STREQ("xxxxxxxxx\nlast", text);
}

ATF_TC_WITHOUT_HEAD(base64_text);
ATF_TC_BODY(base64_text, tc)
{
	static const char *const t[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "\xff\xfe\xfd", "//79" } };
	char buf[32];
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(buf, 0, sizeof(buf));
		(void)base64(buf, (const unsigned char *)t[i][0],
		    strlen(t[i][0]));
		ATF_CHECK_STREQ(t[i][1], buf);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, framing);
	ATF_TP_ADD_TC(tp, framing_too_long);
	ATF_TP_ADD_TC(tp, framing_fds);
	ATF_TP_ADD_TC(tp, admission);
	ATF_TP_ADD_TC(tp, admission_pace);
	ATF_TP_ADD_TC(tp, shapes);
	ATF_TP_ADD_TC(tp, log_lines);
	ATF_TP_ADD_TC(tp, base64_text);
	return atf_no_error();
}
