/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. Invariant: as vmrules.c, no
 * rule accepts a flow because it is established; so what a new list or a
 * taken back port forbids ends at once, in both directions, and what both
 * lists allow never meets a gap.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nf_nat.h>

#include "common/vmfd.h"
#include "privd/net/nftset.h"
#include "privd/net/vmlists.h"

void
ct_match(struct nft *t, const struct xt_conntrack_mtinfo3 *m)
{
	unsigned char info[XT_SIZE(*m)] = { 0 };

	memcpy(info, m, sizeof(*m));
	nft_match(t, "conntrack", 3, info, sizeof(info));
}

void
ct_orig(struct xt_conntrack_mtinfo3 *m, const struct net_allow *a)
{
	memset(m, 0, sizeof(*m));
	if (a->prefix > 0) {
		m->match_flags |= XT_CONNTRACK_ORIGDST;
		m->origdst_addr.ip = htonl(a->addr);
		m->origdst_mask.ip = htonl(UINT32_MAX << (32 - a->prefix));
	}
	if (a->proto != 0) {
		m->match_flags |= XT_CONNTRACK_PROTO;
		m->l4proto = a->proto;
	}
	if (a->port_lo != 0) {
		m->match_flags |= XT_CONNTRACK_ORIGDST_PORT;
		m->origdst_port = a->port_lo;
		m->origdst_port_high = a->port_hi;
	}
}

void
ct_orig_read(const struct xt_conntrack_mtinfo3 *m, struct net_allow *a)
{
	memset(a, 0, sizeof(*a));
	if ((m->match_flags & XT_CONNTRACK_ORIGDST) != 0) {
		a->addr = ntohl(m->origdst_addr.ip);
		a->prefix = (uint8_t)__builtin_popcount(m->origdst_mask.ip);
	}
	if ((m->match_flags & XT_CONNTRACK_PROTO) != 0)
		a->proto = (uint8_t)m->l4proto;
	if ((m->match_flags & XT_CONNTRACK_ORIGDST_PORT) != 0) {
		a->port_lo = m->origdst_port;
		a->port_hi = m->origdst_port_high;
	}
}

void
accept_orig(struct nft *t, const char *chain, const struct net_allow *a)
{
	struct xt_conntrack_mtinfo3 m;

	ct_orig(&m, a);
	nft_rule(t, chain);
	if (m.match_flags != 0)
		ct_match(t, &m);
	nft_do(t, NF_ACCEPT);
}

/* Is entry i the first that publishes this guest port? *local: is it
 * published on loopback addresses only? */
static int
first_of_guest_port(const struct req_net_up *rq, unsigned i, int *local)
{
	const struct net_port *p = &rq->ports[i], *q;
	unsigned j;

	*local = 1;
	for (j = 0; j < rq->nports; j++) {
		q = &rq->ports[j];
		if (q->proto != p->proto || q->guest != p->guest)
			continue;
		if (j < i)
			return 0;
		if (q->addr >> 24 != IN_LOOPBACKNET)
			*local = 0;
	}
	return 1;
}

void
vmlist_dnat(struct nft *t, const struct vmrules *v)
{
	unsigned char info[XT_SIZE(struct nf_nat_range2)] = { 0 };
	struct nf_nat_range2 d = { .flags = NF_NAT_RANGE_MAP_IPS,
		.min_addr.ip = htonl(GUEST_ADDR),
		.max_addr.ip = htonl(GUEST_ADDR) };
	const struct net_port *p;
	unsigned i;
	int local;

	memcpy(info, &d, sizeof(d));
	nft_note(t, VM_NOTE "new flows to ports", v->slot);
	for (i = 0; i < v->rq->nports; i++) {
		if (!first_of_guest_port(v->rq, i, &local))
			continue;
		p = &v->rq->ports[i];
		nft_rule(t, "PREROUTING");
		nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, VETH_NAME);
		nft_l4proto(t, p->proto);
		nft_port(t, L4_DPORT, p->guest);
		nft_counter(t);
		nft_target(t, "DNAT", 2, info, sizeof(info));
		nft_end(t);
	}
}

void
vmlist_allow(struct nft *t, const struct vmrules *v)
{
	static const struct net_allow all;
	unsigned i;

	nft_note(t, VM_NOTE "allow", v->slot);
	if ((v->c->compose & COMPOSE_FIREWALL) == 0) {
		accept_orig(t, "ALLOW", &all);
		return;
	}
	for (i = 0; i < v->rq->nallow; i++)
		accept_orig(t, "ALLOW", &v->rq->allow[i]);
}

void
vmlist_pub(struct nft *t, const struct vmrules *v)
{
	struct xt_conntrack_mtinfo3 m;
	struct net_allow a;
	unsigned i;
	int local;

	nft_note(t, VM_NOTE "port", v->slot);
	for (i = 0; i < v->rq->nports; i++) {
		if (!first_of_guest_port(v->rq, i, &local))
			continue;
		memset(&a, 0, sizeof(a));
		a.addr = v->vm;
		a.prefix = 32;
		a.proto = v->rq->ports[i].proto;
		a.port_lo = a.port_hi = v->rq->ports[i].guest;
		ct_orig(&m, &a);
		if (local) {
			/* localhost's flows come from the veth's host end;
			 * this holds even with the host's table flushed */
			m.match_flags |= XT_CONNTRACK_ORIGSRC;
			m.origsrc_addr.ip = htonl(v->host);
			m.origsrc_mask.ip = UINT32_MAX;
		}
		nft_rule(t, "PUB");
		ct_match(t, &m);
		nft_do(t, NF_ACCEPT);
	}
	nft_note(t, VM_NOTE "no published port", v->slot);
	nft_rule(t, "PUB");
	nft_do(t, NF_DROP);
}

void
vmlist_replace(struct nft *t, const struct vmrules *v, int ports)
{
	if (ports) {
		nft_use(t, NFPROTO_IPV4, "nat");
		nft_empty(t, "PREROUTING");
		vmlist_dnat(t, v);
	}
	nft_use(t, NFPROTO_IPV4, "filter");
	nft_empty(t, "ALLOW");
	if (ports)
		nft_empty(t, "PUB");
	vmlist_allow(t, v);
	if (ports)
		vmlist_pub(t, v);
}
