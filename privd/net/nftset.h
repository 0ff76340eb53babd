/* SPDX-License-Identifier: ISC */
/* Sets, maps and what rules do with them; continues privd/net/nft.h. */
#ifndef PRIVD_NET_NFTSET_H
#define PRIVD_NET_NFTSET_H

#include "privd/net/nft.h"

/* nft(8)'s numbers of data types, so that listings are readable */
enum { NFT_IPADDR = 7, NFT_PROTO = 12, NFT_SERVICE = 13, NFT_IFNAME = 41 };
#define NFT_FIELDS_MAX 3

struct nft_set {
	const char *name;
	uint32_t flags;			/* NFT_SET_ */
	uint32_t size;			/* most elements */
	uint8_t key[NFT_FIELDS_MAX];	/* types, 0 ends */
	uint8_t data[NFT_FIELDS_MAX];	/* of a map */
};

/* Write into a table that exists already. */
void nft_use(struct nft *t, uint8_t family, const char *table);
void nft_set(struct nft *t, const struct nft_set *s);
/* One element a message, so that a refusal names it. data NULL: no map. */
void nft_elem(struct nft *t, const char *set, int del, const void *key,
    size_t klen, const void *data, size_t dlen);

/* Ask for one; no transaction: the message stands alone, for nl_dump(). */
void nft_elem_get(struct nft *t, const char *set, const void *key,
    size_t klen);

void nft_lookup(struct nft *t, const char *set, int inverted);
void nft_map(struct nft *t, const char *map);	/* register 1 to 1 */
/* Destination from register 1 and port from the second 32-bit register. */
void nft_dnat_regs(struct nft *t);
void nft_masquerade(struct nft *t);
void nft_fib_local(struct nft *t);		/* daddr is the host's own */
/* More than count flows of the address in register 1. */
void nft_count_over(struct nft *t, const char *set, uint32_t count);

#endif
