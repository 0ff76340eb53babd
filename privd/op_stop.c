/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. A stop is the owner's decision: the kernel names who is at
 * the other end of the client's socket. Once it is in the ledger, ctld may
 * kill, reap and release this VM without asking again.
 */
#include "privd/front.h"

enum verdict
op_stop(struct front *f, struct slot *s, struct call *c,
    const struct req_stop *req, struct rep_stop *rep)
{
	uint32_t was = s->rec.stop;

	(void)req;
	if (owner_asks(f, s, c->fds[0], &rep->r) < 0)
		return V_DONE;
	s->rec.stop = 1;
	/* stop works on a full or broken disk too: the decision then holds
	 * until our next start, when the owner is asked for again */
	if (slot_set_state(f, s, ST_DYING) < 0) {
		s->rec.state = ST_DYING;
		s->rec.stop = was;
	}
	return V_DONE;
}
