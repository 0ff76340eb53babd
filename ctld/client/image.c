/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process. privd-jail judges every descriptor
 * again and alone decides; here a mistake is named while the field that it
 * was made in is still known.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctld/client/args.h"
#include "ctld/client/image.h"

static const char *
kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "a directory";
	case S_IFIFO: return "a FIFO";
	case S_IFCHR: return "a character device";
	case S_IFBLK: return "a block device";
	case S_IFSOCK: return "a socket";
	case S_IFLNK: return "a symbolic link";
	default: return "no file";
	}
}

int
image_check(int fd, const char *field, int rw, uint32_t peer, uint32_t owner,
    struct rep_cl *e)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return arg_bad(e, "", field, "%s", strerrordesc_np(errno));
	if ((flags & O_PATH) != 0)
		return arg_bad(e, "", field,
		    "opened with O_PATH; open it for reading");
	if (!S_ISREG(st.st_mode))
		return arg_bad(e, "", field,
		    "%s; give a regular file", kind(st.st_mode));
	if ((flags & O_ACCMODE) != (rw ? O_RDWR : O_RDONLY))
		return arg_bad(e, "", field, "open it %s",
		    rw ? "for reading and writing" : "for reading only");
	if (st.st_nlink == 0)
		return arg_bad(e, "", field,
		    "the file was deleted; give one that has a name");
	if (st.st_size == 0)
		return arg_bad(e, "", field, "the file is empty");
	if (st.st_uid != peer && st.st_uid != owner &&
	    (st.st_uid != 0 || rw))
		return arg_bad(e, "", field,
		    "belongs to uid %u; give a file of the VM's owner%s",
		    st.st_uid, rw ? "" : ", or one of root's");
	return 0;
}

int
image_check_raw(int fd, const char *field, struct rep_cl *e)
{
	static const struct { const char *magic, *name; size_t n; } f[] = {
		{ "QFI\xfb", "qcow2", 4 },
		{ "KDMV", "vmdk", 4 },
		{ "<<< ", "vdi", 4 },
	};
	char head[4];
	size_t i;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return arg_bad(e, "", field, "shorter than a sector");
	for (i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		if (memcmp(head, f[i].magic, f[i].n) == 0)
			return arg_bad(e, "", field,
			    "a %s image; make it raw: qemu-img convert -O "
			    "raw OLD NEW", f[i].name);
	}
	return 0;
}

int
image_check_pair(int ro, int rw, const char *field, struct rep_cl *e)
{
	struct stat a, b;

	if (fstat(ro, &a) < 0 || fstat(rw, &b) < 0)
		return arg_bad(e, "", field, "%s", strerrordesc_np(errno));
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return arg_bad(e, "", field,
		    "not the same file as the read-only descriptor");
	return 0;
}
