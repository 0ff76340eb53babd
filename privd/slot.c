/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. A slot is a handle's number; with its 64-bit generation it
 * names one VM for ever. The state in memory changes only after the ledger
 * has it.
 */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "privd/front.h"

struct slot *
slot_find(struct front *f, uint32_t slot, uint64_t generation)
{
	struct slot *s;

	if (slot >= f->conf.slots || generation == 0)
		return NULL;
	s = &f->slots[slot];
	return s->rec.generation == generation && s->taken ? s : NULL;
}

uint32_t
slot_number(const struct front *f, const struct slot *s)
{
	return (uint32_t)(s - f->slots);
}

struct slot *
slot_choose(struct front *f)
{
	uint32_t i, n;
	int damaged = 0;

	/* round robin: a name, address or uid rests as long as possible */
	for (i = 1; i <= f->conf.slots; i++) {
		n = (f->last + i) % f->conf.slots;
		if (f->slots[n].quarantined)
			damaged = 1;
		else if (!f->slots[n].taken) {
			f->last = n;
			return &f->slots[n];
		}
	}
	errno = damaged ? EUCLEAN : ENOSPC;
	return NULL;
}

int
slot_allows(const struct privop_row *row, uint32_t state)
{
	return (row->states & state) != 0;
}

int
slot_set_state(struct front *f, struct slot *s, uint32_t state)
{
	struct ledger_slot rec = s->rec;

	rec.state = state;
	if (ledger_write(&f->ledger, slot_number(f, s), &rec) < 0) {
		log_err("slot=%u: the ledger cannot be written (%s)",
		    slot_number(f, s), strerror(errno));
		return -1;
	}
	s->rec.state = state;
	return 0;
}

void
slot_free(struct front *f, struct slot *s)
{
	uint64_t generation = s->rec.generation;

	memset(&s->rec, 0, sizeof(s->rec));
	s->rec.generation = generation;
	s->rec.state = ST_FREE;
	s->taken = s->spoiled = 0;
	/* failing, the old record stays: a restart finds nothing alive and
	 * comes to the same end */
	(void)slot_set_state(f, s, ST_FREE);
}
