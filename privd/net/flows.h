/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_FLOWS_H
#define PRIVD_NET_FLOWS_H

#include "privd/net/slot.h"

/* Forget the host's tracked flows from and to this address, so that the next
 * VM that gets it hears nothing of an old one. 0 or -1 with *e. */
int flows_flush(struct net *n, uint32_t addr, struct err *e);

/* The tracked flows to a port that was published: asked for as dst (0: any
 * address) and dport, and led to address `to`. s: of the namespace meant. */
struct flow_port {
	uint32_t dst, to;
	uint16_t dport;
	uint8_t proto;
};
int flows_flush_port(struct net *n, struct nlsock *s,
    const struct flow_port *p, struct err *e);

/* Tracked flows that began before this port was published: they would go on
 * to the host itself for as long as somebody sends. dst 0: loopback's only. */
int flows_flush_unmapped(struct net *n, const struct flow_port *p,
    struct err *e);

#endif
