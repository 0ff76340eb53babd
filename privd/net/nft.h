/* SPDX-License-Identifier: ISC */
/*
 * Writes nf_tables objects into an nlbatch: one transaction, all or nothing.
 * Numbers are in host byte order; keys and data are raw. rules.h has the rows
 * from which rules are written.
 */
#ifndef PRIVD_NET_NFT_H
#define PRIVD_NET_NFT_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
/* the kernel's after libc's, or they define things twice */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "privd/net/nl.h"

#define NFT_TYPE(msg) (NFNL_SUBSYS_NFTABLES << 8 | (msg))
#define NFT_NOTE_MAX 64		/* bytes of a comment, with its NUL */

/* nft(8)'s numbers of data types, so that listings are readable */
enum { NFT_IPADDR = 7, NFT_PROTO = 12, NFT_SERVICE = 13, NFT_IFNAME = 41 };
#define NFT_FIELDS_MAX 3

/* Where an object goes; passed to everything that writes one. */
struct nft {
	struct nlbatch b;
	uint8_t family;		/* NFPROTO_ */
	char table[IFNAMSIZ];
	int first;		/* rules go before all others of a chain */
	struct nlattr *exprs;	/* open list of the rule being written */
	struct nlattr *list;	/* open list of elements, or NULL */
};

struct chain {
	const char *name;
	const char *table;		/* NULL: the instance's */
	const char *type;		/* "filter", "nat"; NULL: jumped to */
	const char *dev;		/* netdev family only */
	uint32_t hook;
	int32_t prio;
	uint32_t policy;		/* NF_DROP or NF_ACCEPT */
	uint8_t family;			/* NFPROTO_ */
	uint8_t when;			/* as a rule's */
};

struct set {
	const char *name;
	uint32_t flags;			/* NFT_SET_ */
	uint32_t size;			/* most elements; 0: no bound */
	uint8_t counted;		/* each element counts */
	uint8_t key[NFT_FIELDS_MAX];	/* types, 0 ends */
	uint8_t data[NFT_FIELDS_MAX];	/* of a map */
};

struct elem {
	const void *key, *data;		/* data NULL: no map */
	size_t klen, dlen;
	const char *note;		/* comment, or NULL */
	int is_end;			/* first key beyond an interval */
};

void nft_begin(struct nft *t, struct nlsock *s, void *buf, size_t size);
/* 0, or -1 with errno; *bad as in nl_send: 0 is the batch's own frame. */
int nft_commit(struct nft *t, unsigned *bad);

void nft_table(struct nft *t, uint8_t family, const char *name);
void nft_table_del(struct nft *t, uint8_t family, const char *name);
/* Write into a table that exists already. */
void nft_use(struct nft *t, uint8_t family, const char *table);
void nft_chain(struct nft *t, const struct chain *c);
void nft_chain_del(struct nft *t, const char *name);
/* Take all rules out of a chain: within the batch, before its new ones. */
void nft_empty(struct nft *t, const char *chain);

/* ---- sets */
void nft_sets(struct nft *t, const struct set *s, unsigned n);
/* One element in a message of its own, so that a refusal names it. */
void nft_elem(struct nft *t, const char *set, const struct elem *e, int del);
/* Many of one set, as many a message as fit; then the end (idempotent). */
void nft_elem_more(struct nft *t, const char *set, const struct elem *e);
void nft_elems_end(struct nft *t);
void nft_elem_flush(struct nft *t, const char *set);
/* Ask for one; no transaction: the message stands alone, for nl_dump(). */
void nft_elem_get(struct nft *t, const char *set, const void *key,
    size_t klen);

/* ---- a rule: its frame, expressions in between */
void nft_rule(struct nft *t, const char *chain, const char *whose,
    const char *name);
void nft_rule_end(struct nft *t);
void nft_rule_del(struct nft *t, const char *chain, uint64_t raw_handle);
void nft_counter(struct nft *t);
struct nft_expr {
	struct nlattr *elem, *data;
};
struct nft_expr nft_expr(struct nft *t, const char *name);
void nft_expr_end(struct nft *t, struct nft_expr x);
void nft_u32(struct nft *t, uint16_t type, uint32_t v);
void nft_data(struct nft *t, uint16_t type, const void *raw, size_t len);

/* ---- reading what the kernel lists: never believed to be ours */
/* The text of a comment (userdata of a rule or an element; NULL is allowed),
 * or "". */
const char *nft_note_of(const struct nlattr *userdata);
/* A question for all of one kind (NFT_MSG_GET...), to be narrowed by
 * attributes and sent with nl_dump(). */
void nft_ask(struct nlbatch *b, struct nlsock *s, void *buf, size_t size,
    uint16_t type, uint8_t family);

#endif
