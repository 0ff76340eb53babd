/* SPDX-License-Identifier: ISC */
/*
 * A backend as ctld sees it: one const table. Nothing outside ctld/backend
 * and ctld/sup asks which backend it is. Runs in ctld; pure functions.
 */
#ifndef CTLD_BACKEND_H
#define CTLD_BACKEND_H

#include "common/err.h"
#include "common/sysconf.h"
#include "policy/clientops.h"

#define BCAP_PAUSE 1u
#define BCAP_SNAPSHOT 2u
#define BCAP_VSOCK 4u
#define BCAP_TAP 8u

struct backend_plan {
	struct req_limits limits;
	struct req_spawn spawn;
	int argv_fd;		/* sealed memfd of NUL-terminated strings,
				   argv[0] first; owned by the plan's user */
};

struct backend {
	const char *name;	/* as in JSON and --backend */
	enum backend_kind kind;
	uint32_t caps;
	/* its VMM's path, for people */
	const char *(*path)(const struct sysconf *c);
	uint32_t overhead_mib;	/* VMM's own memory, beside the guest's;
				   plan() adds what grows with the guest */
	/* 1 if it can be used on this host, else 0 and *e tells the remedy */
	int (*is_available)(const struct sysconf *c, struct err *e);
	/* From the validated request to everything privd needs. Bit i of
	 * direct: drive i shall pass the host's page cache by. 0 or -1. */
	int (*plan)(const struct sysconf *c, const struct clreq_start *req,
	    uint32_t direct, struct backend_plan *out, struct err *e);
};

/* By kind; BACKEND_AUTO picks the first available. NULL and *e otherwise. */
const struct backend *backend_get(const struct sysconf *c, uint32_t kind,
    struct err *e);
/* What callers call it, built in or not; "?" */
const char *backend_name(uint32_t kind);
/* The i-th that is built in, NULL beyond; and by kind, usable or not. */
const struct backend *backend_at(unsigned i);
const struct backend *backend_of(uint32_t kind);
extern const struct backend backend_qemu;

#endif
