/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by ctld through front once every process of the VM
 * is gone. Only takes away, by what the slot itself determines; so it needs
 * no more trust in the asker than that the VM is dead, which front knows from
 * jail. Idempotent: what is gone already is as well gone.
 */
#include <errno.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/flows.h"
#include "privd/net/hostrules.h"
#include "privd/net/ops.h"

static int
elems_out(struct net *n, uint32_t slot, const struct vmnet *v, unsigned from,
    unsigned to)
{
	struct nft t;
	unsigned i, bad;

	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	nft_use(&t, NFPROTO_IPV4, n->c->instance);
	for (i = from; i < to; i++)
		hostelem(&t, n->c, slot, v->ports, i, 1);
	return hostelems_commit(&t, &bad);
}

int
grant_set(struct net *n, uint32_t slot, struct vmnet *v, int on)
{
	struct nft t;
	unsigned bad;

	if (n->committed && v->granted != on) {
		nft_begin(&t, &n->nft, n->buf, n->buf_size);
		nft_use(&t, NFPROTO_IPV4, n->c->instance);
		hostelem_granted(&t, n->c, slot, !on);
		if (hostelems_commit(&t, &bad) < 0 && (on || errno != ENOENT))
			return -1;
	}
	v->granted = (uint16_t)on;
	return 0;
}

static int
elements_gone(struct net *n, uint32_t slot, struct vmnet *v,
    struct err *e)
{
	unsigned i;

	if (grant_set(n, slot, v, 0) < 0)
		return err_step(e, STEP_HOST_RULES, errno,
		    "cannot remove the grant of slot %u", slot);
	if (!n->committed || elems_out(n, slot, v, 0, v->nports + 1u) == 0)
		return 0;
	/* one that is absent fails the batch: then one by one */
	for (i = 0; i <= v->nports; i++)
		if (elems_out(n, slot, v, i, i + 1) < 0 && errno != ENOENT)
			return err_step(e, STEP_HOST_RULES, errno,
			    "cannot remove element %u of slot %u", i, slot);
	return 0;
}

void
net_undo(struct net *n, uint32_t slot, struct vmnet *v)
{
	struct err e;

	if (v->networked && elements_gone(n, slot, v, &e) < 0)
		log_err("undo of slot %u: %s", slot, e.msg);
	vmnet_clear(n, v);
}

int
op_net_down(struct net *n, struct wire_msg *m, const struct req_net_down *rq,
    struct rep_net_down *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);

	(void)rp;
	if (v == NULL || rq->zero != 0)
		return err_set(e, EBADMSG, "no such slot");
	if (v->state != VMNET_FREE && v->generation != m->h.generation)
		return 0; /* the slot has a new VM: the old one is long gone */
	if (v->networked && elements_gone(n, m->h.slot, v, e) < 0)
		return -1;
	if (flows_flush(n, slot_addr_vm(n->c, m->h.slot), e) < 0)
		return -1;
	vmnet_clear(n, v);
	return 0;
}
