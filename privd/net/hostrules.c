/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; data, and writing into memory. Distrusts what comes out
 * of a VM's veth (even with the rules inside its namespace gone) and what
 * comes from the host's other links towards the pool or towards loopback
 * (CVE-2020-8558). Invariant: nothing enters or leaves by our interfaces but
 * declared flows; packets that are not ours are left to others, unless
 * forwarding was off before us.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>

#include "privd/net/hostrules.h"

#define CT_BIT(state) (1u << ((state) + 1))	/* as nf_tables sees it */
#define ICMP_UNREACHABLE 3
#define PORT_DNS 53
#define LOOPBACK_NET 0x7f000000u
#define LOOPBACK_BITS 8
#define PORTS_MAX_NODE 131072u

enum { FORWARD6, INPUT6, OUTPUT6, PRE, PRE_NAT, OUT_NAT, PUBS, POST_NAT,
	FORWARD, INPUT, OUTPUT, CHAINS };

enum { WITH_DNS = 1, ROUTED = 2, NOT_ROUTED = 4 };

enum { V_VMS, V_LO, V_LOOPBACK, V_POOL, V_LOCAL, V_INVALID, V_NEW,
	V_ESTABLISHED, V_RELATED, V_GOING, V_DNATTED, V_ORIGINAL, V_REPLY,
	V_TCP, V_UDP, V_ICMP, V_UNREACHABLE, V_DNS, V_PORT_DNS, V_FLOWS,
	VALUES };

#define CHAIN(c, fam, nm, ty, h, p)                                       \
	[c] = { nm, NULL, ty, NULL, h, p, NF_ACCEPT, NFPROTO_IP##fam, 0 }

static const struct chain chains[CHAINS] = {
	CHAIN(FORWARD6, V6, "forward", "filter", NF_INET_FORWARD, -1),
	CHAIN(INPUT6, V6, "input", "filter", NF_INET_LOCAL_IN, -1),
	CHAIN(OUTPUT6, V6, "output", "filter", NF_INET_LOCAL_OUT, -1),
	CHAIN(PRE, V4, "pre", "filter", NF_INET_PRE_ROUTING, -300),
	CHAIN(PRE_NAT, V4, "pre_nat", "nat", NF_INET_PRE_ROUTING, -101),
	CHAIN(OUT_NAT, V4, "out_nat", "nat", NF_INET_LOCAL_OUT, -101),
	CHAIN(PUBS, V4, "pubs", NULL, 0, 0),
	CHAIN(POST_NAT, V4, "post_nat", "nat", NF_INET_POST_ROUTING, 99),
	CHAIN(FORWARD, V4, "forward", "filter", NF_INET_FORWARD, -1),
	CHAIN(INPUT, V4, "input", "filter", NF_INET_LOCAL_IN, -1),
	CHAIN(OUTPUT, V4, "output", "filter", NF_INET_LOCAL_OUT, -1),
};

/* "vm" is as large as there are slots: hostrules() says it. */
static const struct set sets[HOST_SETS] = {
	[HOST_SET_VM] = { "vm", NFT_SET_CONCAT, 0, 0,
	    { NFT_IFNAME, NFT_IPADDR }, { 0 } },
	[HOST_SET_PUB] = { "pub", NFT_SET_CONCAT | NFT_SET_MAP,
	    PORTS_MAX_NODE, 0, { NFT_PROTO, NFT_SERVICE },
	    { NFT_IPADDR, NFT_SERVICE } },
	[HOST_SET_PUBADDR] = { "pubaddr", NFT_SET_CONCAT | NFT_SET_MAP,
	    PORTS_MAX_NODE, 0, { NFT_IPADDR, NFT_PROTO, NFT_SERVICE },
	    { NFT_IPADDR, NFT_SERVICE } },
	[HOST_SET_GRANTED] = { "granted", 0, 0, 0, { NFT_IPADDR }, { 0 } },
	[HOST_SET_FLOWS] = { "flows", NFT_SET_EVAL, 0, 0, { NFT_IPADDR },
	    { 0 } },
};

#define IS(f, v) { EQ, V_##v, 0, { f } }
#define IS_NOT(f, v) { NE, V_##v, 0, { f } }
#define HAS(f, v) { ANY, V_##v, 0, { f } }
#define FROM_VM IS(IIF, VMS)
#define TO_VM IS(OIF, VMS)
#define TOO_MANY(f) { OVER, V_FLOWS, HOST_SET_FLOWS, { f } }
#define LED_BY(s, ...) { MAP, 0, HOST_SET_##s, { __VA_ARGS__ } }

static const struct rule rows[] = {
	{ "ipv6 of a vm", FORWARD6, DROP, 0, 0, { FROM_VM } },
	{ "ipv6 to a vm", FORWARD6, DROP, 0, 0, { TO_VM } },
	{ "ipv6 of a vm to the host", INPUT6, DROP, 0, 0, { FROM_VM } },
	{ "ipv6 of the host to a vm", OUTPUT6, DROP, 0, 0, { TO_VM } },

	/* sources are what we gave out; nobody from outside speaks to the
	 * pool or to loopback */
	{ "spoofed by a vm", PRE, DROP, 0, 0,
	    { FROM_VM, { NOTIN, 0, HOST_SET_VM, { IIF, SADDR } } } },
	{ "vm to loopback", PRE, DROP, 0, 0,
	    { FROM_VM, IS(DADDR, LOOPBACK) } },
	{ "of a vm", PRE, ACCEPT, 0, 0, { FROM_VM } },
	{ "spoofed pool", PRE, DROP, 0, 0,
	    { IS_NOT(IIF, LO), IS(SADDR, POOL) } },
	{ "spoofed loopback", PRE, DROP, 0, 0,
	    { IS_NOT(IIF, LO), IS(SADDR, LOOPBACK) } },
	{ "outside to the pool", PRE, DROP, 0, 0,
	    { IS_NOT(IIF, LO), IS(DADDR, POOL) } },
	{ "outside to loopback", PRE, DROP, 0, 0,
	    { IS_NOT(IIF, LO), IS(DADDR, LOOPBACK) } },

	{ "to this host", PRE_NAT, JUMP, PUBS, 0,
	    { IS(DADDR_TYPE, LOCAL) } },
	{ "this host to itself", OUT_NAT, JUMP, PUBS, 0,
	    { IS(DADDR_TYPE, LOCAL) } },
	{ "ports of an address", PUBS, DNAT_TO_MAP, 0, 0,
	    { LED_BY(PUBADDR, DADDR, L4PROTO, DPORT) } },
	{ "ports of every address", PUBS, DNAT_TO_MAP, 0, 0,
	    { LED_BY(PUB, L4PROTO, DPORT) } },
	{ "localhost to a port", POST_NAT, MASQUERADE, 0, 0,
	    { TO_VM, IS(SADDR, LOOPBACK) } },
	{ "new flows of vms", POST_NAT, MASQUERADE, 0, 0,
	    { FROM_VM, IS_NOT(OIF, VMS) } },

	{ "not ours", FORWARD, ACCEPT, 0, ROUTED,
	    { IS_NOT(IIF, VMS), IS_NOT(OIF, VMS) } },
	{ "not ours, and not routed before us", FORWARD, DROP, 0, NOT_ROUTED,
	    { IS_NOT(IIF, VMS), IS_NOT(OIF, VMS) } },
	{ "invalid", FORWARD, DROP, 0, 0, { HAS(CT_STATE, INVALID) } },
	/* which ports, the rules inside that VM's namespace say */
	{ "vm to a port it was granted", FORWARD, ACCEPT, 0, 0,
	    { FROM_VM, TO_VM, HAS(CT_STATUS, DNATTED),
	      { IN, 0, HOST_SET_GRANTED, { CT_SADDR } } } },
	{ "vm to vm", FORWARD, DROP, 0, 0, { FROM_VM, TO_VM } },
	/* a VM that goes round by a port published here */
	{ "vm to a published port", FORWARD, DROP, 0, 0,
	    { FROM_VM, IS(CT_DIR, ORIGINAL), HAS(CT_STATUS, DNATTED) } },
	{ "flow ceiling of a vm", FORWARD, DROP, 0, 0,
	    { FROM_VM, HAS(CT_STATE, NEW), TOO_MANY(SADDR) } },
	{ "flow ceiling to a vm", FORWARD, DROP, 0, 0,
	    { TO_VM, HAS(CT_STATE, NEW), TOO_MANY(DADDR) } },
	{ "vm to the world", FORWARD, ACCEPT, 0, 0, { FROM_VM } },
	{ "world to a port", FORWARD, ACCEPT, 0, 0,
	    { HAS(CT_STATUS, DNATTED) } },
	{ "world's answers", FORWARD, ACCEPT, 0, 0, { HAS(CT_STATE, GOING) } },
	{ "world to a vm", FORWARD, DROP, 0, 0, { { 0 } } },

	{ "port's answers to the host", INPUT, ACCEPT, 0, 0,
	    { FROM_VM, IS(CT_DIR, REPLY), HAS(CT_STATUS, DNATTED) } },
	{ "dns here by udp", INPUT, ACCEPT, 0, WITH_DNS,
	    { FROM_VM, IS(DADDR, DNS), IS(L4PROTO, UDP),
	      IS(DPORT, PORT_DNS) } },
	{ "dns here by tcp", INPUT, ACCEPT, 0, WITH_DNS,
	    { FROM_VM, IS(DADDR, DNS), IS(L4PROTO, TCP),
	      IS(DPORT, PORT_DNS) } },
	{ "vm to the host", INPUT, DROP, 0, 0, { FROM_VM } },

	{ "flow ceiling from the host", OUTPUT, DROP, 0, 0,
	    { TO_VM, HAS(CT_STATE, NEW), TOO_MANY(DADDR) } },
	{ "host to a port", OUTPUT, ACCEPT, 0, 0,
	    { TO_VM, HAS(CT_STATUS, DNATTED) } },
	{ "dns answers by udp", OUTPUT, ACCEPT, 0, WITH_DNS,
	    { TO_VM, IS(SADDR, DNS), IS(L4PROTO, UDP), IS(SPORT, PORT_DNS),
	      HAS(CT_STATE, ESTABLISHED) } },
	{ "dns answers by tcp", OUTPUT, ACCEPT, 0, WITH_DNS,
	    { TO_VM, IS(SADDR, DNS), IS(L4PROTO, TCP), IS(SPORT, PORT_DNS),
	      HAS(CT_STATE, ESTABLISHED) } },
	{ "path mtu", OUTPUT, ACCEPT, 0, 0,
	    { TO_VM, HAS(CT_STATE, RELATED), IS(L4PROTO, ICMP),
	      IS(ICMP_TYPE, UNREACHABLE) } },
	{ "host to a vm", OUTPUT, DROP, 0, 0, { TO_VM } },
};

const struct ruleset host_rules = { .chains = chains, .rules = rows,
	.sets = sets, .nchains = CHAINS, .nsets = HOST_SETS,
	.nrules = sizeof(rows) / sizeof(rows[0]) };

static void
values(struct value *v, const struct sysconf *c)
{
	static const unsigned char original = IP_CT_DIR_ORIGINAL,
	    answer = IP_CT_DIR_REPLY, tcp = IPPROTO_TCP, udp = IPPROTO_UDP,
	    icmp = IPPROTO_ICMP, unreachable = ICMP_UNREACHABLE;
	const uint16_t dns = htons(PORT_DNS);

	v[V_VMS] = value_text(c->ifprefix, 1);
	v[V_LO] = value_text("lo", 0);
	v[V_LOOPBACK] = value_addr(LOOPBACK_NET, LOOPBACK_BITS);
	v[V_POOL] = value_addr(c->pool_addr, c->pool_prefix);
	v[V_LOCAL] = value_num(RTN_LOCAL);
	v[V_INVALID] = value_num(1);
	v[V_NEW] = value_num(CT_BIT(IP_CT_NEW));
	v[V_ESTABLISHED] = value_num(CT_BIT(IP_CT_ESTABLISHED));
	v[V_RELATED] = value_num(CT_BIT(IP_CT_RELATED));
	v[V_GOING] = value_num(CT_BIT(IP_CT_ESTABLISHED) |
	    CT_BIT(IP_CT_RELATED));
	v[V_DNATTED] = value_num(IPS_DST_NAT);
	v[V_ORIGINAL] = value_raw(&original, sizeof(original));
	v[V_REPLY] = value_raw(&answer, sizeof(answer));
	v[V_TCP] = value_raw(&tcp, sizeof(tcp));
	v[V_UDP] = value_raw(&udp, sizeof(udp));
	v[V_ICMP] = value_raw(&icmp, sizeof(icmp));
	v[V_UNREACHABLE] = value_raw(&unreachable, sizeof(unreachable));
	v[V_DNS] = value_addr(c->dns, 32);
	v[V_PORT_DNS] = value_raw(&dns, sizeof(dns));
	v[V_FLOWS] = value_num(c->flows);
}

void
hostrules_del(struct nft *t, const struct sysconf *c)
{
	/* a table is made so that its deletion cannot fail; as one batch
	 * nobody sees the moment between */
	nft_table(t, NFPROTO_IPV4, c->instance);
	nft_table_del(t, NFPROTO_IPV4, c->instance);
	nft_table(t, NFPROTO_IPV6, c->instance);
	nft_table_del(t, NFPROTO_IPV6, c->instance);
}

void
hostrules(struct nft *t, const struct sysconf *c, int was_routing)
{
	struct set sized[HOST_SETS];
	struct ruleset rs = host_rules;
	struct value v[VALUES];
	const struct fill f = { .v = v, .table = c->instance, .note = "",
		.when = (c->dns != 0 ? WITH_DNS : 0) |
		    (was_routing ? ROUTED : NOT_ROUTED) };

	memset(v, 0, sizeof(v));
	values(v, c);
	memcpy(sized, sets, sizeof(sized));
	sized[HOST_SET_VM].size = sized[HOST_SET_FLOWS].size =
	    sized[HOST_SET_GRANTED].size = c->slots;
	rs.sets = sized;
	hostrules_del(t, c);
	t->table[0] = '\0';
	rules_put(t, &rs, &f);
	nft_use(t, NFPROTO_IPV4, c->instance);
}
