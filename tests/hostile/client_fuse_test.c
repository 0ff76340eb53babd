/* SPDX-License-Identifier: ISC */
/*
 * A tenant passes a file on its own FUSE mount whose server never answers:
 * fstat(2), fstatfs(2) and close(2) of it hang, also for whoever is sent the
 * descriptor. The client gets its answer, its own process alone hangs, and
 * what hangs is counted as that tenant's. As root, for the mount.
 */
#include <atf-c.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "tests/lib/fakectld.h"

#define TENANT 61050
#define FILE_NODE 2

static void
answer(int dev, uint64_t unique, const void *body, size_t n)
{
	char buf[512];
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n),
		.unique = unique };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, n);
	if (write(dev, buf, h.len) != (ssize_t)h.len)
		warn("fuse answer");
}

static void
attributes(struct fuse_attr *a, uint64_t node)
{
	a->ino = node;
	a->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	a->nlink = 1;
	a->size = 4096;
}

/* Answers what it takes to open the file, and then nothing more of it. */
static void
serve_fuse(int dev)
{
	_Alignas(8) static char buf[1 << 20];
	const struct fuse_in_header *in = (const void *)buf;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE };
	struct fuse_attr_out attr = { .attr_valid = 60 };
	struct fuse_open_out opened = { .fh = 1 };

	attributes(&entry.attr, FILE_NODE);
	attributes(&attr.attr, FUSE_ROOT_ID);
	while (read(dev, buf, sizeof(buf)) > 0) {
		if (in->opcode == FUSE_INIT)
			answer(dev, in->unique, &init, sizeof(init));
		else if (in->opcode == FUSE_LOOKUP)
			answer(dev, in->unique, &entry, sizeof(entry));
		else if (in->opcode == FUSE_GETATTR &&
		    in->nodeid == FUSE_ROOT_ID)
			answer(dev, in->unique, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			answer(dev, in->unique, &opened, sizeof(opened));
	}
}

/* An open file of such a mount, which only this test's namespace has. */
static int
silent_file(pid_t *server)
{
	char options[128];
	int dev, fd;

	ATF_REQUIRE_EQ(0, mkdir("mnt", 0755));
	ATF_REQUIRE_EQ(0, unshare(CLONE_NEWNS));
	ATF_REQUIRE_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		atf_tc_skip("no /dev/fuse: %s", strerror(errno));
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,"
	    "user_id=0,group_id=0,allow_other", dev);
	ATF_REQUIRE_EQ_MSG(0, mount("x", "mnt", "fuse",
	    MS_NOSUID | MS_NODEV, options), "%s", strerror(errno));
	*server = fork();
	if (*server == 0) {
		/* a test that failed waits for this end, too */
		(void)alarm(30);
		serve_fuse(dev);
		_exit(0);
	}
	(void)close(dev);
	fd = open("mnt/file", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE_MSG(fd >= 0, "%s", strerror(errno));
	return fd;
}

/* Does fn(fd) come back within a second? Its process is left behind. */
static int
returns(int (*fn)(int), int fd)
{
	pid_t pid = fork();
	int i, st;

	if (pid == 0)
		_exit(fn(fd) == 0 ? 0 : 1);
	for (i = 0; i < 20; i++) {
		if (waitpid(pid, &st, WNOHANG) == pid)
			return 1;
		(void)poll(NULL, 0, 50);
	}
	return 0;
}

static int
try_fstat(int fd)
{
	struct stat st;

	return fstat(fd, &st);
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "./sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		err(1, "sock");
	return fd;
}

static void
say(int sock, const char *text, int fd)
{
	char ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) + 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *h = (struct cmsghdr *)(void *)ctl;

	if (fd >= 0) {
		m.msg_control = ctl;
		m.msg_controllen = sizeof(ctl);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	(void)sendmsg(sock, &m, MSG_NOSIGNAL);
}

/* 1 when the answer comes within two seconds and contains the words. */
static int
hears(int sock, const char *words)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char buf[1024] = "";
	ssize_t k;

	if (poll(&p, 1, 2000) != 1)
		return 0;
	k = read(sock, buf, sizeof(buf) - 1);
	if (k > 0 && strstr(buf, words) != NULL)
		return 1;
	warnx("heard \"%s\", not \"%s\"", buf, words);
	return 0;
}

/* Not in a child: that one would hang as it ends, for it has the file too. */
static int
another_tenant_is_served(void)
{
	int sock, r;

	if (seteuid(TENANT) < 0)
		err(1, "seteuid");
	sock = dial();
	if (seteuid(0) < 0)
		err(1, "seteuid");
	say(sock, "{\"method\":\"io.postern.Vm.Status\",\"parameters\":"
	    "{\"name\":\"web\"}}", -1);
	r = hears(sock, "Running");
	(void)close(sock);
	return r;
}

ATF_TC(never_answers);
ATF_TC_HEAD(never_answers, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_BODY(never_answers, tc)
{
	static const char call[] = "{\"method\":\"io.postern.Vm.Start\","
	    "\"parameters\":{\"config\":{\"name\":\"web\","
	    "\"kernel_fd\":0}}}";
	const struct fakectld f = { .socket = "./sock", .uid = TENANT,
		.program = CLIENT_PROGRAM };
	int sock, fd, i;
	pid_t server;

	(void)tc;
	(void)fakectld_start(&f); /* sees the host's mounts, not this one */
	fd = silent_file(&server);
	/* the negative control: looking at it, or closing it, hangs */
	ATF_CHECK_MSG(!returns(try_fstat, fd), "fstat came back");
	ATF_CHECK_MSG(!returns(close, fd), "close came back");
	for (i = 0; i < 32; i++) {
		sock = dial();
		say(sock, call, fd);
		ATF_REQUIRE_MSG(hears(sock, "\"field\":\"kernel_fd\""),
		    "client %d", i);
		(void)close(sock);
	}
	sock = dial();
	ATF_CHECK_MSG(hears(sock, "QuotaExceeded"),
	    "what hangs is not counted");
	ATF_CHECK(another_tenant_is_served());
	/* the server ends: everything comes loose */
	ATF_REQUIRE_EQ(0, kill(server, SIGKILL));
	ATF_REQUIRE_EQ(server, waitpid(server, NULL, 0));
	(void)poll(NULL, 0, 500);
	sock = dial();
	say(sock, "{\"method\":\"io.postern.Vm.Status\",\"parameters\":"
	    "{\"name\":\"web\"}}", -1);
	ATF_CHECK(hears(sock, "Running"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, never_answers);
	return atf_no_error();
}
