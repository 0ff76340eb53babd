/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. "Sent without an error" is not "in force": what the
 * kernel lists is compared with what was meant. The kernel may add attributes
 * of its own and orders them as it likes; each one that was sent must be
 * there with the same value. Rules are listed in the order of their chains,
 * which is the order in which every rule set of ours is written; elements of
 * a set in no order.
 */
#include <errno.h>
#include <string.h>

#include "privd/net/readback.h"

#define RETRIES 5
#define DEPTH_MAX 6

struct cursor {
	const unsigned char *pos, *end;
	uint16_t type;		/* NFT_MSG_NEWCHAIN or NFT_MSG_NEWRULE */
	uint8_t family;
	const char *table;	/* NULL: all tables of all families */
	const char *chain;	/* NULL: all of the table */
	unsigned seen;
};

static const struct nlattr *
attrs(const struct nlmsghdr *h, size_t *len)
{
	return nlm_attrs(h, sizeof(struct nfgenmsg), len);
}

static int
same_value(const struct nlattr *a, const struct nlattr *b)
{
	size_t n = nlm_len(a);

	return nlm_len(b) == n &&
	    memcmp(nlm_data(a), nlm_data(b), n) == 0;
}

/* Is every attribute of want (but `except`) in got? */
static int
within(const struct nlattr *want, size_t wlen, const struct nlattr *got,
    size_t glen, uint16_t except, unsigned depth)
{
	const struct nlattr *g;

	if (depth > DEPTH_MAX)
		return 0;
	for (; nlm_attr_ok(want, wlen); want = nlm_attr_next(want, &wlen)) {
		if (nlm_type(want) == except)
			continue;
		g = nlm_find(got, glen, nlm_type(want));
		if (g == NULL)
			return 0;
		if ((want->nla_type & NLA_F_NESTED) == 0) {
			if (!same_value(want, g))
				return 0;
		} else if (!within(nlm_data(want),
			       nlm_len(want),
			       nlm_data(g),
			       nlm_len(g), 0, depth + 1))
			return 0;
	}
	return 1;
}

static int
same_expr(const struct nlattr *want, const struct nlattr *got)
{
	const struct nlattr *w = nlm_data(want);
	const struct nlattr *g = nlm_data(got), *wn, *gn;
	size_t wlen = nlm_len(want);
	size_t glen = nlm_len(got);

	wn = nlm_find(w, wlen, NFTA_EXPR_NAME);
	gn = nlm_find(g, glen, NFTA_EXPR_NAME);
	if (wn == NULL || gn == NULL || !same_value(wn, gn))
		return 0;
	/* a counter may have counted already */
	if (strcmp(nlm_str(wn), "counter") == 0)
		return 1;
	return within(w, wlen, g, glen, 0, 0);
}

static int
same_rule(const struct nlmsghdr *want, const struct nlmsghdr *got)
{
	size_t wlen, glen;
	const struct nlattr *w = attrs(want, &wlen), *g = attrs(got, &glen);
	const struct nlattr *wc = nlm_find(w, wlen, NFTA_RULE_CHAIN);
	const struct nlattr *gc = nlm_find(g, glen, NFTA_RULE_CHAIN);

	if (wc == NULL || gc == NULL || !same_value(wc, gc))
		return 0;
	/* op_net_show.c knows rules by their comments */
	if (strcmp(nft_note_of(nlm_find(w, wlen, NFTA_RULE_USERDATA)),
		nft_note_of(nlm_find(g, glen, NFTA_RULE_USERDATA))) != 0)
		return 0;
	w = nlm_find(w, wlen, NFTA_RULE_EXPRESSIONS);
	g = nlm_find(g, glen, NFTA_RULE_EXPRESSIONS);
	if (w == NULL || g == NULL)
		return 0;
	wlen = nlm_len(w);
	glen = nlm_len(g);
	w = nlm_data(w);
	g = nlm_data(g);
	for (; nlm_attr_ok(w, wlen) && nlm_attr_ok(g, glen);
	    w = nlm_attr_next(w, &wlen), g = nlm_attr_next(g, &glen))
		if (!same_expr(w, g))
			return 0;
	return !nlm_attr_ok(w, wlen) && !nlm_attr_ok(g, glen);
}

static int
same_chain(const struct nlmsghdr *want, const struct nlmsghdr *got)
{
	size_t wlen, glen;
	const struct nlattr *w = attrs(want, &wlen), *g = attrs(got, &glen);

	return within(w, wlen, g, glen, NFTA_CHAIN_COUNTERS, 0);
}

/* NFTA_RULE_TABLE, NFTA_CHAIN_TABLE and NFTA_TABLE_NAME are all 1 */
static const char *
table_of(const struct nlmsghdr *h)
{
	size_t len;
	const struct nlattr *a = attrs(h, &len);

	return nlm_str(nlm_find(a, len, NFTA_TABLE_NAME));
}

static const char *
chain_of(const struct nlmsghdr *h)
{
	size_t len;
	const struct nlattr *a = attrs(h, &len);

	return nlm_str(nlm_find(a, len, NFTA_RULE_CHAIN));
}

static uint8_t
family_of(const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = nlm_payload(h, sizeof(*g));

	return g != NULL ? g->nfgen_family : NFPROTO_UNSPEC;
}

static int
concerns(const struct cursor *c, const struct nlmsghdr *h)
{
	return c->table == NULL ||
	    (family_of(h) == c->family &&
		strcmp(table_of(h), c->table) == 0 &&
		(c->chain == NULL || strcmp(chain_of(h), c->chain) == 0));
}

static const struct nlmsghdr *
next_sent(struct cursor *c)
{
	const struct nlmsghdr *h;

	while (c->pos < c->end) {
		h = (const void *)c->pos;
		c->pos += nl_align(h->nlmsg_len);
		if (h->nlmsg_type == NFT_TYPE(c->type) &&
		    concerns(c, h))
			return h;
	}
	return NULL;
}

static int
compare(const struct nlmsghdr *got, void *arg)
{
	struct cursor *c = arg;
	const struct nlmsghdr *want;

	if (!concerns(c, got))
		return 0;
	c->seen++;
	want = next_sent(c);
	if (want == NULL || family_of(want) != family_of(got) ||
	    strcmp(table_of(want), table_of(got)) != 0 ||
	    !(c->type == NFT_MSG_NEWRULE ? same_rule(want, got) :
					   same_chain(want, got))) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

static int
one_kind(struct nlsock *s, const struct nft *sent, struct cursor *c)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nlbatch b;
	int i;

	for (i = 0; i < RETRIES; i++) {
		c->pos = sent->b.buf;
		c->end = sent->b.buf + sent->b.used;
		c->seen = 0;
		nft_ask(&b, s, buf, sizeof(buf),
		    c->type == NFT_MSG_NEWRULE ? NFT_MSG_GETRULE :
						 NFT_MSG_GETCHAIN,
		    c->family);
		if (c->type == NFT_MSG_NEWRULE && c->table != NULL)
			nlm_put_strz(b.h, NFTA_RULE_TABLE, c->table);
		if (c->type == NFT_MSG_NEWRULE && c->chain != NULL)
			nlm_put_strz(b.h, NFTA_RULE_CHAIN, c->chain);
		nl_end(&b);
		if (nl_dump(&b, compare, c) == 0) {
			if (next_sent(c) == NULL)
				return 0;
			errno = EBADMSG;
			return -1;
		}
		if (errno != EINTR)
			break;
	}
	return -1;
}

static int
both_kinds(struct nlsock *s, const struct nft *sent, uint8_t family,
    const char *table, struct err *e)
{
	struct cursor c;

	memset(&c, 0, sizeof(c));
	c.family = family;
	c.table = table;
	c.type = NFT_MSG_NEWCHAIN;
	if (one_kind(s, sent, &c) < 0)
		return err_set(e, errno,
		    "chain %u of the rules is not as it was sent", c.seen);
	c.type = NFT_MSG_NEWRULE;
	if (one_kind(s, sent, &c) < 0)
		return err_set(e, errno, "rule %u is not as it was sent",
		    c.seen);
	return 0;
}

int
readback(struct nlsock *s, const struct nft *sent, int alone, struct err *e)
{
	const unsigned char *p = sent->b.buf;
	const unsigned char *end = sent->b.buf + sent->b.used;
	const struct nlmsghdr *h;

	if (alone)
		return both_kinds(s, sent, NFPROTO_UNSPEC, NULL, e) < 0 ?
		    -1 : readback_sets(s, sent, e);
	for (; p < end; p += nl_align(h->nlmsg_len)) {
		h = (const void *)p;
		if (h->nlmsg_type ==
			NFT_TYPE(NFT_MSG_NEWTABLE) &&
		    both_kinds(s, sent, family_of(h), table_of(h), e) < 0)
			return -1;
	}
	return 0;
}

int
readback_chain(struct nlsock *s, const struct nft *sent, const char *chain,
    struct err *e)
{
	struct cursor c = { .family = sent->family, .table = sent->table,
		.chain = chain, .type = NFT_MSG_NEWRULE };

	if (one_kind(s, sent, &c) < 0)
		return err_set(e, errno, "rule %u of %s is not as it was sent",
		    c.seen, chain);
	return 0;
}
