/* SPDX-License-Identifier: ISC */
/*
 * The first look at a client's descriptors. A file on a FUSE mount is served
 * by a process of whoever mounted it: fstat(2), fstatfs(2), read(2) and
 * close(2) of it may never return. statx(2) with an empty mask and
 * AT_STATX_DONT_SYNC asks nobody: it tells the device number and the mount,
 * and /proc/self/mountinfo (opened before confinement) tells their type.
 */
#ifndef CTLD_CLIENT_FDLOOK_H
#define CTLD_CLIENT_FDLOOK_H

#include <stddef.h>
#include <stdint.h>

#define FDLOOK_TYPE 24

struct fdlook {
	uint32_t major, minor;
	uint64_t mount;			/* mount id */
	char by_mount[FDLOOK_TYPE];	/* type of that mount, "" not seen */
	char by_dev[FDLOOK_TYPE];	/* type of any mount of that device */
};

/* Device and mount of fd, without asking its file system. 0 or -1. */
int fdlook_ask(int fd, struct fdlook *l);

/* Scan mountinfo's text, in pieces of any size, for n looks at once. */
struct fdlook_scan {
	struct fdlook *l;
	unsigned n;
	unsigned field;		/* of the line, from 1 */
	int dashed;		/* past the lone "-" */
	size_t len;
	char word[FDLOOK_TYPE];	/* the field so far, cut */
	uint64_t mount;
	uint32_t major, minor;
};
void fdlook_feed(struct fdlook_scan *s, const char *text, size_t n);

/* The whole of mountinfo (an open descriptor, read from its start). */
int fdlook_mounts(int mountinfo, struct fdlook *l, unsigned n);

/* The type, and whether it is one that answers without a tenant's help:
 * 1, or 0 (type "" is one that this host's mounts do not have). */
int fdlook_ok(const struct fdlook *l, const char **type);

#endif
