/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_SWEEP_H
#define PRIVD_NET_SWEEP_H

#include "privd/net/slot.h"

/* Delete this instance's tables and links from the host. 0 or -1. */
int sweep(struct net *n, struct err *e);

#endif
