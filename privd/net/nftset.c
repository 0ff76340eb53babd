/* SPDX-License-Identifier: ISC */
/* Runs in privd-net. Pure writing into memory, as nft.c. */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include "privd/net/nftset.h"

void
nft_use(struct nft *t, uint8_t family, const char *table)
{
	t->family = family;
	(void)strlcpy(t->table, table, sizeof(t->table));
}

static uint32_t
field_len(uint8_t type)
{
	switch (type) {
	case NFT_IFNAME: return IFNAMSIZ;
	case NFT_IPADDR: return 4;
	case NFT_SERVICE: return 2;
	default: return 1;
	}
}

/* Types are packed six bits each; every field takes whole registers. */
static uint32_t
fields(const uint8_t *f, uint32_t *len)
{
	uint32_t type = 0;
	unsigned i;

	*len = 0;
	for (i = 0; i < NFT_FIELDS_MAX && f[i] != 0; i++) {
		type = type << 6 | f[i];
		*len += (field_len(f[i]) + 3) & ~3u;
	}
	return type;
}

static void
set_desc(struct nft *t, const struct nft_set *s)
{
	struct nlattr *d, *c, *e;
	unsigned i;

	d = nlm_nest(t->b.h, NFTA_SET_DESC);
	nft_u32(t, NFTA_SET_DESC_SIZE, s->size);
	if ((s->flags & NFT_SET_CONCAT) != 0) {
		c = nlm_nest(t->b.h, NFTA_SET_DESC_CONCAT);
		for (i = 0; i < NFT_FIELDS_MAX && s->key[i] != 0; i++) {
			e = nlm_nest(t->b.h, NFTA_LIST_ELEM);
			nft_u32(t, NFTA_SET_FIELD_LEN, field_len(s->key[i]));
			nlm_nest_end(t->b.h, e);
		}
		nlm_nest_end(t->b.h, c);
	}
	nlm_nest_end(t->b.h, d);
}

void
nft_set(struct nft *t, const struct nft_set *s)
{
	struct nfgenmsg g = { .nfgen_family = t->family,
		.version = NFNETLINK_V0 };
	uint32_t type, len;

	nl_msg(&t->b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET,
	    NLM_F_CREATE, &g, sizeof(g));
	nlm_put_strz(t->b.h, NFTA_SET_TABLE, t->table);
	nlm_put_strz(t->b.h, NFTA_SET_NAME, s->name);
	nft_u32(t, NFTA_SET_FLAGS, s->flags);
	type = fields(s->key, &len);
	nft_u32(t, NFTA_SET_KEY_TYPE, type);
	nft_u32(t, NFTA_SET_KEY_LEN, len);
	if ((s->flags & NFT_SET_MAP) != 0) {
		type = fields(s->data, &len);
		nft_u32(t, NFTA_SET_DATA_TYPE, type);
		nft_u32(t, NFTA_SET_DATA_LEN, len);
	}
	/* an id is wanted for each set; the message's number is unique */
	nft_u32(t, NFTA_SET_ID, t->b.h->nlmsg_seq);
	set_desc(t, s);
	nl_end(&t->b);
}

static void
elem_data(struct nft *t, uint16_t type, const void *raw, size_t len)
{
	struct nlattr *a = nlm_nest(t->b.h, type);

	nlm_put(t->b.h, NFTA_DATA_VALUE, len, raw);
	nlm_nest_end(t->b.h, a);
}

static void
elem(struct nft *t, const char *set, uint16_t type, uint16_t flags,
    const void *key, size_t klen, const void *data, size_t dlen)
{
	struct nfgenmsg g = { .nfgen_family = t->family,
		.version = NFNETLINK_V0 };
	struct nlattr *list, *e;

	nl_msg(&t->b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
	    &g, sizeof(g));
	nlm_put_strz(t->b.h, NFTA_SET_ELEM_LIST_TABLE, t->table);
	nlm_put_strz(t->b.h, NFTA_SET_ELEM_LIST_SET, set);
	list = nlm_nest(t->b.h, NFTA_SET_ELEM_LIST_ELEMENTS);
	e = nlm_nest(t->b.h, NFTA_LIST_ELEM);
	elem_data(t, NFTA_SET_ELEM_KEY, key, klen);
	if (data != NULL)
		elem_data(t, NFTA_SET_ELEM_DATA, data, dlen);
	nlm_nest_end(t->b.h, e);
	nlm_nest_end(t->b.h, list);
	nl_end(&t->b);
}

void
nft_elem(struct nft *t, const char *set, int del, const void *key,
    size_t klen, const void *data, size_t dlen)
{
	elem(t, set, del ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
	    del ? 0 : NLM_F_CREATE, key, klen, data, dlen);
}

void
nft_elem_get(struct nft *t, const char *set, const void *key, size_t klen)
{
	elem(t, set, NFT_MSG_GETSETELEM, NLM_F_ACK, key, klen, NULL, 0);
}

void
nft_lookup(struct nft *t, const char *set, int inverted)
{
	struct nft_expr x = nft_expr(t, "lookup");

	nlm_put_strz(t->b.h, NFTA_LOOKUP_SET, set);
	nft_u32(t, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (inverted)
		nft_u32(t, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	nft_expr_end(t, x);
}

void
nft_map(struct nft *t, const char *map)
{
	struct nft_expr x = nft_expr(t, "lookup");

	nlm_put_strz(t->b.h, NFTA_LOOKUP_SET, map);
	nft_u32(t, NFTA_LOOKUP_SREG, NFT_REG_1);
	nft_u32(t, NFTA_LOOKUP_DREG, NFT_REG_1);
	nft_expr_end(t, x);
}

void
nft_dnat_regs(struct nft *t)
{
	struct nft_expr x = nft_expr(t, "nat");

	nft_u32(t, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_u32(t, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nft_u32(t, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	nft_u32(t, NFTA_NAT_REG_PROTO_MIN, NFT_REG32_01);
	nft_expr_end(t, x);
}

void
nft_masquerade(struct nft *t)
{
	nft_expr_end(t, nft_expr(t, "masq"));
}

void
nft_fib_local(struct nft *t)
{
	static const uint32_t local = RTN_LOCAL;
	struct nft_expr x = nft_expr(t, "fib");

	nft_u32(t, NFTA_FIB_DREG, NFT_REG_1);
	nft_u32(t, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_u32(t, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nft_expr_end(t, x);
	nft_cmp(t, NFT_CMP_EQ, &local, sizeof(local));
}

void
nft_count_over(struct nft *t, const char *set, uint32_t count)
{
	struct nft_expr x = nft_expr(t, "dynset");
	struct nlattr *e, *d;

	nlm_put_strz(t->b.h, NFTA_DYNSET_SET_NAME, set);
	nft_u32(t, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nft_u32(t, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
	e = nlm_nest(t->b.h, NFTA_DYNSET_EXPR);
	nlm_put_strz(t->b.h, NFTA_EXPR_NAME, "connlimit");
	d = nlm_nest(t->b.h, NFTA_EXPR_DATA);
	nft_u32(t, NFTA_CONNLIMIT_COUNT, count);
	nft_u32(t, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	nlm_nest_end(t->b.h, d);
	nlm_nest_end(t->b.h, e);
	nft_expr_end(t, x);
}
