/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail, in the host's mount namespace: open_tree(2) refuses a
 * file whose mount is in another one, so this cannot be done by S. The file
 * was checked by image.c. Through the map the VM is its owner: therefore the
 * mount is read-only and the VMM's filter has no chmod, chown or xattr calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/helper.h"
#include "privd/jail/idmap.h"

static int
become_userns(void)
{
	if (helper_enter_empty() < 0)
		return -1;
	return unshare(CLONE_NEWUSER);
}

static int
put_map(int fd, uint32_t from, uint32_t to)
{
	char map[48];
	int n;

	n = snprintf(map, sizeof(map), "%" PRIu32 " %" PRIu32 " 1", from, to);
	return write(fd, map, (size_t)n) == n ? 0 : -1;
}

/* A user namespace in which the file's owner is the VM. -1 with *e. */
static int
make_userns(const struct image *img, uint32_t uid, uint32_t gid,
    struct err *e)
{
	static const struct helper_file files[] = {
		{ "uid_map", O_WRONLY }, { "gid_map", O_WRONLY },
		{ "ns/user", O_RDONLY },
	};
	int fds[3], r = 0;

	if (helper_files(become_userns, files, 3, fds, STEP_IDMAP, e) < 0)
		return -1;
	if (put_map(fds[0], img->uid, uid) < 0 ||
	    put_map(fds[1], img->gid, gid) < 0)
		r = err_step(e, STEP_IDMAP, errno,
		    "cannot map owner %" PRIu32 " of an image", img->uid);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	if (r < 0)
		fd_close(&fds[2]);
	return fds[2];
}

int
idmap_image(const struct image *img, uint32_t uid, uint32_t gid, int *copy,
    struct err *e)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP |
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		MOUNT_ATTR_NOEXEC };
	int tree CLEANUP_FD = -1;
	int ns CLEANUP_FD = -1;

	*copy = 0;
	tree = open_tree(img->fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
	    AT_EMPTY_PATH);
	if (tree < 0) {
		/* opened in somebody's own mount namespace, or deleted */
		*copy = errno == EINVAL || errno == ENOENT;
		return err_step(e, STEP_IDMAP, errno, "open_tree");
	}
	ns = make_userns(img, uid, gid, e);
	if (ns < 0)
		return -1;
	a.userns_fd = (unsigned)ns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0) {
		/* this file system cannot (overlay; tmpfs before Linux 6.3) */
		*copy = errno == EINVAL;
		return err_step(e, STEP_IDMAP, errno, "mount_setattr");
	}
	return fd_steal(&tree);
}
