/* SPDX-License-Identifier: ISC */
/*
 * Whose socket is it? A compromised ctld hands on what a tenant made: sockets
 * that bear the control socket's name and whose SO_PEERCRED is not a client
 * of ours. But for one case it needs no root: here, all are one uid.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/peer.h"
#include "common/wire.h"

static struct sysconf conf;

static void
prepare(void)
{
	char cwd[64];

	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	(void)snprintf(conf.run_dir, sizeof(conf.run_dir), "%s", cwd);
	conf.uid.client = geteuid();
}

static struct sockaddr_un
at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	ATF_REQUIRE(snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s",
	    conf.run_dir, name) < (int)sizeof(sun.sun_path));
	return sun;
}

static int
named(const char *name)
{
	struct sockaddr_un sun = at(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ_MSG(0, bind(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    "%s", strerror(errno));
	return fd;
}

static int
listener(const char *name)
{
	int fd = named(name);

	ATF_REQUIRE_EQ(0, listen(fd, 8));
	return fd;
}

static void
dial(int fd, const char *name)
{
	struct sockaddr_un sun = at(name);

	ATF_REQUIRE_EQ_MSG(0, connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)), "%s", strerror(errno));
}

ATF_TC_WITHOUT_HEAD(accepted);
ATF_TC_BODY(accepted, tc)
{
	int l, c, s;
	uint32_t uid = 0;

	(void)tc;
	prepare();
	l = listener(CONTROL_SOCKET);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	dial(c, CONTROL_SOCKET);
	s = accept(l, NULL, NULL);
	ATF_CHECK_EQ_MSG(0, peer_client(s, &conf, &uid), "%s",
	    strerror(errno));
	ATF_CHECK_EQ(geteuid(), uid);
	/* a stop goes on after its client has gone */
	(void)close(c);
	ATF_CHECK_EQ_MSG(0, peer_client(s, &conf, &uid), "%s",
	    strerror(errno));
}

/* A tenant's listener of the same name, that somebody was lured to. */
ATF_TC_WITHOUT_HEAD(lured);
ATF_TC_BODY(lured, tc)
{
	struct sockaddr_un me, want;
	socklen_t n = sizeof(me);
	uint32_t uid = 0, gid;
	int l, c, s;

	(void)tc;
	prepare();
	l = listener(CONTROL_SOCKET);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	dial(c, CONTROL_SOCKET);
	s = accept(l, NULL, NULL);
	ATF_REQUIRE(s >= 0);
	/* the negative control: the right name, and the ids of who came */
	want = at(CONTROL_SOCKET);
	ATF_REQUIRE_EQ(0, getsockname(s, (struct sockaddr *)&me, &n));
	ATF_REQUIRE_STREQ(want.sun_path, me.sun_path);
	ATF_REQUIRE_EQ(0, wire_peer(s, &uid, &gid));
	ATF_REQUIRE_EQ(geteuid(), uid);
	ATF_REQUIRE_EQ(0, peer_client(s, &conf, &uid));
	/* but it was not the client listener who accepted */
	conf.uid.client++;
	ATF_CHECK_EQ(-1, peer_client(s, &conf, &uid));
	ATF_CHECK_EQ(EADDRNOTAVAIL, errno);
	/* nor can a tenant say so */
	if (geteuid() != 0)
		ATF_CHECK_EQ(-1, fchown(s, conf.uid.client, (gid_t)-1));
}

/* A tenant in a user namespace of its own cannot give its socket away. */
ATF_TC(given_away);
ATF_TC_HEAD(given_away, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(given_away, tc)
{
	uint32_t uid;
	pid_t pid;
	int l, c;

	(void)tc;
	prepare();
	conf.uid.client = 61005;
	l = listener(CONTROL_SOCKET);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	dial(c, CONTROL_SOCKET);
	pid = atf_utils_fork();
	if (pid == 0) {
		if (setresgid(61050, 61050, 61050) < 0 ||
		    setresuid(61050, 61050, 61050) < 0 ||
		    (c = accept(l, NULL, NULL)) < 0)
			_exit(1);
		/* where that is allowed at all */
		(void)unshare(CLONE_NEWUSER);
		if (fchown(c, 61005, (gid_t)-1) == 0 ||
		    peer_client(c, &conf, &uid) == 0)
			_exit(2);
		_exit(0);
	}
	atf_utils_wait(pid, 0, "", "");
	/* the control: root can */
	dial(c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    CONTROL_SOCKET);
	c = accept(l, NULL, NULL);
	ATF_CHECK_EQ(-1, peer_client(c, &conf, &uid));
	ATF_REQUIRE_EQ(0, fchown(c, 61005, (gid_t)-1));
	ATF_CHECK_EQ(0, peer_client(c, &conf, &uid));
}

ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	int l, c, s, sv[2], p[2];
	uint32_t uid;

	(void)tc;
	prepare();
	l = listener("other");
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	dial(c, "other");
	s = accept(l, NULL, NULL);
	conf.uid.client++; /* they are ours, and not the listener's */
	ATF_CHECK_EQ(-1, peer_client(s, &conf, &uid));
	ATF_CHECK_EQ(EADDRNOTAVAIL, errno);
	ATF_CHECK_EQ(-1, peer_client(c, &conf, &uid));
	ATF_CHECK_EQ(-1, peer_client(l, &conf, &uid));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ATF_CHECK_EQ(-1, peer_client(sv[0], &conf, &uid));
	ATF_CHECK_EQ(EADDRNOTAVAIL, errno);
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	ATF_CHECK_EQ(-1, peer_client(sv[0], &conf, &uid));
	ATF_CHECK_EQ(EPROTOTYPE, errno);
	ATF_REQUIRE_EQ(0, pipe(p));
	ATF_CHECK_EQ(-1, peer_client(p[0], &conf, &uid));
	ATF_CHECK_EQ(ENOTSOCK, errno);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, accepted);
	ATF_TP_ADD_TC(tp, lured);
	ATF_TP_ADD_TC(tp, given_away);
	ATF_TP_ADD_TC(tp, others);
	return atf_no_error();
}
