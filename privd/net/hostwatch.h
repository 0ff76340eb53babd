/* SPDX-License-Identifier: ISC */
/*
 * Whether somebody took away what we made on the host: the kernel tells of
 * every change of nf_tables. (Of iptables-legacy it does not; that is
 * `doctor`'s to look at, and our tables are no part of it.)
 */
#ifndef PRIVD_NET_HOSTWATCH_H
#define PRIVD_NET_HOSTWATCH_H

#include "privd/net/slot.h"

/* Begin to listen, before the filter is on. 0 or -1 with *e. */
int hostwatch_init(struct net *n, struct err *e);
/* Read what was told, and put the host's tables back if they were touched,
 * once a second at most. ms until it wants to be called again, -1: only when
 * n->nft_watch is readable. */
int hostwatch_run(struct net *n);

#endif
