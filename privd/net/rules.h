/* SPDX-License-Identifier: ISC */
/*
 * Rule sets as data. A rule is one row: its chain, its name (which becomes
 * its comment in the kernel), what must hold, what is done. What differs from
 * VM to VM or from host to host is a value, by its number. rules_put() turns
 * the rows into one batch; readback.c compares the kernel's answer with that
 * batch, op_net_show.c reads counters by the rows' names, and the tests walk
 * the same rows: there is no rule beside them.
 */
#ifndef PRIVD_NET_RULES_H
#define PRIVD_NET_RULES_H

#include "privd/net/nft.h"

/* What a term looks at; rules.c says how each is loaded. */
enum field {
	F_NONE,
	IIF, OIF, IIFTYPE, L4PROTO, PKTTYPE,	/* of the packet's way */
	ETH_SRC, ETH_TYPE,			/* of the frame */
	ARP_HEAD, ARP_SHA, ARP_SPA, ARP_TPA,
	IP_HEAD, SADDR, DADDR, DPORT, SPORT, TCP_FLAGS, ICMP_TYPE,
	CT_STATE, CT_STATUS, CT_DIR,		/* of its flow */
	CT_PROTO, CT_SADDR, CT_DADDR, CT_DPORT,	/* as the flow began */
	DADDR_TYPE
};

enum op {
	OP_END,
	EQ, NE,		/* value; with a mask it is applied first */
	WITHIN,		/* from this value to the next one */
	ANY,		/* one of the value's bits is set */
	NONE,		/* none of them is */
	IN, NOTIN,	/* the fields together are an element of a set */
	MAP,		/* they lead to address and port, for DNAT_TO_MAP */
	OVER,		/* more flows than the value says, from one element;
			   the set collects them */
	FLOWS,		/* more flows than the value says, of all here */
	RATE		/* more packets a second than the value says */
};

#define TERM_FIELDS NFT_FIELDS_MAX
#define RULE_TERMS 6

struct term {
	uint8_t op;
	uint8_t v;		/* number of a value, or of a limit's */
	uint8_t set;		/* number of a set */
	uint8_t f[TERM_FIELDS];
};

enum action {
	DROP, ACCEPT,
	JUMP,		/* to chain arg */
	DNAT_TO, SNAT_TO, /* address: value arg */
	DNAT_TO_MAP,	/* what a MAP term found */
	MASQUERADE
};

struct rule {
	const char *name;
	uint8_t chain, action, arg;
	uint8_t when;		/* every bit must be asked for */
	struct term t[RULE_TERMS];
};

struct ruleset {
	const struct chain *chains;
	const struct rule *rules;
	const struct set *sets;		/* of its IPv4 table */
	unsigned nchains, nrules, nsets;
};

struct value {
	uint8_t len;			/* bytes compared */
	unsigned char b[IFNAMSIZ], mask[IFNAMSIZ];
	uint32_t n;			/* of a limit */
};

/* What the rows are filled in with. */
struct fill {
	const struct value *v;
	unsigned when;			/* which conditional rows */
	const char *table;		/* the instance's */
	const char *note;		/* begins every comment */
};

/* ---- values */
struct value value_raw(const void *raw, size_t len);
struct value value_text(const char *s, int prefix); /* of an interface */
struct value value_addr(uint32_t addr, unsigned prefix);
struct value value_num(uint32_t n);

/* ---- writing; t after nft_begin() */

/* Tables, sets, chains and all rows that fill->when asks for. */
void rules_put(struct nft *t, const struct ruleset *rs,
    const struct fill *f);
/* One chain's rows, into the table that is in use. */
void rules_chain(struct nft *t, const struct ruleset *rs, unsigned chain,
    const struct fill *f);
/* One row that stands in no table of rows: a list's entry. */
void rules_one(struct nft *t, const struct ruleset *rs, const struct rule *r,
    const struct fill *f);

#endif
