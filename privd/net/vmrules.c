/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. Distrusts the guest: there is
 * no accept for established flows. Every packet of a flow is judged by the
 * flow's original tuple, in both directions, so that a flow that a new list
 * forbids ends with it. Invariant: a packet passes only by an ALLOW or a PUB
 * rule (or the operator's dns), never by the absence of a rule.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_connlimit.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "common/vmfd.h"
#include "privd/net/vmrules.h"

#define XT_SIZE(type) ((sizeof(type) + 7u) & ~(size_t)7u)
#define GUEST_NET 0xac100000u
#define GUEST_NET_PREFIX 30
#define TCP_FLAGS_OFF 13
#define TCP_FLAGS_MASK 0x17	/* FIN SYN RST ACK */
#define TCP_FLAG_SYN 0x02
#define ICMP_ECHO_REQUEST 8
#define ICMP_ANY_CODE 0xff

static const struct cidr denied[] = {
	{ 0x00000000, 8 },  /* "this" network */
	{ 0x0a000000, 8 },  /* private */
	{ 0x64400000, 10 }, /* carrier-grade NAT */
	{ 0x7f000000, 8 },  /* loopback */
	{ 0xa9fe0000, 16 }, /* link-local: cloud metadata */
	{ 0xac100000, 12 }, /* private, and what every guest sees */
	{ 0xc0000000, 24 }, /* IETF assignments */
	{ 0xc0000200, 24 }, /* documentation */
	{ 0xc0586300, 24 }, /* 6to4 relays */
	{ 0xc0a80000, 16 }, /* private */
	{ 0xc6120000, 15 }, /* benchmarks */
	{ 0xc6336400, 24 }, /* documentation */
	{ 0xcb007100, 24 }, /* documentation */
	{ 0xe0000000, 3 },  /* multicast, reserved, broadcast */
};

const struct cidr *
vmrules_denied(unsigned i)
{
	return i < sizeof(denied) / sizeof(denied[0]) ? &denied[i] : NULL;
}

static void
ct_match(struct nft *t, const struct xt_conntrack_mtinfo3 *m)
{
	unsigned char info[XT_SIZE(*m)] = { 0 };

	memcpy(info, m, sizeof(*m));
	nft_match(t, "conntrack", 3, info, sizeof(info));
}

static void
ct_state(struct nft *t, uint16_t state)
{
	struct xt_conntrack_mtinfo3 m = { .match_flags = XT_CONNTRACK_STATE,
		.state_mask = state };

	ct_match(t, &m);
}

/* The flow's original destination; port_lo 0: any port; proto 0: any. */
static void
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

static void
accept_orig(struct nft *t, const char *chain, const struct net_allow *a)
{
	struct xt_conntrack_mtinfo3 m;

	ct_orig(&m, a);
	nft_rule(t, chain);
	if (m.match_flags != 0)
		ct_match(t, &m);
	nft_do(t, NF_ACCEPT);
}

static void
raw_table(struct nft *t, const struct vmrules *v)
{
	unsigned char info[XT_SIZE(struct xt_mac_info)] = { 0 };

	nft_table(t, NFPROTO_IPV4, "raw");
	nft_chain(t, "PREROUTING", &(struct nft_hook){ "filter",
	    NF_INET_PRE_ROUTING, -300, NF_DROP, NULL });
	nft_chain(t, "OUTPUT", &(struct nft_hook){ "filter",
	    NF_INET_LOCAL_OUT, -300, NF_DROP, NULL });
	if (v->rq->mode == NET_NONE)
		return;
	memcpy(info, guest_mac, sizeof(guest_mac));
	nft_rule(t, "PREROUTING");
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, TAP_NAME);
	nft_ip(t, IP_SRC, NFT_CMP_EQ, GUEST_ADDR, 32);
	nft_match(t, "mac", 0, info, sizeof(info));
	nft_do(t, NF_ACCEPT);
	nft_rule(t, "PREROUTING");
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, VETH_NAME);
	nft_ip(t, IP_SRC, NFT_CMP_NEQ, GUEST_NET, GUEST_NET_PREFIX);
	nft_ip(t, IP_DST, NFT_CMP_EQ, v->vm, 32);
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

static void
nat_table(struct nft *t, const struct vmrules *v)
{
	unsigned char info[XT_SIZE(struct nf_nat_range2)] = { 0 };
	unsigned char sinfo[XT_SIZE(struct nf_nat_ipv4_multi_range_compat)] = {
		0 };
	struct nf_nat_range2 d = { .flags = NF_NAT_RANGE_MAP_IPS,
		.min_addr.ip = htonl(GUEST_ADDR),
		.max_addr.ip = htonl(GUEST_ADDR) };
	struct nf_nat_ipv4_multi_range_compat s = { .rangesize = 1,
		.range = { { .flags = NF_NAT_RANGE_MAP_IPS,
		    .min_ip = htonl(v->vm), .max_ip = htonl(v->vm) } } };
	const struct net_port *p;
	unsigned i;
	int local;

	nft_table(t, NFPROTO_IPV4, "nat");
	nft_chain(t, "PREROUTING", &(struct nft_hook){ "nat",
	    NF_INET_PRE_ROUTING, -100, NF_ACCEPT, NULL });
	nft_chain(t, "POSTROUTING", &(struct nft_hook){ "nat",
	    NF_INET_POST_ROUTING, 100, NF_ACCEPT, NULL });
	memcpy(info, &d, sizeof(d));
	memcpy(sinfo, &s, sizeof(s));
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
	nft_rule(t, "POSTROUTING");
	nft_ifname(t, NFT_META_OIFNAME, NFT_CMP_EQ, VETH_NAME);
	nft_counter(t);
	nft_target(t, "SNAT", 0, sinfo, sizeof(sinfo));
	nft_end(t);
}

/* New flows beyond the VM's ceiling, either direction. */
static void
flow_cap(struct nft *t, uint32_t flows)
{
	struct xt_connlimit_info m;
	unsigned char info[XT_SIZE(m)] = { 0 };

	memset(&m, 0, sizeof(m));
	m.limit = flows;
	memcpy(info, &m, sizeof(m));
	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	nft_match(t, "connlimit", 1, info, sizeof(info));
	nft_do(t, NF_DROP);
}

/* What may not begin a flow: the middle of a TCP flow, an ICMP answer. */
static void
odd_beginnings(struct nft *t)
{
	static const uint8_t mask = TCP_FLAGS_MASK, syn = TCP_FLAG_SYN;
	struct ipt_icmp ic = { .type = ICMP_ECHO_REQUEST,
		.code = { 0, ICMP_ANY_CODE }, .invflags = IPT_ICMP_INV };
	unsigned char info[XT_SIZE(ic)] = { 0 };

	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_INVALID);
	nft_do(t, NF_DROP);
	nft_rule(t, "FORWARD");
	nft_l4proto(t, IPPROTO_TCP);
	ct_state(t, XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFF,
	    sizeof(mask), NFT_REG_1);
	nft_mask(t, &mask, sizeof(mask));
	nft_cmp(t, NFT_CMP_NEQ, &syn, sizeof(syn));
	nft_do(t, NF_DROP);
	memcpy(info, &ic, sizeof(ic));
	nft_rule(t, "FORWARD");
	nft_l4proto(t, IPPROTO_ICMP);
	ct_state(t, XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	nft_match(t, "icmp", 0, info, sizeof(info));
	nft_do_proto(t, NF_DROP, IPPROTO_ICMP);
}

static void
egress_jump(struct nft *t, const char *in, const char *out, int reply)
{
	struct xt_conntrack_mtinfo3 m = {
		.origsrc_addr.ip = htonl(GUEST_ADDR),
		.origsrc_mask.ip = UINT32_MAX,
		.match_flags = XT_CONNTRACK_ORIGSRC | XT_CONNTRACK_DIRECTION,
		.invert_flags = reply ? XT_CONNTRACK_DIRECTION : 0
	};

	nft_rule(t, "FORWARD");
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, in);
	nft_ifname(t, NFT_META_OIFNAME, NFT_CMP_EQ, out);
	ct_match(t, &m);
	nft_jump(t, "EGRESS");
}

static void
forward_chain(struct nft *t, const struct vmrules *v)
{
	odd_beginnings(t);
	flow_cap(t, v->c->flows);
	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_DNAT);
	nft_jump(t, "PUB");
	egress_jump(t, TAP_NAME, VETH_NAME, 0);
	egress_jump(t, VETH_NAME, TAP_NAME, 1);
	nft_rule(t, "FORWARD");
	nft_do(t, NF_DROP);
}

static void
deny(struct nft *t, uint32_t addr, uint8_t prefix)
{
	struct net_allow a = { .addr = addr, .prefix = prefix };
	struct xt_conntrack_mtinfo3 m;

	ct_orig(&m, &a);
	nft_rule(t, "EGRESS");
	ct_match(t, &m);
	nft_do(t, NF_DROP);
}

static void
egress_chain(struct nft *t, const struct vmrules *v)
{
	struct net_allow dns = { .addr = v->c->dns, .prefix = 32,
		.port_lo = 53, .port_hi = 53, .proto = IPPROTO_UDP };
	unsigned i;

	if (v->c->dns != 0) {
		accept_orig(t, "EGRESS", &dns);
		dns.proto = IPPROTO_TCP;
		accept_orig(t, "EGRESS", &dns);
	}
	for (i = 0; vmrules_denied(i) != NULL; i++)
		deny(t, vmrules_denied(i)->addr, vmrules_denied(i)->prefix);
	deny(t, v->c->pool_addr, (uint8_t)v->c->pool_prefix);
	for (i = 0; i < v->ndeny; i++)
		deny(t, v->deny[i], 32);
	nft_rule(t, "EGRESS");
	nft_jump(t, "ALLOW");
	nft_rule(t, "EGRESS");
	nft_do(t, NF_DROP);
}

static void
allow_chain(struct nft *t, const struct vmrules *v)
{
	static const struct net_allow all;
	unsigned i;

	if ((v->c->compose & COMPOSE_FIREWALL) == 0) {
		accept_orig(t, "ALLOW", &all);
		return;
	}
	for (i = 0; i < v->rq->nallow; i++)
		accept_orig(t, "ALLOW", &v->rq->allow[i]);
}

static void
pub_chain(struct nft *t, const struct vmrules *v)
{
	struct xt_conntrack_mtinfo3 m;
	struct net_allow a;
	unsigned i;
	int local;

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
	nft_rule(t, "PUB");
	nft_do(t, NF_DROP);
}

static void
drop_chains(struct nft *t, uint8_t family)
{
	nft_table(t, family, "filter");
	nft_chain(t, "INPUT", &(struct nft_hook){ "filter",
	    NF_INET_LOCAL_IN, 0, NF_DROP, NULL });
	nft_chain(t, "FORWARD", &(struct nft_hook){ "filter",
	    NF_INET_FORWARD, 0, NF_DROP, NULL });
	nft_chain(t, "OUTPUT", &(struct nft_hook){ "filter",
	    NF_INET_LOCAL_OUT, 0, NF_DROP, NULL });
}

void
vmrules(struct nft *t, const struct vmrules *v)
{
	raw_table(t, v);
	if (v->rq->mode != NET_NONE)
		nat_table(t, v);
	drop_chains(t, NFPROTO_IPV4);
	if (v->rq->mode != NET_NONE) {
		nft_chain(t, "EGRESS", NULL);
		nft_chain(t, "ALLOW", NULL);
		nft_chain(t, "PUB", NULL);
		/* in the order of the chains: readback.c relies on it */
		forward_chain(t, v);
		egress_chain(t, v);
		allow_chain(t, v);
		pub_chain(t, v);
	}
	drop_chains(t, NFPROTO_IPV6);
}
