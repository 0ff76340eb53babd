/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter. Makes the file systems that roles see instead
 * of the host's: all detached, mounted nowhere, gone with their descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"
#include "privd/starter.h"

#define LOCKED (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
#define TUN_MAJOR 10
#define TUN_MINOR 200

static int
tmpfs(const char *mode, uint64_t attrs)
{
	int fs CLEANUP_FD = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "16", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
}

static int
readonly(int fd)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };

	return mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a));
}

int
mount_empty(struct err *e)
{
	int fd = tmpfs("0555", LOCKED | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);

	return fd < 0 ? err_set(e, errno, "empty tmpfs") : fd;
}

int
mount_clone(const char *path, uint64_t attrs, struct err *e)
{
	struct mount_attr a = { .attr_set = attrs };
	int fd CLEANUP_FD = open_tree(AT_FDCWD, path,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return err_set(e, errno, "detached clone of %s", path);
	return fd_steal(&fd);
}

/* The tun node is jail's: the host's own may be open to root only. */
int
mount_dev(uid_t owner, struct err *e)
{
	int fd CLEANUP_FD = tmpfs("0555", LOCKED);

	if (fd < 0 ||
	    mknodat(fd, "tun", S_IFCHR | 0600,
		makedev(TUN_MAJOR, TUN_MINOR)) < 0 ||
	    fchownat(fd, "tun", owner, owner, AT_SYMLINK_NOFOLLOW) < 0 ||
	    readonly(fd) < 0)
		return err_set(e, errno, "tmpfs with the tun node");
	return fd_steal(&fd);
}

/* The child's whole life. */
static int
enter_empty(void)
{
	int fd CLEANUP_FD = -1;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    (fd = tmpfs("0555", LOCKED | MOUNT_ATTR_NODEV |
		MOUNT_ATTR_RDONLY)) < 0 ||
	    move_mount(fd, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) <
		0 ||
	    chdir("/proc") < 0 || sysx_pivot_root(".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return errno;
	return 0;
}

int
mount_empty_ns(struct err *e)
{
	int ready[2] = { -1, -1 }, hold[2] = { -1, -1 }, code = 0, fd = -1;
	char path[64], byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(hold, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0) {
		(void)close(hold[1]);
		code = enter_empty();
		if (fd_writen(ready[1], &code, sizeof(code)) < 0)
			_exit(1);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
	}
	fd_close(&ready[1]);
	fd_close(&hold[0]);
	if (fd_readn(ready[0], &code, sizeof(code)) < 0)
		code = errno;
	if (code == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		code = fd < 0 ? errno : 0;
	}
	fd_close(&ready[0]);
	fd_close(&hold[1]);
	(void)waitpid(pid, NULL, 0);
	return fd < 0 ? err_set(e, code, "empty mount namespace (privd "
	    "cannot run from an initramfs)") : fd;
}
