/* SPDX-License-Identifier: ISC */
/*
 * A tenant passes a file on its own FUSE mount whose server never answers:
 * fstat(2), fstatfs(2) and close(2) of it hang, also for whoever is sent the
 * descriptor. The client gets its answer, its own process alone hangs, and
 * what hangs is counted as that tenant's. As root, for the mount.
 */
#include <atf-c.h>
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/lib/fakectld.h"
#include "tests/lib/fusefile.h"

#define TENANT 61050

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
	fd = fusefile_open(&server);
	/* the negative control: looking at it, or closing it, hangs */
	ATF_CHECK_MSG(!fusefile_returns(try_fstat, fd), "fstat came back");
	ATF_CHECK_MSG(!fusefile_returns(close, fd), "close came back");
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
	fusefile_end(server);
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
