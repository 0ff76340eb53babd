/* SPDX-License-Identifier: ISC */
/*
 * A Start call as it is gathered: the record for ctld, and descriptors in the
 * wire's order. Shared by start.c, which reads what a StartConfig says,
 * startfiles.c, which takes the images, and guestfiles.c, which takes and lays
 * out config and secret files.
 */
#ifndef CTLD_CLIENT_STARTSPEC_H
#define CTLD_CLIENT_STARTSPEC_H

#include "ctld/client/fsimage.h"
#include "ctld/client/serve.h"

struct spec {
	struct serve *s;
	const json_t *config;
	struct rep_cl *e;
	unsigned used;		/* bit i: the message's descriptor i */
	unsigned nfds;
	int fds[CONN_FDS_MAX];	/* borrowed from s->c.fds, but `own` */
	int own[2];		/* drives of the guest's files; -1: none */
	struct fsfile file[CL_FILES_MAX]; /* contents of q.files */
	void *content[CL_FILES_MAX];	/* what is to be freed of them */
	size_t bytes;			/* of them all */
	struct clreq_start q;
};

/* All return 0, or -1 with *sp->e. */

/* Take the descriptor that member `key` of o names, whatever it is, and mark
 * it used; *fd: -1 when the member is absent. */
int start_fd(struct spec *sp, const json_t *o, const char *at,
    const char *key, int *fd);
/* Kernel, initrd, root file system and volumes of a new VM. */
int start_images(struct spec *sp);
/* The same of one that is defined, into *b. */
int start_boot_images(struct spec *sp, struct clreq_boot *b);
/* Set CL_PATHS if whoever has the right may open the files again. */
void start_paths(struct spec *sp);
/* Descriptors that no member named are refused. */
int start_fds_named(struct spec *sp);

/* Config and secret files: names, modes and contents into *sp. def: of a
 * defined VM, whose names and modes it has; else NULL. */
int guestfiles_take(struct spec *sp, const struct clreq_start *def);
/* Lay them out as drives of q's VM, put at the end of sp->fds. */
int guestfiles_drives(struct spec *sp, const struct clreq_start *q);
/* Give up contents and drives. */
void guestfiles_free(struct spec *sp);

#endif
