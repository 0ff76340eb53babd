/* SPDX-License-Identifier: ISC */
/*
 * The files a start request brought: sorted, looked at, and named by their
 * field for whoever must be told. jail judges them again.
 */
#ifndef CTLD_IMAGE_H
#define CTLD_IMAGE_H

#include "common/err.h"
#include "policy/clientops.h"

struct image {
	struct req_image req;
	char field[16];		/* "kernel_path" ... "volumes" */
	unsigned nfds;		/* 2: writable */
	uint32_t direct;	/* writes can pass the page cache by */
	int fds[2];		/* read-only; read-write or -1 */
};
#define IMAGES_MAX (3u + CL_VOLUMES_MAX + 2u)

struct images { unsigned n; struct image img[IMAGES_MAX]; };

/* Take the files of *s out of *m into *out. -1 with *e: a count or a file is
 * refused (field, value, remedy); what was taken is closed. uid: the caller,
 * owner: whose VM it will be; self_fd: directory /proc/self/fd. */
int images_take(const struct clreq_start *s, struct wire_msg *m, int self_fd,
    uint32_t uid, uint32_t owner, struct images *out, struct err *e);
void images_close(struct images *im);

/* One file. 0 or -1. */
int image_check(const struct image *im, const char *path, uint32_t uid,
    uint32_t owner, struct err *e);

#endif
