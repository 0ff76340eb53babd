/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see fusefile.h. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fusefile.h"
#include "tests/lib/fuseserve.h"

int
fusefile_open(pid_t *server)
{
	int dev, fd;

	ATF_REQUIRE_EQ(0, mkdir("mnt", 0755));
	ATF_REQUIRE_EQ(0, unshare(CLONE_NEWNS));
	ATF_REQUIRE_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	dev = fuse_mount("mnt");
	if (dev < 0 && errno == ENOENT)
		atf_tc_skip("no /dev/fuse: %s", strerror(errno));
	ATF_REQUIRE_MSG(dev >= 0, "%s", strerror(errno));
	*server = fork();
	if (*server == 0) {
		/* a test that failed waits for this end, too */
		(void)alarm(30);
		fuse_serve(dev);
		_exit(0);
	}
	(void)close(dev);
	fd = open("mnt/file", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE_MSG(fd >= 0, "%s", strerror(errno));
	return fd;
}

int
fusefile_returns(int (*fn)(int), int fd)
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

void
fusefile_end(pid_t server)
{
	ATF_REQUIRE_EQ(0, kill(server, SIGKILL));
	ATF_REQUIRE_EQ(server, waitpid(server, NULL, 0));
}
