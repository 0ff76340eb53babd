/* SPDX-License-Identifier: ISC */
/* privd-jail, LIST_NEXT: the VMs that jail knows, one a request, for front's
 * comparison with its ledger. */
#include <errno.h>
#include <poll.h>

#include "policy/steps.h"
#include "privd/jail/dispatch.h"

static int
alive(const struct slot *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	return s->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

int
op_list_next(struct jail *j, struct op *o, const struct req_list_next *req,
    struct rep_list_next *rep)
{
	uint32_t i = req->after == UINT32_MAX ? 0 : req->after + 1;
	const struct slot *s;

	while (i < j->slots.n && !j->slots.tab[i].used)
		i++;
	if (i >= j->slots.n)
		return err_step(&o->e, STEP_SLOT, ENOENT, "the end");
	s = &j->slots.tab[i];
	rep->slot = i;
	rep->owner = s->owner;
	rep->generation = s->generation;
	rep->alive = (uint32_t)alive(s);
	return OP_DONE;
}
