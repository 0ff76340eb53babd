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

/* The uid at the other end of fd, which must be a connection accepted on our
 * control socket. Anything else is refused, because its SO_PEERCRED does not
 * name a client: a listening socket and a socketpair name whoever made them
 * (our root starter), a connecting one names the listener's maker, a journal
 * stream on standard error names root. Good also after the client has gone.
 * 0, or -1: ENOTSOCK, EPROTOTYPE, EISCONN (it listens), EADDRNOTAVAIL (not
 * accepted on the control socket), EADDRINUSE (the peer was bound to a name:
 * a listener, or a client that must not do so). */
int peer_client(int fd, const struct sysconf *c, uint32_t *uid);

#endif
