/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Pure writing into memory: nothing here knows what a rule
 * means, and nothing comes from outside. Every message is shorter than
 * NL_MSG_MAX, because names, lists and addresses are bounded by their types.
 */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "privd/net/nft.h"

static void
nft_msg(struct nft *t, uint16_t type, uint16_t flags)
{
	struct nfgenmsg g = { .nfgen_family = t->family,
		.version = NFNETLINK_V0 };

	nl_msg(&t->b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &g,
	    sizeof(g));
}

static void
nft_frame(struct nft *t, uint16_t type)
{
	struct nfgenmsg g = { .version = NFNETLINK_V0,
		.res_id = htons(NFNL_SUBSYS_NFTABLES) };

	nl_msg(&t->b, type, 0, &g, sizeof(g));
	nl_end(&t->b);
}

void
nft_begin(struct nft *t, struct nlsock *s, void *buf, size_t size)
{
	memset(t, 0, sizeof(*t));
	nl_begin(&t->b, s, buf, size);
	nft_frame(t, NFNL_MSG_BATCH_BEGIN);
}

int
nft_commit(struct nft *t, unsigned *bad)
{
	uint32_t last = t->b.last;

	/* 6.1 does not acknowledge the end of a batch: the last object does */
	t->b.h->nlmsg_flags |= NLM_F_ACK;
	nft_frame(t, NFNL_MSG_BATCH_END);
	t->b.last = last;
	return nl_send(&t->b, bad);
}

void
nft_u32(struct nft *t, uint16_t type, uint32_t v)
{
	nlm_put_u32(t->b.h, type, htonl(v));
}

void
nft_table(struct nft *t, uint8_t family, const char *name)
{
	t->family = family;
	(void)strlcpy(t->table, name, sizeof(t->table));
	nft_msg(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nlm_put_strz(t->b.h, NFTA_TABLE_NAME, t->table);
	nl_end(&t->b);
}

void
nft_table_del(struct nft *t, uint8_t family, const char *name)
{
	t->family = family;
	nft_msg(t, NFT_MSG_DELTABLE, 0);
	nlm_put_strz(t->b.h, NFTA_TABLE_NAME, name);
	nl_end(&t->b);
}

void
nft_chain(struct nft *t, const char *name, const struct nft_hook *hook)
{
	struct nlattr *a;

	nft_msg(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nlm_put_strz(t->b.h, NFTA_CHAIN_TABLE, t->table);
	nlm_put_strz(t->b.h, NFTA_CHAIN_NAME, name);
	if (hook != NULL) {
		a = nlm_nest(t->b.h, NFTA_CHAIN_HOOK);
		nft_u32(t, NFTA_HOOK_HOOKNUM, hook->num);
		nft_u32(t, NFTA_HOOK_PRIORITY, (uint32_t)hook->prio);
		if (hook->dev != NULL)
			nlm_put_strz(t->b.h, NFTA_HOOK_DEV, hook->dev);
		nlm_nest_end(t->b.h, a);
		nft_u32(t, NFTA_CHAIN_POLICY, hook->policy);
		a = nlm_nest(t->b.h, NFTA_CHAIN_COUNTERS);
		nlm_put_u64(t->b.h, NFTA_COUNTER_BYTES, 0);
		nlm_put_u64(t->b.h, NFTA_COUNTER_PACKETS, 0);
		nlm_nest_end(t->b.h, a);
		nlm_put_strz(t->b.h, NFTA_CHAIN_TYPE, hook->type);
	}
	nl_end(&t->b);
}

void
nft_empty(struct nft *t, const char *chain)
{
	nft_msg(t, NFT_MSG_DELRULE, 0);
	nlm_put_strz(t->b.h, NFTA_RULE_TABLE, t->table);
	nlm_put_strz(t->b.h, NFTA_RULE_CHAIN, chain);
	nl_end(&t->b);
}

void
nft_rule(struct nft *t, const char *chain)
{
	nft_msg(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nlm_put_strz(t->b.h, NFTA_RULE_TABLE, t->table);
	nlm_put_strz(t->b.h, NFTA_RULE_CHAIN, chain);
	nft_put_note(t);
	t->exprs = nlm_nest(t->b.h, NFTA_RULE_EXPRESSIONS);
}

void
nft_end(struct nft *t)
{
	nlm_nest_end(t->b.h, t->exprs);
	nl_end(&t->b);
}

struct nft_expr
nft_expr(struct nft *t, const char *name)
{
	struct nft_expr x;

	x.elem = nlm_nest(t->b.h, NFTA_LIST_ELEM);
	nlm_put_strz(t->b.h, NFTA_EXPR_NAME, name);
	x.data = nlm_nest(t->b.h, NFTA_EXPR_DATA);
	return x;
}

void
nft_expr_end(struct nft *t, struct nft_expr x)
{
	nlm_nest_end(t->b.h, x.data);
	nlm_nest_end(t->b.h, x.elem);
}

void
nft_counter(struct nft *t)
{
	struct nft_expr x = nft_expr(t, "counter");

	nlm_put_u64(t->b.h, NFTA_COUNTER_BYTES, 0);
	nlm_put_u64(t->b.h, NFTA_COUNTER_PACKETS, 0);
	nft_expr_end(t, x);
}

static void
nft_verdict(struct nft *t, int verdict, const char *chain)
{
	struct nft_expr x = nft_expr(t, "immediate");
	struct nlattr *d, *v;

	nft_u32(t, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	d = nlm_nest(t->b.h, NFTA_IMMEDIATE_DATA);
	v = nlm_nest(t->b.h, NFTA_DATA_VERDICT);
	nft_u32(t, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain != NULL)
		nlm_put_strz(t->b.h, NFTA_VERDICT_CHAIN, chain);
	nlm_nest_end(t->b.h, v);
	nlm_nest_end(t->b.h, d);
	nft_expr_end(t, x);
}

void
nft_do(struct nft *t, int verdict)
{
	nft_counter(t);
	nft_verdict(t, verdict, NULL);
	nft_end(t);
}

void
nft_jump(struct nft *t, const char *chain)
{
	nft_counter(t);
	nft_verdict(t, NFT_JUMP, chain);
	nft_end(t);
}

void
nft_do_proto(struct nft *t, int verdict, uint8_t proto)
{
	struct nlattr *a;

	nft_counter(t);
	nft_verdict(t, verdict, NULL);
	nlm_nest_end(t->b.h, t->exprs);
	a = nlm_nest(t->b.h, NFTA_RULE_COMPAT);
	nft_u32(t, NFTA_RULE_COMPAT_PROTO, proto);
	nft_u32(t, NFTA_RULE_COMPAT_FLAGS, 0);
	nlm_nest_end(t->b.h, a);
	nl_end(&t->b);
}

void
nft_meta(struct nft *t, uint32_t key, uint32_t reg)
{
	struct nft_expr x = nft_expr(t, "meta");

	nft_u32(t, NFTA_META_KEY, key);
	nft_u32(t, NFTA_META_DREG, reg);
	nft_expr_end(t, x);
}

void
nft_payload(struct nft *t, uint32_t base, uint32_t off, uint32_t len,
    uint32_t reg)
{
	struct nft_expr x = nft_expr(t, "payload");

	nft_u32(t, NFTA_PAYLOAD_DREG, reg);
	nft_u32(t, NFTA_PAYLOAD_BASE, base);
	nft_u32(t, NFTA_PAYLOAD_OFFSET, off);
	nft_u32(t, NFTA_PAYLOAD_LEN, len);
	nft_expr_end(t, x);
}

void
nft_ct(struct nft *t, uint32_t key, uint32_t reg)
{
	struct nft_expr x = nft_expr(t, "ct");

	nft_u32(t, NFTA_CT_KEY, key);
	nft_u32(t, NFTA_CT_DREG, reg);
	nft_expr_end(t, x);
}

static void
nft_data(struct nft *t, uint16_t type, const void *raw, size_t len)
{
	struct nlattr *a = nlm_nest(t->b.h, type);

	nlm_put(t->b.h, NFTA_DATA_VALUE, len, raw);
	nlm_nest_end(t->b.h, a);
}

void
nft_cmp(struct nft *t, uint32_t op, const void *raw, size_t len)
{
	struct nft_expr x = nft_expr(t, "cmp");

	nft_u32(t, NFTA_CMP_SREG, NFT_REG_1);
	nft_u32(t, NFTA_CMP_OP, op);
	nft_data(t, NFTA_CMP_DATA, raw, len);
	nft_expr_end(t, x);
}

void
nft_mask(struct nft *t, const void *raw_mask, size_t len)
{
	static const unsigned char none[16];
	struct nft_expr x = nft_expr(t, "bitwise");

	nft_u32(t, NFTA_BITWISE_SREG, NFT_REG_1);
	nft_u32(t, NFTA_BITWISE_DREG, NFT_REG_1);
	nft_u32(t, NFTA_BITWISE_LEN, (uint32_t)len);
	nft_data(t, NFTA_BITWISE_MASK, raw_mask, len);
	nft_data(t, NFTA_BITWISE_XOR, none, len);
	nft_expr_end(t, x);
}

void
nft_ifname(struct nft *t, uint32_t key, uint32_t op, const char *name)
{
	nft_meta(t, key, NFT_REG_1);
	nft_cmp(t, op, name, strlen(name) + 1);
}

void
nft_ifprefix(struct nft *t, uint32_t key, uint32_t op, const char *prefix)
{
	nft_meta(t, key, NFT_REG_1);
	nft_cmp(t, op, prefix, strlen(prefix));
}

void
nft_l4proto(struct nft *t, uint8_t proto)
{
	nft_meta(t, NFT_META_L4PROTO, NFT_REG_1);
	nft_cmp(t, NFT_CMP_EQ, &proto, sizeof(proto));
}

void
nft_ip(struct nft *t, uint32_t off, uint32_t op, uint32_t addr,
    unsigned prefix)
{
	uint32_t raw = htonl(addr);
	uint32_t mask = htonl(prefix == 0 ? 0 : UINT32_MAX << (32 - prefix));

	nft_payload(t, NFT_PAYLOAD_NETWORK_HEADER, off, sizeof(raw),
	    NFT_REG_1);
	if (prefix < 32)
		nft_mask(t, &mask, sizeof(mask));
	nft_cmp(t, op, &raw, sizeof(raw));
}

void
nft_port(struct nft *t, uint32_t off, uint16_t port)
{
	uint16_t raw = htons(port);

	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, off, sizeof(raw),
	    NFT_REG_1);
	nft_cmp(t, NFT_CMP_EQ, &raw, sizeof(raw));
}

void
nft_ct_any(struct nft *t, uint32_t key, uint32_t mask)
{
	static const uint32_t zero;

	/* ct state and status are in host byte order */
	nft_ct(t, key, NFT_REG_1);
	nft_mask(t, &mask, sizeof(mask));
	nft_cmp(t, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void
nft_ct_dir(struct nft *t, uint8_t dir)
{
	nft_ct(t, NFT_CT_DIRECTION, NFT_REG_1);
	nft_cmp(t, NFT_CMP_EQ, &dir, sizeof(dir));
}

void
nft_match(struct nft *t, const char *name, uint32_t rev, const void *info,
    size_t len)
{
	struct nft_expr x = nft_expr(t, "match");

	nlm_put_strz(t->b.h, NFTA_MATCH_NAME, name);
	nft_u32(t, NFTA_MATCH_REV, rev);
	nlm_put(t->b.h, NFTA_MATCH_INFO, len, info);
	nft_expr_end(t, x);
}

void
nft_target(struct nft *t, const char *name, uint32_t rev, const void *info,
    size_t len)
{
	struct nft_expr x = nft_expr(t, "target");

	nlm_put_strz(t->b.h, NFTA_TARGET_NAME, name);
	nft_u32(t, NFTA_TARGET_REV, rev);
	nlm_put(t->b.h, NFTA_TARGET_INFO, len, info);
	nft_expr_end(t, x);
}
