/* SPDX-License-Identifier: ISC */
/* Runs in every process; trusts nothing about what a descriptor is. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

void
fd_cleanup(int *fd)
{
	fd_close(fd);
}

void
free_cleanup(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

int
fd_steal(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

int
fd_readn(int fd, void *buf, size_t n)
{
	unsigned char *p = buf;
	ssize_t k;

	while (n > 0) {
		k = read(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0) {
			errno = EPIPE;
			return -1;
		}
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int
fd_writen(int fd, const void *buf, size_t n)
{
	const unsigned char *p = buf;
	ssize_t k;

	while (n > 0) {
		k = write(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

ssize_t
fd_slurp(int dirfd, const char *path, char *buf, size_t size)
{
	int fd CLEANUP_FD = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t k;

	if (fd < 0)
		return -1;
	for (;;) {
		k = read(fd, buf + used, size - used);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		used += (size_t)k;
		if (used == size) {
			errno = EFBIG;
			return -1;
		}
	}
	buf[used] = '\0';
	return (ssize_t)used;
}

int
fd_put(int dirfd, const char *path, const char *text)
{
	int fd CLEANUP_FD = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	ssize_t k;

	if (fd < 0)
		return -1;
	/* kernel files take one write(2) or none */
	k = write(fd, text, n);
	if (k < 0)
		return -1;
	if ((size_t)k != n) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int
fd_sealed(const char *name, const void *buf, size_t n)
{
	int fd CLEANUP_FD = -1;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fd_writen(fd, buf, n) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return fd_steal(&fd);
}

ssize_t
fd_sealed_size(int fd, size_t max)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    st.st_size < 0 || (uint64_t)st.st_size > max) {
		errno = EBADMSG;
		return -1;
	}
	return st.st_size;
}

int
fd_unseal(int fd, void *buf, size_t n)
{
	unsigned char *p = buf;
	size_t done = 0;
	ssize_t k;

	k = fd_sealed_size(fd, n);
	if (k < 0 || (size_t)k != n) {
		errno = EBADMSG;
		return -1;
	}
	while (done < n) {
		k = pread(fd, p + done, n - done, (off_t)done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		done += (size_t)k;
	}
	return 0;
}

int
fd_arrange(const int *keep, unsigned nkeep, int base)
{
	int high[64];
	unsigned i;

	if (nkeep > sizeof(high) / sizeof(high[0])) {
		errno = E2BIG;
		return -1;
	}
	/* first out of the way of every target number, then into place */
	for (i = 0; i < nkeep; i++) {
		high[i] = -1;
		if (keep[i] >= 0 &&
		    (high[i] = fcntl(keep[i], F_DUPFD_CLOEXEC,
			 base + (int)nkeep)) < 0)
			return -1;
	}
	for (i = 0; i < nkeep; i++) {
		if (high[i] < 0)
			(void)close(base + (int)i);
		else if (dup2(high[i], base + (int)i) < 0)
			return -1;
	}
	if (base > 3 && sysx_close_range(3, (unsigned)base - 1, 0) < 0)
		return -1;
	return sysx_close_range((unsigned)base + nkeep, ~0U, 0);
}

int
fd_std(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= STDERR_FILENO);
	return close(fd);
}

int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
