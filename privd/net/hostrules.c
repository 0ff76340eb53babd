/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. Distrusts what comes out of a
 * VM's veth (even with the rules inside its namespace gone) and what comes
 * from the host's other links towards the pool or towards loopback. Invariant:
 * nothing enters or leaves by our interfaces but declared flows; packets that
 * are not ours are left to others, unless forwarding was off before us.
 */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>

#include "privd/net/hostrules.h"

#define INVALID 1u	/* ct state bits as nf_tables sees them */
#define ESTABLISHED (1u << (IP_CT_ESTABLISHED + 1))
#define RELATED (1u << (IP_CT_RELATED + 1))
#define NEW (1u << (IP_CT_NEW + 1))
#define ICMP_UNREACHABLE 3
#define PORT_DNS 53
#define LOOPBACK_NET 0x7f000000u
#define LOOPBACK_BITS 8
#define PORTS_MAX_NODE 131072u

static void
from_vm(struct nft *t, const struct sysconf *c, uint32_t op)
{
	nft_ifprefix(t, NFT_META_IIFNAME, op, c->ifprefix);
}

static void
to_vm(struct nft *t, const struct sysconf *c, uint32_t op)
{
	nft_ifprefix(t, NFT_META_OIFNAME, op, c->ifprefix);
}

static void
dnatted(struct nft *t)
{
	nft_ct_any(t, NFT_CT_STATUS, IPS_DST_NAT);
}

static void
not_lo(struct nft *t)
{
	nft_ifname(t, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
}

static void
sets(struct nft *t, const struct sysconf *c)
{
	const struct nft_set all[] = {
		{ "vm", NFT_SET_CONCAT, c->slots, { NFT_IFNAME, NFT_IPADDR },
		    { 0 } },
		{ "pub", NFT_SET_CONCAT | NFT_SET_MAP, PORTS_MAX_NODE,
		    { NFT_PROTO, NFT_SERVICE }, { NFT_IPADDR, NFT_SERVICE } },
		{ "pubaddr", NFT_SET_CONCAT | NFT_SET_MAP, PORTS_MAX_NODE,
		    { NFT_IPADDR, NFT_PROTO, NFT_SERVICE },
		    { NFT_IPADDR, NFT_SERVICE } },
		{ "flows", NFT_SET_EVAL, c->slots, { NFT_IPADDR }, { 0 } },
	};
	unsigned i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		nft_set(t, &all[i]);
}

static void
chains(struct nft *t)
{
	static const struct {
		const char *name;
		struct nft_hook hook;
	} all[] = {
		{ "pre", { "filter", NF_INET_PRE_ROUTING, -300, NF_ACCEPT,
		    NULL } },
		{ "pre_nat", { "nat", NF_INET_PRE_ROUTING, -101, NF_ACCEPT,
		    NULL } },
		{ "out_nat", { "nat", NF_INET_LOCAL_OUT, -101, NF_ACCEPT,
		    NULL } },
		{ "pubs", { NULL, 0, 0, 0, NULL } },
		{ "post_nat", { "nat", NF_INET_POST_ROUTING, 99, NF_ACCEPT,
		    NULL } },
		{ "forward", { "filter", NF_INET_FORWARD, -1, NF_ACCEPT,
		    NULL } },
		{ "input", { "filter", NF_INET_LOCAL_IN, -1, NF_ACCEPT,
		    NULL } },
		{ "output", { "filter", NF_INET_LOCAL_OUT, -1, NF_ACCEPT,
		    NULL } },
	};
	unsigned i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		nft_chain(t, all[i].name,
		    all[i].hook.type != NULL ? &all[i].hook : NULL);
}

/* Before anything else sees a packet: sources are what we gave out, nobody
 * from outside speaks to the pool or to loopback (CVE-2020-8558). */
static void
pre(struct nft *t, const struct sysconf *c)
{
	static const uint32_t off[] = { IP_SRC, IP_DST };
	unsigned i;

	nft_rule(t, "pre");
	from_vm(t, c, NFT_CMP_EQ);
	nft_meta(t, NFT_META_IIFNAME, NFT_REG_1);
	nft_payload(t, NFT_PAYLOAD_NETWORK_HEADER, IP_SRC, 4, NFT_REG_2);
	nft_lookup(t, "vm", 1);
	nft_do(t, NF_DROP);
	nft_rule(t, "pre");
	from_vm(t, c, NFT_CMP_EQ);
	nft_ip(t, IP_DST, NFT_CMP_EQ, LOOPBACK_NET, LOOPBACK_BITS);
	nft_do(t, NF_DROP);
	nft_rule(t, "pre");
	from_vm(t, c, NFT_CMP_EQ);
	nft_do(t, NF_ACCEPT);
	for (i = 0; i < 2; i++) {
		nft_rule(t, "pre");
		not_lo(t);
		nft_ip(t, off[i], NFT_CMP_EQ, c->pool_addr, c->pool_prefix);
		nft_do(t, NF_DROP);
		nft_rule(t, "pre");
		not_lo(t);
		nft_ip(t, off[i], NFT_CMP_EQ, LOOPBACK_NET,
		    LOOPBACK_BITS);
		nft_do(t, NF_DROP);
	}
}

static void
nat(struct nft *t, const struct sysconf *c)
{
	nft_rule(t, "pre_nat");
	nft_fib_local(t);
	nft_jump(t, "pubs");
	nft_rule(t, "out_nat");
	nft_fib_local(t);
	nft_jump(t, "pubs");
	nft_rule(t, "pubs");
	nft_payload(t, NFT_PAYLOAD_NETWORK_HEADER, IP_DST, 4, NFT_REG_1);
	nft_meta(t, NFT_META_L4PROTO, NFT_REG32_01);
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, L4_DPORT, 2,
	    NFT_REG32_02);
	nft_map(t, "pubaddr");
	nft_dnat_regs(t);
	nft_end(t);
	nft_rule(t, "pubs");
	nft_meta(t, NFT_META_L4PROTO, NFT_REG_1);
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, L4_DPORT, 2,
	    NFT_REG32_01);
	nft_map(t, "pub");
	nft_dnat_regs(t);
	nft_end(t);
	nft_rule(t, "post_nat");
	to_vm(t, c, NFT_CMP_EQ);
	nft_ip(t, IP_SRC, NFT_CMP_EQ, LOOPBACK_NET, LOOPBACK_BITS);
	nft_counter(t);
	nft_masquerade(t);
	nft_end(t);
	nft_rule(t, "post_nat");
	from_vm(t, c, NFT_CMP_EQ);
	to_vm(t, c, NFT_CMP_NEQ);
	nft_counter(t);
	nft_masquerade(t);
	nft_end(t);
}

/* New flows beyond a VM's ceiling; off: where the VM's address is. */
static void
flow_cap(struct nft *t, const struct sysconf *c, const char *chain,
    uint32_t off)
{
	nft_rule(t, chain);
	if (off == IP_SRC)
		from_vm(t, c, NFT_CMP_EQ);
	else
		to_vm(t, c, NFT_CMP_EQ);
	nft_ct_any(t, NFT_CT_STATE, NEW);
	nft_payload(t, NFT_PAYLOAD_NETWORK_HEADER, off, 4, NFT_REG_1);
	nft_count_over(t, "flows", c->flows);
	nft_do(t, NF_DROP);
}

static void
forward(struct nft *t, const struct sysconf *c, int was_routing)
{
	nft_rule(t, "forward");
	from_vm(t, c, NFT_CMP_NEQ);
	to_vm(t, c, NFT_CMP_NEQ);
	nft_do(t, was_routing ? NF_ACCEPT : NF_DROP);
	nft_rule(t, "forward");
	nft_ct_any(t, NFT_CT_STATE, INVALID);
	nft_do(t, NF_DROP);
	nft_rule(t, "forward");
	from_vm(t, c, NFT_CMP_EQ);
	to_vm(t, c, NFT_CMP_EQ);
	nft_do(t, NF_DROP);
	/* a VM that goes round by a port published here */
	nft_rule(t, "forward");
	from_vm(t, c, NFT_CMP_EQ);
	nft_ct_dir(t, IP_CT_DIR_ORIGINAL);
	dnatted(t);
	nft_do(t, NF_DROP);
	flow_cap(t, c, "forward", IP_SRC);
	flow_cap(t, c, "forward", IP_DST);
	nft_rule(t, "forward");
	from_vm(t, c, NFT_CMP_EQ);
	nft_do(t, NF_ACCEPT);
	nft_rule(t, "forward");
	dnatted(t);
	nft_do(t, NF_ACCEPT);
	nft_rule(t, "forward");
	nft_ct_any(t, NFT_CT_STATE, ESTABLISHED | RELATED);
	nft_do(t, NF_ACCEPT);
	nft_rule(t, "forward");
	nft_do(t, NF_DROP);
}

/* The operator's resolver, where it runs on this host. */
static void
dns(struct nft *t, const struct sysconf *c, int answer)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	unsigned i;

	for (i = 0; c->dns != 0 && i < 2; i++) {
		nft_rule(t, answer ? "output" : "input");
		if (answer)
			to_vm(t, c, NFT_CMP_EQ);
		else
			from_vm(t, c, NFT_CMP_EQ);
		nft_ip(t, answer ? IP_SRC : IP_DST, NFT_CMP_EQ, c->dns, 32);
		nft_l4proto(t, protos[i]);
		nft_port(t, answer ? L4_SPORT : L4_DPORT, PORT_DNS);
		if (answer)
			nft_ct_any(t, NFT_CT_STATE, ESTABLISHED);
		nft_do(t, NF_ACCEPT);
	}
}

static void
host_itself(struct nft *t, const struct sysconf *c)
{
	static const uint8_t unreachable = ICMP_UNREACHABLE;

	nft_rule(t, "input");
	from_vm(t, c, NFT_CMP_EQ);
	nft_ct_dir(t, IP_CT_DIR_REPLY);
	dnatted(t);
	nft_do(t, NF_ACCEPT);
	dns(t, c, 0);
	nft_rule(t, "input");
	from_vm(t, c, NFT_CMP_EQ);
	nft_do(t, NF_DROP);
	flow_cap(t, c, "output", IP_DST);
	nft_rule(t, "output");
	to_vm(t, c, NFT_CMP_EQ);
	dnatted(t);
	nft_do(t, NF_ACCEPT);
	dns(t, c, 1);
	/* path MTU */
	nft_rule(t, "output");
	to_vm(t, c, NFT_CMP_EQ);
	nft_ct_any(t, NFT_CT_STATE, RELATED);
	nft_l4proto(t, IPPROTO_ICMP);
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(t, NFT_CMP_EQ, &unreachable, sizeof(unreachable));
	nft_do(t, NF_ACCEPT);
	nft_rule(t, "output");
	to_vm(t, c, NFT_CMP_EQ);
	nft_do(t, NF_DROP);
}

static void
ip6(struct nft *t, const struct sysconf *c)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} all[] = { { "forward", NF_INET_FORWARD },
		{ "input", NF_INET_LOCAL_IN }, { "output", NF_INET_LOCAL_OUT } };
	unsigned i;

	for (i = 0; i < 3; i++)
		nft_chain(t, all[i].name, &(struct nft_hook){ "filter",
		    all[i].hook, -1, NF_ACCEPT, NULL });
	for (i = 0; i < 3; i++) {
		if (all[i].hook != NF_INET_LOCAL_OUT) {
			nft_rule(t, all[i].name);
			from_vm(t, c, NFT_CMP_EQ);
			nft_do(t, NF_DROP);
		}
		if (all[i].hook != NF_INET_LOCAL_IN) {
			nft_rule(t, all[i].name);
			to_vm(t, c, NFT_CMP_EQ);
			nft_do(t, NF_DROP);
		}
	}
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
	hostrules_del(t, c);
	nft_table(t, NFPROTO_IPV6, c->instance);
	ip6(t, c);
	/* last, so that elements may follow */
	nft_table(t, NFPROTO_IPV4, c->instance);
	sets(t, c);
	chains(t);
	pre(t, c);
	nat(t, c);
	forward(t, c, was_routing);
	host_itself(t, c);
}
