/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. A stop is the owner's decision: the kernel names who is at
 * the other end of the client's socket. Once it is in the ledger, ctld may
 * kill, reap and release this VM without asking again.
 */
#include <errno.h>

#include "common/peer.h"
#include "policy/steps.h"
#include "privd/front.h"

enum verdict
op_stop(struct front *f, struct slot *s, struct call *c,
    const struct req_stop *req, struct rep_stop *rep)
{
	uint32_t peer, was = s->rec.stop;

	(void)req;
	if (peer_client(c->fds[0], &f->conf, &peer) < 0) {
		rep->r = rep_no(errno, STEP_PEER);
		return V_DONE;
	}
	if (!sysconf_member(&f->conf, peer) ||
	    (peer != s->rec.owner && !sysconf_admin(&f->conf, peer))) {
		rep->r = rep_no(EPERM, STEP_PEER);
		return V_DONE;
	}
	s->rec.stop = 1;
	/* stop works on a full or broken disk too: the decision then holds
	 * until our next start, when the owner is asked for again */
	if (slot_set_state(f, s, ST_DYING) < 0) {
		s->rec.state = ST_DYING;
		s->rec.stop = was;
	}
	return V_DONE;
}
