/* SPDX-License-Identifier: ISC */
/*
 * What privd-jail knows of each VM. The table is wiped in every child by the
 * kernel (MADV_WIPEONFORK): S, V and helpers never see another VM's entry.
 * A slot belongs to exactly one (generation, owner) from ATTEST to REAP.
 */
#ifndef JAIL_SLOT_H
#define JAIL_SLOT_H

#include <stdint.h>

#include "common/err.h"
#include "common/wire.h"
#include "policy/privops.h"
#include "privd/jail/cgroup.h"

struct image {		/* of a kernel or initrd: valid while fd >= 0 */
	int fd;
	uint32_t uid, gid;
	uint64_t size;
};

struct drive {		/* valid while ro >= 0; rw < 0: read-only drive */
	int ro, rw;
	uint64_t size;
};

struct slot {
	uint64_t generation;	/* also of the last one: never reused */
	uint32_t slot, owner;
	uint8_t used;		/* the rest is valid only while set */
	uint8_t adopted;	/* found in the cgroups after a restart */
	uint8_t has_cgroup;
	uint8_t spawning;	/* SPAWN is not answered yet */
	uint8_t child;		/* pidfd is of our own child */
	uint8_t killed;		/* its cgroups were: see kill_all() */
	int netns;
	int pidfd;		/* of S, which becomes vmsup */
	struct image kernel, initrd;
	struct drive drive[IMAGE_DRIVES_MAX];
};

struct slots {
	struct slot *tab;
	uint32_t n;
};

/* n empty slots. 0 or -1 with *e. */
int slots_init(struct slots *t, uint32_t n, struct err *e);
/* The slot that this header names, in use, of this generation; NULL with *e
 * (ESTALE). */
struct slot *slot_find(struct slots *t, const struct wire_hdr *h,
    struct err *e);
/* Take a free slot for a new generation; NULL with *e: EBUSY when in use,
 * ESTALE when the generation is not newer than the last. */
struct slot *slot_take(struct slots *t, uint32_t slot, uint64_t generation,
    uint32_t owner, struct err *e);
/* Close everything the slot holds and make it free. */
void slot_drop(struct slot *s);
void slot_drop_images(struct slot *s);
/* Its cgroups' name. */
struct cg_name slot_cg(const struct slot *s);

#endif
