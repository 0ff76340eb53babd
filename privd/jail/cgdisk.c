/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail: how much a VM reads and writes on a disk. Only direct
 * I/O and reads are held so; writes through the page cache are charged to
 * whoever writes back (ctld opens writable images for direct I/O). The disk
 * is what the kernel says an image's file system is on; of a path, nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/cgroup.h"

#define DISK_MAX 24	/* "MAJOR:MINOR" */

/* A partition is not what can be limited: the disk that has it is. */
static int
disk_of(int disks, dev_t dev, char disk[DISK_MAX], struct err *e)
{
	char path[DISK_MAX + 16], text[DISK_MAX];

	/* an unnamed device: the kernel made the number up */
	if (major(dev) == 0)
		return err_step(e, STEP_IMAGE, ENOTBLK, "image is on no disk "
		    "that could be limited");
	(void)snprintf(disk, DISK_MAX, "%u:%u", major(dev), minor(dev));
	(void)snprintf(path, sizeof(path), "%s/partition", disk);
	if (fd_slurp(disks, path, text, sizeof(text)) < 0)
		return errno == ENOENT ? 0 : err_step(e, STEP_LIMIT, errno,
		    "cannot read %s of /sys/dev/block", path);
	(void)snprintf(path, sizeof(path), "%s/../dev", disk);
	if (fd_slurp(disks, path, disk, DISK_MAX) < 0)
		return err_step(e, STEP_LIMIT, errno,
		    "cannot read %s of /sys/dev/block", path);
	disk[strcspn(disk, "\n")] = '\0';
	return 0;
}

static int
put1(const struct cgroups *g, const char *name, const char *file,
    const char *disk, uint64_t most, struct err *e)
{
	char text[DISK_MAX + 24];

	if (most == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%s %" PRIu64, disk, most);
	return cg_put(g->v1[CG1_BLKIO], name, NULL, file, text, e);
}

/* " KEY=MOST" for each direction, or nothing. */
static void
add2(char *text, size_t size, const char *what, uint64_t most)
{
	size_t n = strlen(text);

	if (most != 0)
		(void)snprintf(text + n, size - n, " r%s=%" PRIu64 " w%s=%"
		    PRIu64, what, most, what, most);
}

int
cg_disk(const struct cgroups *g, const struct cg_name *n,
    const struct sysconf *c, int disks, dev_t dev, struct err *e)
{
	uint64_t bytes = (uint64_t)c->disk_mib << 20, ops = c->disk_ops;
	char name[CG_NAME_MAX], disk[DISK_MAX], text[160];

	if (disk_of(disks, dev, disk, e) < 0)
		return -1;
	cg_format(name, n);
	if (g->v1[CG1_BLKIO] >= 0)
		return put1(g, name, "blkio.throttle.read_bps_device", disk,
			bytes, e) < 0 ||
		    put1(g, name, "blkio.throttle.write_bps_device", disk,
			bytes, e) < 0 ||
		    put1(g, name, "blkio.throttle.read_iops_device", disk,
			ops, e) < 0 ||
		    put1(g, name, "blkio.throttle.write_iops_device", disk,
			ops, e) < 0 ? -1 : 0;
	if (!g->v2_io)
		return err_step(e, STEP_LIMIT, EOPNOTSUPP, "the host has no "
		    "cgroup controller io, without which disk_mib_per_second "
		    "and disk_ops_per_second cannot hold");
	(void)snprintf(text, sizeof(text), "%s", disk);
	add2(text, sizeof(text), "bps", bytes);
	add2(text, sizeof(text), "iops", ops);
	return cg_put(g->v2, name, CG_VMM, "io.max", text, e);
}
