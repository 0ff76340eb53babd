/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. An image descriptor comes from a tenant and may be
 * anything: FIFO, directory, device, an O_PATH handle of somebody's private
 * file (but not one on a mount that may never answer: main.c). Only
 * an ordinary file of the attested owner, opened for what it is used for,
 * goes on; root's files may be read, and so may sealed memfds.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/image.h"

/* Local, in the kernel, with owners of their own: no FUSE, no network. */
static const struct {
	uint64_t type;
	const char *name;
} allowed[] = {
	{ EXT4_SUPER_MAGIC, "ext2, ext3, ext4" },
	{ XFS_SUPER_MAGIC, "xfs" },
	{ BTRFS_SUPER_MAGIC, "btrfs" },
	{ TMPFS_MAGIC, "tmpfs" },
	{ OVERLAYFS_SUPER_MAGIC, "overlay" },
	{ F2FS_SUPER_MAGIC, "f2fs" },
	{ SQUASHFS_MAGIC, "squashfs" },
	{ EROFS_SUPER_MAGIC_V1, "erofs" },
	{ 0x2fc12fc1, "zfs" },
	{ 0xca451a4e, "bcachefs" },
};

int
image_fs_ok(uint64_t type)
{
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i].type == type)
			return 1;
	return 0;
}

static int
bad(struct err *e, int code, const char *why)
{
	return err_step(e, STEP_IMAGE, code, "image %s", why);
}

int
image_judge(const struct stat *st, int flags, int writable, uint32_t owner,
    struct err *e)
{
	int want = writable ? O_RDWR : O_RDONLY;

	if (!S_ISREG(st->st_mode))
		return bad(e, EINVAL, "is not a regular file");
	/* opening with O_PATH proves no right to read */
	if ((flags & O_PATH) != 0)
		return bad(e, EBADF, "was opened with O_PATH");
	if ((flags & O_ACCMODE) != want)
		return bad(e, EBADF, writable ?
		    "was not opened for reading and writing" :
		    "was not opened for reading only");
	/* writes would go to the end wherever the guest wanted them */
	if (writable && (flags & O_APPEND) != 0)
		return bad(e, EINVAL, "was opened with O_APPEND");
	if (st->st_nlink == 0)
		return bad(e, ENOENT, "was deleted");
	if (st->st_size <= 0)
		return bad(e, EINVAL, "is empty");
	if (st->st_uid != owner && (st->st_uid != 0 || writable))
		return err_step(e, STEP_IMAGE, EPERM, "image belongs to uid "
		    "%u, not to the VM's owner %" PRIu32, st->st_uid, owner);
	return 0;
}

int
image_look(int fd, int writable, uint32_t owner, struct stat *st,
    struct err *e)
{
	struct statx sx;
	struct statfs fs;
	int flags = fcntl(fd, F_GETFL);

	/* the type is known without asking the file system's server */
	if (flags < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0,
	    &sx) < 0)
		return err_step(e, STEP_IMAGE, errno, "cannot look at image");
	if ((sx.stx_mask & STATX_TYPE) != 0 && !S_ISREG(sx.stx_mode))
		return bad(e, EINVAL, "is not a regular file");
	if ((flags & O_PATH) != 0)
		return bad(e, EBADF, "was opened with O_PATH");
	if (fstatfs(fd, &fs) < 0)
		return err_step(e, STEP_IMAGE, errno, "fstatfs of image");
	if (!image_fs_ok((uint64_t)fs.f_type))
		return err_step(e, STEP_IMAGE, EOPNOTSUPP, "image is on a "
		    "file system of type 0x%lx: copy it to a local one",
		    (unsigned long)fs.f_type);
	if (fstat(fd, st) < 0)
		return err_step(e, STEP_IMAGE, errno, "fstat of image");
	/* nobody's file, and the same for ever */
	if (!writable && (flags & O_ACCMODE) == O_RDONLY &&
	    fd_sealed_size(fd, IMAGE_SEALED_MAX) > 0)
		return 0;
	return image_judge(st, flags, writable, owner, e);
}
