/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, NS_MAKE: the VM's network namespace. What net needs of it is
 * sent to net before front hears that it is made, so that net has it when
 * NET_UP arrives there. jail keeps the namespace alone, for S.
 */
#include <errno.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/netns.h"

int
op_ns_make(struct jail *j, struct op *o, const struct req_ns_make *req,
    struct rep_ns_make *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	struct wire_hdr h = { .type = PRIVOP_NS_FDS, .slot = o->m->h.slot,
		.generation = o->m->h.generation };
	struct req_ns_fds q = { 0 };
	int fds[NSFD_N], i, r = OP_DONE;

	(void)rep;
	if (s == NULL)
		return -1;
	if (req->mode < NET_NAT || req->mode > NET_NONE || req->zero != 0)
		return err_step(&o->e, STEP_NETNS, EINVAL, "mode");
	if (s->netns >= 0 || s->adopted)
		return err_step(&o->e, STEP_STATE, EEXIST, "made already");
	if (netns_make(fds, &o->e) < 0)
		return -1;
	q.owner = s->owner;
	if (send_wait(JAIL_FD_NET, &h, &q, sizeof(q), fds, NSFD_N) < 0)
		r = err_step(&o->e, STEP_NET_FDS, errno,
		    "cannot hand the namespace to net");
	else
		s->netns = fd_steal(&fds[NSFD_NS]);
	for (i = 0; i < NSFD_N; i++)
		fd_close(&fds[i]);
	return r;
}
