/* SPDX-License-Identifier: ISC */
/* Test code; see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/lib/files.h"
#include "tests/lib/roleharness.h"

#define DEEP 16 /* descriptors that nftw(3) may hold */

void
tf_dir(const char *path, mode_t mode)
{
	RH(mkdirat(AT_FDCWD, path, mode));
	/* whatever the umask */
	RH(fchmodat(AT_FDCWD, path, mode, 0));
}

static int
create(const char *path, mode_t mode)
{
	int fd = RH(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

	RH(fchmod(fd, mode));
	return fd;
}

void
tf_file(const char *path, const char *text, mode_t mode)
{
	int fd CLEANUP_FD = create(path, mode);

	RH(fd_writen(fd, text, strlen(text)));
}

void
tf_copy(const char *from, const char *to, mode_t mode)
{
	int in CLEANUP_FD = RH(open(from, O_RDONLY | O_CLOEXEC));
	int out CLEANUP_FD = create(to, mode);

	while (RH(sendfile(out, in, NULL, 1 << 20)) > 0)
		;
}

static int
gone(const char *path, const struct stat *st, int what, struct FTW *where)
{
	(void)st;
	(void)what;
	(void)where;
	return remove(path);
}

void
tf_remove(const char *path)
{
	if (nftw(path, gone, DEEP, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 &&
	    errno != ENOENT)
		rh_die("remove %s: %s", path, strerror(errno));
}

int
tf_output(char *const argv[], char *buf, size_t size)
{
	int p[2], status;
	size_t n = 0;
	ssize_t k;
	pid_t pid;

	RH(pipe2(p, O_CLOEXEC));
	pid = RH(fork());
	if (pid == 0) {
		if (dup2(p[1], STDOUT_FILENO) >= 0)
			(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)close(p[1]);
	while (n < size - 1 && (k = read(p[0], buf + n, size - 1 - n)) > 0)
		n += (size_t)k;
	buf[n] = '\0';
	(void)close(p[0]);
	RH(waitpid(pid, &status, 0));
	return status;
}
