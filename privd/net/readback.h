/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_READBACK_H
#define PRIVD_NET_READBACK_H

#include "privd/net/nft.h"

/* Ask the kernel for the chains and rules of every table made in the batch
 * *sent, and compare: number, order, chains, hooks, policies and each
 * expression with its data (counters excepted). 0, or -1 with *e (EBADMSG:
 * what is there is not what was sent). */
int readback(struct nlsock *s, const struct nft *sent, struct err *e);

#endif
