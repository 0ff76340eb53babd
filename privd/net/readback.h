/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_READBACK_H
#define PRIVD_NET_READBACK_H

#include "privd/net/nft.h"

/* Ask the kernel for its chains and rules and compare with the batch *sent:
 * number, order, chains, hooks, policies and each expression with its data
 * (counters excepted). alone: nothing else may be in that namespace, and sets
 * have the elements that were sent; otherwise only the tables made in the
 * batch are looked at. 0, or -1 with *e (EBADMSG: what is there is not what
 * was sent). */
int readback(struct nlsock *s, const struct nft *sent, int alone,
    struct err *e);

/* The same for one chain's rules alone, of the table that the batch ended
 * with. */
int readback_chain(struct nlsock *s, const struct nft *sent,
    const char *chain, struct err *e);
/* The same for the elements of each set that the batch made or emptied.
 * readset.c */
int readback_sets(struct nlsock *s, const struct nft *sent, struct err *e);

#endif
