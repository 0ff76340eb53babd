/* SPDX-License-Identifier: ISC */
/* Runs in privd-net. Keeps books only; touches nothing but descriptors. */
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "privd/net/slot.h"

struct vmnet *
vmnet_of(struct net *n, const struct wire_hdr *h)
{
	if (h->slot >= n->c->slots || h->generation == 0)
		return NULL;
	return &n->vm[h->slot];
}

void
vmnet_drop_fds(struct net *n, struct vmnet *v)
{
	unsigned i;

	if (v->state != VMNET_FDS)
		return;
	for (i = 0; i < NSFD_N; i++)
		fd_close(&v->fds[i]);
	n->pending--;
	v->state = VMNET_FREE;
}

void
vmnet_drop_live(struct net *n, struct vmnet *v, int failed)
{
	if (!v->is_live)
		return;
	fd_close(&v->live[NSLIVE_NS]);
	if (failed)
		fd_close(&v->live[NSLIVE_NFT]);
	else
		linger_add(&n->linger, v->generation, &v->live[NSLIVE_NFT]);
	n->pending--;
	v->is_live = 0;
}

int
vmnet_keep_allow(struct vmnet *v, const struct req_net_up *rq)
{
	struct net_allow *a = NULL;

	if (rq->nallow > 0) {
		a = calloc(rq->nallow, sizeof(*a));
		if (a == NULL)
			return -1;
		memcpy(a, rq->allow, rq->nallow * sizeof(*a));
	}
	free(v->allow);
	v->allow = a;
	v->nallow = rq->nallow;
	return 0;
}

void
vmnet_clear(struct net *n, struct vmnet *v)
{
	int old = linger_take(&n->linger, v->generation);
	unsigned i;

	fd_close(&old);
	vmnet_drop_fds(n, v);
	vmnet_drop_live(n, v, 1);
	for (i = 0; i < v->nports; i++) {
		if (v->ports[i].fd >= 0)
			n->held--;
		fd_close(&v->ports[i].fd);
	}
	free(v->ports);
	free(v->allow);
	memset(v, 0, sizeof(*v));
}
