/* SPDX-License-Identifier: ISC */
/* The rows of policy/children.def. */
#ifndef POLICY_CHILDREN_H
#define POLICY_CHILDREN_H

#include <stdint.h>

#define CHILD_ROLE UINT32_MAX
#define CHILD_DRIVE (UINT32_MAX - 1)

enum child {
#define CHILD(ID, title, list, nofile, fsize, nproc, data, sees, bel) \
	CHILD_##ID,
#include "policy/children.def"
#undef CHILD
	CHILD_END
};

struct child_row {
	const char *title, *sees, *believes;
	uint32_t nofile, fsize_kib, nproc, data_mib;
};
const struct child_row *child_row(enum child id); /* policy/rows.c */

#endif
