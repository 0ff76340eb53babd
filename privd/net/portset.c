/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. A running VM's ports are exchanged as a set. Invariant:
 * a port that is in both sets stays reserved by the same socket throughout,
 * so nobody else gets it in between.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/net/ports.h"

int
ports_same(const struct held_port *p, const struct held_port *b, unsigned nb)
{
	unsigned i;

	for (i = 0; i < nb; i++)
		if (b[i].proto == p->proto && b[i].host == p->host &&
		    b[i].addr == p->addr && b[i].guest == p->guest)
			return 1;
	return 0;
}

void
ports_leave(struct net *n, const struct held_port *a, unsigned na,
    const struct held_port *b, unsigned nb)
{
	unsigned i, j;
	int fd;

	for (i = 0; i < na; i++) {
		for (j = 0; j < nb && b[j].fd != a[i].fd; j++)
			;
		fd = a[i].fd;
		if (j < nb || fd < 0)
			continue;
		fd_close(&fd);
		n->held--;
	}
}

int
ports_rehold(struct net *n, const struct vmnet *v,
    const struct req_net_up *rq, struct held_port **out, uint8_t *bad,
    struct err *e)
{
	const struct held_port *old;
	struct held_port *p;
	struct err why;
	unsigned i;

	*out = NULL;
	if (rq->nports == 0)
		return 0;
	p = calloc(rq->nports, sizeof(*p));
	if (p == NULL)
		return err_step(e, STEP_PORT, ENOMEM, "no memory");
	for (i = 0; i < rq->nports; i++) {
		p[i] = port_of(&rq->ports[i]);
		old = ports_find(v, &rq->ports[i]);
		if (old != NULL)
			p[i].fd = old->fd;
		else if (port_hold(n, &p[i]) < 0) {
			*bad = (uint8_t)(1 + i);
			(void)port_refused(&p[i], &why);
			ports_leave(n, p, i, v->ports, v->nports);
			free(p);
			*e = why;
			return -1;
		}
	}
	*out = p;
	return 0;
}
