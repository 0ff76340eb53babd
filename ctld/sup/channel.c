/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. Relays between the VMM's streams and programs of the host;
 * distrusts both. Believes SO_PEERCRED about who connects: owner, admins and
 * root. Invariants: nothing here ever waits; each buffer is filled only when
 * it is empty, so that memory is fixed and whoever does not read holds up its
 * own stream alone; a descriptor that nothing is wanted of is not polled, so
 * that no end of it makes the loop spin.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

/* reads on one occasion: more than a socket holds, and never endless */
#define TURNS 128u

static void
drop_client(struct channel *c)
{
	fd_close(&c->client);
	c->done = c->gone = 0;
	c->up.n = c->down.n = 0;
}

/* One read into an empty buffer. 1, 0: nothing now, -1: the end. */
static int
fill(int fd, struct channel_buf *b)
{
	ssize_t k = recv(fd, b->b, sizeof(b->b), MSG_DONTWAIT);

	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (k <= 0)
		return -1;
	b->at = 0;
	b->n = (size_t)k;
	return 1;
}

/* As much as it takes now. 0 or -1: it takes no more, ever. */
static int
flush(int fd, struct channel_buf *b)
{
	ssize_t k;

	while (b->n > 0) {
		k = send(fd, b->b + b->at, b->n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return errno == EAGAIN ? 0 : -1;
		b->at += (size_t)k;
		b->n -= (size_t)k;
	}
	return 0;
}

static void
flush_down(struct channel *c)
{
	if (c->client >= 0 && !c->gone && flush(c->client, &c->down) < 0)
		drop_client(c);
}

/* The guest wrote, or the VMM closed its end. */
static int
from_guest(struct channel *c)
{
	int k = fill(c->vmm, &c->down);

	if (k < 0)
		fd_close(&c->vmm);
	if (c->client < 0 || c->gone)
		c->down.n = 0; /* nobody is there to hear it */
	else if (k > 0)
		flush_down(c);
	return k;
}

/* A guest that has closed its end, or has ended, is heard to its last byte;
 * then its client is told so by the end of its connection. Likewise a client
 * that has left is heard to its last byte. */
static void
settle(struct channel *c)
{
	unsigned turns;
	int k = 1;

	if (c->client >= 0 && c->gone && c->done && c->up.n == 0)
		drop_client(c);
	if (c->client < 0 || (c->open && c->vmm >= 0))
		return;
	for (turns = 0; turns < TURNS && k > 0 && c->client >= 0 &&
	    c->vmm >= 0 && c->down.n == 0; turns++)
		k = from_guest(c);
	if (c->client >= 0 && c->down.n == 0 && (k <= 0 || c->vmm < 0))
		drop_client(c);
}

static void
to_guest(struct channel *c)
{
	if (c->up.n > 0 && (c->vmm < 0 || flush(c->vmm, &c->up) < 0))
		c->up.n = 0;
}

static void
from_client(struct channel *c)
{
	if (fill(c->client, &c->up) < 0)
		c->done = 1;
	else
		to_guest(c);
}

static void
on_client(struct channel *c, short what)
{
	if (c->client >= 0 && (what & POLLOUT) != 0)
		flush_down(c);
	if (c->client >= 0 && (what & POLLIN) != 0 && c->up.n == 0)
		from_client(c);
	if (c->client < 0 || (what & (POLLHUP | POLLERR | POLLNVAL)) == 0)
		return;
	/* it hears nothing any more, but the guest may have yet to hear */
	c->down.n = 0;
	c->gone = 1;
}

static struct channel *
find(struct sup *s, uint32_t port)
{
	unsigned i;

	for (i = 0; i < s->chan.n; i++)
		if (port != 0 && s->chan.c[i].port == port)
			return &s->chan.c[i];
	return NULL;
}

/* 0 or an errno: may somebody connect to this port now? */
static int
may(const struct channel *c)
{
	if (c == NULL)
		return ENOENT;
	if (c->vmm < 0)
		return ESRCH;
	if (!c->open)
		return ECONNREFUSED;
	return c->client >= 0 && !c->gone ? EBUSY : 0;
}

int
channel_connect(struct sup *s, uint32_t port, int fd)
{
	struct channel *c = find(s, port);
	unsigned turns;
	int code = may(c);

	if (code != 0)
		return code;
	drop_client(c);
	/* what the guest wrote to nobody is nobody's */
	for (turns = 0; turns < TURNS && fill(c->vmm, &c->down) > 0; turns++)
		c->down.n = 0;
	c->down.n = 0;
	c->client = fd;
	return 0;
}

/* ---- who has not said yet which port */

int
channel_line(const char *buf, size_t n, uint32_t *port, size_t *used)
{
	static const char word[] = "CONNECT ";
	const size_t len = sizeof(word) - 1;
	uint32_t v = 0;
	size_t i;

	if (memcmp(buf, word, n < len ? n : len) != 0)
		return -1;
	for (i = len; i < n && buf[i] != '\n'; i++) {
		if (buf[i] < '0' || buf[i] > '9' || (i == len &&
		    buf[i] == '0'))
			return -1;
		v = v * 10 + (uint32_t)(buf[i] - '0');
		if (v > 65535)
			return -1;
	}
	if (i >= n)
		return 0;
	if (i == len)
		return -1;
	*port = v;
	*used = i + 1;
	return 1;
}

static void
caller_drop(struct caller *a)
{
	fd_close(&a->fd);
	a->until = 0;
}

static void
caller_end(struct caller *a, const char *why)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "ERR %s\n", why);

	/* a fresh socket takes it at once, or its owner does not read */
	(void)send(a->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	caller_drop(a);
}

static const char *
refusal(int code)
{
	switch (code) {
	case ENOENT: return "the VM has no such port";
	case ECONNREFUSED: return "the guest has not opened this port";
	case EBUSY: return "this port is in use";
	default: return "the VM has ended";
	}
}

/* The first line is whole: connect, and what came behind it goes on. */
static void
caller_connect(struct sup *s, struct caller *a, uint32_t port, size_t used)
{
	struct channel *c = find(s, port);
	int code = may(c), n;
	char text[24];

	if (code == 0) {
		n = snprintf(text, sizeof(text), "OK %u\n", port);
		if (send(a->fd, text, (size_t)n, MSG_DONTWAIT |
		    MSG_NOSIGNAL) != n) {
			caller_drop(a);
			return;
		}
		code = channel_connect(s, port, a->fd);
	}
	if (code != 0) {
		caller_end(a, refusal(code));
		return;
	}
	a->until = 0; /* its descriptor is the channel's now */
	c->up.at = 0;
	c->up.n = a->n - used;
	memcpy(c->up.b, a->line + used, c->up.n);
	to_guest(c);
}

static void
caller_input(struct sup *s, struct caller *a)
{
	ssize_t k = recv(a->fd, a->line + a->n, sizeof(a->line) - a->n,
	    MSG_DONTWAIT);
	uint32_t port;
	size_t used;

	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (k <= 0) {
		caller_drop(a);
		return;
	}
	a->n += (size_t)k;
	switch (channel_line(a->line, a->n, &port, &used)) {
	case 1:
		caller_connect(s, a, port, used);
		break;
	case 0:
		break;
	default:
		caller_end(a, "say CONNECT PORT");
	}
}

static struct caller *
caller_free(struct channels *ch)
{
	unsigned i;

	for (i = 0; i < CALLERS_MAX; i++)
		if (ch->callers[i].until == 0)
			return &ch->callers[i];
	return NULL;
}

static int
is_admin(const struct channels *ch, uint32_t uid)
{
	uint32_t i;

	for (i = 0; i < ch->nadmins; i++)
		if (ch->admins[i] == uid)
			return 1;
	return uid == 0;
}

static void
caller_accept(struct channels *ch)
{
	struct caller *a = caller_free(ch);
	struct caller stranger = { .fd = -1 };
	int fd = accept4(ch->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t uid, gid;

	if (fd < 0) {
		if (errno != EINTR && errno != EAGAIN &&
		    errno != ECONNABORTED)
			ch->accept_at = now_ms() + SUP_REST_MS;
		return;
	}
	if (a == NULL || wire_peer(fd, &uid, &gid) < 0 ||
	    (uid != ch->owner && !is_admin(ch, uid))) {
		stranger.fd = fd;
		caller_end(&stranger, "this VM is not yours");
		return;
	}
	a->fd = fd;
	a->n = 0;
	a->until = now_ms() + CALLER_MS;
}

void
channel_expire(struct sup *s, int64_t now)
{
	struct channels *ch = &s->chan;
	unsigned i;

	for (i = 0; i < CALLERS_MAX; i++)
		if (ch->callers[i].until != 0 && ch->callers[i].until <= now)
			caller_end(&ch->callers[i], "say CONNECT PORT");
	if (ch->accept_at != 0 && ch->accept_at <= now)
		ch->accept_at = 0;
}

int64_t
channel_until(const struct sup *s)
{
	const struct channels *ch = &s->chan;
	int64_t first = ch->accept_at;
	unsigned i;

	for (i = 0; i < CALLERS_MAX; i++)
		if (ch->callers[i].until != 0 &&
		    (first == 0 || ch->callers[i].until < first))
			first = ch->callers[i].until;
	return first;
}

/* ---- whose they are, and their life */

int
channel_init(struct sup *s, uint32_t n)
{
	struct channels *ch = &s->chan;
	unsigned i;

	if (n > CHANNELS_MAX) {
		errno = EINVAL;
		return -1;
	}
	ch->n = n;
	ch->listen = n > 0 ? SUP_FD_CHANNEL_LISTEN : -1;
	/* what is beyond them stays untouched, and so costs no memory */
	for (i = 0; i < n; i++) {
		ch->c[i].vmm = SUP_FD_CHANNEL + (int)i;
		ch->c[i].client = -1;
	}
	if (n > 0 && fcntl(ch->listen, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -1;
	return 0;
}

int
channel_tell(struct sup *s, const struct supreq_channels *q)
{
	struct channels *ch = &s->chan;
	unsigned i;

	if (q->zero != 0 || q->nadmins > SUP_ADMINS_MAX ||
	    q->nports > CHANNELS_MAX)
		return -1;
	ch->owner = q->owner;
	ch->nadmins = q->nadmins;
	memcpy(ch->admins, q->admins, sizeof(ch->admins));
	for (i = 0; i < ch->n && i < q->nports; i++)
		ch->c[i].port = q->ports[i];
	ch->known = 1;
	return 0;
}

static void
look_ready(struct sup *s)
{
	const struct channel *c = find(s, s->chan.ready_port);

	if (c == NULL || !c->open || s->ready)
		return;
	s->ready = 1;
	serve_tell(s);
}

void
channel_ready(struct sup *s, uint32_t port)
{
	s->chan.ready_port = port;
	look_ready(s);
}

void
channel_guest(struct sup *s, unsigned i, int open)
{
	if (i >= s->chan.n)
		return;
	s->chan.c[i].open = open != 0;
	settle(&s->chan.c[i]);
	look_ready(s);
}

void
channel_end(struct sup *s)
{
	struct channels *ch = &s->chan;
	unsigned i, turns;

	if (ch->n > 0)
		fd_close(&ch->listen);
	for (i = 0; i < CALLERS_MAX; i++)
		if (ch->callers[i].until != 0)
			caller_end(&ch->callers[i], refusal(ESRCH));
	for (i = 0; i < ch->n; i++) {
		for (turns = 0; turns < TURNS && ch->c[i].vmm >= 0 &&
		    ch->c[i].client >= 0 && ch->c[i].down.n == 0; turns++)
			if (from_guest(&ch->c[i]) <= 0)
				break;
		drop_client(&ch->c[i]);
		fd_close(&ch->c[i].vmm);
	}
}

/* ---- the loop */

static void
want(struct pollfd *p, int fd, int in, int out)
{
	p->fd = fd;
	p->events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
	p->revents = 0;
}

void
channel_want(const struct sup *s, struct pollfd *p)
{
	const struct channels *ch = &s->chan;
	const struct channel *c;
	int any = 0, idle, in, out;
	unsigned i;

	for (i = 0; i < CALLERS_MAX; i++) {
		idle = ch->callers[i].until == 0;
		want(p + 1 + i, idle ? -1 : ch->callers[i].fd, 1, 0);
		any |= idle;
	}
	want(p, any && ch->known && ch->accept_at == 0 ? ch->listen : -1, 1,
	    0);
	for (i = 0, p += 1 + CALLERS_MAX; i < ch->n; i++, p += 2) {
		c = &ch->c[i];
		in = c->down.n == 0;
		out = c->up.n > 0;
		want(p, in || out ? c->vmm : -1, in, out);
		in = c->up.n == 0 && !c->done;
		out = c->down.n > 0;
		/* once it is gone its end is no news */
		want(p + 1, c->gone && !in ? -1 : c->client, in, out);
	}
	for (; i < CHANNELS_MAX; i++, p += 2) {
		want(p, -1, 0, 0);
		want(p + 1, -1, 0, 0);
	}
}

void
channel_act(struct sup *s, const struct pollfd *p)
{
	struct channels *ch = &s->chan;
	const struct pollfd *q = p + 1 + CALLERS_MAX;
	struct channel *c;
	unsigned i;

	for (i = 0; i < ch->n; i++, q += 2) {
		c = &ch->c[i];
		if (c->vmm >= 0 && q[0].fd == c->vmm &&
		    (q[0].revents & POLLOUT) != 0)
			to_guest(c);
		if (c->vmm >= 0 && q[0].fd == c->vmm && c->down.n == 0 &&
		    (q[0].revents & ~POLLOUT) != 0)
			(void)from_guest(c);
		if (c->client >= 0 && q[1].fd == c->client)
			on_client(c, q[1].revents);
		settle(c);
	}
	for (i = 0; i < CALLERS_MAX; i++)
		if (ch->callers[i].until != 0 && p[1 + i].revents != 0)
			caller_input(s, &ch->callers[i]);
	if (ch->n > 0 && ch->listen >= 0 && p[0].revents != 0)
		caller_accept(ch);
}
