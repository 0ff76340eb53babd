/* SPDX-License-Identifier: ISC */
#ifndef JAIL_DROP_H
#define JAIL_DROP_H

#include <stdint.h>

/* Give up everything for good: bounding set, groups, ids, capabilities,
 * no_new_privs; then look that it is so. 0 or -1 with errno. */
int drop_all(uint32_t uid, uint32_t gid);

/* Soft and hard limit n. 0 or -1. */
int drop_limit(int resource, uint64_t n);

#endif
