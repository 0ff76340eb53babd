/* SPDX-License-Identifier: ISC */
#ifndef JAIL_ARGS_H
#define JAIL_ARGS_H

#include <stddef.h>

#include "policy/privops.h"

#define ARGS_MAX 256	/* strings */

struct args {
	char *v[ARGS_MAX + 1];		/* NULL at the end */
	unsigned n;
	char text[SPAWN_ARGV_MAX];
};

/* Pure: point v[] at the NUL-terminated strings in the first size bytes of
 * text. -1 (EBADMSG): none, too many, an empty first one, or bytes behind
 * the last NUL. */
int args_split(struct args *a, size_t size);

/* Read the sealed memfd and split it. -1 with errno. */
int args_read(struct args *a, int fd);

#endif
