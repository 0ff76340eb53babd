/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see fuseserve.h. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/lib/fuseserve.h"

#define FILE_NODE 2

static void
answer(int dev, uint64_t unique, const void *body, size_t n)
{
	char buf[512];
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n),
		.unique = unique };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, n);
	if (write(dev, buf, h.len) != (ssize_t)h.len)
		warn("fuse answer");
}

static void
attributes(struct fuse_attr *a, uint64_t node)
{
	a->ino = node;
	a->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	a->nlink = 1;
	a->size = 4096;
}

/* Answers what it takes to open the file, and then nothing more of it. */
void
fuse_serve(int dev)
{
	_Alignas(8) static char buf[1 << 20];
	const struct fuse_in_header *in = (const void *)buf;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE };
	struct fuse_attr_out attr = { .attr_valid = 60 };
	struct fuse_open_out opened = { .fh = 1 };

	attributes(&entry.attr, FILE_NODE);
	attributes(&attr.attr, FUSE_ROOT_ID);
	while (read(dev, buf, sizeof(buf)) > 0) {
		if (in->opcode == FUSE_INIT)
			answer(dev, in->unique, &init, sizeof(init));
		else if (in->opcode == FUSE_LOOKUP)
			answer(dev, in->unique, &entry, sizeof(entry));
		else if (in->opcode == FUSE_GETATTR &&
		    in->nodeid == FUSE_ROOT_ID)
			answer(dev, in->unique, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			answer(dev, in->unique, &opened, sizeof(opened));
	}
}

int
fuse_mount(const char *dir)
{
	int dev CLEANUP_FD = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	if (dev < 0)
		return -1;
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,"
	    "user_id=0,group_id=0,allow_other", dev);
	if (mount("x", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return -1;
	return fd_steal(&dev);
}
