/* SPDX-License-Identifier: ISC */
/*
 * The decoders and judgements of a connection's own process, without a
 * process: JSON's limits, parameters, framing, mount types, admission,
 * shapes, lines of a log. Runs as anybody.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "ctld/client/admit.h"
#include "ctld/client/args.h"
#include "ctld/client/conn.h"
#include "ctld/client/fdlook.h"
#include "ctld/client/image.h"
#include "ctld/client/json.h"
#include "ctld/client/logs.h"
#include "ctld/client/shape.h"

static int
takes(const char *text, size_t n)
{
	char why[160] = "";
	json_t *j = json_take(text, n, why, sizeof(why));
	int ok = j != NULL;

	json_decref(j);
	ATF_CHECK_EQ(ok, why[0] == '\0');
	return ok;
}
#define TAKES(s) takes(s, strlen(s))

ATF_TC_WITHOUT_HEAD(json_limits);
ATF_TC_BODY(json_limits, tc)
{
	static char deep[10u << 20];
	char text[64];
	unsigned i;

	(void)tc;
	ATF_CHECK(TAKES("{}"));
	ATF_CHECK(TAKES("{\"a\":[{\"b\":null}]}"));
	ATF_CHECK(!TAKES(""));
	ATF_CHECK(!TAKES("{"));
	ATF_CHECK(!TAKES("{} {}"));
	ATF_CHECK(!TAKES("[]"));
	ATF_CHECK(!TAKES("\"text\""));
	ATF_CHECK(!TAKES("{\"a\":1,\"a\":2}"));
	ATF_CHECK(!TAKES("{\"a\":\"\\u0000\"}"));
	ATF_CHECK(!TAKES("{\"a\":\"\xff\"}"));
	ATF_CHECK(!TAKES("{\"a\":\"\xed\xa0\x80\"}"));
	ATF_CHECK(!TAKES("{\"a\":NaN}"));
	ATF_CHECK(!TAKES("{\"a\":1e999}"));
	ATF_CHECK(!TAKES("{\"a\":99999999999999999999}"));
	ATF_CHECK(!takes("{\"a\":\"b\0\"}", 10));
	/* 16 levels are, 17 are not; brackets in strings are no levels */
	for (i = 15; i <= 16; i++) {
		(void)strlcpy(text, "{\"a\":", sizeof(text));
		memset(text + 5, '[', i);
		memset(text + 5 + i, ']', i);
		(void)strlcpy(text + 5 + 2 * i, "}",
		    sizeof(text) - 5 - 2 * i);
		ATF_CHECK_EQ(i == 15, TAKES(text));
	}
	ATF_CHECK(TAKES("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	ATF_CHECK(TAKES("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	memset(deep, '[', sizeof(deep));
	ATF_CHECK(!takes(deep, sizeof(deep)));
	memset(deep, '{', sizeof(deep));
	ATF_CHECK(!takes(deep, sizeof(deep)));
}

static json_t *
obj(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	ATF_REQUIRE_MSG(j != NULL, "%s", text);
	return j;
}

static void
memory(const char *text, int want, uint32_t mib)
{
	json_t *j = obj(text);
	uint32_t v = 256;
	struct rep_cl e;

	ATF_CHECK_EQ_MSG(want, arg_memory(j, "memory_mib", &v, &e), "%s",
	    text);
	if (want == 0)
		ATF_CHECK_EQ_MSG(mib, v, "%s", text);
	else
		ATF_CHECK_STREQ("memory_mib", e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(memory_sizes);
ATF_TC_BODY(memory_sizes, tc)
{
	(void)tc;
	memory("{}", 0, 256);
	memory("{\"memory_mib\":null}", 0, 256);
	memory("{\"memory_mib\":512}", 0, 512);
	memory("{\"memory_mib\":\"512\"}", 0, 512);
	memory("{\"memory_mib\":\"512M\"}", 0, 512);
	memory("{\"memory_mib\":\"2G\"}", 0, 2048);
	memory("{\"memory_mib\":1}", -1, 0);
	memory("{\"memory_mib\":0}", -1, 0);
	memory("{\"memory_mib\":-512}", -1, 0);
	memory("{\"memory_mib\":512.0}", -1, 0);
	memory("{\"memory_mib\":\"2GB\"}", -1, 0);
	memory("{\"memory_mib\":\" 2G\"}", -1, 0);
	memory("{\"memory_mib\":\"\"}", -1, 0);
	memory("{\"memory_mib\":\"99999T\"}", -1, 0);
	memory("{\"memory_mib\":9223372036854775807}", -1, 0);
	memory("{\"memory_mib\":[512]}", -1, 0);
	memory("{\"memory_mib\":true}", -1, 0);
}

static void
ports(const char *list, const char *field, struct req_net_up *up)
{
	char text[512];
	struct rep_cl e;
	json_t *j;
	int r;

	(void)snprintf(text, sizeof(text), "{\"ports\":%s}", list);
	j = obj(text);
	memset(up, 0, sizeof(*up));
	r = arg_ports(j, up, &e);
	ATF_CHECK_EQ_MSG(field == NULL ? 0 : -1, r, "%s", list);
	if (r < 0)
		ATF_CHECK_STREQ(field, e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(port_lists);
ATF_TC_BODY(port_lists, tc)
{
	struct req_net_up up;

	(void)tc;
	ports("null", NULL, &up);
	ATF_CHECK_EQ(0, up.nports);
	ports("[{\"host\":8080,\"guest\":80}]", NULL, &up);
	ATF_CHECK(up.nports == 1 && up.ports[0].host == 8080 &&
	    up.ports[0].guest == 80 && up.ports[0].proto == IPPROTO_TCP &&
	    up.ports[0].addr == 0);
	ports("[{\"host\":53,\"guest\":53,\"proto\":\"udp\","
	      "\"address\":\"127.0.0.2\"}]", NULL, &up);
	ATF_CHECK(up.ports[0].proto == IPPROTO_UDP &&
	    up.ports[0].addr == 0x7f000002u);
	ports("{}", "ports", &up);
	ports("[1]", "ports[0].host", &up);
	ports("[{\"host\":8080}]", "ports[0].guest", &up);
	ports("[{\"guest\":8080}]", "ports[0].host", &up);
	ports("[{\"host\":0,\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":65536,\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":\"80\",\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":1,\"guest\":1,\"proto\":\"sctp\"}]",
	    "ports[0].proto", &up);
	ports("[{\"host\":1,\"guest\":1,\"address\":\"localhost\"}]",
	    "ports[0].address", &up);
	ports("[{\"host\":1,\"guest\":1,\"x\":1}]", "ports[0].x", &up);
	ports("[{\"host\":1,\"guest\":1},{\"host\":1,\"guest\":2}]",
	    "ports[1].host", &up);
	ports("[{\"host\":1,\"guest\":1},"
	      "{\"host\":1,\"guest\":2,\"proto\":\"udp\"}]", NULL, &up);
	ports("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
	      "1,1,1]", "ports", &up);
}

static void
allows(const char *list, const char *field, struct req_net_up *up)
{
	char text[512];
	struct rep_cl e;
	json_t *j;
	int r;

	(void)snprintf(text, sizeof(text), "{\"allow\":%s}", list);
	j = obj(text);
	memset(up, 0, sizeof(*up));
	r = arg_allow(j, up, &e);
	ATF_CHECK_EQ_MSG(field == NULL ? 0 : -1, r, "%s", list);
	if (r < 0)
		ATF_CHECK_STREQ(field, e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(allow_lists);
ATF_TC_BODY(allow_lists, tc)
{
	struct req_net_up up;

	(void)tc;
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.0/24\","
	       "\"ports\":\"80-443\"}]", NULL, &up);
	ATF_CHECK(up.nallow == 1 && up.allow[0].addr == 0xc0000200u &&
	    up.allow[0].prefix == 24 && up.allow[0].port_lo == 80 &&
	    up.allow[0].port_hi == 443 && up.allow[0].proto == IPPROTO_TCP);
	allows("[{\"proto\":\"any\",\"cidr\":\"192.0.2.1\"}]", NULL, &up);
	ATF_CHECK(up.allow[0].prefix == 32 && up.allow[0].proto == 0);
	allows("[{\"proto\":\"any\",\"cidr\":\"0.0.0.0/0\"}]", NULL, &up);
	allows("[{\"cidr\":\"0.0.0.0/0\"}]", "allow[0].proto", &up);
	allows("[{\"proto\":\"tcp\"}]", "allow[0].cidr", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1/24\"}]",
	    "allow[0].cidr", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"::/0\"}]", "allow[0].cidr",
	    &up);
	allows("[{\"proto\":\"icmp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":\"80\"}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":\"90-80\"}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":80}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\",\"via\":1}]",
	    "allow[0].via", &up);
}

static void
ref(const char *name, int want, uint32_t owner)
{
	json_t *j = json_pack("{s:s}", "name", name);
	struct cl_ref r;
	struct rep_cl e;

	ATF_CHECK_EQ_MSG(want, arg_ref(j, &r, &e), "%s", name);
	if (want == 0)
		ATF_CHECK_EQ(owner, r.owner);
	else
		ATF_CHECK_STREQ("name", e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	char longest[301];

	(void)tc;
	ref("web", 0, OWNER_SELF);
	ref("1-b-c", 0, OWNER_SELF);
	ref("1000/web", 0, 1000);
	ref("0/web", 0, 0);
	memset(longest, 'a', 300);
	longest[300] = '\0';
	ref(longest, -1, 0);
	longest[63] = '\0';
	ref(longest, 0, OWNER_SELF);
	ref("", -1, 0);
	ref("-web", -1, 0);
	ref("Web", -1, 0);
	ref("../x", -1, 0);
	ref("a/b/c", -1, 0);
	ref("/web", -1, 0);
	ref("root/web", -1, 0);
	ref("4294967295/web", -1, 0);
	ref("99999999999999999999/web", -1, 0);
	ref("we b", -1, 0);
	ref("web\n", -1, 0);
	ref("w\xc3\xa9" "b", -1, 0);
}

ATF_TC_WITHOUT_HEAD(texts);
ATF_TC_BODY(texts, tc)
{
	static const char *const known[] = { "a", "b", "c", NULL };
	json_t *j = obj("{\"a\":\"x\\ny\",\"b\":\"\\u009b31m\","
			"\"c\":\"\xc3\xa9\xc3\xa9\"}");
	char buf[8];
	struct rep_cl e;

	(void)tc;
	ATF_CHECK_EQ(0, arg_known(j, "", known, &e));
	ATF_CHECK_EQ(-1, arg_known(j, "", known + 1, &e));
	ATF_CHECK_STREQ("a", e.field);
	ATF_CHECK_EQ(-1, arg_text(j, "", "a", buf, sizeof(buf), &e));
	ATF_CHECK_EQ(-1, arg_text(j, "", "b", buf, sizeof(buf), &e));
	ATF_CHECK_EQ(0, arg_text(j, "", "c", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("\xc3\xa9\xc3\xa9", buf);
	ATF_CHECK_EQ(-1, arg_text(j, "", "c", buf, 4, &e));
	ATF_CHECK_EQ(0, arg_path(j, "", "a", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("x?y", buf);
	ATF_CHECK_EQ(0, arg_path(j, "", "b", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("??31m", buf);
	json_decref(j);
	j = obj("{\"p\":\"ab\xc3\xa9" "cdefgh\"}");
	ATF_CHECK_EQ(0, arg_path(j, "", "p", buf, 7, &e));
	ATF_CHECK_STREQ("ab...", buf);
	json_decref(j);
}

static void
feed(const char *text, struct fdlook *l, unsigned n)
{
	struct fdlook_scan whole = { .l = l, .n = n }, bytes = whole;
	struct fdlook was[4];
	const char *p;

	memcpy(was, l, n * sizeof(*l));
	fdlook_feed(&whole, text, strlen(text));
	memcpy(was, l, n * sizeof(*l));
	for (p = text; *p != '\0'; p++) /* in pieces: the same */
		fdlook_feed(&bytes, p, 1);
	ATF_CHECK_EQ(0, memcmp(was, l, n * sizeof(*l)));
}

ATF_TC_WITHOUT_HEAD(mount_types);
ATF_TC_BODY(mount_types, tc)
{
	static const char info[] =
	    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	    "40 27 0:50 / /mnt/a\\040b rw shared:5 master:2 - fuse.sshfs "
	    "x rw,user_id=0\n"
	    "41 27 0:51 /sub /btrfs rw - btrfs /dev/vdb rw,subvol=/sub\n"
	    "42 27 0:52 / /longlonglonglonglonglonglonglonglonglong rw - "
	    "averyveryverylongfilesystemtypename x rw\n"
	    "43 27 0:53 / /x rw - fuse /dev/ext4 rw,ext4 - ext4\n";
	struct fdlook l[] = {
		{ .major = 254, .minor = 0, .mount = 999 },
		{ .major = 0, .minor = 50, .mount = 40 },
		{ .major = 0, .minor = 77, .mount = 41 }, /* subvolume's */
		{ .major = 0, .minor = 99, .mount = 98 }, /* not ours */
	};
	struct fdlook more[] = {
		{ .major = 0, .minor = 52, .mount = 42 },
		{ .major = 0, .minor = 53, .mount = 43 },
		{ .major = 0, .minor = 50, .mount = 27 },
	};
	const char *type;

	(void)tc;
	feed(info, l, 4);
	ATF_CHECK(fdlook_ok(&l[0], &type));
	ATF_CHECK_STREQ("ext4", type);
	ATF_CHECK(!fdlook_ok(&l[1], &type));
	ATF_CHECK_STREQ("fuse.sshfs", type);
	ATF_CHECK(fdlook_ok(&l[2], &type));
	ATF_CHECK_STREQ("btrfs", type);
	ATF_CHECK(!fdlook_ok(&l[3], &type));
	ATF_CHECK_STREQ("", type);
	feed(info, more, 3);
	ATF_CHECK(!fdlook_ok(&more[0], &type));
	ATF_CHECK(!fdlook_ok(&more[1], &type));
	ATF_CHECK_STREQ("fuse", type);
	/* the mount itself says more than the device */
	ATF_CHECK(fdlook_ok(&more[2], &type));
}

static int
judge(int fd, int mounts)
{
	struct fdlook l;
	const char *type;

	ATF_REQUIRE_EQ(0, fdlook_ask(fd, &l));
	ATF_REQUIRE_EQ(0, fdlook_mounts(mounts, &l, 1));
	return fdlook_ok(&l, &type);
}

ATF_TC_WITHOUT_HEAD(real_files);
ATF_TC_BODY(real_files, tc)
{
	int mounts = open("/proc/self/mountinfo", O_RDONLY), p[2], fd;

	(void)tc;
	fd = open("file", O_CREAT | O_RDWR, 0600);
	ATF_CHECK(judge(fd, mounts));
	ATF_CHECK(judge(open("file", O_PATH), mounts));
	ATF_REQUIRE_EQ(0, pipe(p));
	ATF_CHECK(!judge(p[0], mounts));
	ATF_CHECK(!judge(open("/proc/self/status", O_RDONLY), mounts));
	ATF_CHECK(!judge(memfd_create("m", 0), mounts));
	ATF_CHECK(!judge(socket(AF_UNIX, SOCK_STREAM, 0), mounts));
	ATF_CHECK(!judge(open("/dev/null", O_RDONLY), mounts) ||
	    access("/dev/shm", F_OK) == 0);
}

static void
image(int fd, int rw, uint32_t peer, const char *word)
{
	struct rep_cl e = { 0 };
	int r = image_check(fd, "kernel_fd", rw, peer, peer, &e);

	ATF_CHECK_EQ_MSG(word == NULL ? 0 : -1, r, "%s", e.reason);
	if (word != NULL)
		ATF_CHECK_MSG(strstr(e.reason, word) != NULL, "%s: no %s",
		    e.reason, word);
}

ATF_TC_WITHOUT_HEAD(images);
ATF_TC_BODY(images, tc)
{
	uint32_t me = getuid();
	struct rep_cl e;
	int p[2], fd, rw;

	(void)tc;
	atf_utils_create_file("img", "%s", "0123456789");
	atf_utils_create_file("empty", "%s", "");
	atf_utils_create_file("qcow2", "%s", "QFI\xfb....");
	fd = open("img", O_RDONLY);
	rw = open("img", O_RDWR);
	image(fd, 0, me, NULL);
	image(rw, 1, me, NULL);
	image(rw, 0, me, "reading only");
	image(fd, 1, me, "and writing");
	image(open("img", O_PATH), 0, me, "O_PATH");
	image(open(".", O_RDONLY), 0, me, "directory");
	image(open("/dev/null", O_RDONLY), 0, me, "device");
	image(open("empty", O_RDONLY), 0, me, "empty");
	ATF_REQUIRE_EQ(0, pipe(p));
	image(p[0], 0, me, "FIFO");
	if (me != 0)
		image(fd, 0, me + 1, "belongs to");
	else
		image(rw, 1, me + 1, "belongs to");
	ATF_CHECK_EQ(0, image_check_pair(fd, rw, "x", &e));
	ATF_CHECK_EQ(-1, image_check_pair(fd, open("empty", O_RDWR), "x",
	    &e));
	ATF_CHECK_EQ(0, image_check_raw(fd, "x", &e));
	ATF_CHECK_EQ(-1, image_check_raw(open("qcow2", O_RDONLY), "x", &e));
	ATF_CHECK(strstr(e.reason, "qemu-img") != NULL);
	ATF_REQUIRE_EQ(0, unlink("img"));
	image(fd, 0, me, "deleted");
}

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

static void
send_fds(int sock, const char *text, size_t n, const int *fds, unsigned nfds)
{
	char ctl[CMSG_SPACE(253 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = CMSG_SPACE(nfds * sizeof(int)) };
	struct cmsghdr *h = (struct cmsghdr *)(void *)ctl;

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(h), fds, nfds * sizeof(int));
	ATF_REQUIRE_EQ((ssize_t)n, sendmsg(sock, &m, 0));
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
	uint32_t limit = 0, i;

	(void)tc;
	sysconf_default(&conf);
	conf.nmembers = 20;
	for (i = 0; i < 20; i++)
		conf.members[i] = 1000 + i;
	conf.nadmins = 1;
	conf.admins[0] = 1019;
	ATF_CHECK_EQ(ADMIT_DENIED, admit(&t, &conf, 999, &limit));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1000, &limit));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 0, &limit));
	for (i = 0; i < 32; i++)
		conns_add(&t, (pid_t)(100 + i), 1000);
	ATF_CHECK_EQ(ADMIT_OWNER, admit(&t, &conf, 1000, &limit));
	ATF_CHECK_EQ(32, limit);
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1001, &limit));
	conns_remove(&t, 100);
	conns_remove(&t, 100);
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1000, &limit));
	for (i = t.n; i < CONNS_MAX - CONNS_KEPT; i++)
		conns_add(&t, (pid_t)(1000 + i), 2000 + i);
	ATF_CHECK_EQ(ADMIT_FULL, admit(&t, &conf, 1001, &limit));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 1019, &limit));
	ATF_CHECK_EQ(ADMIT_OK, admit(&t, &conf, 0, &limit));
	for (i = t.n; i < CONNS_MAX; i++)
		conns_add(&t, (pid_t)(1000 + i), 2000 + i);
	ATF_CHECK_EQ(ADMIT_FULL, admit(&t, &conf, 0, &limit));
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
	ATF_TP_ADD_TC(tp, json_limits);
	ATF_TP_ADD_TC(tp, memory_sizes);
	ATF_TP_ADD_TC(tp, port_lists);
	ATF_TP_ADD_TC(tp, allow_lists);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, texts);
	ATF_TP_ADD_TC(tp, mount_types);
	ATF_TP_ADD_TC(tp, real_files);
	ATF_TP_ADD_TC(tp, images);
	ATF_TP_ADD_TC(tp, framing);
	ATF_TP_ADD_TC(tp, framing_too_long);
	ATF_TP_ADD_TC(tp, framing_fds);
	ATF_TP_ADD_TC(tp, admission);
	ATF_TP_ADD_TC(tp, shapes);
	ATF_TP_ADD_TC(tp, log_lines);
	ATF_TP_ADD_TC(tp, base64_text);
	return atf_no_error();
}
