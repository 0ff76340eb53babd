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
	f->step = e->step;
	f->code = e->code;
}

static uint64_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void
quota(struct rep_cl *f, const char *resource, uint64_t limit)
{
	fault_set(f, CLE_QUOTA, resource,
	    "no more than %llu %s at a time; stop a VM or ask the operator",
	    (unsigned long long)limit, resource);
	f->limit = limit;
}

static int
fault_quota(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r)
{
	const struct owner_conf *o = sysconf_owner(&c->conf, owner);

	switch (r->step) {
	case STEP_QUOTA_VMS:
		quota(f, "vms", least(o->vms, c->conf.max_vms));
		return 1;
	case STEP_QUOTA_CPUS:
		quota(f, "cpus", least(o->cpus, c->conf.max_cpus));
		return 1;
	case STEP_QUOTA_MEM:
		quota(f, "memory_mib",
		    least(o->memory_mib, c->conf.max_memory_mib));
		return 1;
	case STEP_QUOTA_PORTS:
		quota(f, "ports", o->ports);
		return 1;
	default:
		return 0;
	}
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
	if (fault_quota(f, c, owner, r)) {
		/* said */
	} else if (r->step == STEP_PORT && is_policy(r->code)) {
		fault_port(f, c, owner, r, req);
	} else if (r->step == STEP_ALLOW && is_policy(r->code)) {
		fault_allow(f, r, req);
	} else if (r->step == STEP_IMAGE && field != NULL) {
		fault_image(f, r->code, field);
	} else if (r->op == PRIVOP_RESERVE && r->step == STEP_PEER) {
		fault_set(f, CLE_DENIED, "owner",
		    "you may not start a VM for that owner");
	} else if ((r->op == PRIVOP_STOP || r->op == PRIVOP_NET_SET) &&
	    r->step == STEP_PEER) {
		fault_set(f, CLE_DENIED, "", "it is not your VM");
	} else if (r->op == PRIVOP_RESERVE && r->step == STEP_SLOT &&
	    r->code == ENOSPC) {
		quota(f, "vms", c->conf.max_vms);
	} else {
		fault_host(f, r->step, r->code, step_name(r->step));
		return;
	}
	f->step = r->step;
	f->code = r->code;
}
