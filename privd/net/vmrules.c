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
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "common/vmfd.h"
#include "privd/net/vmlists.h"

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
ct_state(struct nft *t, uint16_t state)
{
	struct xt_conntrack_mtinfo3 m = { .match_flags = XT_CONNTRACK_STATE,
		.state_mask = state };

	ct_match(t, &m);
}

/* Every rule's comment says whose it is and, for `firewall show`, its name. */
static void
note(struct nft *t, const struct vmrules *v, const char *name)
{
	nft_note(t, VM_NOTE "%s", v->slot, name);
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
	note(t, v, "from guest");
	nft_rule(t, "PREROUTING");
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, TAP_NAME);
	nft_ip(t, IP_SRC, NFT_CMP_EQ, GUEST_ADDR, 32);
	nft_match(t, "mac", 0, info, sizeof(info));
	nft_do(t, NF_ACCEPT);
	note(t, v, "to guest");
	nft_rule(t, "PREROUTING");
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_EQ, VETH_NAME);
	nft_ip(t, IP_SRC, NFT_CMP_NEQ, GUEST_NET, GUEST_NET_PREFIX);
	nft_ip(t, IP_DST, NFT_CMP_EQ, v->vm, 32);
	nft_do(t, NF_ACCEPT);
}

static void
nat_table(struct nft *t, const struct vmrules *v)
{
	unsigned char info[XT_SIZE(struct nf_nat_ipv4_multi_range_compat)] = {
		0 };
	struct nf_nat_ipv4_multi_range_compat s = { .rangesize = 1,
		.range = { { .flags = NF_NAT_RANGE_MAP_IPS,
		    .min_ip = htonl(v->vm), .max_ip = htonl(v->vm) } } };

	nft_table(t, NFPROTO_IPV4, "nat");
	nft_chain(t, "PREROUTING", &(struct nft_hook){ "nat",
	    NF_INET_PRE_ROUTING, -100, NF_ACCEPT, NULL });
	nft_chain(t, "POSTROUTING", &(struct nft_hook){ "nat",
	    NF_INET_POST_ROUTING, 100, NF_ACCEPT, NULL });
	vmlist_dnat(t, v);
	memcpy(info, &s, sizeof(s));
	note(t, v, "source");
	nft_rule(t, "POSTROUTING");
	nft_ifname(t, NFT_META_OIFNAME, NFT_CMP_EQ, VETH_NAME);
	nft_counter(t);
	nft_target(t, "SNAT", 0, info, sizeof(info));
	nft_end(t);
}

/* New flows beyond the VM's ceiling, either direction. */
static void
flow_cap(struct nft *t, const struct vmrules *v)
{
	struct xt_connlimit_info m;
	unsigned char info[XT_SIZE(m)] = { 0 };

	memset(&m, 0, sizeof(m));
	m.limit = v->c->flows;
	memcpy(info, &m, sizeof(m));
	note(t, v, "flow ceiling");
	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	nft_match(t, "connlimit", 1, info, sizeof(info));
	nft_do(t, NF_DROP);
}

/* What may not begin a flow: the middle of a TCP flow, an ICMP answer. */
static void
odd_beginnings(struct nft *t, const struct vmrules *v)
{
	static const uint8_t mask = TCP_FLAGS_MASK, syn = TCP_FLAG_SYN;
	struct ipt_icmp ic = { .type = ICMP_ECHO_REQUEST,
		.code = { 0, ICMP_ANY_CODE }, .invflags = IPT_ICMP_INV };
	unsigned char info[XT_SIZE(ic)] = { 0 };

	note(t, v, "invalid");
	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_INVALID);
	nft_do(t, NF_DROP);
	note(t, v, "tcp without syn");
	nft_rule(t, "FORWARD");
	nft_l4proto(t, IPPROTO_TCP);
	ct_state(t, XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFF,
	    sizeof(mask), NFT_REG_1);
	nft_mask(t, &mask, sizeof(mask));
	nft_cmp(t, NFT_CMP_NEQ, &syn, sizeof(syn));
	nft_do(t, NF_DROP);
	memcpy(info, &ic, sizeof(ic));
	note(t, v, "icmp but echo");
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
	odd_beginnings(t, v);
	flow_cap(t, v);
	note(t, v, "to published ports");
	nft_rule(t, "FORWARD");
	ct_state(t, XT_CONNTRACK_STATE_DNAT);
	nft_jump(t, "PUB");
	note(t, v, "flows of the guest");
	egress_jump(t, TAP_NAME, VETH_NAME, 0);
	egress_jump(t, VETH_NAME, TAP_NAME, 1);
	note(t, v, "no flow of either");
	nft_rule(t, "FORWARD");
	nft_do(t, NF_DROP);
}

static void
deny(struct nft *t, uint32_t addr, unsigned prefix)
{
	struct net_allow a = { .addr = addr, .prefix = (uint8_t)prefix };
	struct xt_conntrack_mtinfo3 m;

	ct_orig(&m, &a);
	nft_rule(t, "EGRESS");
	ct_match(t, &m);
	nft_do(t, NF_DROP);
}

static void
deny_ranges(struct nft *t, const struct vmrules *v)
{
	const struct cidr *d;
	unsigned i;

	for (i = 0; (d = vmrules_denied(i)) != NULL; i++) {
		nft_note(t, VM_NOTE "denied %u.%u.%u.%u/%u", v->slot,
		    d->addr >> 24, d->addr >> 16 & 255, d->addr >> 8 & 255,
		    d->addr & 255, d->prefix);
		deny(t, d->addr, d->prefix);
	}
	note(t, v, "denied pool");
	deny(t, v->c->pool_addr, v->c->pool_prefix);
	note(t, v, "denied host");
	for (i = 0; i < v->ndeny; i++)
		deny(t, v->deny[i], 32);
}

static void
egress_chain(struct nft *t, const struct vmrules *v)
{
	struct net_allow dns = { .addr = v->c->dns, .prefix = 32,
		.port_lo = 53, .port_hi = 53, .proto = IPPROTO_UDP };

	if (v->c->dns != 0) {
		note(t, v, "dns");
		accept_orig(t, "EGRESS", &dns);
		dns.proto = IPPROTO_TCP;
		accept_orig(t, "EGRESS", &dns);
	}
	deny_ranges(t, v);
	note(t, v, "to the list");
	nft_rule(t, "EGRESS");
	nft_jump(t, "ALLOW");
	note(t, v, "not listed");
	nft_rule(t, "EGRESS");
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
		vmlist_allow(t, v);
		vmlist_pub(t, v);
	}
	drop_chains(t, NFPROTO_IPV6);
}
