/* SPDX-License-Identifier: ISC */
/* Descriptors: ownership, sealed memfds, arranging before exec. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"

static int
open_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ATF_REQUIRE(fd >= 0);
	return fd;
}

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

ATF_TC_WITHOUT_HEAD(ownership);
ATF_TC_BODY(ownership, tc)
{
	int kept, raw = -1;

	(void)tc;
	{
		int fd CLEANUP_FD = open_fd();
		int other CLEANUP_FD = open_fd();

		raw = fd;
		kept = fd_steal(&other);
		ATF_CHECK_EQ(-1, other);
		errno = ENOTTY;
	}
	ATF_CHECK_EQ(ENOTTY, errno);
	ATF_CHECK(!is_open(raw));
	ATF_CHECK(is_open(kept));
	fd_close(&kept);
	fd_close(&kept);
	ATF_CHECK_EQ(-1, kept);
}

ATF_TC_WITHOUT_HEAD(whole);
ATF_TC_BODY(whole, tc)
{
	char buf[8];
	int p[2];

	(void)tc;
	ATF_REQUIRE_EQ(0, pipe(p));
	ATF_CHECK_EQ(0, fd_writen(p[1], "1234", 4));
	ATF_CHECK_EQ(0, fd_readn(p[0], buf, 4));
	(void)close(p[1]);
	ATF_CHECK(fd_readn(p[0], buf, 1) < 0 && errno == EPIPE);
}

ATF_TC_WITHOUT_HEAD(files);
ATF_TC_BODY(files, tc)
{
	char buf[8];
	int fd;

	(void)tc;
	ATF_CHECK(fd_put(AT_FDCWD, "f", "x") < 0 && errno == ENOENT);
	fd = open("f", O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE_EQ(0, close(fd));
	ATF_CHECK_EQ(0, fd_put(AT_FDCWD, "f", "seven77"));
	ATF_CHECK_EQ(7, fd_slurp(AT_FDCWD, "f", buf, sizeof(buf)));
	ATF_CHECK_STREQ("seven77", buf);
	ATF_CHECK(fd_slurp(AT_FDCWD, "f", buf, 7) < 0 && errno == EFBIG);
	ATF_CHECK(fd_slurp(AT_FDCWD, "none", buf, 7) < 0 && errno == ENOENT);
}

ATF_TC_WITHOUT_HEAD(sealed);
ATF_TC_BODY(sealed, tc)
{
	char buf[8];
	int fd;

	(void)tc;
	fd = fd_sealed("s", "abcdefgh", 8);
	ATF_REQUIRE(fd >= 0);
	ATF_CHECK_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ATF_CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
	ATF_CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	ATF_CHECK_EQ(8, fd_sealed_size(fd, 8));
	ATF_CHECK(fd_sealed_size(fd, 7) < 0 && errno == EBADMSG);
	ATF_CHECK_EQ(0, fd_unseal(fd, buf, 8));
	ATF_CHECK_EQ(0, memcmp(buf, "abcdefgh", 8));
	ATF_CHECK(fd_unseal(fd, buf, 7) < 0 && errno == EBADMSG);
	/* each seal that is missing is one too few */
	fd = memfd_create("s", MFD_ALLOW_SEALING);
	ATF_REQUIRE_EQ(0, fd_writen(fd, "abcdefgh", 8));
	ATF_REQUIRE_EQ(0, fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	ATF_CHECK(fd_unseal(fd, buf, 8) < 0 && errno == EBADMSG);
	ATF_REQUIRE_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	ATF_CHECK_EQ(0, fd_unseal(fd, buf, 8));
	fd = open_fd();
	ATF_CHECK(fd_unseal(fd, buf, 0) < 0 && errno == EBADMSG);
}

/* Runs in a child, for it closes everything; its number of complaint. */
static int
arrange(void)
{
	int keep[4], i;
	char byte;

	/* sources that lie on each other's targets, and one hole */
	for (i = 0; i < 4; i++) {
		int p[2];

		if (pipe(p) < 0 || write(p[1], &"abcd"[i], 1) != 1)
			return 1;
		keep[i] = p[0];
	}
	if (dup2(keep[0], 12) != 12 || dup2(keep[1], 11) != 11 ||
	    dup2(keep[3], 10) != 10)
		return 2;
	keep[0] = 12;
	keep[1] = 11;
	keep[2] = -1;
	keep[3] = 10;
	if (fd_arrange(keep, 4, 10) < 0)
		return 3;
	for (i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		if (read(10 + i, &byte, 1) != 1 || byte != "abcd"[i])
			return 4;
		if (fcntl(10 + i, F_GETFD) != 0)
			return 5; /* must survive exec */
	}
	for (i = 3; i < 1024; i++)
		if (is_open(i) != (i == 10 || i == 11 || i == 13))
			return 6;
	return 0;
}

ATF_TC_WITHOUT_HEAD(arranged);
ATF_TC_BODY(arranged, tc)
{
	int status, keep[65] = { 0 };
	pid_t pid = fork();

	(void)tc;
	if (pid == 0)
		_exit(arrange());
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "complaint %d", WEXITSTATUS(status));
	ATF_CHECK(fd_arrange(keep, 65, 3) < 0 && errno == E2BIG);
}

ATF_TC_WITHOUT_HEAD(standard);
ATF_TC_BODY(standard, tc)
{
	int status;
	pid_t pid = fork();

	(void)tc;
	if (pid == 0) {
		(void)close(0);
		(void)close(1);
		(void)close(2);
		_exit(fd_std() == 0 && is_open(0) && is_open(1) &&
			is_open(2) && !is_open(3) ? 0 : 1);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(0, status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ownership);
	ATF_TP_ADD_TC(tp, whole);
	ATF_TP_ADD_TC(tp, files);
	ATF_TP_ADD_TC(tp, sealed);
	ATF_TP_ADD_TC(tp, arranged);
	ATF_TP_ADD_TC(tp, standard);
	return atf_no_error();
}
