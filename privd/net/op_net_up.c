/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by ctld through front: the whole network of one
 * VM. Distrusts every number of the request (ports.c judges them for the
 * owner that jail attested) and the descriptors (op_ns_fds.c, and again after
 * each thing made). Order: nothing is made before all checks have passed;
 * rules and guard are in force, read back, before a link is up; the TAP is
 * last. Links and rules inside go with the namespace, so the undo is the
 * host's elements and the held ports.
 */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hostaddr.h"
#include "privd/net/hostrules.h"
#include "privd/net/link.h"
#include "privd/net/ops.h"
#include "privd/net/ports.h"
#include "privd/net/readback.h"
#include "privd/net/sysctl.h"

static int
net_up_check(const struct net *n, uint32_t owner, struct req_net_up *rq,
    uint8_t *bad, struct err *e)
{
	if (rq->mode < NET_NAT || rq->mode > NET_NONE)
		return err_field(e, "net", EBADMSG, "mode %u", rq->mode);
	if (rq->mode == NET_BRIDGE)
		return err_field(e, "net", EOPNOTSUPP,
		    "bridge is not offered; say nat or none");
	if ((n->c->compose & COMPOSE_NETWORK) == 0)
		rq->mode = NET_NONE;
	if (rq->mode == NET_NONE && rq->nports > 0) {
		*bad = 1;
		return err_field(e, "ports", EINVAL,
		    "a VM without a network publishes no ports");
	}
	if (ports_check(n->c, owner, rq, bad, e) < 0) {
		e->step = STEP_PORT;
		return -1;
	}
	if (allow_check(n->c, owner, rq, bad, e) < 0) {
		e->step = STEP_ALLOW;
		return -1;
	}
	allow_unique(rq);
	return 0;
}

static int
rules_in(struct net *n, const struct vmnet *v, uint32_t slot,
    const struct req_net_up *rq, struct err *e)
{
	struct vmrules in = { .c = n->c, .slot = slot,
		.vm = slot_addr_vm(n->c, slot),
		.host = slot_addr_host(n->c, slot), .rq = rq,
		.o = sysconf_owner(n->c, v->owner),
		.deny = n->deny, .ndeny = n->ndeny };
	struct nlsock s;
	struct nft t;
	unsigned bad = 0;

	if (nlsock_init(&s, v->fds[NSFD_NFT]) < 0)
		return err_step(e, STEP_RULES, errno, "socket");
	nft_begin(&t, &s, n->buf, n->buf_size);
	vmrules(&t, &in);
	if (nft_commit(&t, &bad) < 0)
		return err_step(e, STEP_RULES, errno,
		    "the kernel refused object %u", bad);
	if (readback(&s, &t, 1, e) < 0) {
		e->step = STEP_RULES;
		return -1;
	}
	return 0;
}

static int
links_in(struct net *n, const struct vmnet *v, struct nlsock *route,
    uint32_t slot, struct veth *pair, struct err *e)
{
	char name[IFNAMSIZ];

	slot_ifname(n->c, slot, name);
	if (nlsock_init(route, v->fds[NSFD_ROUTE]) < 0)
		return err_step(e, STEP_ADDRESS, errno, "socket");
	if (link_tap(v->fds[NSFD_TUN], v->fds[NSFD_NS],
		slot_uid_vmm(n->c, slot), slot_gid(n->c, slot), e) < 0 ||
	    link_veth(n, slot, v->fds[NSFD_NS], pair, e) < 0 ||
	    sysctl_is_vms(v->fds[NSFD_SYS4], v->fds[NSFD_SYS6], name, e) < 0 ||
	    sysctl_ns(v->fds[NSFD_SYS4], v->fds[NSFD_SYS6], e) < 0)
		return -1;
	/* a host without IPv6 has nothing to shut there */
	return n->sys6 < 0 ? 0 : sysctl_no_ip6(n->sys6, name, e);
}

static int
elements_in(struct net *n, struct vmnet *v, uint32_t slot,
    uint8_t *bad, struct err *e)
{
	struct nft t;
	unsigned at = 0;

	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	nft_use(&t, NFPROTO_IPV4, n->c->instance);
	hostelems(&t, n->c, slot, v->ports, v->nports, 0);
	if (hostelems_commit(&t, &at) == 0) {
		v->networked = 1;
		if (grant_set(n, slot, v, allow_any_granted(n->c, v)) < 0)
			return err_step(e, STEP_HOST_RULES, errno,
			    "the kernel refused the VM's grant");
		return 0;
	}
	/* message 0 frames the batch, 1 is the VM, then come the ports */
	if (at >= 2 && errno == EEXIST) {
		*bad = (uint8_t)(at - 1);
		return err_step(e, STEP_PORT, EADDRINUSE,
		    "host port is published by another VM");
	}
	return err_step(e, STEP_HOST_RULES, errno,
	    "the kernel refused element %u", at);
}

static int
keep_allow(struct vmnet *v, const struct req_net_up *rq, struct err *e)
{
	if (vmnet_keep_allow(v, rq) < 0)
		return err_step(e, STEP_ALLOW, errno, "no memory");
	return 0;
}

static int
net_up(struct net *n, struct vmnet *v, uint32_t slot,
    const struct req_net_up *rq, uint8_t *bad, struct err *e)
{
	struct nlsock route;
	struct veth pair;

	/* without a link no setting of the namespace matters */
	if (rq->mode == NET_NONE)
		return rules_in(n, v, slot, rq, e);
	if (hostaddr_refresh(n, e) < 0 ||
	    ports_hold(n, v, rq, bad, e) < 0 ||
	    keep_allow(v, rq, e) < 0 ||
	    links_in(n, v, &route, slot, &pair, e) < 0 ||
	    link_configure(n, &route, slot, &pair, ports_local(rq), e) < 0 ||
	    rules_in(n, v, slot, rq, e) < 0 ||
	    elements_in(n, v, slot, bad, e) < 0)
		return -1;
	return link_up(n, &route, slot, &pair, e);
}

int
op_net_up(struct net *n, struct wire_msg *m, const struct req_net_up *asked,
    struct rep_net_up *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	struct req_net_up rq = *asked;
	struct err why;
	int rc;

	if (v == NULL)
		return err_set(e, EBADMSG, "no such slot");
	if (!n->committed)
		return err_step(e, STEP_HOST_RULES, EAGAIN,
		    "the host's table is not restored yet");
	if (v->state != VMNET_FDS || v->generation != m->h.generation)
		return err_step(e, STEP_NET_FDS, ENOENT,
		    "no namespace was handed over");
	if (net_up_check(n, v->owner, &rq, &rp->bad, e) < 0) {
		/* ctld tells the caller which part it was */
		if (strcmp(e->field, "ports") == 0)
			e->step = STEP_PORT;
		else if (strcmp(e->field, "allow") == 0)
			e->step = STEP_ALLOW;
		return -1;
	}
	rc = net_up(n, v, m->h.slot, &rq, &rp->bad, &why);
	if (rc < 0) {
		*e = why;
		if (e->code == EBADMSG)
			e->code = EACCES; /* the kernel's state, not the peer */
		net_undo(n, m->h.slot, v);
		return -1;
	}
	vmnet_drop_fds(n, v);
	v->state = VMNET_UP;
	rp->vm_addr = rq.mode == NET_NONE ? 0 : slot_addr_vm(n->c, m->h.slot);
	rp->host_addr =
	    rq.mode == NET_NONE ? 0 : slot_addr_host(n->c, m->h.slot);
	return 0;
}
