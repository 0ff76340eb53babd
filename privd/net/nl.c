/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net with CAP_NET_ADMIN. Believes the kernel at the other end
 * of each socket, but not that it answers in time, nor that what is queued
 * there is an answer to what was asked.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "privd/net/nl.h"

#define ANSWER_MAX 32768 /* the kernel makes no larger part of a dump */
#define ACK_MAX 4096
#define ANSWERS_MAX 65536	/* datagrams read for one request */

int
nlsock_init(struct nlsock *s, int fd)
{
	struct timeval tv = {
		.tv_sec = NL_DEADLINE_MS / 1000,
		.tv_usec = NL_DEADLINE_MS % 1000 * 1000
	};
	int one = 1;

	s->fd = fd;
	s->seq = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return -1;
	/* an error comes without a copy of the message that caused it */
	return setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
}

void
nl_begin(struct nlbatch *b, struct nlsock *s, void *buf, size_t size)
{
	memset(b, 0, sizeof(*b));
	b->s = s;
	b->buf = buf;
	b->size = size;
	b->first = s->seq;
	b->last = s->seq;
}

void
nl_msg(struct nlbatch *b, uint16_t type, uint16_t flags, const void *hdr,
    size_t hlen)
{
	/* once full, the last place is written over and nothing is sent */
	if (NL_MSG_MAX > b->size - b->used) {
		b->full = 1;
		b->used = 0;
	}
	b->h = (void *)(b->buf + b->used);
	memset(b->h, 0, sizeof(*b->h));
	b->h->nlmsg_len = sizeof(*b->h);
	b->h->nlmsg_type = type;
	b->h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	b->h->nlmsg_seq = b->s->seq++;
	memcpy(nlm_extra(b->h, hlen), hdr, hlen);
}

void
nl_end(struct nlbatch *b)
{
	b->last = b->h->nlmsg_seq;
	b->used += nl_align(b->h->nlmsg_len);
}

static int
nl_put(struct nlbatch *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int room;

	if (b->full || b->used == 0) {
		errno = ENOBUFS;
		return -1;
	}
	if (b->used > 128U << 10) {
		/* with CAP_NET_ADMIN the limit is ours to set */
		room = (int)(b->used + b->used / 2);
		if (setsockopt(b->s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room,
			sizeof(room)) < 0)
			return -1;
	}
	if (sendto(b->s->fd, b->buf, b->used, 0,
		(const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -1;
	return 0;
}

/* One datagram from the kernel (not from another process of this host). */
static ssize_t
nl_get(const struct nlbatch *b, void *buf, size_t size, int flags)
{
	struct sockaddr_nl from;
	socklen_t len;
	ssize_t n;

	do {
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		n = recvfrom(b->s->fd, buf, size, flags,
		    (struct sockaddr *)&from, &len);
	} while (n < 0 ? errno == EINTR :
			 len != sizeof(from) || from.nl_pid != 0);
	if (n < 0 && errno == EAGAIN && (flags & MSG_DONTWAIT) == 0)
		errno = ETIMEDOUT;
	return n;
}

static int
nl_errno(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = nlm_payload(h, sizeof(*e));

	if (e == NULL)
		return EBADMSG;
	return e->error < 0 ? -e->error : e->error;
}

int
nl_send(struct nlbatch *b, unsigned *bad)
{
	_Alignas(8) unsigned char buf[ACK_MAX];
	const struct nlmsghdr *h;
	int code = 0, done = 0, i;
	size_t left;
	ssize_t n;

	if (bad != NULL)
		*bad = 0;
	if (nl_put(b) < 0)
		return -1;
	/* answers are queued when sendto(2) returns: after the last (or the
	 * first refusal) what is still there is taken, but not waited for */
	for (i = 0; i < ANSWERS_MAX; i++) {
		n = nl_get(b, buf, sizeof(buf),
		    done || code != 0 ? MSG_DONTWAIT : 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && bad != NULL)
			*bad = NL_LOST;
		if (n < 0)
			return -1;
		left = (size_t)n;
		for (h = (const void *)buf; nlm_ok(h, left);
		    h = nlm_next(h, &left)) {
			if (h->nlmsg_type != NLMSG_ERROR ||
			    h->nlmsg_seq - b->first > b->last - b->first)
				continue;
			if (code == 0 && (code = nl_errno(h)) != 0 &&
			    bad != NULL)
				*bad = h->nlmsg_seq - b->first;
			done |= h->nlmsg_seq == b->last;
		}
	}
	errno = code;
	return code == 0 ? 0 : -1;
}

static int
nl_skip(const struct nlmsghdr *h, void *arg)
{
	(void)h;
	(void)arg;
	return 0;
}

struct dump {
	nl_cb *cb;
	void *arg;
	int code;	/* errno of the first failure */
};

/* Returns 1 while more is to come: also after a failure, so that nothing
 * stays queued for the next request. */
static int
nl_dump_part(const struct nlbatch *b, const void *buf, size_t left,
    struct dump *d)
{
	const struct nlmsghdr *h;

	for (h = buf; nlm_ok(h, left); h = nlm_next(h, &left)) {
		if (h->nlmsg_seq != b->first)
			continue;
		if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0 && d->code == 0)
			d->code = EINTR;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			if (d->code == 0)
				d->code = nl_errno(h);
			return 0;
		}
		if (d->cb(h, d->arg) < 0) {
			d->code = d->code != 0 ? d->code : errno;
			d->cb = nl_skip;
		}
	}
	return 1;
}

int
nl_dump(struct nlbatch *b, nl_cb *cb, void *arg)
{
	_Alignas(8) unsigned char buf[ANSWER_MAX];
	struct dump d = { .cb = cb, .arg = arg };
	ssize_t n;
	int i;

	if (nl_put(b) < 0)
		return -1;
	for (i = 0; i < ANSWERS_MAX; i++) {
		n = nl_get(b, buf, sizeof(buf), 0);
		if (n < 0)
			return -1;
		if (nl_dump_part(b, buf, (size_t)n, &d) == 0) {
			errno = d.code;
			return d.code == 0 ? 0 : -1;
		}
	}
	errno = EMSGSIZE;
	return -1;
}
