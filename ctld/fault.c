/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld; pure functions. One table: a new step that is not the host's
 * fault is one row here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/vm.h"

void
fault_set(struct rep_cl *f, enum cl_error error, const char *field,
    const char *fmt, ...)
{
	va_list ap;

	memset(f, 0, sizeof(*f));
	f->error = (uint16_t)error;
	(void)strlcpy(f->field, field, sizeof(f->field));
	va_start(ap, fmt);
	(void)vsnprintf(f->reason, sizeof(f->reason), fmt, ap);
	va_end(ap);
	/* no bytes after the NUL: vsnprintf(3) wrote none */
}

void
fault_host(struct rep_cl *f, uint16_t step, int code, const char *what)
{
	fault_set(f, CLE_HOST, "", "%s: %s", what, strerror(code));
	f->step = step;
	f->code = code;
}

void
fault_err(struct rep_cl *f, const struct err *e)
{
	if (e->field[0] != '\0') {
		fault_set(f, CLE_INVALID, e->field, "%s", e->msg);
		f->code = e->code;
		return;
	}
	fault_set(f, CLE_HOST, "", "%s", e->msg);
	f->step = e->step != STEP_NONE ? e->step : STEP_CTLD;
	f->code = e->code;
}

void
fault_quota(struct rep_cl *f, enum ceiling i, int node, uint32_t limit,
    uint32_t used, uint32_t more)
{
	fault_set(f, CLE_QUOTA, "", "%s", "");
	(void)snprintf(f->field, sizeof(f->field), "%s%s",
	    node ? "node-" : "", ceilings[i].name);
	ceiling_text(f->reason, sizeof(f->reason), i, node, limit, used, more);
	f->limit = limit;
	f->used = used;
}

/* A ceiling that front enforces: EDQUOT, the owner's; ENOSPC, the node's. */
static int
fault_ceiling(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r, const struct clreq_start *req)
{
	static const struct { uint16_t step; enum ceiling i; } t[] = {
		{ STEP_QUOTA_VMS, CEIL_VMS }, { STEP_QUOTA_CPUS, CEIL_CPUS },
		{ STEP_QUOTA_MEM, CEIL_MEMORY },
		{ STEP_QUOTA_PORTS, CEIL_PORTS },
		{ STEP_QUOTA_ENTRIES, CEIL_ENTRIES },
		{ STEP_QUOTA_FLOWS, CEIL_FLOWS },
		{ STEP_START_RATE, CEIL_START_RATE },
		{ STEP_SLOT, CEIL_VMS },
	};
	int node = r->code == ENOSPC;
	unsigned k;

	if (!node && r->code != EDQUOT)
		return 0;
	for (k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
		if (t[k].step != r->step)
			continue;
		fault_quota(f, t[k].i, node, node ?
			ceiling_node(&c->conf, t[k].i) :
			ceiling_owner(sysconf_owner(&c->conf, owner), t[k].i),
		    t[k].i == CEIL_START_RATE ? UINT32_MAX :
			vm_usage(c, node ? OWNER_ALL : owner, t[k].i),
		    r->op == PRIVOP_RESERVE && req != NULL ?
			spec_takes(c, req, t[k].i) : 1);
		return 1;
	}
	return 0;
}

/* The host has too little memory just now: whoever stops what gives some. */
static void
fault_memory(struct rep_cl *f, const struct priv_reply *r)
{
	const struct rep_reserve *rep = r->body;

	fault_set(f, CLE_HOST, "", "%u MiB are needed with what the host keeps "
	    "and what other starts were promised, %u are available; ask for "
	    "less memory, or stop a VM", rep->need_mib, rep->available_mib);
}

/* What net found at fault: 1 + index of a port, 128 + index of an entry. */
static unsigned
at_fault(const struct priv_reply *r)
{
	const struct rep_net_up *up = r->body;
	const struct rep_net_set *set = r->body;

	if (r->body == NULL)
		return 0;
	if (r->op == PRIVOP_NET_SET)
		return set->bad;
	return r->op == PRIVOP_NET_UP ? up->bad : 0;
}

static void
fault_allow(struct rep_cl *f, const struct priv_reply *r,
    const struct clreq_start *req)
{
	const struct net_allow *a = NULL;
	unsigned bad = at_fault(r);
	char what[64] = "an entry";

	if (req != NULL && bad >= 128 && bad - 128 < req->net_up.nallow)
		a = &req->net_up.allow[bad - 128];
	if (a != NULL)
		(void)snprintf(what, sizeof(what), "entry %u, %u.%u.%u.%u/%u,",
		    bad - 127, a->addr >> 24, a->addr >> 16 & 255,
		    a->addr >> 8 & 255, a->addr & 255, (unsigned)a->prefix);
	if (r->code == EINVAL)
		fault_set(f, CLE_INVALID, "allow", "%s is no entry; correct "
		    "it", what);
	else
		fault_set(f, CLE_DENIED, "allow", "%s is private, reserved or "
		    "the VMs' own; leave it out or ask the operator", what);
}

/* The port in words. */
static void
fault_port(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r, const struct clreq_start *req)
{
	const struct owner_conf *o = sysconf_owner(&c->conf, owner);
	const struct net_port *p;
	unsigned bad = at_fault(r);
	char what[64] = "a port";

	if (req != NULL && bad >= 1 && bad <= req->net_up.nports &&
	    bad <= NET_PORTS_MAX) {
		p = &req->net_up.ports[bad - 1];
		(void)snprintf(what, sizeof(what), "port %u/%s",
		    (unsigned)p->host, p->proto == IPPROTO_UDP ? "udp" : "tcp");
	}
	if (r->code == EADDRINUSE)
		fault_set(f, CLE_INVALID, "ports",
		    "%s is in use on this host; choose another", what);
	else if (r->code == EADDRNOTAVAIL)
		fault_set(f, CLE_INVALID, "ports",
		    "%s: the address is not one of this host's", what);
	else
		fault_set(f, CLE_DENIED, "ports", "%s: you may publish ports "
		    "%u-%u on addresses the operator granted", what,
		    (unsigned)o->port_lo, (unsigned)o->port_hi);
}

static int
is_policy(int code)
{
	return code == EACCES || code == EPERM || code == EINVAL ||
	    code == EADDRINUSE || code == EADDRNOTAVAIL;
}

/* jail's word on a file. */
static void
fault_image(struct rep_cl *f, int code, const char *field)
{
	if (code == EBUSY)
		fault_set(f, CLE_INVALID, field, "%s: the file is written by "
		    "another VM or program; stop it or use a copy", field);
	else if (code == ENOTBLK)
		fault_set(f, CLE_INVALID, field, "%s: the file is on a file "
		    "system (tmpfs, overlay, btrfs, zfs) that no disk can "
		    "answer for, and the operator limits disk traffic; move "
		    "it to another", field);
	else if (code == EFBIG)
		fault_set(f, CLE_INVALID, field,
		    "%s: the file is too small or too large", field);
	else if (is_policy(code) || code == EBADF || code == ENOENT)
		fault_set(f, CLE_INVALID, field, "%s: refused: %s; it must be "
		    "a regular file that is yours, or root's and read-only",
		    field, strerror(code));
	else
		fault_host(f, STEP_IMAGE, code, field);
}

void
fault_priv(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r, const struct clreq_start *req,
    const char *field)
{
	if (fault_ceiling(f, c, owner, r, req)) {
		/* said */
	} else if (r->op == PRIVOP_RESERVE && r->step == STEP_HOST_MEM &&
	    r->body != NULL) {
		fault_memory(f, r);
	} else if (r->step == STEP_PORT && is_policy(r->code)) {
		fault_port(f, c, owner, r, req);
	} else if (r->step == STEP_ALLOW && is_policy(r->code)) {
		fault_allow(f, r, req);
	} else if (r->step == STEP_IMAGE && field != NULL) {
		fault_image(f, r->code, field);
	} else if (r->op == PRIVOP_RESERVE && r->step == STEP_PEER &&
	    is_policy(r->code)) {
		fault_set(f, CLE_DENIED, "owner",
		    "you may not start a VM for that owner");
	} else if ((r->op == PRIVOP_STOP || r->op == PRIVOP_NET_SET) &&
	    r->step == STEP_PEER && is_policy(r->code)) {
		fault_set(f, CLE_DENIED, "", "it is not your VM");
	} else {
		fault_host(f, r->step, r->code, step_name(r->step));
		return;
	}
	f->step = r->step;
	f->code = r->code;
}
