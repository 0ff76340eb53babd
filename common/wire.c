/* SPDX-License-Identifier: ISC */
/*
 * Runs in every process. Distrusts the peer: a record that is not exactly a
 * header, its body and its descriptors never leaves this file as a message.
 * Nothing is allocated.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/wire.h"

union cmsg_space {
	struct cmsghdr align;
	unsigned char buf[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
};

int
wire_pair(int sv[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv);
}

static int
malformed(void)
{
	errno = EBADMSG;
	return -1;
}

int
wire_send(int fd, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	union cmsg_space ctl;
	struct iovec iov[2];
	struct msghdr msg;
	struct cmsghdr *c;
	ssize_t k;

	if (n > WIRE_BODY_MAX || nfds > WIRE_FDS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	h->magic = WIRE_MAGIC;
	h->version = WIRE_VERSION;
	h->len = (uint32_t)n;
	h->zero = 0;
	memset(&msg, 0, sizeof(msg));
	iov[0].iov_base = h;
	iov[0].iov_len = sizeof(*h);
	iov[1].iov_base = (void *)(uintptr_t)body;
	iov[1].iov_len = n;
	msg.msg_iov = iov;
	msg.msg_iovlen = n > 0 ? 2 : 1;
	if (nfds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do
		k = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (k < 0 && errno == EINTR);
	if (k >= 0)
		return 0;
	if (errno == ECONNRESET || errno == ENOTCONN)
		errno = EPIPE;
	return -1;
}

/* Take the descriptors out of the control data; -1 when there is anything
 * else in it. All that came are in *m then, to be closed by the caller. */
static int
take_fds(struct wire_msg *m, struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t n;
	int bad = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(0)) {
			bad = 1;
			continue;
		}
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		/* cannot happen: the buffer has room for so many only */
		if (n > WIRE_FDS_MAX - m->nfds) {
			bad = 1;
			continue;
		}
		memcpy(&m->fds[m->nfds], CMSG_DATA(c), n * sizeof(int));
		m->nfds += (unsigned)n;
	}
	return bad ? -1 : 0;
}

/*
 * recvmsg(2) gives 0 both at the end and for an empty record. It is the end
 * if the peer is gone and no record is queued; otherwise somebody sent
 * nothing on purpose.
 */
static int
zero_bytes(int fd, struct wire_msg *m)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };
	unsigned char byte;

	if (m->nfds > 0 || poll(&p, 1, 0) < 0 ||
	    (p.revents & (POLLHUP | POLLRDHUP)) == 0 ||
	    recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0)
		return malformed();
	return 0;
}

int
wire_take(int fd, struct wire_msg *m)
{
	union cmsg_space ctl;
	struct iovec iov[2];
	struct msghdr msg;
	size_t len;
	ssize_t k;
	unsigned i;

	m->nfds = 0;
	for (i = 0; i < WIRE_FDS_MAX; i++)
		m->fds[i] = -1;
	memset(&msg, 0, sizeof(msg));
	iov[0].iov_base = &m->h;
	iov[0].iov_len = sizeof(m->h);
	iov[1].iov_base = m->body;
	iov[1].iov_len = sizeof(m->body);
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	msg.msg_control = ctl.buf;
	msg.msg_controllen = sizeof(ctl.buf);
	do
		k = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (k < 0 && errno == EINTR);
	if (k < 0) {
		if (errno != ECONNRESET)
			return -1;
		return 0; /* the peer went with our records unread */
	}
	if (take_fds(m, &msg) < 0 ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return malformed();
	if (k == 0)
		return zero_bytes(fd, m);
	if ((size_t)k < sizeof(m->h))
		return malformed();
	len = (size_t)k - sizeof(m->h);
	if (m->h.magic != WIRE_MAGIC || m->h.version != WIRE_VERSION ||
	    m->h.zero != 0 || m->h.len != len)
		return malformed();
	/* no byte of an earlier record is left behind this one */
	memset(m->body + len, 0, sizeof(m->body) - len);
	return 1;
}

int
wire_recv(int fd, struct wire_msg *m)
{
	int k = wire_take(fd, m);

	if (k < 0)
		wire_drop_fds(m);
	return k;
}

int
wire_recv_wait(int fd, struct wire_msg *m, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left, until = now_ms() + ms;
	int k;

	m->nfds = 0;
	for (;;) {
		left = until - now_ms();
		if (left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;
		k = poll(&p, 1, (int)left);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		return wire_recv(fd, m);
	}
}

int
wire_check_request(const struct wire_msg *m, const struct wire_row *row)
{
	if (m->h.type != row->type || m->h.len != row->req_len ||
	    m->nfds < row->in_min || m->nfds > row->in_max) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int
wire_check_reply(const struct wire_msg *m, const struct wire_row *row)
{
	unsigned least = row->out_min, most = row->out_max;
	struct rep_hdr r;

	errno = EBADMSG;
	if (m->h.type != (row->type | WIRE_REPLY) || row->rep_len == 0 ||
	    m->h.len != row->rep_len || m->h.len < sizeof(r))
		return -1;
	/* struct rep_cl has its error and step where rep_hdr has its code:
	 * 0 in these four bytes means success in both. */
	memcpy(&r, m->body, sizeof(r));
	if (r.code != 0)
		least = most = 0;
	if (r.zero != 0 || m->nfds < least || m->nfds > most)
		return -1;
	return 0;
}

void
wire_drop_fds(struct wire_msg *m)
{
	unsigned i;

	for (i = 0; i < m->nfds && i < WIRE_FDS_MAX; i++)
		fd_close(&m->fds[i]);
	m->nfds = 0;
}

int
wire_reply(int fd, const struct wire_msg *req, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	struct wire_hdr h = { .type = req->h.type | WIRE_REPLY,
		.seq = req->h.seq, .slot = req->h.slot,
		.generation = req->h.generation };

	return wire_send(fd, &h, body, n, fds, nfds);
}

int
wire_peer(int fd, uint32_t *uid, uint32_t *gid)
{
	struct ucred cr;
	socklen_t n = sizeof(cr);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cr, &n) < 0)
		return -1;
	if (n != sizeof(cr)) {
		errno = EBADMSG;
		return -1;
	}
	*uid = cr.uid;
	*gid = cr.gid;
	return 0;
}

int
wire_str_ok(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);
	const char *p;

	if (end == NULL)
		return 0;
	for (p = end; p < s + size; p++)
		if (*p != '\0')
			return 0;
	return 1;
}
