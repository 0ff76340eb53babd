/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. Tells ctld, after its start, what front has: the ledger's
 * word wins over ctld's files.
 */
#include <errno.h>

#include "policy/steps.h"
#include "privd/front.h"

enum verdict
op_slot_next(struct front *f, struct slot *s, struct call *c,
    const struct req_slot_next *req, struct rep_slot_next *rep)
{
	uint32_t i = req->after == UINT32_MAX ? 0 : req->after + 1;

	(void)c;
	if (req->after != UINT32_MAX && req->after >= f->conf.slots)
		i = f->conf.slots;
	for (; i < f->conf.slots; i++) {
		s = &f->slots[i];
		if (!s->taken || s->rec.state == ST_FREE)
			continue;
		rep->slot = i;
		rep->owner = s->rec.owner;
		rep->generation = s->rec.generation;
		rep->state = s->rec.state;
		rep->vm_addr = slot_addr_vm(&f->conf, i);
		return V_DONE;
	}
	rep->r = rep_no(ENOENT, STEP_NONE);
	return V_DONE;
}
