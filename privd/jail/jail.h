/* SPDX-License-Identifier: ISC */
/*
 * The context of privd-jail's one process: what it was handed at start, and
 * what it keeps. Passed to every function; there is no other state.
 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include <stdint.h>

#include "common/sysconf.h"
#include "common/wire.h"
#include "privd/jail/cgroup.h"
#include "privd/jail/slot.h"

#define PENDING_MAX 64	/* starts under way at once */

/* A SPAWN that was begun and not answered. Free while slot is NULL. */
struct pending {
	struct slot *slot;
	struct wire_hdr req;
	int sync;		/* from S and V: records, then end of file;
				   -1: failed, waiting for S to be gone */
	int ready;		/* of S and V: how many came to their exec */
	int64_t deadline;	/* of now_ms() */
	struct err e;		/* why it failed */
};

struct jail {
	struct sysconf conf;
	struct cgroups cg;
	struct slots slots;
	struct pending pending[PENDING_MAX];
	unsigned npending;
	int template;		/* mount namespace with /usr and nothing else,
				   which S starts from */
};

#endif
