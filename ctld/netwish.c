/* SPDX-License-Identifier: ISC */
/* Runs in ctld; pure. Lists are sets: what is there already stays, once. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "ctld/vm_net.h"

static unsigned
allow_at(const struct req_net_up *up, const struct net_allow *a)
{
	unsigned i;

	for (i = 0; i < up->nallow; i++)
		if (memcmp(&up->allow[i], a, sizeof(*a)) == 0)
			break;
	return i;
}

static int
allow_add(struct req_net_up *up, const struct net_allow *a, struct err *e)
{
	if (allow_at(up, a) < up->nallow)
		return 0;
	if (up->nallow == NET_ALLOW_MAX)
		return err_field(e, "allow", EINVAL,
		    "more than %d entries; name networks instead of "
		    "addresses", NET_ALLOW_MAX);
	up->allow[up->nallow++] = *a;
	return 0;
}

static int
allow_remove(struct req_net_up *up, const struct net_allow *a, unsigned nth,
    struct err *e)
{
	unsigned i = allow_at(up, a);

	if (i == up->nallow)
		return err_field(e, "allow", EINVAL,
		    "entry %u, %u.%u.%u.%u/%u, is not in the list; see "
		    "postern firewall show", nth + 1, a->addr >> 24,
		    a->addr >> 16 & 255, a->addr >> 8 & 255, a->addr & 255,
		    (unsigned)a->prefix);
	up->nallow--;
	memmove(&up->allow[i], &up->allow[i + 1],
	    (up->nallow - i) * sizeof(up->allow[0]));
	memset(&up->allow[up->nallow], 0, sizeof(up->allow[0]));
	return 0;
}

static unsigned
port_at(const struct req_net_up *up, const struct net_port *p)
{
	unsigned i;

	for (i = 0; i < up->nports; i++)
		if (up->ports[i].host == p->host &&
		    up->ports[i].proto == p->proto &&
		    up->ports[i].addr == p->addr)
			break;
	return i;
}

static int
port_add(struct req_net_up *up, const struct net_port *p, struct err *e)
{
	if (port_at(up, p) < up->nports)
		return err_field(e, "ports", EINVAL,
		    "port %u is published already; remove it first", p->host);
	if (up->nports == NET_PORTS_MAX)
		return err_field(e, "ports", EINVAL,
		    "a VM has at most %d ports; remove one", NET_PORTS_MAX);
	up->ports[up->nports++] = *p;
	return 0;
}

static int
port_remove(struct req_net_up *up, const struct net_port *p, struct err *e)
{
	unsigned i = port_at(up, p);

	if (i == up->nports || up->ports[i].guest != p->guest)
		return err_field(e, "ports", EINVAL,
		    "port %u:%u is not published; see postern network",
		    p->host, p->guest);
	up->nports--;
	memmove(&up->ports[i], &up->ports[i + 1],
	    (up->nports - i) * sizeof(up->ports[0]));
	memset(&up->ports[up->nports], 0, sizeof(up->ports[0]));
	return 0;
}

static int
ports_apply(const struct netwish *w, struct req_net_up *up, struct err *e)
{
	unsigned i;

	for (i = 0; i < w->n; i++)
		if ((w->what == FW_ADD ? port_add(up, &w->ports[i], e) :
					 port_remove(up, &w->ports[i], e)) < 0)
			return -1;
	return 0;
}

int
netwish_apply(const struct netwish *w, struct req_net_up *up, struct err *e)
{
	unsigned i;

	if (w->of_ports)
		return ports_apply(w, up, e);
	if (w->what == FW_SET) {
		memset(up->allow, 0, sizeof(up->allow));
		up->nallow = 0;
	}
	for (i = 0; i < w->n; i++)
		if ((w->what == FW_REMOVE ?
			    allow_remove(up, &w->allow[i], i, e) :
			    allow_add(up, &w->allow[i], e)) < 0)
			return -1;
	return 0;
}
