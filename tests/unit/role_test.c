/* SPDX-License-Identifier: ISC */
/*
 * Becoming a role, as root: after role_become(), exec and role_prove() the
 * process has exactly its row's capabilities and no way back; and each piece
 * that is missing makes role_prove() end it (negative controls). The executed
 * program is this one again, told by its environment what to be.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sandbox.h"
#include "common/sysx.h"

#define UID 61002u
#define GID 61010u

/* Runs before main: the role's side of the test. Prints its own status. */
__attribute__((constructor)) static void
as_role(void)
{
	const char *id = getenv("POSTERN_TEST_ROLE");
	char buf[4096];
	ssize_t n;
	int fd;

	if (id == NULL)
		return;
	role_prove((enum role_id)(id[0] - '0'));
	fd = open("/proc/self/status", O_RDONLY);
	n = read(fd, buf, sizeof(buf));
	(void)dprintf(STDOUT_FILENO, "Dumpable:\t%d\nEnv:\t%d\n",
	    prctl(PR_GET_DUMPABLE), getenv("POSTERN_TEST_ROLE") != NULL);
	if (n < 0 || write(STDOUT_FILENO, buf, (size_t)n) != n)
		_exit(98);
	_exit(0);
}

static void
no_step(void)
{
}

static void
again(enum role_id id)
{
	char role[] = "POSTERN_TEST_ROLE=0";
	char *env[] = { role, NULL }, *argv[] = { role, NULL };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	role[sizeof(role) - 2] = (char)('0' + id);
	(void)sysx_execveat(fd, argv, env);
	_exit(97);
}

/* The status that the role printed into buf; its wait status is returned. */
static int
be(enum role_id id, void (*before)(void), int become, void (*after)(void),
    char *buf, size_t size)
{
	int p[2], fd, status, null;
	ssize_t n, used = 0;
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe(p));
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd >= 0);
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		(void)dup2(p[1], STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		before();
		if (become)
			role_become(id, UID, GID);
		after();
		again(id);
	}
	(void)close(p[1]);
	(void)close(fd);
	while ((n = read(p[0], buf + used, size - 1 - (size_t)used)) > 0)
		used += n;
	buf[used] = '\0';
	(void)close(p[0]);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

static void
has(const char *text, const char *key, const char *value)
{
	const char *at = strstr(text, key);

	ATF_REQUIRE_MSG(at != NULL, "no %s in \"%s\"", key, text);
	at += strlen(key);
	ATF_CHECK_MSG(strncmp(at, value, strlen(value)) == 0 &&
	    at[strlen(value)] == '\n', "%s is %.*s, not %s", key,
	    (int)strcspn(at, "\n"), at, value);
}

ATF_TC(exact);
ATF_TC_HEAD(exact, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(exact, tc)
{
	char text[8192], caps[32];
	int id;

	(void)tc;
	for (id = 0; id < ROLE_END; id++) {
		ATF_REQUIRE_EQ_MSG(0, be((enum role_id)id, no_step, 1, no_step,
		    text, sizeof(text)), "%s", roles[id].title);
		(void)snprintf(caps, sizeof(caps), "%016llx",
		    (unsigned long long)roles[id].caps);
		has(text, "\nCapPrm:\t", caps);
		has(text, "\nCapEff:\t", caps);
		has(text, "\nCapBnd:\t", caps);
		has(text, "\nCapInh:\t", "0000000000000000");
		has(text, "\nCapAmb:\t", "0000000000000000");
		has(text, "\nNoNewPrivs:\t", "1");
		has(text, "\nUid:\t", "61002\t61002\t61002\t61002");
		has(text, "\nGid:\t", "61010\t61010\t61010\t61010");
		has(text, "\nGroups:\t", " ");
		has(text, "\nUmask:\t", "0077");
		has(text, "Name:\t", roles[id].title);
		has(text, "Dumpable:\t", "0");
		has(text, "\nEnv:\t", "0");
	}
}

/* ---- what a careless starter might have left out */
static void
only_ids(void)
{
	if (setgid(GID) < 0 || setuid(UID) < 0)
		_exit(96);
}

static void
only_nnp(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(96);
}

ATF_TC(incomplete);
ATF_TC_HEAD(incomplete, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(incomplete, tc)
{
	char text[8192];

	(void)tc;
	/* still root */
	ATF_CHECK_EQ(1 << 8, be(ROLE_FRONT, no_step, 0, no_step, text,
	    sizeof(text)));
	ATF_CHECK_EQ(1 << 8, be(ROLE_FRONT, no_step, 0, only_nnp, text,
	    sizeof(text)));
	/* ids alone: bounding set, securebits, no_new_privs are missing */
	ATF_CHECK_EQ(1 << 8, be(ROLE_FRONT, no_step, 0, only_ids, text,
	    sizeof(text)));
	ATF_CHECK_STREQ("", text);
}

static void
become_net(void)
{
	role_become(ROLE_NET, UID, GID);
}

ATF_TC(another_row);
ATF_TC_HEAD(another_row, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(another_row, tc)
{
	char text[8192];

	(void)tc;
	/* net's capability in a process that says it is front: less is
	 * dropped, but the bounding set gives it away */
	ATF_CHECK_EQ(1 << 8, be(ROLE_FRONT, become_net, 0, no_step, text,
	    sizeof(text)));
	ATF_CHECK_EQ(0, be(ROLE_NET, become_net, 0, no_step, text,
	    sizeof(text)));
	ATF_CHECK_EQ(1 << 8, be(ROLE_JAIL, become_net, 0, no_step, text,
	    sizeof(text)));
}

ATF_TC(limits);
ATF_TC_HEAD(limits, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(limits, tc)
{
	struct rlimit r;
	int status;
	pid_t pid = fork();

	(void)tc;
	if (pid == 0) {
		role_become(ROLE_CONF, UID, GID);
		if (getrlimit(RLIMIT_CORE, &r) < 0 || r.rlim_max != 0)
			_exit(1);
		if (getrlimit(RLIMIT_NOFILE, &r) < 0 ||
		    r.rlim_max != roles[ROLE_CONF].nofile)
			_exit(2);
		if (getrlimit(RLIMIT_FSIZE, &r) < 0 ||
		    r.rlim_max != (rlim_t)roles[ROLE_CONF].fsize_mib << 20)
			_exit(3);
		r.rlim_max++;
		if (setrlimit(RLIMIT_FSIZE, &r) == 0)
			_exit(4);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(0, status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, exact);
	ATF_TP_ADD_TC(tp, incomplete);
	ATF_TP_ADD_TC(tp, another_row);
	ATF_TP_ADD_TC(tp, limits);
	return atf_no_error();
}
