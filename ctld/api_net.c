/* SPDX-License-Identifier: ISC */
/* FIREWALL, PORTS: run in ctld; front and net attest the owner again. */
#include <string.h>

#include "ctld/api.h"
#include "ctld/vm_net.h"

static int
zeros(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

int
api_firewall(struct ticket *t, struct wire_msg *m)
{
	struct netwish w = { .of_ports = 0 };
	struct clreq_firewall rq;
	struct vm *vm = t->vm;
	unsigned i;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.what < FW_SHOW || rq.what > FW_REMOVE ||
	    rq.n > NET_ALLOW_MAX)
		return -1;
	for (i = 0; i < NET_ALLOW_MAX; i++)
		if (!zeros(rq.allow[i].zero, sizeof(rq.allow[i].zero)))
			return -1;
	w.what = rq.what;
	w.n = rq.n;
	memcpy(w.allow, rq.allow, sizeof(w.allow));
	vm_net(vm, t, &w);
	return 0;
}

int
api_ports(struct ticket *t, struct wire_msg *m)
{
	struct netwish w = { .of_ports = 1 };
	struct clreq_ports rq;
	struct vm *vm = t->vm;
	unsigned i;

	memcpy(&rq, m->body, sizeof(rq));
	if ((rq.what != FW_ADD && rq.what != FW_REMOVE) ||
	    rq.n > NET_PORTS_MAX)
		return -1;
	for (i = 0; i < NET_PORTS_MAX; i++)
		if (!zeros(rq.ports[i].zero, sizeof(rq.ports[i].zero)))
			return -1;
	w.what = rq.what;
	w.n = rq.n;
	memcpy(w.ports, rq.ports, sizeof(w.ports));
	vm_net(vm, t, &w);
	return 0;
}
