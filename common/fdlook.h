/* SPDX-License-Identifier: ISC */
/*
 * The first look at descriptors that come from a client, by everybody whom
 * they reach: the process that looked before may be the client's by now. A file
 * on a FUSE mount is served
 * by a process of whoever mounted it: fstat(2), fstatfs(2), read(2) and
 * close(2) of it may never return. statx(2) with an empty mask and
 * AT_STATX_DONT_SYNC asks nobody: it tells the device number and the mount,
 * and /proc/self/mountinfo (opened before confinement) tells their type.
 */
#ifndef COMMON_FDLOOK_H
#define COMMON_FDLOOK_H

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

/* May each of n <= WIRE_FDS_MAX descriptors be asked about and closed without
 * waiting for somebody's server: files as above; sockets, pipes, devices and
 * memfds, which are the kernel's own. 1; or 0: then none may be closed, for
 * close(2) may never return, not even for SIGKILL; nor does the end of the
 * process, and until then it lets go of nothing else that it has open. */
int fdlook_tame(int mountinfo, const int *fds, unsigned n);
/* So: close all but these, and only then end, with status 1. */
_Noreturn void fdlook_end(const int *wild, unsigned n);

#endif
