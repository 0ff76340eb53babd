/* SPDX-License-Identifier: ISC */
/* privd-jail, KILL: an end for the VMM, or for everything of the VM. Makes
 * nothing and waits for nothing, so that it works when the host is full. */
#include <errno.h>
#include <inttypes.h>

#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/kill.h"

int
op_kill(struct jail *j, struct op *o, const struct req_kill *req,
    struct rep_kill *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	int r;

	(void)rep;
	if (s == NULL)
		return -1;
	if (req->how < KILL_TERM_VMM || req->how > KILL_ALL || req->zero != 0)
		return err_step(&o->e, STEP_KILL, EINVAL, "how %" PRIu32,
		    req->how);
	if (!s->has_cgroup)
		return OP_DONE; /* there was never a process */
	r = req->how == KILL_TERM_VMM ? kill_term(j, s) :
	    kill_all(j, s, req->how == KILL_VMM ? CG_VMM : NULL);
	if (r < 0)
		return err_step(&o->e, STEP_KILL, errno, "cannot kill");
	return OP_DONE;
}
