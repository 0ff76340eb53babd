/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net after a start, asked by front: what its ledger holds of a
 * VM that lives on. What is in force in the kernel is kept, because an operator
 * who lowers a grant does not mean to cut running VMs; what is not is judged
 * anew: the ledger may hold what net refused, and front is not believed.
 */
#include <errno.h>
#include <netinet/in.h>

#include "policy/steps.h"
#include "privd/net/ops.h"
#include "privd/net/ports.h"

/* As ports_check(), but for the grants. */
static int
restore_check(const struct sysconf *c, uint32_t owner, struct req_net_up *rq,
    struct err *e)
{
	uint8_t bad = 0;
	unsigned i;

	if (rq->mode < NET_NAT || rq->mode > NET_NONE ||
	    rq->nports > NET_PORTS_MAX || rq->nallow > NET_ALLOW_MAX)
		return err_set(e, EBADMSG, "no such network");
	for (i = 0; i < rq->nports; i++)
		if (rq->ports[i].host == 0 || rq->ports[i].guest == 0 ||
		    (rq->ports[i].proto != IPPROTO_TCP &&
			rq->ports[i].proto != IPPROTO_UDP))
			return err_set(e, EBADMSG, "no such port");
	if (ports_check(c, owner, rq, &bad, e) < 0 && e->code != EACCES)
		return -1;
	return 0;
}

int
op_net_restore(struct net *n, struct wire_msg *m,
    const struct req_net_restore *asked, struct rep_net_restore *rp,
    struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	struct req_net_up rq = asked->up;

	(void)rp;
	if (v == NULL || asked->zero != 0 ||
	    restore_check(n->c, asked->owner, &rq, e) < 0)
		return err_set(e, EBADMSG, "not what was recorded");
	if (n->committed)
		return err_step(e, STEP_HOST_RULES, EALREADY,
		    "the host's table is complete");
	vmnet_clear(n, v);
	v->generation = m->h.generation;
	v->owner = asked->owner;
	v->state = VMNET_UP;
	if (rq.mode == NET_NONE)
		return 0;
	v->networked = 1;
	if (vmnet_keep_allow(v, &rq) < 0)
		return err_step(e, STEP_ALLOW, errno, "no memory");
	v->granted = (uint16_t)allow_any_granted(n->c, v);
	return ports_hold_again(n, v, m->h.slot, &rq, e);
}
