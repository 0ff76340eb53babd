/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_HOSTPORT_H
#define PRIVD_NET_HOSTPORT_H

#include "privd/net/nl.h"

/* Is a program of this host at addr:port (0: any address)? diag is a
 * NETLINK_SOCK_DIAG socket. 1, 0, or -1 with errno: the kernel cannot tell. */
int hostport_taken(struct nlsock *diag, uint8_t proto, uint32_t addr,
    uint16_t port);

#endif
