/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Pure writing into memory: nothing here knows what a rule
 * means, and nothing comes from outside. Every message is shorter than
 * NL_MSG_MAX, because names, lists and addresses are bounded by their types.
 */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

#include "privd/net/nft.h"

#define ELEM_MAX 256u	/* bytes of any one element, with its comment */

static void
nft_msg(struct nft *t, uint16_t type, uint16_t flags)
{
	struct nfgenmsg g = { .nfgen_family = t->family,
		.version = NFNETLINK_V0 };

	nl_msg(&t->b, (uint16_t)NFT_TYPE(type), flags, &g, sizeof(g));
}

/* All but a table's own messages begin with the table's name. */
static void
in_table(struct nft *t, uint16_t type, uint16_t flags)
{
	nft_msg(t, type, flags);
	nlm_put_strz(t->b.h, NFTA_TABLE_NAME, t->table);
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
nft_ask(struct nlbatch *b, struct nlsock *s, void *buf, size_t size,
    uint16_t type, uint8_t family)
{
	struct nfgenmsg g = { .nfgen_family = family,
		.version = NFNETLINK_V0 };

	nl_begin(b, s, buf, size);
	nl_msg(b, (uint16_t)NFT_TYPE(type), NLM_F_DUMP, &g, sizeof(g));
}

void
nft_u32(struct nft *t, uint16_t type, uint32_t v)
{
	nlm_put_u32(t->b.h, type, htonl(v));
}

void
nft_data(struct nft *t, uint16_t type, const void *raw, size_t len)
{
	struct nlattr *a = nlm_nest(t->b.h, type);

	nlm_put(t->b.h, NFTA_DATA_VALUE, len, raw);
	nlm_nest_end(t->b.h, a);
}

void
nft_use(struct nft *t, uint8_t family, const char *table)
{
	t->family = family;
	(void)strlcpy(t->table, table, sizeof(t->table));
}

void
nft_table(struct nft *t, uint8_t family, const char *name)
{
	nft_use(t, family, name);
	in_table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nl_end(&t->b);
}

void
nft_table_del(struct nft *t, uint8_t family, const char *name)
{
	nft_use(t, family, name);
	in_table(t, NFT_MSG_DELTABLE, 0);
	nl_end(&t->b);
}

static void
no_counts(struct nft *t)
{
	nlm_put_u64(t->b.h, NFTA_COUNTER_BYTES, 0);
	nlm_put_u64(t->b.h, NFTA_COUNTER_PACKETS, 0);
}

void
nft_chain(struct nft *t, const struct chain *c)
{
	struct nlattr *a;

	in_table(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nlm_put_strz(t->b.h, NFTA_CHAIN_NAME, c->name);
	if (c->type != NULL) {
		a = nlm_nest(t->b.h, NFTA_CHAIN_HOOK);
		nft_u32(t, NFTA_HOOK_HOOKNUM, c->hook);
		nft_u32(t, NFTA_HOOK_PRIORITY, (uint32_t)c->prio);
		if (c->dev != NULL)
			nlm_put_strz(t->b.h, NFTA_HOOK_DEV, c->dev);
		nlm_nest_end(t->b.h, a);
		nft_u32(t, NFTA_CHAIN_POLICY, c->policy);
		a = nlm_nest(t->b.h, NFTA_CHAIN_COUNTERS);
		no_counts(t);
		nlm_nest_end(t->b.h, a);
		nlm_put_strz(t->b.h, NFTA_CHAIN_TYPE, c->type);
	}
	nl_end(&t->b);
}

void
nft_chain_del(struct nft *t, const char *name)
{
	in_table(t, NFT_MSG_DELCHAIN, 0);
	nlm_put_strz(t->b.h, NFTA_CHAIN_NAME, name);
	nl_end(&t->b);
}

void
nft_empty(struct nft *t, const char *chain)
{
	in_table(t, NFT_MSG_DELRULE, 0);
	nlm_put_strz(t->b.h, NFTA_RULE_CHAIN, chain);
	nl_end(&t->b);
}

/* ---- comments are nft(8)'s own: type 0, length, text with its NUL */

struct note {
	uint8_t type, len;
	char text[NFT_NOTE_MAX];
};

static void
put_note(struct nft *t, uint16_t attr, const char *whose, const char *name)
{
	struct note u = { 0, 0, "" };

	(void)snprintf(u.text, sizeof(u.text), "%s%s", whose, name);
	u.len = (uint8_t)(strlen(u.text) + 1);
	nlm_put(t->b.h, attr, 2u + u.len, &u);
}

const char *
nft_note_of(const struct nlattr *userdata)
{
	const struct note *u;

	if (userdata == NULL || nlm_len(userdata) < 3)
		return "";
	u = nlm_data(userdata);
	if (u->type != 0 || nlm_len(userdata) < 2u + u->len || u->len == 0 ||
	    u->text[u->len - 1] != '\0')
		return "";
	return u->text;
}

/* ---- rules */

void
nft_rule(struct nft *t, const char *chain, const char *whose, const char *name)
{
	in_table(t, NFT_MSG_NEWRULE,
	    NLM_F_CREATE | (t->first ? 0 : NLM_F_APPEND));
	nlm_put_strz(t->b.h, NFTA_RULE_CHAIN, chain);
	put_note(t, NFTA_RULE_USERDATA, whose, name);
	t->exprs = nlm_nest(t->b.h, NFTA_RULE_EXPRESSIONS);
}

void
nft_rule_del(struct nft *t, const char *chain, uint64_t raw_handle)
{
	in_table(t, NFT_MSG_DELRULE, 0);
	nlm_put_strz(t->b.h, NFTA_RULE_CHAIN, chain);
	nlm_put_u64(t->b.h, NFTA_RULE_HANDLE, raw_handle);
	nl_end(&t->b);
}

void
nft_rule_end(struct nft *t)
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

	no_counts(t);
	nft_expr_end(t, x);
}

/* ---- sets */

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

/* Six bits for each type; a field of several takes whole registers. */
static uint32_t
types(const uint8_t *f, uint32_t *len)
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
set_desc(struct nft *t, const struct set *s)
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

static void
set_put(struct nft *t, const struct set *s)
{
	struct nlattr *a, *d;
	uint32_t type, len;

	in_table(t, NFT_MSG_NEWSET, NLM_F_CREATE);
	nlm_put_strz(t->b.h, NFTA_SET_NAME, s->name);
	nft_u32(t, NFTA_SET_FLAGS, s->flags);
	type = types(s->key, &len);
	nft_u32(t, NFTA_SET_KEY_TYPE, type);
	nft_u32(t, NFTA_SET_KEY_LEN, len);
	if ((s->flags & NFT_SET_MAP) != 0) {
		type = types(s->data, &len);
		nft_u32(t, NFTA_SET_DATA_TYPE, type);
		nft_u32(t, NFTA_SET_DATA_LEN, len);
	}
	/* an id is wanted for each set; the message's number is unique */
	nft_u32(t, NFTA_SET_ID, t->b.h->nlmsg_seq);
	if (s->size != 0)
		set_desc(t, s);
	if (s->counted) {
		a = nlm_nest(t->b.h, NFTA_SET_EXPR);
		nlm_put_strz(t->b.h, NFTA_EXPR_NAME, "counter");
		d = nlm_nest(t->b.h, NFTA_EXPR_DATA);
		no_counts(t);
		nlm_nest_end(t->b.h, d);
		nlm_nest_end(t->b.h, a);
	}
	nl_end(&t->b);
}

void
nft_sets(struct nft *t, const struct set *s, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		set_put(t, &s[i]);
}

static void
elem_begin(struct nft *t, const char *set, uint16_t type, uint16_t flags)
{
	in_table(t, type, flags);
	nlm_put_strz(t->b.h, NFTA_SET_ELEM_LIST_SET, set);
	t->list = nlm_nest(t->b.h, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void
elem_one(struct nft *t, const struct elem *e)
{
	struct nlattr *a = nlm_nest(t->b.h, NFTA_LIST_ELEM);

	nft_data(t, NFTA_SET_ELEM_KEY, e->key, e->klen);
	if (e->data != NULL)
		nft_data(t, NFTA_SET_ELEM_DATA, e->data, e->dlen);
	if (e->note != NULL)
		put_note(t, NFTA_SET_ELEM_USERDATA, "", e->note);
	if (e->is_end)
		nft_u32(t, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	nlm_nest_end(t->b.h, a);
}

void
nft_elems_end(struct nft *t)
{
	if (t->list == NULL)
		return;
	nlm_nest_end(t->b.h, t->list);
	nl_end(&t->b);
	t->list = NULL;
}

void
nft_elem(struct nft *t, const char *set, const struct elem *e, int del)
{
	elem_begin(t, set, del ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
	    del ? 0 : NLM_F_CREATE);
	elem_one(t, e);
	nft_elems_end(t);
}

void
nft_elem_more(struct nft *t, const char *set, const struct elem *e)
{
	if (t->list != NULL && t->b.h->nlmsg_len > NL_MSG_MAX - ELEM_MAX)
		nft_elems_end(t);
	if (t->list == NULL)
		elem_begin(t, set, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	elem_one(t, e);
}

void
nft_elem_flush(struct nft *t, const char *set)
{
	in_table(t, NFT_MSG_DELSETELEM, 0);
	nlm_put_strz(t->b.h, NFTA_SET_ELEM_LIST_SET, set);
	nl_end(&t->b);
}

void
nft_elem_get(struct nft *t, const char *set, const void *key, size_t klen)
{
	elem_begin(t, set, NFT_MSG_GETSETELEM, NLM_F_ACK);
	elem_one(t, &(struct elem){ .key = key, .klen = klen });
	nft_elems_end(t);
}
