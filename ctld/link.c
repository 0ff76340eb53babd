/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld, no privilege. Distrusts each peer: at most BURST records a
 * turn (nobody starves the others), a bounded queue towards a reader that
 * does not read, one malformed frame ends the link.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/sys/queue.h>
#include <event2/event.h>

#include "common/fdutil.h"
#include "ctld/link.h"

#define BURST 16

struct out {
	TAILQ_ENTRY(out) next;
	struct wire_hdr h;
	unsigned nfds;
	int fds[WIRE_FDS_MAX];
	size_t n;
	unsigned char body[];
};

struct link {
	int fd;
	struct event *rd, *wr, *fail;
	TAILQ_HEAD(, out) queue;
	unsigned queued, qmax;
	const struct link_ops *ops;
	void *arg;
	const char *why;	/* once it is to end */
	int ending, stopped;
};

static void
out_free(struct out *o)
{
	unsigned i;

	for (i = 0; i < o->nfds; i++)
		fd_close(&o->fds[i]);
	free(o);
}

/* Let the loop call end(); once. */
static void
link_fail(struct link *l, const char *why)
{
	if (l->ending)
		return;
	l->ending = 1;
	l->why = why;
	(void)event_del(l->rd);
	(void)event_del(l->wr);
	event_active(l->fail, EV_TIMEOUT, 1);
}

static void
on_fail(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	l->ops->end(l->arg, l->why);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct wire_msg m;
	int i, k, verdict;

	(void)fd;
	(void)what;
	for (i = 0; i < BURST && !l->ending && !l->stopped; i++) {
		k = wire_take(l->fd, &m);
		if (k < 0 && errno == EAGAIN)
			return;
		if (m.nfds > 0 && l->ops->tame != NULL &&
		    !l->ops->tame(l->arg, &m)) {
			link_fail(l, "a file that may not answer");
			return;
		}
		if (k == 0) {
			link_fail(l, NULL);
			return;
		}
		if (k < 0) {
			wire_drop_fds(&m);
			link_fail(l, "malformed frame");
			return;
		}
		verdict = l->ops->msg(l->arg, &m);
		wire_drop_fds(&m);
		if (verdict < 0)
			link_fail(l, "malformed record");
	}
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct out *o;

	(void)fd;
	(void)what;
	while ((o = TAILQ_FIRST(&l->queue)) != NULL) {
		if (wire_send(l->fd, &o->h, o->body, o->n, o->fds, o->nfds) <
		    0) {
			if (errno == EAGAIN)
				return;
			link_fail(l, errno == EPIPE ? NULL : "cannot send");
			return;
		}
		TAILQ_REMOVE(&l->queue, o, next);
		l->queued--;
		out_free(o);
	}
	(void)event_del(l->wr);
}

static int
link_queue(struct link *l, const struct wire_hdr *h, const void *body,
    size_t n, const int *fds, unsigned nfds)
{
	struct out *o;

	if (l->queued >= l->qmax || (o = calloc(1, sizeof(*o) + n)) == NULL) {
		errno = ENOBUFS;
		return -1;
	}
	o->h = *h;
	o->n = n;
	if (n > 0)
		memcpy(o->body, body, n);
	for (; o->nfds < nfds; o->nfds++) {
		o->fds[o->nfds] = fcntl(fds[o->nfds], F_DUPFD_CLOEXEC, 3);
		if (o->fds[o->nfds] < 0) {
			out_free(o);
			return -1;
		}
	}
	TAILQ_INSERT_TAIL(&l->queue, o, next);
	l->queued++;
	return event_add(l->wr, NULL);
}

int
link_send(struct link *l, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	if (l->ending) {
		errno = EPIPE;
		return -1;
	}
	if (l->queued == 0) {
		if (wire_send(l->fd, h, body, n, fds, nfds) == 0)
			return 0;
		if (errno != EAGAIN) {
			link_fail(l, errno == EPIPE ? NULL : "cannot send");
			return -1;
		}
	}
	if (link_queue(l, h, body, n, fds, nfds) < 0) {
		if (errno == ENOBUFS)
			link_fail(l, "peer does not read");
		return -1;
	}
	return 0;
}

void
link_drain(struct link *l)
{
	on_read(l->fd, EV_READ, l);
	if (l->ending) {
		(void)event_del(l->fail);
		l->ops->end(l->arg, l->why);
	}
}

struct link *
link_new(struct event_base *base, int fd, unsigned qmax,
    const struct link_ops *ops, void *arg)
{
	int own CLEANUP_FD = fd;
	struct link *l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	TAILQ_INIT(&l->queue);
	l->fd = -1;
	l->qmax = qmax;
	l->ops = ops;
	l->arg = arg;
	l->rd = event_new(base, fd, EV_READ | EV_PERSIST, on_read, l);
	l->wr = event_new(base, fd, EV_WRITE | EV_PERSIST, on_write, l);
	l->fail = event_new(base, -1, 0, on_fail, l);
	if (l->rd == NULL || l->wr == NULL || l->fail == NULL ||
	    evutil_make_socket_nonblocking(fd) < 0) {
		link_free(l);
		return NULL;
	}
	l->fd = fd_steal(&own);
	return l;
}

int
link_start(struct link *l)
{
	l->stopped = 0;
	return l->ending ? 0 : event_add(l->rd, NULL);
}

void
link_stop(struct link *l)
{
	l->stopped = 1;
	(void)event_del(l->rd);
}

void
link_free(struct link *l)
{
	struct out *o;

	if (l == NULL)
		return;
	if (l->rd != NULL)
		event_free(l->rd);
	if (l->wr != NULL)
		event_free(l->wr);
	if (l->fail != NULL)
		event_free(l->fail);
	while ((o = TAILQ_FIRST(&l->queue)) != NULL) {
		TAILQ_REMOVE(&l->queue, o, next);
		out_free(o);
	}
	fd_close(&l->fd);
	free(l);
}
