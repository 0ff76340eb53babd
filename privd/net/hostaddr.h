/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_HOSTADDR_H
#define PRIVD_NET_HOSTADDR_H

#include "privd/net/slot.h"

/* Watch the host's IPv4 addresses and read them a first time. 0 or -1. */
int hostaddr_init(struct net *n, struct err *e);

/* Bring n->deny up to date, where the kernel told of a change. Costs one
 * recv when nothing did. 0 or -1. */
int hostaddr_refresh(struct net *n, struct err *e);

#endif
