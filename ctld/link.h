/* SPDX-License-Identifier: ISC */
/*
 * A wire on the event loop: records in, records out through a bounded queue.
 * A handler returns a verdict; only the loop ends a link, from its own
 * callback, so nothing is ever freed under the feet of its caller.
 */
#ifndef CTLD_LINK_H
#define CTLD_LINK_H

#include <stddef.h>

#include "common/wire.h"

struct event_base;
struct link;

struct link_ops {
	/* One well-formed frame. Descriptors left in *m are closed by the
	 * loop. -1: misbehaviour, end the link. */
	int (*msg)(void *arg, struct wire_msg *m);
	/* Optional: may the descriptors of *m, whose frame may be malformed, be
	 * closed at all? 0: they are left open, and the link ends. */
	int (*tame)(void *arg, const struct wire_msg *m);
	/* End of file (why NULL) or trouble. The owner calls link_free(). */
	void (*end)(void *arg, const char *why);
};

/* The link owns fd from here on (also on failure, NULL). qmax: most records
 * waiting to be sent. Reading begins with link_start(). */
struct link *link_new(struct event_base *base, int fd, unsigned qmax,
    const struct link_ops *ops, void *arg);
int link_start(struct link *l);
/* Read no further record until link_start(). */
void link_stop(struct link *l);
void link_free(struct link *l);	/* NULL is allowed */

/* Send or queue one record; fds stay the caller's. -1: the queue is full or
 * the peer is gone (end() follows from the loop), or EMFILE. */
int link_send(struct link *l, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds);

/* Take what has arrived by now; end() may be called from within. */
void link_drain(struct link *l);

#endif
