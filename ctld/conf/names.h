/* SPDX-License-Identifier: ISC */
/*
 * Users and groups by NSS, once, before any client is heard. No other
 * process of ours asks NSS.
 */
#ifndef CTLD_CONF_NAMES_H
#define CTLD_CONF_NAMES_H

#include <stdint.h>

#include "common/err.h"

/* A user's uid (group's gid): by name, or a plain number, which needs no
 * entry. 0, or -1 with ENOENT for an unknown name. */
int names_uid(const char *s, uint32_t *uid);
int names_gid(const char *s, uint32_t *gid);

/* The primary group of a uid; a uid without an entry has the gid of the same
 * number. */
uint32_t names_primary(uint32_t uid);

struct uid_set {
	uint32_t *uid;		/* sorted, no doubles */
	uint32_t n, max;
};
/* 0, or -1 with ENOSPC when the set is full. */
int uid_set_add(struct uid_set *s, uint32_t uid);
int uid_set_has(const struct uid_set *s, uint32_t uid);

/* Add everybody in the group: its listed members, and those whose primary
 * group it is. uid 0 is left out (always served). 0, or -1 with *e. */
int names_members(uint32_t gid, struct uid_set *s, struct err *e);

#endif
