/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Turns rows into nf_tables objects: writing into memory
 * only, nothing here knows what a rule is for. Invariant: rules are written
 * in the order of their chains and chains in that of their tables, which is
 * the order in which the kernel lists them; readback.c relies on it.
 */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <stddef.h>
#include <string.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include "privd/net/rules.h"

#define RATE_BURST 2	/* seconds' worth that may come at once */

enum kind { META, PAYLOAD, CT, FIB };

/* Where a field is: a key of meta or ct, or a header, an offset. */
static const struct {
	uint8_t kind, key, off, len;
} fields[] = {
	[IIF] = { META, NFT_META_IIFNAME, 0, IFNAMSIZ },
	[OIF] = { META, NFT_META_OIFNAME, 0, IFNAMSIZ },
	[IIFTYPE] = { META, NFT_META_IIFTYPE, 0, 2 },
	[L4PROTO] = { META, NFT_META_L4PROTO, 0, 1 },
	[PKTTYPE] = { META, NFT_META_PKTTYPE, 0, 1 },
	[ETH_SRC] = { PAYLOAD, NFT_PAYLOAD_LL_HEADER, 6, 6 },
	[ETH_TYPE] = { PAYLOAD, NFT_PAYLOAD_LL_HEADER, 12, 2 },
	[ARP_HEAD] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 0, 8 },
	[ARP_SHA] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 8, 6 },
	[ARP_SPA] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 14, 4 },
	[ARP_TPA] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 24, 4 },
	[IP_HEAD] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 0, 1 },
	[SADDR] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 12, 4 },
	[DADDR] = { PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, 16, 4 },
	[SPORT] = { PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2 },
	[DPORT] = { PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2 },
	[TCP_FLAGS] = { PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1 },
	[ICMP_TYPE] = { PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1 },
	[CT_STATE] = { CT, NFT_CT_STATE, 0, 4 },
	[CT_STATUS] = { CT, NFT_CT_STATUS, 0, 4 },
	[CT_DIR] = { CT, NFT_CT_DIRECTION, 0, 1 },
	[CT_PROTO] = { CT, NFT_CT_PROTOCOL, 0, 1 },
	[CT_SADDR] = { CT, NFT_CT_SRC_IP, 1, 4 },
	[CT_DADDR] = { CT, NFT_CT_DST_IP, 1, 4 },
	[CT_DPORT] = { CT, NFT_CT_PROTO_DST, 1, 2 },
	[DADDR_TYPE] = { FIB, 0, 0, 4 },
};

/* ---- values */

struct value
value_raw(const void *raw, size_t len)
{
	struct value v = { .len = (uint8_t)len };

	memcpy(v.b, raw, len);
	return v;
}

struct value
value_text(const char *s, int prefix)
{
	return value_raw(s, strlen(s) + (prefix ? 0 : 1));
}

struct value
value_addr(uint32_t addr, unsigned prefix)
{
	uint32_t raw = htonl(addr);
	uint32_t mask = htonl(prefix == 0 ? 0 : UINT32_MAX << (32 - prefix));
	struct value v = value_raw(&raw, sizeof(raw));

	if (prefix < 32)
		memcpy(v.mask, &mask, sizeof(mask));
	return v;
}

struct value
value_num(uint32_t n)
{
	struct value v = { .len = sizeof(n), .n = n };

	memcpy(v.b, &n, sizeof(n));
	return v;
}

/* ---- terms */

static void
load(struct nft *t, uint8_t field, uint32_t reg)
{
	static const char *const names[] = { "meta", "payload", "ct", "fib" };
	const uint8_t orig = 0;
	struct nft_expr x = nft_expr(t, names[fields[field].kind]);

	switch (fields[field].kind) {
	case META:
		nft_u32(t, NFTA_META_KEY, fields[field].key);
		nft_u32(t, NFTA_META_DREG, reg);
		break;
	case PAYLOAD:
		nft_u32(t, NFTA_PAYLOAD_DREG, reg);
		nft_u32(t, NFTA_PAYLOAD_BASE, fields[field].key);
		nft_u32(t, NFTA_PAYLOAD_OFFSET, fields[field].off);
		nft_u32(t, NFTA_PAYLOAD_LEN, fields[field].len);
		break;
	case CT:
		nft_u32(t, NFTA_CT_KEY, fields[field].key);
		nft_u32(t, NFTA_CT_DREG, reg);
		if (fields[field].off != 0)
			nlm_put(t->b.h, NFTA_CT_DIRECTION, sizeof(orig),
			    &orig);
		break;
	default:
		nft_u32(t, NFTA_FIB_DREG, reg);
		nft_u32(t, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
		nft_u32(t, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	}
	nft_expr_end(t, x);
}

static void
load_all(struct nft *t, const struct term *m)
{
	uint32_t words = 0;
	unsigned i;

	for (i = 0; i < TERM_FIELDS && m->f[i] != F_NONE; i++) {
		/* as the kernel names registers: by fours where it can */
		load(t, m->f[i], words % 4 == 0 ? NFT_REG_1 + words / 4 :
						 NFT_REG32_00 + words);
		words += (fields[m->f[i]].len + 3u) / 4;
	}
}

static void
mask(struct nft *t, const unsigned char *raw, size_t len)
{
	static const unsigned char none[IFNAMSIZ];
	struct nft_expr x = nft_expr(t, "bitwise");

	nft_u32(t, NFTA_BITWISE_SREG, NFT_REG_1);
	nft_u32(t, NFTA_BITWISE_DREG, NFT_REG_1);
	nft_u32(t, NFTA_BITWISE_LEN, (uint32_t)len);
	nft_data(t, NFTA_BITWISE_MASK, raw, len);
	nft_data(t, NFTA_BITWISE_XOR, none, len);
	nft_expr_end(t, x);
}

static void
compare(struct nft *t, uint32_t op, const unsigned char *raw, size_t len)
{
	struct nft_expr x = nft_expr(t, "cmp");

	nft_u32(t, NFTA_CMP_SREG, NFT_REG_1);
	nft_u32(t, NFTA_CMP_OP, op);
	nft_data(t, NFTA_CMP_DATA, raw, len);
	nft_expr_end(t, x);
}

static void
against_value(struct nft *t, uint8_t op, const struct value *v)
{
	static const unsigned char none[IFNAMSIZ];

	if (op == ANY || op == NONE)
		mask(t, v->b, v->len);
	else if (memcmp(v->mask, none, v->len) != 0)
		mask(t, v->mask, v->len);
	if (op == ANY || op == NONE) {
		compare(t, op == ANY ? NFT_CMP_NEQ : NFT_CMP_EQ, none,
		    v->len);
	} else if (op == WITHIN) {
		compare(t, NFT_CMP_GTE, v[0].b, v[0].len);
		compare(t, NFT_CMP_LTE, v[1].b, v[1].len);
	} else {
		compare(t, op == EQ ? NFT_CMP_EQ : NFT_CMP_NEQ, v->b, v->len);
	}
}

static void
lookup(struct nft *t, const char *set, uint8_t op)
{
	struct nft_expr x = nft_expr(t, "lookup");

	nlm_put_strz(t->b.h, NFTA_LOOKUP_SET, set);
	nft_u32(t, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (op == MAP)
		nft_u32(t, NFTA_LOOKUP_DREG, NFT_REG_1);
	if (op == NOTIN)
		nft_u32(t, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	nft_expr_end(t, x);
}

static void
flows_over(struct nft *t, uint32_t n)
{
	nft_u32(t, NFTA_CONNLIMIT_COUNT, n);
	nft_u32(t, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
}

static void
limit(struct nft *t, const struct term *m, const char *set, uint32_t n)
{
	struct nft_expr x = nft_expr(t, m->op == OVER ? "dynset" :
		m->op == FLOWS ? "connlimit" : "limit");
	struct nlattr *e, *d;

	if (m->op == OVER) {
		nlm_put_strz(t->b.h, NFTA_DYNSET_SET_NAME, set);
		nft_u32(t, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
		nft_u32(t, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
		e = nlm_nest(t->b.h, NFTA_DYNSET_EXPR);
		nlm_put_strz(t->b.h, NFTA_EXPR_NAME, "connlimit");
		d = nlm_nest(t->b.h, NFTA_EXPR_DATA);
		flows_over(t, n);
		nlm_nest_end(t->b.h, d);
		nlm_nest_end(t->b.h, e);
	} else if (m->op == FLOWS) {
		flows_over(t, n);
	} else {
		nlm_put_u64(t->b.h, NFTA_LIMIT_RATE, htobe64(n));
		nlm_put_u64(t->b.h, NFTA_LIMIT_UNIT, htobe64(1));
		nft_u32(t, NFTA_LIMIT_BURST, RATE_BURST * n);
		nft_u32(t, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
		nft_u32(t, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	}
	nft_expr_end(t, x);
}

static void
term(struct nft *t, const struct ruleset *rs, const struct term *m,
    const struct fill *f)
{
	load_all(t, m);
	switch (m->op) {
	case IN:
	case NOTIN:
	case MAP:
		lookup(t, rs->sets[m->set].name, m->op);
		break;
	case OVER:
	case FLOWS:
	case RATE:
		limit(t, m, rs->sets != NULL ? rs->sets[m->set].name : NULL,
		    f->v[m->v].n);
		break;
	default:
		against_value(t, m->op, &f->v[m->v]);
	}
}

/* ---- actions */

static void
verdict(struct nft *t, int code, const char *chain)
{
	struct nft_expr x = nft_expr(t, "immediate");
	struct nlattr *d, *v;

	nft_u32(t, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	d = nlm_nest(t->b.h, NFTA_IMMEDIATE_DATA);
	v = nlm_nest(t->b.h, NFTA_DATA_VERDICT);
	nft_u32(t, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain != NULL)
		nlm_put_strz(t->b.h, NFTA_VERDICT_CHAIN, chain);
	nlm_nest_end(t->b.h, v);
	nlm_nest_end(t->b.h, d);
	nft_expr_end(t, x);
}

static void
nat(struct nft *t, uint8_t action, const struct value *to)
{
	struct nft_expr x;

	if (action != DNAT_TO_MAP) {
		x = nft_expr(t, "immediate");
		nft_u32(t, NFTA_IMMEDIATE_DREG, NFT_REG_1);
		nft_data(t, NFTA_IMMEDIATE_DATA, to->b, to->len);
		nft_expr_end(t, x);
	}
	x = nft_expr(t, "nat");
	nft_u32(t, NFTA_NAT_TYPE,
	    action == SNAT_TO ? NFT_NAT_SNAT : NFT_NAT_DNAT);
	nft_u32(t, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nft_u32(t, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (action == DNAT_TO_MAP)
		nft_u32(t, NFTA_NAT_REG_PROTO_MIN, NFT_REG32_01);
	nft_expr_end(t, x);
}

static void
act(struct nft *t, const struct ruleset *rs, const struct rule *r,
    const struct fill *f)
{
	switch (r->action) {
	case DROP:
		verdict(t, NF_DROP, NULL);
		break;
	case ACCEPT:
		verdict(t, NF_ACCEPT, NULL);
		break;
	case JUMP:
		verdict(t, NFT_JUMP, rs->chains[r->arg].name);
		break;
	case MASQUERADE:
		nft_expr_end(t, nft_expr(t, "masq"));
		break;
	default:
		nat(t, r->action, &f->v[r->arg]);
	}
}

/* ---- rows */

void
rules_one(struct nft *t, const struct ruleset *rs, const struct rule *r,
    const struct fill *f)
{
	const struct term *m;

	nft_rule(t, rs->chains[r->chain].name, f->note, r->name);
	for (m = r->t; m < r->t + RULE_TERMS && m->op != OP_END; m++)
		term(t, rs, m, f);
	/* what a map led to stays in its register across the counter */
	nft_counter(t);
	act(t, rs, r, f);
	nft_rule_end(t);
}

void
rules_chain(struct nft *t, const struct ruleset *rs, unsigned chain,
    const struct fill *f)
{
	const struct rule *r;

	for (r = rs->rules; r < rs->rules + rs->nrules; r++)
		if (r->chain == chain && (r->when & ~f->when) == 0)
			rules_one(t, rs, r, f);
}

static int
wanted(const struct chain *c, const struct fill *f)
{
	return (c->when & ~f->when) == 0;
}

static const char *
table_of(const struct chain *c, const struct fill *f)
{
	return c->table != NULL ? c->table : f->table;
}

void
rules_put(struct nft *t, const struct ruleset *rs, const struct fill *f)
{
	const struct chain *c;
	unsigned i;

	for (i = 0, c = rs->chains; i < rs->nchains; i++, c++) {
		if (!wanted(c, f))
			continue;
		if (t->family != c->family ||
		    strcmp(t->table, table_of(c, f)) != 0) {
			nft_table(t, c->family, table_of(c, f));
			if (c->family == NFPROTO_IPV4)
				nft_sets(t, rs->sets, rs->nsets);
		}
		nft_chain(t, c);
	}
	for (i = 0, c = rs->chains; i < rs->nchains; i++, c++) {
		if (!wanted(c, f))
			continue;
		nft_use(t, c->family, table_of(c, f));
		rules_chain(t, rs, i, f);
	}
}
