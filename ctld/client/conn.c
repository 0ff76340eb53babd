/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process; the peer is a tenant's program.
 * Reading never crosses the end of a message (peek, then take exactly that
 * much), so that descriptors belong to the message whose bytes they came
 * with, however much is pipelined.
 * No descriptor is closed here: close(2) of a file on the tenant's own FUSE
 * mount may never return.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "ctld/client/conn.h"

void
conn_init(struct conn *c, int sock, int wire)
{
	memset(c, 0, sizeof(*c));
	c->sock = sock;
	c->wire = wire;
	c->pass = -1;
}

/* Wait for the client's bytes until the deadline (-1: for ever). 1, 0, -1. */
static int
wait_bytes(struct conn *c, int64_t deadline)
{
	struct pollfd p[2] = {
		{ .fd = c->sock, .events = POLLIN },
		{ .fd = c->wire, .events = 0 },
	};
	int64_t left = -1;
	int k;

	do {
		if (deadline >= 0) {
			left = deadline - now_ms();
			if (left <= 0)
				return 0;
		}
		k = poll(p, 2, (int)left);
	} while (k < 0 && errno == EINTR);
	if (k < 0 || (p[1].revents & (POLLHUP | POLLERR)) != 0)
		return -1;
	return k > 0 ? 1 : 0;
}

/* Descriptors of one recvmsg(2). -1 when there are too many. */
static int
keep_fds(struct conn *c, struct msghdr *m)
{
	struct cmsghdr *h;
	size_t n, i;
	int fd, r = (m->msg_flags & MSG_CTRUNC) != 0 ? -1 : 0;

	for (h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int),
			    sizeof(fd));
			if (c->nfds == CONN_FDS_MAX)
				r = -1; /* stays open until we exit */
			else
				c->fds[c->nfds++] = fd;
		}
	}
	return r;
}

/* Take at most one message's remaining bytes. 1: it is whole; 0: more to
 * come; -1: end of file or error; CONN_FDS. */
static int
take(struct conn *c)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(CONN_FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec iov = { c->in + c->n, sizeof(c->in) - c->n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	const char *nul;
	ssize_t k;

	k = recvmsg(c->sock, &m, MSG_PEEK | MSG_DONTWAIT);
	if (k <= 0)
		return k < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	nul = memchr(iov.iov_base, '\0', (size_t)k);
	iov.iov_len = nul != NULL ?
	    (size_t)(nul - (char *)iov.iov_base) + 1 : (size_t)k;
	m.msg_control = ctl.buf;
	m.msg_controllen = sizeof(ctl.buf);
	m.msg_flags = 0;
	k = recvmsg(c->sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (k <= 0)
		return k < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->n += (size_t)k;
	if (keep_fds(c, &m) < 0)
		return CONN_FDS;
	return c->in[c->n - 1] == '\0';
}

enum conn_end
conn_next(struct conn *c)
{
	int64_t deadline = -1;
	int k;

	c->n = 0;
	c->nfds = 0;
	for (;;) {
		k = wait_bytes(c, deadline);
		if (k == 0)
			return CONN_HALF;
		if (k < 0)
			return CONN_EOF;
		k = take(c);
		if (k == CONN_FDS)
			return CONN_FDS;
		if (k < 0)
			return CONN_EOF;
		if (k > 0) {
			c->n--; /* the NUL */
			return CONN_MESSAGE;
		}
		if (c->n == sizeof(c->in))
			return CONN_TOO_LONG;
		if (deadline < 0 && c->n > 0)
			deadline = now_ms() + CONN_HALF_MS;
	}
}

void
conn_pass(struct conn *c, int fd)
{
	/* what is queued belongs to earlier messages */
	conn_flush(c);
	c->pass = fd;
}

/* One send(2), with the descriptor if there is one to go. */
static ssize_t
send_some(struct conn *c, const char *text, size_t n)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)text, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf) };
	ssize_t k;

	if (c->pass < 0)
		return send(c->sock, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	memset(&ctl, 0, sizeof(ctl));
	ctl.h.cmsg_level = SOL_SOCKET;
	ctl.h.cmsg_type = SCM_RIGHTS;
	ctl.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&ctl.h), &c->pass, sizeof(int));
	k = sendmsg(c->sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (k > 0)
		c->pass = -1;
	return k;
}

void
conn_flush(struct conn *c)
{
	struct pollfd p = { .fd = c->sock, .events = POLLOUT };
	size_t at = 0;
	ssize_t k;

	while (at < c->nout && !c->dead) {
		k = send_some(c, c->out + at, c->nout - at);
		if (k > 0) {
			at += (size_t)k;
		} else if (k < 0 && errno == EAGAIN) {
			if (poll(&p, 1, CONN_STUCK_MS) == 0)
				c->dead = 1;
		} else if (k == 0 || errno != EINTR) {
			c->dead = 1;
		}
	}
	c->nout = 0;
}

void
conn_put(struct conn *c, const char *text, size_t n)
{
	size_t room;

	while (n > 0 && !c->dead) {
		room = sizeof(c->out) - c->nout;
		if (room > n)
			room = n;
		memcpy(c->out + c->nout, text, room);
		c->nout += room;
		text += room;
		n -= room;
		if (c->nout == sizeof(c->out))
			conn_flush(c);
	}
}

int
conn_wait(struct conn *c, int fd, int ms)
{
	struct pollfd p[3] = {
		{ .fd = c->sock, .events = 0 },
		{ .fd = c->wire, .events = 0 },
		{ .fd = fd, .events = POLLIN },
	};
	int64_t deadline = now_ms() + ms, left;
	int k;

	for (;;) {
		left = deadline - now_ms();
		k = poll(p, 3, left > 0 ? (int)left : 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (fd >= 0 && (p[2].revents & POLLIN) != 0)
			return 1;
		if (((p[0].revents | p[1].revents | p[2].revents) &
			(POLLHUP | POLLERR | POLLNVAL)) != 0)
			return -1;
		if (k == 0)
			return 0;
	}
}
