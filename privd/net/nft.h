/* SPDX-License-Identifier: ISC */
/*
 * Writes nf_tables objects into an nlbatch: one transaction, all or nothing.
 * Numbers are in host byte order; addresses too, unless a name says raw.
 */
#ifndef PRIVD_NET_NFT_H
#define PRIVD_NET_NFT_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
/* the kernel's after libc's, or they define things twice */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "privd/net/nl.h"

#define NFT_NOTE_MAX 64		/* bytes of a rule's comment, with its NUL */

/* Where a rule goes; passed to everything that writes one. */
struct nft {
	struct nlbatch b;
	uint8_t family;		/* NFPROTO_ */
	char table[IFNAMSIZ];
	char note[NFT_NOTE_MAX]; /* comment of the rules that follow */
	struct nlattr *exprs;	/* open list of the rule being written */
};

struct nft_hook {
	const char *type;	/* "filter" or "nat" */
	uint32_t num;
	int32_t prio;
	uint32_t policy;	/* NF_DROP or NF_ACCEPT */
	const char *dev;	/* netdev family only */
};

void nft_begin(struct nft *t, struct nlsock *s, void *buf, size_t size);
/* 0, or -1 with errno; *bad as in nl_send: 0 is the batch's own frame. */
int nft_commit(struct nft *t, unsigned *bad);

void nft_table(struct nft *t, uint8_t family, const char *name);
void nft_table_del(struct nft *t, uint8_t family, const char *name);
/* hook NULL: a chain to jump to. */
void nft_chain(struct nft *t, const char *name, const struct nft_hook *hook);

/* ---- rules: nft_rule, expressions, then one of the ends */
void nft_rule(struct nft *t, const char *chain);
/* What the rules from here on say as their comment; "" ends it. The text of
 * one that was read (its NFTA_RULE_USERDATA; NULL is allowed), or "". */
void nft_note(struct nft *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void nft_put_note(struct nft *t);	/* of the rule being begun */
const char *nft_note_of(const struct nlattr *userdata);
/* Take all rules out of a chain: within the batch, before its new ones. */
void nft_empty(struct nft *t, const char *chain);
void nft_end(struct nft *t);				/* no verdict */
void nft_do(struct nft *t, int verdict);		/* counted */
void nft_jump(struct nft *t, const char *chain);	/* counted */
void nft_counter(struct nft *t);
/* End a rule whose xt match insists on the rule's protocol. */
void nft_do_proto(struct nft *t, int verdict, uint8_t proto);

/* ---- loads into a register */
void nft_meta(struct nft *t, uint32_t key, uint32_t reg);
void nft_payload(struct nft *t, uint32_t base, uint32_t off, uint32_t len,
    uint32_t reg);
void nft_ct(struct nft *t, uint32_t key, uint32_t reg);

/* ---- comparisons, register 1 */
void nft_cmp(struct nft *t, uint32_t op, const void *raw, size_t len);
void nft_mask(struct nft *t, const void *raw_mask, size_t len);

/* ---- whole conditions */
void nft_ifname(struct nft *t, uint32_t key, uint32_t op, const char *name);
/* every interface whose name begins so */
void nft_ifprefix(struct nft *t, uint32_t key, uint32_t op,
    const char *prefix);
void nft_l4proto(struct nft *t, uint8_t proto);
/* NFT_PAYLOAD: bytes at off of the network header within net/prefix */
void nft_ip(struct nft *t, uint32_t off, uint32_t op, uint32_t addr,
    unsigned prefix);
void nft_port(struct nft *t, uint32_t off, uint16_t port);
/* (field & mask) != 0, for ct state and ct status */
void nft_ct_any(struct nft *t, uint32_t key, uint32_t mask);
void nft_ct_dir(struct nft *t, uint8_t dir);

#define IP_SRC 12u	/* offsets in the IPv4 header */
#define IP_DST 16u
#define L4_SPORT 0u
#define L4_DPORT 2u

/* ---- xtables extensions, which iptables shows as ordinary rules */
void nft_match(struct nft *t, const char *name, uint32_t rev,
    const void *info, size_t len);
void nft_target(struct nft *t, const char *name, uint32_t rev,
    const void *info, size_t len);

/* ---- one expression, for what has no function of its own */
struct nft_expr {
	struct nlattr *elem, *data;
};
struct nft_expr nft_expr(struct nft *t, const char *name);
void nft_expr_end(struct nft *t, struct nft_expr x);
void nft_u32(struct nft *t, uint16_t type, uint32_t v);

#endif
