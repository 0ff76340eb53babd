/* SPDX-License-Identifier: ISC */
/*
 * Starts under way: jail goes on serving while S and V work.
 */
#ifndef JAIL_PENDING_H
#define JAIL_PENDING_H

#include <poll.h>

#include "privd/jail/jail.h"

/* Begin to watch the start of s, asked for by req; takes sync. */
void pending_add(struct jail *j, struct slot *s, const struct wire_hdr *req,
    int sync);
/* Fill p[0 .. PENDING_MAX) for poll(2) in the order of j->pending. Returns
 * the milliseconds until the first deadline, -1: none. */
int pending_poll(const struct jail *j, struct pollfd *p);
/* After poll(2): go on with those that moved or are late; answers them. */
void pending_run(struct jail *j, const struct pollfd *p);

#endif
