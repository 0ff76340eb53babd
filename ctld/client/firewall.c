/* SPDX-License-Identifier: ISC */
/*
 * FirewallShow, FirewallSet, FirewallAdd, FirewallRemove, PortAdd and
 * PortRemove. Runs in a connection's own process; counters come from ctld and
 * are checked before they are written.
 */
#include <string.h>

#include "ctld/client/args.h"
#include "ctld/client/serve.h"
#include "ctld/client/shape.h"

#define ANSWER_MS 60000

static int
shown_ok(const struct rep_net_show *s)
{
	unsigned i;

	for (i = 0; i < s->nrules && i < NET_RULES_MAX; i++)
		if (!wire_str_ok(s->rules[i].name, sizeof(s->rules[i].name)))
			return 0;
	return s->nallow <= NET_ALLOW_MAX && s->nports <= NET_PORTS_MAX &&
	    s->nrules <= NET_RULES_MAX;
}

/* Counts beside what they are of; null for a VM that does not run. */
static json_t *
counted(json_t *o, const struct clrep_firewall *r, uint64_t packets,
    uint64_t bytes)
{
	(void)json_object_set_new(o, "packets",
	    r->live ? json_integer((json_int_t)packets) : json_null());
	(void)json_object_set_new(o, "bytes",
	    r->live ? json_integer((json_int_t)bytes) : json_null());
	return o;
}

static json_t *
shape_firewall(const struct clrep_firewall *r)
{
	json_t *allow = json_array(), *ports = json_array();
	json_t *rules = json_array();
	const struct rep_net_show *s = &r->show;
	unsigned i;

	for (i = 0; i < s->nallow; i++)
		(void)json_array_append_new(allow,
		    counted(shape_allow_one(&s->allow[i].allow), r,
			s->allow[i].packets, s->allow[i].bytes));
	for (i = 0; i < s->nports; i++)
		(void)json_array_append_new(ports,
		    counted(shape_port_one(&s->ports[i].port), r,
			s->ports[i].packets, s->ports[i].bytes));
	for (i = 0; i < s->nrules; i++)
		(void)json_array_append_new(rules,
		    counted(json_pack("{s:s}", "name", s->rules[i].name), r,
			s->rules[i].packets, s->rules[i].bytes));
	return json_pack("{s:b,s:o,s:o,s:o}", "running", r->live != 0,
	    "allow", allow, "ports", ports, "rules", rules);
}

static int
firewall(struct serve *s, const json_t *params, enum fw_what what,
    struct rep_cl *e)
{
	static const char *const look[] = { "name", NULL };
	static const char *const change[] = { "name", "allow", NULL };
	struct req_net_up up = { .nallow = 0 };
	const struct clrep_firewall *r;
	struct clreq_firewall q = { .what = (uint32_t)what };

	if (arg_known(params, "", what == FW_SHOW ? look : change, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0)
		return -1;
	if (what != FW_SHOW && !arg_has(params, "allow"))
		return arg_bad(e, "", "allow", "missing; say a list");
	if (what != FW_SHOW && arg_allow(params, &up, e) < 0)
		return -1;
	q.n = up.nallow;
	memcpy(q.allow, up.allow, sizeof(q.allow));
	if (serve_call(s, CLIENTOP_FIREWALL, &q, sizeof(q), NULL, 0,
		ANSWER_MS, e) < 0)
		return -1;
	r = (const struct clrep_firewall *)(const void *)s->m.body;
	if (!shown_ok(&r->show)) {
		s->end = s->c.dead = 1;
		return 0;
	}
	return reply(s, json_pack("{s:o}", "firewall", shape_firewall(r)), 0);
}

static int
ports(struct serve *s, const json_t *params, enum fw_what what,
    struct rep_cl *e)
{
	static const char *const names[] = { "name", "ports", NULL };
	struct req_net_up up = { .nports = 0 };
	struct clreq_ports q = { .what = (uint32_t)what };

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 || arg_ports(params, &up, e) < 0)
		return -1;
	if (up.nports == 0)
		return arg_bad(e, "", "ports", "missing; say which");
	q.n = up.nports;
	memcpy(q.ports, up.ports, sizeof(q.ports));
	if (serve_call(s, CLIENTOP_PORTS, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

int
method_firewall_show(struct serve *s, const json_t *params, struct rep_cl *e)
{
	return firewall(s, params, FW_SHOW, e);
}

int
method_firewall_set(struct serve *s, const json_t *params, struct rep_cl *e)
{
	return firewall(s, params, FW_SET, e);
}

int
method_firewall_add(struct serve *s, const json_t *params, struct rep_cl *e)
{
	return firewall(s, params, FW_ADD, e);
}

int
method_firewall_remove(struct serve *s, const json_t *params,
    struct rep_cl *e)
{
	return firewall(s, params, FW_REMOVE, e);
}

int
method_port_add(struct serve *s, const json_t *params, struct rep_cl *e)
{
	return ports(s, params, FW_ADD, e);
}

int
method_port_remove(struct serve *s, const json_t *params, struct rep_cl *e)
{
	return ports(s, params, FW_REMOVE, e);
}
