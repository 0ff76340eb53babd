/* SPDX-License-Identifier: ISC */
/*
 * The links of a VM: a TAP in its namespace, a veth pair from there to the
 * host. Nothing is deleted here: links go with the namespace.
 */
#ifndef PRIVD_NET_LINK_H
#define PRIVD_NET_LINK_H

#include "privd/net/slot.h"

#define TAP_INDEX 1000	/* chosen by us, so that nobody asks for it */

struct veth {
	uint32_t host, peer;	/* interface numbers here and inside */
};

/* Attach the tun descriptor to a new persistent TAP of these owners; the name
 * and the namespace it landed in are read back. 0 or -1 with *e. */
int link_tap(int tun, int ns, uint32_t uid, uint32_t gid, struct err *e);

/* veth pair: slot's name here, v0 in namespace ns.
 * EEXIST: the old namespace of this slot is not gone yet. */
int link_veth(struct net *n, uint32_t slot, int ns, struct veth *v,
    struct err *e);

/* Addresses, MACs, neighbour and per-link settings, all links still down.
 * localnet: a port is published on loopback. */
int link_configure(struct net *n, struct nlsock *route, uint32_t slot,
    const struct veth *v, int localnet, struct err *e);

/* Whether the host's end lets 127/8 through, for a running VM. */
int link_localnet(struct net *n, uint32_t slot, int on, struct err *e);

/* The host's end, v0, the default route, and the TAP last. */
int link_up(struct net *n, struct nlsock *route, uint32_t slot,
    const struct veth *v, struct err *e);

#endif
