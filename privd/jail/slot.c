/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. Slot numbers and generations come from front and are
 * checked here against jail's own memory: a number beyond the table, another
 * generation than the one attested, or an old one is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/slot.h"

int
slots_init(struct slots *t, uint32_t n, struct err *e)
{
	size_t size = n * sizeof(struct slot);
	void *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || madvise(p, size, MADV_WIPEONFORK) < 0)
		return err_step(e, STEP_SLOT, errno, "no memory for %" PRIu32
		    " slots", n);
	t->tab = p;
	t->n = n;
	return 0;
}

struct slot *
slot_find(struct slots *t, const struct wire_hdr *h, struct err *e)
{
	struct slot *s;

	if (h->slot < t->n) {
		s = &t->tab[h->slot];
		if (s->used && h->generation != 0 &&
		    s->generation == h->generation)
			return s;
	}
	(void)err_step(e, STEP_SLOT, ESTALE,
	    "slot %" PRIu32 ".%" PRIu64 " is not known to jail", h->slot,
	    h->generation);
	return NULL;
}

struct slot *
slot_take(struct slots *t, uint32_t slot, uint64_t generation, uint32_t owner,
    struct err *e)
{
	struct slot *s;
	unsigned i;

	if (slot >= t->n || generation == 0 ||
	    generation <= t->tab[slot].generation) {
		(void)err_step(e, STEP_SLOT, ESTALE,
		    "slot %" PRIu32 ".%" PRIu64 " is out of range or old",
		    slot, generation);
		return NULL;
	}
	s = &t->tab[slot];
	if (s->used) {
		(void)err_step(e, STEP_SLOT, EBUSY,
		    "slot %" PRIu32 " still holds generation %" PRIu64, slot,
		    s->generation);
		return NULL;
	}
	memset(s, 0, sizeof(*s));
	s->used = 1;
	s->slot = slot;
	s->generation = generation;
	s->owner = owner;
	s->netns = s->pidfd = s->kernel.fd = s->initrd.fd = -1;
	for (i = 0; i < IMAGE_DRIVES_MAX; i++)
		s->drive[i].ro = s->drive[i].rw = -1;
	return s;
}

void
slot_drop_images(struct slot *s)
{
	unsigned i;

	fd_close(&s->kernel.fd);
	fd_close(&s->initrd.fd);
	for (i = 0; i < IMAGE_DRIVES_MAX; i++) {
		fd_close(&s->drive[i].ro);
		fd_close(&s->drive[i].rw);
	}
}

void
slot_drop(struct slot *s)
{
	slot_drop_images(s);
	fd_close(&s->netns);
	fd_close(&s->pidfd);
	s->used = 0;
}

struct cg_name
slot_cg(const struct slot *s)
{
	struct cg_name n = { .slot = s->slot, .owner = s->owner,
		.generation = s->generation };

	return n;
}
