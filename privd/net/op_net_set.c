/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by ctld through front: another allow list, other
 * ports for a VM that runs. Distrusts ctld: the owner is at the other end of
 * the socket that came along, the lists are judged as at a start, and the
 * namespace is the one that op_ns_live.c found to be the VM's.
 * Order: what is new on the host first (inside it is still refused), then the
 * inside as one batch, read back. Whatever fails, all is as it was.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/peer.h"
#include "common/vmfd.h"
#include "policy/steps.h"
#include "privd/net/flows.h"
#include "privd/net/hostrules.h"
#include "privd/net/link.h"
#include "privd/net/ops.h"
#include "privd/net/ports.h"
#include "privd/net/readback.h"

struct change {
	struct net *n;
	struct vmnet *v;
	uint32_t slot;
	struct nlsock inside;
	struct req_net_up was, to;
	struct held_port *ports;	/* to.nports of them */
	int touch_ports;
};

/* What is in force, as a request. */
static void
current(const struct vmnet *v, struct req_net_up *up)
{
	const struct held_port *p = v->ports;
	unsigned i;

	memset(up, 0, sizeof(*up));
	up->mode = NET_NAT;
	up->nports = v->nports;
	up->nallow = v->nallow;
	for (i = 0; i < v->nports; i++)
		up->ports[i] = (struct net_port){ .addr = p[i].addr,
			.host = p[i].host, .guest = p[i].guest,
			.proto = p[i].proto };
	if (v->nallow > 0)
		memcpy(up->allow, v->allow, v->nallow * sizeof(v->allow[0]));
}

static int
inside_set(struct change *c, const struct req_net_up *up, struct err *e)
{
	struct net *n = c->n;
	struct vmrules in = { .c = n->c, .slot = c->slot,
		.vm = slot_addr_vm(n->c, c->slot),
		.host = slot_addr_host(n->c, c->slot), .rq = up,
		.o = sysconf_owner(n->c, c->v->owner) };
	struct nft t;
	unsigned bad = 0;

	nft_begin(&t, &c->inside, n->buf, n->buf_size);
	vmrules_lists(&t, &in, c->touch_ports);
	if (nft_commit(&t, &bad) < 0)
		return err_step(e, STEP_RULES, errno,
		    "the kernel refused object %u of the change", bad);
	if (readback_chain(&c->inside, &t, vm_rules.chains[VM_GRANTED].name,
		e) < 0 ||
	    readback_chain(&c->inside, &t, vm_rules.chains[VM_RANGES].name,
		e) < 0 ||
	    readback_sets(&c->inside, &t, e) < 0) {
		e->step = STEP_RULES;
		return -1;
	}
	return 0;
}

/* From the elements of ports a to those of b, in one batch. *bad: 1 + index
 * of the port of b that was refused. */
static int
host_set(struct change *c, const struct held_port *a, unsigned na,
    const struct held_port *b, unsigned nb, uint8_t *bad)
{
	uint8_t of[1 + 2 * NET_PORTS_MAX] = { 0 };	/* message to port */
	unsigned i, msg = 0, at = 0;
	struct net *n = c->n;
	struct nft t;

	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	nft_use(&t, NFPROTO_IPV4, n->c->instance);
	for (i = 0; i < na; i++)
		if (!ports_same(&a[i], b, nb)) {
			msg++;
			hostelem(&t, n->c, c->slot, a, i + 1, 1);
		}
	for (i = 0; i < nb; i++)
		if (!ports_same(&b[i], a, na)) {
			of[++msg] = (uint8_t)(1 + i);
			hostelem(&t, n->c, c->slot, b, i + 1, 0);
		}
	if (msg == 0 || hostelems_commit(&t, &at) == 0)
		return 0;
	if (at <= msg)
		*bad = of[at];
	return -1;
}

static int
host_ports(struct change *c, uint8_t *bad, struct err *e)
{
	const struct vmnet *v = c->v;

	if (host_set(c, v->ports, v->nports, c->ports, c->to.nports,
		bad) == 0)
		return 0;
	if (errno == EEXIST)
		return err_step(e, STEP_PORT, EADDRINUSE,
		    "host port is published by another VM");
	return err_step(e, STEP_HOST_RULES, errno,
	    "the kernel refused a port's element");
}

static void
host_back(struct change *c)
{
	const struct vmnet *v = c->v;
	uint8_t bad = 0;

	if (host_set(c, c->ports, c->to.nports, v->ports, v->nports,
		&bad) < 0)
		log_err("vm=%u: its ports are not back on the host: %s",
		    c->slot, strerror(errno));
}

/* Flows to ports that are no more; what they reach is cut already. */
static void
forget_flows(struct change *c)
{
	const struct vmnet *v = c->v;
	uint32_t vm = slot_addr_vm(c->n->c, c->slot);
	const struct held_port *p;
	struct flow_port f;
	struct err e;
	unsigned i;

	for (i = 0; i < v->nports; i++) {
		p = &v->ports[i];
		if (ports_same(p, c->ports, c->to.nports))
			continue;
		f = (struct flow_port){ .dst = p->addr, .to = vm,
			.dport = p->host, .proto = p->proto };
		if (flows_flush_port(c->n, &c->n->nft, &f, &e) < 0)
			log_warn("vm=%u: %s", c->slot, e.msg);
		f = (struct flow_port){ .dst = vm, .to = GUEST_ADDR,
			.dport = p->guest, .proto = p->proto };
		if (flows_flush_port(c->n, &c->inside, &f, &e) < 0)
			log_warn("vm=%u: %s", c->slot, e.msg);
	}
}

/* A new port of UDP must not stay with flows that began before it. */
static void
forget_earlier(struct change *c)
{
	const struct held_port *p = c->ports;
	struct flow_port f;
	struct err e;
	unsigned i;

	for (i = 0; i < c->to.nports; i++) {
		f = (struct flow_port){ .dst = p[i].addr,
			.dport = p[i].host, .proto = p[i].proto };
		if (p[i].proto == IPPROTO_UDP &&
		    !ports_same(&p[i], c->v->ports, c->v->nports) &&
		    flows_flush_unmapped(c->n, &f, &e) < 0)
			log_warn("vm=%u: %s", c->slot, e.msg);
	}
}

static void
take_over(struct change *c)
{
	struct vmnet *v = c->v;

	ports_leave(c->n, v->ports, v->nports, c->ports, c->to.nports);
	free(v->ports);
	v->ports = c->ports;
	v->nports = c->to.nports;
}

static int
change(struct change *c, uint8_t *bad, struct err *e)
{
	int on = ports_local(&c->to), was_on = ports_local(&c->was);
	struct err again;

	if (host_ports(c, bad, e) < 0)
		return -1;
	if (on && !was_on && link_localnet(c->n, c->slot, 1, e) < 0) {
		host_back(c);
		return -1;
	}
	if (inside_set(c, &c->to, e) == 0) {
		if (vmnet_keep_allow(c->v, &c->to) == 0)
			return 0;
		(void)err_step(e, STEP_ALLOW, errno, "no memory");
	}
	if (inside_set(c, &c->was, &again) < 0)
		log_err("vm=%u: its old list is not back: %s", c->slot,
		    again.msg);
	host_back(c);
	if (on && !was_on && link_localnet(c->n, c->slot, 0, &again) < 0)
		log_err("vm=%u: %s", c->slot, again.msg);
	return -1;
}

static int
change_all(struct change *c, uint8_t *bad, struct err *e)
{
	struct vmnet *v = c->v;
	struct err why;
	unsigned i;

	if (nlsock_init(&c->inside, v->live[NSLIVE_NFT]) < 0)
		return err_step(e, STEP_RULES, errno, "socket");
	current(v, &c->was);
	if (ports_rehold(c->n, v, &c->to, &c->ports, bad, e) < 0)
		return -1;
	c->touch_ports = v->nports != c->to.nports;
	for (i = 0; i < v->nports; i++)
		if (!ports_same(&v->ports[i], c->ports, c->to.nports))
			c->touch_ports = 1;
	if (change(c, bad, &why) < 0) {
		ports_leave(c->n, c->ports, c->to.nports, v->ports,
		    v->nports);
		free(c->ports);
		*e = why;
		return -1;
	}
	forget_flows(c);
	forget_earlier(c);
	take_over(c);
	if (grant_set(c->n, c->slot, v, allow_any_granted(c->n->c, v)) < 0)
		log_err("vm=%u: its grant on the host is not as its list: %s",
		    c->slot, strerror(errno));
	if (ports_local(&c->was) && !ports_local(&c->to) &&
	    link_localnet(c->n, c->slot, 0, &why) < 0)
		log_warn("vm=%u: %s", c->slot, why.msg);
	return 0;
}

/* Front has looked at the same socket; neither believes the other. */
static int
owner_asks(const struct net *n, const struct vmnet *v, int sock,
    struct err *e)
{
	uint32_t uid;

	if (peer_client(sock, n->c, &uid) < 0)
		return err_step(e, STEP_PEER, errno, "no client's socket");
	if (uid != v->owner && !sysconf_admin(n->c, uid))
		return err_step(e, STEP_PEER, EPERM, "not uid %u's VM", uid);
	return 0;
}

static int
lists_ok(const struct net *n, const struct vmnet *v, struct req_net_up *up,
    uint8_t *bad, struct err *e)
{
	if (ports_check_change(n->c, v->owner, v, up, bad, e) < 0) {
		e->step = STEP_PORT;
		return -1;
	}
	if (allow_check(n->c, v->owner, up, bad, e) < 0) {
		e->step = STEP_ALLOW;
		return -1;
	}
	allow_unique(up);
	return 0;
}

int
op_net_set(struct net *n, struct wire_msg *m, const struct req_net_set *rq,
    struct rep_net_set *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	struct change c = { .n = n, .v = v, .slot = m->h.slot,
		.to = rq->up };
	int rc;

	if (v == NULL)
		return err_set(e, EBADMSG, "no such slot");
	if (!n->committed)
		return err_step(e, STEP_HOST_RULES, EAGAIN,
		    "the host's table is not restored yet");
	if (v->state != VMNET_UP || v->generation != m->h.generation ||
	    !v->networked || !v->is_live)
		return err_step(e, STEP_NET_FDS, ENOENT,
		    "no namespace was handed over");
	rc = owner_asks(n, v, m->fds[0], e);
	if (rc == 0)
		rc = lists_ok(n, v, &c.to, &rp->bad, e);
	if (rc == 0)
		rc = change_all(&c, &rp->bad, e);
	vmnet_drop_live(n, v, rc < 0);
	if (rc < 0 && e->code == EBADMSG && e->step == STEP_RULES)
		e->code = EIO; /* the kernel's state, not the peer */
	return rc;
}
