/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net: the loop, and the rows of policy/privops.def that net
 * serves, generated. Distrusts both wires: a record that fits no row of its
 * wire ends the process (all start anew, the VMs live on); what is well
 * formed but refused is answered with an errno.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/fdlook.h"
#include "common/log.h"
#include "common/wire.h"
#include "privd/net/hostwatch.h"
#include "privd/net/ops.h"

#define PENDING_MAX 1024u  /* namespaces waiting for NET_UP, 6 fds each */
#define REPLY_WAIT_MS 5000

typedef int handler(struct net *n, struct wire_msg *m, void *rep,
    struct err *e);

/* A typed wrapper for each row of ours... */
#define NET_OP_NET(NAME, name)                                             \
	static int run_##name(struct net *n, struct wire_msg *m, void *rep,\
	    struct err *e)                                                 \
	{                                                                  \
		return op_##name(n, m, (const void *)m->body, rep, e);     \
	}
#define NET_OP_FRONT(NAME, name)
#define NET_OP_JAIL(NAME, name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	NET_OP_##srv(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
#undef NET_OP_NET

/* ...and its place in the table. */
#define NET_OP_NET(NAME, name) [PRIVOP_##NAME] = run_##name,
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	NET_OP_##srv(NAME, name)
static handler *const handlers[PRIVOP_END] = {
#include "policy/privops.def"
};
#undef PRIVOP

static void
reply(struct net *n, const struct wire_msg *m, const struct privop_row *row,
    const void *rep)
{
	struct pollfd p = { .fd = n->front, .events = POLLOUT };

	while (wire_reply(n->front, m, rep, row->w.rep_len, NULL, 0) < 0) {
		if (errno != EAGAIN)
			fatal("reply to %s", row->w.name);
		if (poll(&p, 1, REPLY_WAIT_MS) <= 0)
			fatalx("front does not take the reply to %s",
			    row->w.name);
	}
}

static void
handle(struct net *n, int wire, struct wire_msg *m)
{
	const struct privop_row *row = privop_row(m->h.type);
	_Alignas(8) unsigned char rep[WIRE_BODY_MAX];
	struct rep_hdr *r = (void *)rep;
	struct err e;

	if (row == NULL || row->server != SRV_NET ||
	    (row->asker == ASK_JAIL) != (wire == n->jail) ||
	    wire_check_request(m, &row->w) < 0)
		fatalx("malformed request %s (type %u)",
		    privop_name(m->h.type), m->h.type);
	memset(rep, 0, sizeof(rep));
	memset(&e, 0, sizeof(e));
	if (handlers[m->h.type](n, m, rep, &e) < 0) {
		if (e.code == EBADMSG)
			fatalx("malformed request %s: %s", row->w.name, e.msg);
		log_warn("op=%s vm=%u err=%d: %s", row->w.name, m->h.slot,
		    e.code, e.msg);
		r->code = e.code;
		r->step = e.step;
	}
	wire_drop_fds(m);
	if (row->w.rep_len > 0)
		reply(n, m, row, rep);
}

/* Of front there come clients' sockets alone. Anything else is neither asked
 * nor closed, which could take for ever, but all that matters is. */
static void
only_sockets(const struct wire_msg *m)
{
	int domain;
	socklen_t len;
	unsigned i;

	for (i = 0; i < m->nfds; i++) {
		len = sizeof(domain);
		if (getsockopt(m->fds[i], SOL_SOCKET, SO_DOMAIN, &domain,
			&len) == 0)
			continue;
		log_err("front sent what is no socket with %s",
		    privop_name(m->h.type));
		fdlook_end(m->fds, m->nfds);
	}
}

/* 1: one was handled, 0: nothing there, -1: end of file. */
static int
serve_one(struct net *n, int wire)
{
	struct wire_msg m;
	int rc = wire_take(wire, &m);

	if (wire == n->front)
		only_sockets(&m);
	if (rc == 0)
		return -1;
	if (rc < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (rc < 0)
		fatal("malformed record from %s",
		    wire == n->jail ? "jail" : "front");
	handle(n, wire, &m);
	return 1;
}

/* jail sends NS_FDS before the NET_UP that needs them is on its way, so they
 * are taken first, up to the ceiling of what may wait here. */
static int
serve_jail(struct net *n)
{
	int rc = 1;

	while (rc > 0 && n->pending < PENDING_MAX)
		rc = serve_one(n, n->jail);
	return rc;
}

int
net_serve(struct net *n)
{
	struct timespec ts;
	struct pollfd p[3];
	int ms, watch;

	for (;;) {
		ms = linger_run(&n->linger);
		watch = hostwatch_run(n);
		if (ms < 0 || (watch >= 0 && watch < ms))
			ms = watch;
		ts = (struct timespec){ .tv_sec = ms / 1000,
			.tv_nsec = ms % 1000 * 1000000L };
		p[0] = (struct pollfd){ .fd = n->front, .events = POLLIN };
		p[1] = (struct pollfd){
			.fd = n->pending < PENDING_MAX ? n->jail : -1,
			.events = POLLIN
		};
		p[2] = (struct pollfd){ .fd = n->nft_watch,
			.events = POLLIN };
		if (ppoll(p, 3, ms < 0 ? NULL : &ts, NULL) < 0) {
			if (errno != EINTR)
				fatal("ppoll");
			continue;
		}
		if (serve_jail(n) < 0 ||
		    (p[0].revents != 0 && serve_one(n, n->front) < 0))
			return 0;
	}
}
