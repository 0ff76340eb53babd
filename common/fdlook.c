/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process, in ctld, front and jail. Distrusts every
 * descriptor: see fdlook.h. Mount ids and device numbers are unique on a host, so a mount
 * made in a tenant's own namespace (FUSE, overlay over FUSE) can only be
 * absent from our list, never be taken for another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdlook.h"
#include "common/wire.h"

#define FDS_MAX 16384	/* the largest nofile of policy/roles.def */

int
fdlook_ask(int fd, struct fdlook *l)
{
	struct statx x;

	memset(l, 0, sizeof(*l));
	memset(&x, 0, sizeof(x));
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC |
		AT_NO_AUTOMOUNT, 0, &x) < 0)
		return -1;
	l->major = x.stx_dev_major;
	l->minor = x.stx_dev_minor;
	if ((x.stx_mask & STATX_MNT_ID) != 0)
		l->mount = x.stx_mnt_id;
	return 0;
}

static void
end_field(struct fdlook_scan *s)
{
	struct fdlook *l;
	char *end;
	unsigned i;

	s->word[s->len < sizeof(s->word) ? s->len : sizeof(s->word) - 1] =
	    '\0';
	if (s->dashed == 1) {
		s->dashed = 2;
		for (i = 0; i < s->n; i++) {
			l = &s->l[i];
			if (l->mount != 0 && l->mount == s->mount)
				(void)strlcpy(l->by_mount, s->word,
				    sizeof(l->by_mount));
			if (l->major == s->major && l->minor == s->minor)
				(void)strlcpy(l->by_dev, s->word,
				    sizeof(l->by_dev));
		}
	} else if (s->field == 1) {
		s->mount = strtoull(s->word, NULL, 10);
	} else if (s->field == 3) {
		s->major = (uint32_t)strtoul(s->word, &end, 10);
		s->minor = *end == ':' ?
		    (uint32_t)strtoul(end + 1, NULL, 10) : UINT32_MAX;
	} else if (s->field > 6 && s->dashed == 0 &&
	    strcmp(s->word, "-") == 0) {
		s->dashed = 1;
	}
	s->len = 0;
}

void
fdlook_feed(struct fdlook_scan *s, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s->field == 0)
			s->field = 1;
		if (text[i] != ' ' && text[i] != '\n') {
			if (s->len < sizeof(s->word) - 1)
				s->word[s->len] = text[i];
			s->len++;
			continue;
		}
		end_field(s);
		s->field++;
		if (text[i] == '\n') {
			s->field = 1;
			s->dashed = 0;
		}
	}
}

int
fdlook_mounts(int mountinfo, struct fdlook *l, unsigned n)
{
	struct fdlook_scan s = { .l = l, .n = n };
	char buf[8192];
	off_t at = 0;
	ssize_t k;

	/* connections' processes have one descriptor in common: its position
	 * is everybody's */
	for (;;) {
		k = pread(mountinfo, buf, sizeof(buf), at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			return 0;
		at += k;
		fdlook_feed(&s, buf, (size_t)k);
	}
}

int
fdlook_ok(const struct fdlook *l, const char **type)
{
	/* served by the kernel, or (virtiofs) by whoever runs this machine;
	 * not by a server that may be silent: fuse, nfs, cifs, 9p, autofs */
	static const char *const ok[] = { "ext2", "ext3", "ext4", "xfs",
		"btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "overlay",
		"squashfs", "erofs", "virtiofs" };
	size_t i;

	*type = l->by_mount[0] != '\0' ? l->by_mount : l->by_dev;
	for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
		if (strcmp(*type, ok[i]) == 0)
			return 1;
	}
	return 0;
}

/* Has it no file system behind it that could be somebody's? */
static int
is_kernels(int fd)
{
	struct statx x;

	if (fcntl(fd, F_GET_SEALS) >= 0)
		return 1;
	memset(&x, 0, sizeof(x));
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC |
		AT_NO_AUTOMOUNT, 0, &x) < 0)
		return 0;
	/* open, these are no file of the file system they are named in; a
	 * mode of 0 is one that we are not told */
	return S_ISSOCK(x.stx_mode) || S_ISFIFO(x.stx_mode) ||
	    S_ISCHR(x.stx_mode) || S_ISBLK(x.stx_mode);
}

/* No image can be on these, but neither do they keep anybody waiting. */
static int
is_harmless(const char *type)
{
	static const char *const ok[] = { "proc", "sysfs", "devtmpfs",
		"ramfs", "cgroup2" };
	size_t i;

	for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++)
		if (strcmp(type, ok[i]) == 0)
			return 1;
	return 0;
}

int
fdlook_tame(int mountinfo, const int *fds, unsigned n)
{
	struct fdlook l[WIRE_FDS_MAX];
	const char *type;
	unsigned i, k = 0;

	for (i = 0; i < n; i++) {
		if (is_kernels(fds[i]))
			continue;
		if (k == WIRE_FDS_MAX || fdlook_ask(fds[i], &l[k++]) < 0)
			return 0;
	}
	/* once more, if that fails: what is not known is never closed */
	if (k > 0 && fdlook_mounts(mountinfo, l, k) < 0 &&
	    fdlook_mounts(mountinfo, l, k) < 0)
		return 0;
	for (i = 0; i < k; i++)
		if (!fdlook_ok(&l[i], &type) && !is_harmless(type))
			return 0;
	return 1;
}

void
fdlook_end(const int *wild, unsigned n)
{
	unsigned i;
	int fd;

	for (fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++) {
		for (i = 0; i < n && wild[i] != fd; i++)
			;
		if (i == n)
			(void)close(fd);
	}
	_exit(1);
}
