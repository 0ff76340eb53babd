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
vmnet_clear(struct net *n, struct vmnet *v)
{
	unsigned i;

	vmnet_drop_fds(n, v);
	for (i = 0; i < v->nports; i++) {
		if (v->ports[i].fd >= 0)
			n->held--;
		fd_close(&v->ports[i].fd);
	}
	free(v->ports);
	memset(v, 0, sizeof(*v));
}
