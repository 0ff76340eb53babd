/* SPDX-License-Identifier: ISC */
/*
 * Policy: what the operator's configuration says of this caller. Runs in a
 * connection's own process, which keeps a copy of just that and nothing of
 * anybody else.
 */
#include <string.h>
#include <bsd/string.h>

#include "common/ring.h"
#include "ctld/client/args.h"
#include "ctld/client/serve.h"

void
policy_view(const struct sysconf *c, uint32_t uid, struct policy_view *v)
{
	unsigned i;

	memset(v, 0, sizeof(*v));
	(void)strlcpy(v->instance, c->instance, sizeof(v->instance));
	(void)strlcpy(v->ifprefix, c->ifprefix, sizeof(v->ifprefix));
	(void)strlcpy(v->run_dir, c->run_dir, sizeof(v->run_dir));
	(void)strlcpy(v->state_dir, c->state_dir, sizeof(v->state_dir));
	v->uid = c->uid;
	v->vm_id_base = c->vm_id_base;
	v->vm_id_count = c->vm_id_count;
	v->slots = c->slots;
	for (i = 0; i < CEIL_N; i++)
		v->node[i] = ceiling_node(c, i);
	v->memory_reserve_mib = c->memory_reserve_mib;
	v->console_bytes = c->console_bytes;
	v->pool_addr = c->pool_addr;
	v->pool_prefix = c->pool_prefix;
	v->dns = c->dns;
	v->flows = c->flows;
	v->compose = c->compose;
	v->accel = c->accel;
	v->admin = (uint32_t)sysconf_admin(c, uid);
	v->owner = *sysconf_owner(c, uid);
}

static json_t *
addr(uint32_t a)
{
	return json_sprintf("%u.%u.%u.%u", a >> 24, a >> 16 & 255,
	    a >> 8 & 255, a & 255);
}

static json_t *
uids(const struct sysconf_uids *u)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
	    "front", (json_int_t)u->front, "net", (json_int_t)u->net,
	    "jail", (json_int_t)u->jail, "ctld", (json_int_t)u->ctld,
	    "client", (json_int_t)u->client, "conf", (json_int_t)u->conf,
	    "fetch", (json_int_t)u->fetch);
}

static json_t *
compose(uint32_t on)
{
	return json_pack("{s:b,s:b,s:b,s:b,s:b,s:b}",
	    "network", (on & COMPOSE_NETWORK) != 0,
	    "vsock", (on & COMPOSE_VSOCK) != 0,
	    "firewall", (on & COMPOSE_FIREWALL) != 0,
	    "jailer", (on & COMPOSE_JAILER) != 0,
	    "console", (on & COMPOSE_CONSOLE) != 0,
	    "graceful_shutdown", (on & COMPOSE_SHUTDOWN) != 0);
}

static json_t *
owner(const struct owner_conf *o)
{
	json_t *binds = json_array(), *j;
	unsigned i;

	for (i = 0; i < o->nbinds && i < CONF_BINDS_MAX; i++)
		(void)json_array_append_new(binds, addr(o->binds[i]));
	j = json_pack("{s:i,s:i,s:o,s:b,s:b}",
	    "port_lo", (int)o->port_lo, "port_hi", (int)o->port_hi,
	    "addresses", binds,
	    "runner", (o->flags & OWNER_RUNNER) != 0,
	    "bridge", (o->flags & OWNER_BRIDGE) != 0);
	for (i = 0; i < CEIL_N; i++)
		(void)json_object_set_new(j, ceilings[i].name,
		    json_integer((json_int_t)ceiling_owner(o, i)));
	return j;
}

static json_t *
node(const struct policy_view *v)
{
	json_t *j = json_pack("{s:I}", "memory_reserve_mib",
	    (json_int_t)v->memory_reserve_mib);
	unsigned i;

	for (i = 0; i < CEIL_N; i++)
		if (ceilings[i].nhi > 0)
			(void)json_object_set_new(j, ceilings[i].name,
			    json_integer((json_int_t)v->node[i]));
	return j;
}

int
method_policy(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { NULL };
	const struct policy_view *v = &s->policy;
	json_t *p, *pool;

	if (arg_known(params, "", names, e) < 0)
		return -1;
	pool = json_sprintf("%u.%u.%u.%u/%u", v->pool_addr >> 24,
	    v->pool_addr >> 16 & 255, v->pool_addr >> 8 & 255,
	    v->pool_addr & 255, v->pool_prefix);
	p = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:{s:I,s:I},s:I,s:o,s:o,"
		      "s:I,s:I,s:I,s:o,s:o,s:o}",
	    "instance", v->instance, "interface_prefix", v->ifprefix,
	    "run_dir", v->run_dir, "state_dir", v->state_dir,
	    "accel", v->accel != 0 ? "kvm" : "tcg",
	    "admin", v->admin != 0, "uids", uids(&v->uid), "vm_ids",
	    "base", (json_int_t)v->vm_id_base,
	    "count", (json_int_t)v->vm_id_count,
	    "slots", (json_int_t)v->slots, "pool", pool,
	    "dns", v->dns != 0 ? addr(v->dns) : json_null(),
	    "flows", (json_int_t)v->flows,
	    "console_bytes", (json_int_t)v->console_bytes,
	    "log_bytes", (json_int_t)RING_LOG,
	    "compose", compose(v->compose), "node", node(v),
	    "owner", owner(&v->owner));
	return reply(s, json_pack("{s:o}", "policy", p), 0);
}
