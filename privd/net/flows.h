/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_FLOWS_H
#define PRIVD_NET_FLOWS_H

#include "privd/net/slot.h"

/* Forget the host's tracked flows from and to this address, so that the next
 * VM that gets it hears nothing of an old one. 0 or -1 with *e. */
int flows_flush(struct net *n, uint32_t addr, struct err *e);

#endif
