/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; data, and writing into memory. Distrusts the guest: the
 * guard sees each of its frames before the kernel's own code does, and there
 * is no accept for established flows. Every packet of a flow is judged by the
 * flow's original tuple, in both directions, so that a flow that a new list
 * forbids ends with it. Invariant: a packet passes only by the list or by a
 * published port (or the operator's dns), never by the absence of a rule.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <net/if_arp.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>

#include "common/vmfd.h"
#include "privd/net/vmrules.h"

#define GUARD_PRIO (-500)
#define GUEST_NET 0xac100000u
#define GUEST_NET_PREFIX 30
#define TCP_FLAGS_MASK 0x17	/* FIN SYN RST ACK */
#define TCP_FLAG_SYN 0x02
#define ICMP_ECHO_REQUEST 8
#define PORT_DNS 53
#define CT_BIT(state) (1u << ((state) + 1))	/* as nf_tables sees it */

const unsigned char guest_mac[6] = { 0x06, 0x00, 0xac, 0x10, 0x00,
	0x02 };

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

/* ---- the rows */

enum { WITH_NET = 1, WITH_DNS = 2, WITH_LIST = 4, WITHOUT_LIST = 8 };

enum { V_TAP, V_VETH, V_ETHER, V_GUEST, V_GUEST_MAC, V_GATEWAY, V_GUEST_NET,
	V_TYPE_ARP, V_TYPE_IP, V_TYPE_VLAN, V_ARP_ASKS, V_TO_US, V_PLAIN_IP,
	V_TCP, V_UDP, V_ICMP, V_SYN, V_ECHO, V_INVALID, V_NEW, V_DNATTED,
	V_CONFIRMED,
	V_ORIGINAL, V_REPLY, V_DNS, V_PORT_DNS, V_VM, V_HOST, V_POOL, V_FLOWS,
	V_RATE, VALUES };

#define IP4_CHAIN(c, nm, ty, h, p, pol)                                   \
	[VM_##c] = { nm, VM_TABLE, ty, NULL, h, p, pol, NFPROTO_IPV4, 0 }
#define IP6_CHAIN(c, nm, h)                                               \
	[VM_##c] = { nm, "filter", "filter", NULL, h, 0, NF_DROP,         \
		NFPROTO_IPV6, 0 }

static const struct chain chains[VM_CHAINS] = {
	[VM_GUARD] = { "guard", VM_TABLE, "filter", TAP_NAME,
	    NF_NETDEV_INGRESS, GUARD_PRIO, NF_DROP, NFPROTO_NETDEV, WITH_NET },
	IP4_CHAIN(PRE, "pre", "filter", NF_INET_PRE_ROUTING, -300, NF_DROP),
	IP4_CHAIN(PRE_NAT, "pre_nat", "nat", NF_INET_PRE_ROUTING, -100,
	    NF_ACCEPT),
	IP4_CHAIN(POST_NAT, "post_nat", "nat", NF_INET_POST_ROUTING, 100,
	    NF_ACCEPT),
	IP4_CHAIN(INPUT, "input", "filter", NF_INET_LOCAL_IN, 0, NF_DROP),
	IP4_CHAIN(OUTPUT, "output", "filter", NF_INET_LOCAL_OUT, -300,
	    NF_DROP),
	IP4_CHAIN(FORWARD, "forward", "filter", NF_INET_FORWARD, 0, NF_DROP),
	IP4_CHAIN(EGRESS, "egress", NULL, 0, 0, 0),
	IP4_CHAIN(ALLOW, "allow", NULL, 0, 0, 0),
	IP4_CHAIN(PUB, "pub", NULL, 0, 0, 0),
	/* last: their rules are written after all rows, in this order */
	IP4_CHAIN(GRANTED, "granted", NULL, 0, 0, 0),
	IP4_CHAIN(RANGES, "ranges", NULL, 0, 0, 0),
	/* as ip6tables has them: it shows them too */
	IP6_CHAIN(INPUT6, "INPUT", NF_INET_LOCAL_IN),
	IP6_CHAIN(FORWARD6, "FORWARD", NF_INET_FORWARD),
	IP6_CHAIN(OUTPUT6, "OUTPUT", NF_INET_LOCAL_OUT),
};

static const struct set sets[VM_SETS] = {
	[VM_SET_PORT] = { "allow_port", NFT_SET_CONCAT, NET_ALLOW_MAX, 1,
	    { NFT_PROTO, NFT_IPADDR, NFT_SERVICE }, { 0 } },
	[VM_SET_PROTO] = { "allow_proto", NFT_SET_CONCAT, NET_ALLOW_MAX, 1,
	    { NFT_PROTO, NFT_IPADDR }, { 0 } },
	[VM_SET_ADDR] = { "allow_addr", 0, NET_ALLOW_MAX, 1, { NFT_IPADDR },
	    { 0 } },
	[VM_SET_DENY] = { "denied", NFT_SET_INTERVAL, 0, 1, { NFT_IPADDR },
	    { 0 } },
	[VM_SET_OWN] = { "host", 0, HOST_ADDRS_MAX, 0, { NFT_IPADDR },
	    { 0 } },
	[VM_SET_PUB] = { "ports", NFT_SET_CONCAT, NET_PORTS_MAX, 1,
	    { NFT_PROTO, NFT_SERVICE }, { 0 } },
	[VM_SET_LOCAL] = { "ports_local", NFT_SET_CONCAT, NET_PORTS_MAX, 1,
	    { NFT_PROTO, NFT_SERVICE }, { 0 } },
};

#define IS(f, v) { EQ, V_##v, 0, { f } }
#define IS_NOT(f, v) { NE, V_##v, 0, { f } }
#define HAS(f, v) { ANY, V_##v, 0, { f } }
#define ONE_OF(s, ...) { IN, 0, VM_SET_##s, { __VA_ARGS__ } }

static const struct rule rows[] = {
	/* What passes the guard is the one ARP question that a guest needs to
	 * ask, or a plain IPv4 packet of its own, sent to its gateway's MAC. */
	{ "guard: foreign mac", VM_GUARD, DROP, 0, 0,
	    { IS_NOT(ETH_SRC, GUEST_MAC) } },
	/* a tag that the kernel took off is put back for this look */
	{ "guard: vlan tag", VM_GUARD, DROP, 0, 0,
	    { IS(ETH_TYPE, TYPE_VLAN) } },
	{ "guard: arp", VM_GUARD, ACCEPT, 0, 0,
	    { IS(ETH_TYPE, TYPE_ARP), IS(ARP_HEAD, ARP_ASKS),
	      IS(ARP_SHA, GUEST_MAC), IS(ARP_SPA, GUEST),
	      IS(ARP_TPA, GATEWAY) } },
	{ "guard: ipv4", VM_GUARD, ACCEPT, 0, 0,
	    { IS(ETH_TYPE, TYPE_IP), IS(PKTTYPE, TO_US),
	      IS(IP_HEAD, PLAIN_IP), IS(SADDR, GUEST) } },
	{ "guard: other frames", VM_GUARD, DROP, 0, 0, { { 0 } } },

	{ "from guest", VM_PRE, ACCEPT, 0, 0,
	    { IS(IIF, TAP), IS(IIFTYPE, ETHER), IS(ETH_SRC, GUEST_MAC),
	      IS(SADDR, GUEST) } },
	{ "to guest", VM_PRE, ACCEPT, 0, 0,
	    { IS(IIF, VETH), IS_NOT(SADDR, GUEST_NET), IS(DADDR, VM) } },
	{ "foreign packet", VM_PRE, DROP, 0, 0, { { 0 } } },

	/* which of them are published, PUB decides */
	{ "new flows to guest", VM_PRE_NAT, DNAT_TO, V_GUEST, 0,
	    { IS(IIF, VETH) } },
	{ "new flows of guest", VM_POST_NAT, SNAT_TO, V_VM, 0,
	    { IS(OIF, VETH) } },

	{ "to the namespace", VM_INPUT, DROP, 0, 0, { { 0 } } },
	{ "of the namespace", VM_OUTPUT, DROP, 0, 0, { { 0 } } },

	{ "invalid", VM_FORWARD, DROP, 0, 0, { HAS(CT_STATE, INVALID) } },
	/* what may not begin a flow */
	{ "tcp without syn", VM_FORWARD, DROP, 0, 0,
	    { IS(L4PROTO, TCP), HAS(CT_STATE, NEW),
	      IS_NOT(TCP_FLAGS, SYN) } },
	{ "icmp but echo", VM_FORWARD, DROP, 0, 0,
	    { IS(L4PROTO, ICMP), HAS(CT_STATE, NEW),
	      IS_NOT(ICMP_TYPE, ECHO) } },
	{ "flow ceiling", VM_FORWARD, DROP, 0, 0,
	    { HAS(CT_STATE, NEW), { FLOWS, V_FLOWS, 0, { 0 } } } },
	/* a flow's first packet alone: one that nobody answers stays new */
	{ "flow rate", VM_FORWARD, DROP, 0, 0,
	    { { NONE, V_CONFIRMED, 0, { CT_STATUS } },
	      { RATE, V_RATE, 0, { 0 } } } },
	{ "to published ports", VM_FORWARD, JUMP, VM_PUB, 0,
	    { HAS(CT_STATUS, DNATTED) } },
	{ "flows of the guest", VM_FORWARD, JUMP, VM_EGRESS, 0,
	    { IS(IIF, TAP), IS(OIF, VETH), IS(CT_SADDR, GUEST),
	      IS(CT_DIR, ORIGINAL) } },
	{ "answers to the guest", VM_FORWARD, JUMP, VM_EGRESS, 0,
	    { IS(IIF, VETH), IS(OIF, TAP), IS(CT_SADDR, GUEST),
	      IS(CT_DIR, REPLY) } },
	{ "no flow of either", VM_FORWARD, DROP, 0, 0, { { 0 } } },

	{ "dns by udp", VM_EGRESS, ACCEPT, 0, WITH_DNS,
	    { IS(CT_PROTO, UDP), IS(CT_DADDR, DNS),
	      IS(CT_DPORT, PORT_DNS) } },
	{ "dns by tcp", VM_EGRESS, ACCEPT, 0, WITH_DNS,
	    { IS(CT_PROTO, TCP), IS(CT_DADDR, DNS),
	      IS(CT_DPORT, PORT_DNS) } },
	{ "granted by the operator", VM_EGRESS, JUMP, VM_GRANTED, 0,
	    { { 0 } } },
	{ "denied", VM_EGRESS, DROP, 0, 0, { ONE_OF(DENY, CT_DADDR) } },
	{ "denied pool", VM_EGRESS, DROP, 0, 0, { IS(CT_DADDR, POOL) } },
	{ "denied host", VM_EGRESS, DROP, 0, 0, { ONE_OF(OWN, CT_DADDR) } },
	{ "to the list", VM_EGRESS, JUMP, VM_ALLOW, 0, { { 0 } } },
	{ "not listed", VM_EGRESS, DROP, 0, 0, { { 0 } } },

	{ "firewall is off", VM_ALLOW, ACCEPT, 0, WITHOUT_LIST, { { 0 } } },
	{ "listed ports", VM_ALLOW, ACCEPT, 0, WITH_LIST,
	    { ONE_OF(PORT, CT_PROTO, CT_DADDR, CT_DPORT) } },
	{ "listed protocols", VM_ALLOW, ACCEPT, 0, WITH_LIST,
	    { ONE_OF(PROTO, CT_PROTO, CT_DADDR) } },
	{ "listed addresses", VM_ALLOW, ACCEPT, 0, WITH_LIST,
	    { ONE_OF(ADDR, CT_DADDR) } },
	{ "listed ranges", VM_ALLOW, JUMP, VM_RANGES, WITH_LIST, { { 0 } } },

	{ "published ports", VM_PUB, ACCEPT, 0, 0,
	    { IS(CT_DADDR, VM), ONE_OF(PUB, CT_PROTO, CT_DPORT) } },
	/* localhost's flows come from the veth's host end; this holds even
	 * with the host's table flushed */
	{ "ports of localhost", VM_PUB, ACCEPT, 0, 0,
	    { IS(CT_DADDR, VM), IS(CT_SADDR, HOST),
	      ONE_OF(LOCAL, CT_PROTO, CT_DPORT) } },
	{ "no published port", VM_PUB, DROP, 0, 0, { { 0 } } },
};

const struct ruleset vm_rules = { .chains = chains, .rules = rows,
	.sets = sets, .nchains = VM_CHAINS, .nsets = VM_SETS,
	.nrules = sizeof(rows) / sizeof(rows[0]) };

/* ---- what they are filled in with */

/* Of every VM alike. */
static void
constants(struct value *v)
{
	static const unsigned char
	    type_arp[2] = { 0x08, 0x06 }, type_ip[2] = { 0x08, 0x00 },
	    type_vlan[2] = { 0x81, 0x00 },
	    /* Ethernet, IPv4, their lengths, request */
	    asks[8] = { 0, 1, 8, 0, 6, 4, 0, 1 },
	    to_us = PACKET_HOST, plain = 0x45, tcp = IPPROTO_TCP,
	    udp = IPPROTO_UDP, icmp = IPPROTO_ICMP, syn = TCP_FLAG_SYN,
	    echo = ICMP_ECHO_REQUEST, original = IP_CT_DIR_ORIGINAL,
	    answer = IP_CT_DIR_REPLY;
	const uint16_t ether = ARPHRD_ETHER, dns = htons(PORT_DNS);

#define RAW(i, x) v[V_##i] = value_raw(&(x), sizeof(x))
	RAW(ETHER, ether);
	RAW(GUEST_MAC, guest_mac);
	RAW(TYPE_ARP, type_arp);
	RAW(TYPE_IP, type_ip);
	RAW(TYPE_VLAN, type_vlan);
	RAW(ARP_ASKS, asks);
	RAW(TO_US, to_us);
	RAW(PLAIN_IP, plain);
	RAW(TCP, tcp);
	RAW(UDP, udp);
	RAW(ICMP, icmp);
	RAW(SYN, syn);
	RAW(ECHO, echo);
	RAW(ORIGINAL, original);
	RAW(REPLY, answer);
	RAW(PORT_DNS, dns);
#undef RAW
	v[V_SYN].mask[0] = TCP_FLAGS_MASK;
	v[V_TAP] = value_text(TAP_NAME, 0);
	v[V_VETH] = value_text(VETH_NAME, 0);
	v[V_GUEST] = value_addr(GUEST_ADDR, 32);
	v[V_GATEWAY] = value_addr(GUEST_GATEWAY, 32);
	v[V_GUEST_NET] = value_addr(GUEST_NET, GUEST_NET_PREFIX);
	v[V_INVALID] = value_num(1);
	v[V_NEW] = value_num(CT_BIT(IP_CT_NEW));
	v[V_DNATTED] = value_num(IPS_DST_NAT);
	v[V_CONFIRMED] = value_num(IPS_CONFIRMED);
}

static void
values(struct value *v, const struct vmrules *r)
{
	constants(v);
	v[V_DNS] = value_addr(r->c->dns, 32);
	v[V_VM] = value_addr(r->vm, 32);
	v[V_HOST] = value_addr(r->host, 32);
	v[V_POOL] = value_addr(r->c->pool_addr, r->c->pool_prefix);
	v[V_FLOWS] = value_num(r->c->flows);
	v[V_RATE] = value_num(r->c->flow_rate);
}

static void
deny(struct nft *t, const struct vmrules *v, const struct fill *f)
{
	char note[NFT_NOTE_MAX];
	const struct cidr *d;
	uint32_t raw, after;
	unsigned i;

	for (i = 0; (d = vmrules_denied(i)) != NULL; i++) {
		(void)snprintf(note, sizeof(note),
		    "%sdenied %u.%u.%u.%u/%u", f->note, d->addr >> 24,
		    d->addr >> 16 & 255, d->addr >> 8 & 255, d->addr & 255,
		    d->prefix);
		raw = htonl(d->addr);
		after = htonl(d->addr + (UINT32_MAX >> d->prefix) + 1);
		nft_elem_more(t, sets[VM_SET_DENY].name, &(struct elem){
		    .key = &raw, .klen = sizeof(raw), .note = note });
		if (after != 0) /* else it goes to the last address */
			nft_elem_more(t, sets[VM_SET_DENY].name,
			    &(struct elem){ .key = &after,
			    .klen = sizeof(after), .is_end = 1 });
	}
	nft_elems_end(t);
	for (i = 0; i < v->ndeny; i++) {
		raw = htonl(v->deny[i]);
		nft_elem_more(t, sets[VM_SET_OWN].name, &(struct elem){
		    .key = &raw, .klen = sizeof(raw) });
	}
	nft_elems_end(t);
}

static void
fill(struct fill *f, struct value *v, char note[NFT_NOTE_MAX],
    const struct vmrules *r)
{
	(void)snprintf(note, NFT_NOTE_MAX, VM_NOTE, r->slot);
	values(v, r);
	*f = (struct fill){ .v = v, .note = note,
		.when = (r->rq->mode != NET_NONE ? WITH_NET : 0) |
		    (r->c->dns != 0 ? WITH_DNS : 0) |
		    ((r->c->compose & COMPOSE_FIREWALL) != 0 ? WITH_LIST :
							      WITHOUT_LIST) };
}

void
vmrules(struct nft *t, const struct vmrules *r)
{
	struct ruleset rs = vm_rules;
	struct value v[VALUES];
	char note[NFT_NOTE_MAX];
	struct fill f;

	memset(v, 0, sizeof(v));
	fill(&f, v, note, r);
	if (r->rq->mode == NET_NONE)
		rs.nrules = rs.nsets = 0;
	rules_put(t, &rs, &f);
	if (r->rq->mode == NET_NONE)
		return;
	nft_use(t, NFPROTO_IPV4, VM_TABLE);
	deny(t, r, &f);
	vmlists_allow(t, r, note);
	vmlists_ports(t, r);
}

void
vmrules_lists(struct nft *t, const struct vmrules *r, int ports)
{
	char note[NFT_NOTE_MAX];
	unsigned i;

	(void)snprintf(note, sizeof(note), VM_NOTE, r->slot);
	nft_use(t, NFPROTO_IPV4, VM_TABLE);
	nft_empty(t, chains[VM_GRANTED].name);
	nft_empty(t, chains[VM_RANGES].name);
	for (i = VM_SET_PORT; i <= VM_SET_ADDR; i++)
		nft_elem_flush(t, sets[i].name);
	vmlists_allow(t, r, note);
	if (!ports)
		return;
	nft_elem_flush(t, sets[VM_SET_PUB].name);
	nft_elem_flush(t, sets[VM_SET_LOCAL].name);
	vmlists_ports(t, r);
}
