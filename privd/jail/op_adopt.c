/* SPDX-License-Identifier: ISC */
/* privd-jail, ADOPT: a pidfd of the VM's vmsup, for a ctld that was started
 * anew. A pidfd tells of death and gives no right over the process. */
#include <errno.h>

#include "policy/steps.h"
#include "privd/jail/dispatch.h"

int
op_adopt(struct jail *j, struct op *o, const struct req_adopt *req,
    struct rep_adopt *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);

	(void)req;
	(void)rep;
	if (s == NULL)
		return -1;
	if (s->spawning || s->pidfd < 0)
		return err_step(&o->e, STEP_REAP, ESRCH, "no vmsup lives");
	o->out = s->pidfd;
	return OP_DONE;
}
