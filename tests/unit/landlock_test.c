/* SPDX-License-Identifier: ISC */
/*
 * Landlock: inside what was listed things go on, outside nothing does, and
 * without it (negative control) the same calls succeed. Runs as anybody.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "common/sysx.h"

static int
make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int
bind_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	return bind(fd, (const struct sockaddr *)&sun, sizeof(sun));
}

/* What goes, as bits, in a directory: read, make, rename, remove, mkdir,
 * bind, symlink, truncate. */
static int
what_goes(const char *dir)
{
	char a[64], b[64], s[64];
	int r = 0, fd;

	(void)snprintf(a, sizeof(a), "%s/a", dir);
	(void)snprintf(b, sizeof(b), "%s/b", dir);
	(void)snprintf(s, sizeof(s), "%s/there", dir);
	if ((fd = open(s, O_RDONLY)) >= 0)
		r |= 1;
	(void)close(fd);
	if (make(a) == 0)
		r |= 2;
	if (rename(a, b) == 0)
		r |= 4;
	if (unlink(b) == 0)
		r |= 8;
	if (mkdir(a, 0700) == 0 && rmdir(a) == 0)
		r |= 16;
	if (bind_at(a) == 0) {
		r |= 32;
		(void)unlink(a);
	}
	if (symlink("x", a) == 0) {
		r |= 64;
		(void)unlink(a);
	}
	return r;
}

static int
confined(const struct ll_rule *rules, unsigned n, const char *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (rules != NULL && sandbox_landlock(rules, n) < 0)
			_exit(255);
		_exit(what_goes(dir));
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

ATF_TC_WITHOUT_HEAD(beneath_only);
ATF_TC_BODY(beneath_only, tc)
{
	struct ll_rule rules[2];
	int in, ro;

	(void)tc;
	if (sysx_landlock_abi() < 1)
		atf_tc_skip("this kernel has no Landlock");
	ATF_REQUIRE_EQ(0, mkdir("in", 0700));
	ATF_REQUIRE_EQ(0, mkdir("ro", 0700));
	ATF_REQUIRE_EQ(0, mkdir("out", 0700));
	ATF_REQUIRE_EQ(0, make("in/there"));
	ATF_REQUIRE_EQ(0, make("ro/there"));
	ATF_REQUIRE_EQ(0, make("out/there"));
	in = open("in", O_PATH | O_DIRECTORY);
	ro = open("ro", O_PATH | O_DIRECTORY);
	/* control */
	ATF_CHECK_EQ(127, confined(NULL, 0, "out"));
	rules[0].dirfd = in;
	rules[0].access = LL_READ | LL_WRITE | LL_SOCK;
	rules[1].dirfd = ro;
	rules[1].access = LL_READ;
	ATF_CHECK_EQ(63, confined(rules, 2, "in")); /* all but symlink */
	ATF_CHECK_EQ(1, confined(rules, 2, "ro"));
	ATF_CHECK_EQ(0, confined(rules, 2, "out"));
	ATF_CHECK_EQ(0, confined(rules, 2, "in/../out"));
	rules[0].access = LL_READ | LL_WRITE;
	ATF_CHECK_EQ(31, confined(rules, 1, "in"));
	ATF_CHECK_EQ(0, confined(rules, 0, "in"));
	/* a rule that cannot be made is no rule left out */
	rules[0].dirfd = -1;
	ATF_CHECK_EQ(255, confined(rules, 2, "ro"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, beneath_only);
	return atf_no_error();
}
