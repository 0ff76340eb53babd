/* SPDX-License-Identifier: ISC */
/* A small read-only ext4 file system in a sealed memfd: the guest's files. */
#ifndef CTLD_CLIENT_FSIMAGE_H
#define CTLD_CLIENT_FSIMAGE_H

#include <stddef.h>
#include <stdint.h>

#define FSIMAGE_SIZE (4u << 20)	/* holes but for what is written */

struct fsfile {
	const char *name;	/* one component, CL_FILE_NAME_MAX at most */
	const void *data;
	size_t n;
	uint32_t mode;		/* permission bits; root's in the guest */
};

/* A file system of that label (at most 16 bytes) with these files in its
 * root. A sealed memfd that the caller owns, or -1 with errno. */
int fsimage_make(const char *label, const struct fsfile *f, unsigned n);

#endif
