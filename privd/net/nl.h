/* SPDX-License-Identifier: ISC */
/*
 * One bounded way to talk netlink, for the host's sockets and for those that
 * jail opened inside a VM's namespace. Every datagram names its destination:
 * the kernel then judges by our capabilities alone, not by the opener's too.
 */
#ifndef PRIVD_NET_NL_H
#define PRIVD_NET_NL_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "privd/net/nlmsg.h"

#define NL_DEADLINE_MS 2000	/* no answer of the kernel takes longer */
#define NL_MSG_MAX 2048		/* room kept for any single message */

struct nlsock {
	int fd;		/* not owned */
	uint32_t seq;	/* of the next message */
};

/* Several messages to be sent as one datagram. buf has size bytes; when a
 * message no longer fits, nl_send refuses the whole (ENOBUFS). */
struct nlbatch {
	struct nlsock *s;
	unsigned char *buf;
	size_t size, used;
	struct nlmsghdr *h;	/* message being written */
	uint32_t first, last;	/* sequence numbers in the batch */
	int full;
};

/* Set deadline and short errors on a passed socket. 0 or -1. */
int nlsock_init(struct nlsock *s, int fd);

void nl_begin(struct nlbatch *b, struct nlsock *s, void *buf, size_t size);
/* Start a message with hlen bytes of family header; the rest by
 * nlm_put*(b->h, ...) until nl_end(). */
void nl_msg(struct nlbatch *b, uint16_t type, uint16_t flags, const void *hdr,
    size_t hlen);
void nl_end(struct nlbatch *b);

/* Send all and wait for the acknowledgement of the last message. 0, or -1
 * with errno; *bad (may be NULL) gets the index of the first message that the
 * kernel refused, or NL_LOST: it may have done all, its answer did not come. */
#define NL_LOST UINT32_MAX
int nl_send(struct nlbatch *b, unsigned *bad);

/* Ask for a dump with the one message in *b; cb for each answer. Stops at the
 * first cb that returns -1. 0 or -1 with errno (EINTR: changed meanwhile). */
typedef int nl_cb(const struct nlmsghdr *h, void *arg);
int nl_dump(struct nlbatch *b, nl_cb *cb, void *arg);

#endif
