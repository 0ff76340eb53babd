/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter. Distrusts the file system: whoever can write
 * to a directory on the way could put something else in place of what is
 * used, so each component must be root's alone. Nothing found is repaired:
 * it is named, with the remedy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/peer.h"
#include "common/sysx.h"
#include "privd/ledger.h"
#include "privd/starter.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | \
    RESOLVE_NO_MAGICLINKS)
#define BACKLOG 128

static int
roots_alone(int fd, const char *what, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s", what);
	if (st.st_uid != 0)
		return err_set(e, EPERM, "%s belongs to uid %u; say chown "
		    "root %s", what, st.st_uid, what);
	/* in a sticky directory nobody can replace what is root's */
	if ((st.st_mode & 022) != 0 &&
	    !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0))
		return err_set(e, EPERM, "%s may be written by others; say "
		    "chmod go-w %s", what, what);
	return 0;
}

int
dir_trusted(const char *path, struct err *e)
{
	char buf[256], *rest = buf, *part;
	int fd CLEANUP_FD = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int next;

	if (fd < 0 || strlcpy(buf, path, sizeof(buf)) >= sizeof(buf))
		return err_set(e, fd < 0 ? errno : ENAMETOOLONG, "%s", path);
	if (roots_alone(fd, "/", e) < 0)
		return -1;
	while ((part = strsep(&rest, "/")) != NULL) {
		if (part[0] == '\0')
			continue;
		next = sysx_openat2(fd, part, O_PATH | O_DIRECTORY, 0,
		    BENEATH);
		if (next < 0 && errno == ELOOP)
			return err_set(e, ELOOP, "%s: %s is a symbolic link; "
			    "name the real path", path, part);
		if (next < 0)
			return err_set(e, errno, "%s: %s", path, part);
		fd_close(&fd);
		fd = next;
		if (roots_alone(fd, part, e) < 0)
			return err_wrap(e, "%s", path);
	}
	next = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return next < 0 ? err_set(e, errno, "%s", path) : next;
}

int
dir_make(int parent, const char *name, mode_t mode, uid_t uid, struct err *e)
{
	int made = mkdirat(parent, name, 0700) == 0, fd CLEANUP_FD = -1;
	struct stat st;

	if (!made && errno != EEXIST)
		return err_set(e, errno, "%s cannot be made", name);
	fd = sysx_openat2(parent, name, O_RDONLY | O_DIRECTORY, 0, BENEATH);
	if (fd < 0)
		return err_set(e, errno, "%s is no directory; remove it",
		    name);
	if (made && (fchown(fd, uid, (gid_t)-1) < 0 || fchmod(fd, mode) < 0))
		return err_set(e, errno, "%s: owner and mode", name);
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s", name);
	if (st.st_uid != uid || (st.st_mode & 07777 & ~mode) != 0)
		return err_set(e, EPERM, "%s has owner %u and mode %o; say "
		    "chown %u and chmod %o, or remove it", name, st.st_uid,
		    st.st_mode & 07777, uid, mode);
	return fd_steal(&fd);
}

int
program_open(int dir, const char *name, struct err *e)
{
	int fd CLEANUP_FD = sysx_openat2(dir, name, O_PATH, 0, BENEATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "program %s", name);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return err_set(e, EACCES, "program %s is no executable file",
		    name);
	if (roots_alone(fd, name, e) < 0)
		return -1;
	return fd_steal(&fd);
}

/* The directory of a configured path: its parent must be there and root's. */
static int
make_root_dir(const char *path, struct err *e)
{
	char parent[256];
	char *slash;
	int dir CLEANUP_FD = -1, fd;

	if (strlcpy(parent, path, sizeof(parent)) >= sizeof(parent))
		return err_set(e, ENAMETOOLONG, "%s", path);
	slash = strrchr(parent, '/');
	if (slash == NULL)
		return err_set(e, EINVAL, "%s is not absolute", path);
	*slash = '\0';
	dir = dir_trusted(parent, e);
	if (dir < 0)
		return -1;
	fd = dir_make(dir, slash + 1, 0755, 0, e);
	return fd < 0 ? err_wrap(e, "%s", path) : fd;
}

int
dirs_run(struct starter *s, struct err *e)
{
	int i, fd;

	s->lock = s->ledger = s->listen = -1;
	s->ctld_run = s->ctld_state = s->ctld_channel = -1;
	s->libexec = dir_trusted(s->conf.libexec_dir, e);
	if (s->libexec < 0)
		return -1;
	/* nothing is made for a daemon that could not run */
	for (i = 0; i < ROLE_END; i++) {
		fd = program_open(s->libexec, roles[i].program, e);
		if (fd < 0)
			return -1;
		fd_close(&fd);
	}
	s->run_dir = make_root_dir(s->conf.run_dir, e);
	return s->run_dir < 0 ? -1 : 0;
}

int
lock_take(struct starter *s, int wait_ms, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t until = now_ms() + wait_ms;

	s->lock = sysx_openat2(s->run_dir, "lock", O_RDWR | O_CREAT, 0600,
	    BENEATH);
	if (s->lock < 0)
		return err_set(e, errno, "%s/lock", s->conf.run_dir);
	while (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_set(e, errno, "%s/lock", s->conf.run_dir);
		if (now_ms() >= until)
			return err_set(e, EBUSY, "a daemon of instance %s "
			    "runs already (it holds %s/lock); stop it first",
			    s->conf.instance, s->conf.run_dir);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* Preallocated, so that a stop can be recorded on a full disk. */
static int
ledger_make(struct starter *s, struct err *e)
{
	int dir CLEANUP_FD = dir_make(s->run_dir, "front", 0700, 0, e);
	off_t size = (off_t)ledger_size(s->conf.slots);
	int k;

	if (dir < 0)
		return -1;
	s->ledger = sysx_openat2(dir, "ledger", O_RDWR | O_CREAT, 0600,
	    BENEATH);
	if (s->ledger < 0)
		return err_set(e, errno, "%s/front/ledger", s->conf.run_dir);
	k = posix_fallocate(s->ledger, 0, size);
	if (k != 0)
		return err_set(e, k, "%s/front/ledger: %lld bytes are needed "
		    "there", s->conf.run_dir, (long long)size);
	return 0;
}

/* Never reachable with a wrong mode: nobody can connect before listen(2). */
static int
listen_make(struct starter *s, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd CLEANUP_FD = -1;

	if (snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s",
		s->conf.run_dir, CONTROL_SOCKET) >=
	    (int)sizeof(sun.sun_path))
		return err_field(e, "run_dir", ENAMETOOLONG, "%s is too long",
		    s->conf.run_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlinkat(s->run_dir, CONTROL_SOCKET, 0) < 0 &&
	    errno != ENOENT))
		return err_set(e, errno, "%s", sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    fchownat(s->run_dir, CONTROL_SOCKET, 0, s->conf.group,
		AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(s->run_dir, CONTROL_SOCKET, 0660, 0) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_set(e, errno, "%s", sun.sun_path);
	s->listen = fd_steal(&fd);
	return 0;
}

int
dirs_rest(struct starter *s, struct err *e)
{
	int state CLEANUP_FD = -1;

	s->ctld_run = dir_make(s->run_dir, "ctld", 0700, s->conf.uid.ctld, e);
	if (s->ctld_run < 0)
		return err_wrap(e, "%s", s->conf.run_dir);
	/* who may use a socket in it is judged by its listener */
	s->ctld_channel = dir_make(s->run_dir, "channel", 0711,
	    s->conf.uid.ctld, e);
	if (s->ctld_channel < 0)
		return err_wrap(e, "%s", s->conf.run_dir);
	state = make_root_dir(s->conf.state_dir, e);
	if (state < 0)
		return -1;
	s->ctld_state = dir_make(state, "ctld", 0700, s->conf.uid.ctld, e);
	if (s->ctld_state < 0)
		return err_wrap(e, "%s", s->conf.state_dir);
	return ledger_make(s, e) < 0 || listen_make(s, e) < 0 ? -1 : 0;
}
