/* SPDX-License-Identifier: ISC */
/*
 * Who is at the other end of a client's socket, for front and jail, which
 * get that socket from a process they do not believe.
 */
#ifndef COMMON_PEER_H
#define COMMON_PEER_H

#include <stdint.h>

#include "common/sysconf.h"

#define CONTROL_SOCKET "io.postern.Vm"	/* beneath run_dir */

/* The uid at the other end of fd, which must be a connection that the client
 * listener accepted. Anything else is refused, because its SO_PEERCRED does not
 * name a client of ours: a listening socket and a socketpair name whoever made
 * them (our root starter), a connecting one names the listener's maker, one
 * that a tenant accepted names whom it lured. Good also after the client has
 * gone. 0, or -1: ENOTSOCK, EPROTOTYPE, EADDRNOTAVAIL (somebody else made or
 * accepted it). */
int peer_client(int fd, const struct sysconf *c, uint32_t *uid);

#endif
