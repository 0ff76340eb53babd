/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Distrusts front only as far as the frame goes: an answer to
 * nothing, of another request, slot or shape ends ctld. A request that is not
 * answered in time fails for its asker and is remembered, so that the late
 * answer is told from nonsense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/sys/queue.h>
#include <event2/event.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/link.h"
#include "ctld/priv_client.h"

#define PENDING_MAX 8192u
#define LATE_MAX 256u

struct call {
	TAILQ_ENTRY(call) next;
	const struct privop_row *row;
	struct wire_hdr h;
	int64_t deadline;
	int code;		/* of a request that was never sent */
	priv_fn *fn;
	void *arg;
};
TAILQ_HEAD(calls, call);

struct priv {
	struct ctld *ctld;
	struct link *link;
	struct event *timer;
	struct calls waiting;	/* in the order of their deadlines */
	struct calls late;	/* given up on, answer still to come */
	struct calls unsent;
	unsigned nwaiting, nlate;
	uint32_t seq;
};

/* What to blame when no step was named. */
static const uint16_t default_step[PRIVOP_END] = {
	[PRIVOP_RESERVE] = STEP_SLOT, [PRIVOP_NS_MAKE] = STEP_NETNS,
	[PRIVOP_NET_UP] = STEP_LINK_UP, [PRIVOP_LIMITS] = STEP_LIMIT,
	[PRIVOP_IMAGE] = STEP_IMAGE, [PRIVOP_SPAWN] = STEP_SPAWN_WAIT,
	[PRIVOP_STOP] = STEP_STATE, [PRIVOP_KILL] = STEP_KILL,
	[PRIVOP_REAP] = STEP_REAP, [PRIVOP_NET_DOWN] = STEP_HOST_RULES,
	[PRIVOP_RELEASE] = STEP_LEDGER, [PRIVOP_SLOT_NEXT] = STEP_LEDGER,
	[PRIVOP_ADOPT] = STEP_STATE, [PRIVOP_STATS] = STEP_CGROUP,
	[PRIVOP_NS_REOPEN] = STEP_NETNS,
	[PRIVOP_NET_SET] = STEP_RULES, [PRIVOP_NET_SHOW] = STEP_RULES,
};

static void
rearm(struct priv *p)
{
	struct call *c = TAILQ_FIRST(&p->waiting);
	struct timeval tv = { 0, 0 };
	int64_t left;

	if (c == NULL) {
		(void)evtimer_del(p->timer);
		return;
	}
	left = c->deadline - now_ms();
	if (left > 0) {
		tv.tv_sec = left / 1000;
		tv.tv_usec = left % 1000 * 1000 + 999;
	}
	(void)evtimer_add(p->timer, &tv);
}

static void
call_fail(struct call *c, int code)
{
	struct priv_reply r = { .op = c->row->w.type, .code = code,
		.step = default_step[c->row->w.type] };

	c->fn(c->arg, &r);
}

static void
deliver_unsent(struct priv *p)
{
	struct call *c;

	while ((c = TAILQ_FIRST(&p->unsent)) != NULL) {
		TAILQ_REMOVE(&p->unsent, c, next);
		call_fail(c, c->code);
		free(c);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct priv *p = arg;
	struct call *c;
	int64_t now = now_ms();

	(void)fd;
	(void)what;
	deliver_unsent(p);
	while ((c = TAILQ_FIRST(&p->waiting)) != NULL && c->deadline <= now) {
		TAILQ_REMOVE(&p->waiting, c, next);
		TAILQ_INSERT_TAIL(&p->late, c, next);
		p->nwaiting--;
		if (++p->nlate > LATE_MAX)
			fatalx("front does not answer");
		log_warn("op=%s vm=%u err=no answer in %d ms", c->row->w.name,
		    c->h.slot, PRIV_DEADLINE_MS);
		call_fail(c, ETIMEDOUT);
	}
	rearm(p);
}

static struct call *
find(struct calls *list, uint32_t seq)
{
	struct call *c;

	TAILQ_FOREACH(c, list, next)
		if (c->h.seq == seq)
			return c;
	return NULL;
}

static int
on_msg(void *arg, struct wire_msg *m)
{
	struct priv *p = arg;
	struct priv_reply r;
	struct rep_hdr rh;
	struct call *c;
	int late = 0;

	if ((c = find(&p->waiting, m->h.seq)) == NULL) {
		c = find(&p->late, m->h.seq);
		late = 1;
	}
	if (c == NULL || wire_check_reply(m, &c->row->w) < 0 ||
	    m->h.slot != c->h.slot || m->h.generation != c->h.generation)
		return -1;
	memcpy(&rh, m->body, sizeof(rh));
	r = (struct priv_reply){ .op = c->row->w.type, .code = rh.code,
		.step = rh.step, .body = m->body, .fds = m->fds,
		.nfds = m->nfds };
	if (r.code != 0 && r.step == STEP_NONE)
		r.step = default_step[r.op];
	if (late) {
		TAILQ_REMOVE(&p->late, c, next);
		p->nlate--;
	} else {
		TAILQ_REMOVE(&p->waiting, c, next);
		p->nwaiting--;
		c->fn(c->arg, &r);
		rearm(p);
	}
	free(c);
	return 0;
}

static void
on_end(void *arg, const char *why)
{
	const struct priv *p = arg;

	events_daemon(p->ctld->events, EVENT_DAEMON_ENDED,
	    why != NULL ? why : "front has ended");
	fatalx("front: %s", why != NULL ? why : "gone");
}

static const struct link_ops ops = { on_msg, NULL, on_end };

static void
priv_call(struct priv *p, uint16_t op, const struct vm_handle *h,
    const void *req, size_t n, const int *fds, unsigned nfds, priv_fn *fn,
    void *arg)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("op=%s", privop_name(op));
	c->row = privop_row(op);
	c->fn = fn;
	c->arg = arg;
	c->h.type = op;
	c->h.seq = ++p->seq;
	c->h.slot = h != NULL ? h->slot : 0;
	c->h.generation = h != NULL ? h->generation : 0;
	c->deadline = now_ms() + PRIV_DEADLINE_MS;
	if (p->nwaiting >= PENDING_MAX)
		c->code = ENOBUFS;
	else if (link_send(p->link, &c->h, req, n, fds, nfds) < 0)
		c->code = errno;
	if (c->code != 0) {
		TAILQ_INSERT_TAIL(&p->unsent, c, next);
		event_active(p->timer, EV_TIMEOUT, 1);
		return;
	}
	TAILQ_INSERT_TAIL(&p->waiting, c, next);
	if (p->nwaiting++ == 0)
		rearm(p);
}

#undef PRIV_STUB_CTLD
#define PRIV_STUB_CTLD(NAME, name)                                           \
	void priv_##name(struct priv *p, const struct vm_handle *h,          \
	    const struct req_##name *req, const int *fds, unsigned nfds,     \
	    priv_fn *fn, void *arg)                                          \
	{                                                                    \
		priv_call(p, PRIVOP_##NAME, h, req, sizeof(*req), fds, nfds, \
		    fn, arg);                                                \
	}
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	PRIV_STUB_##ask(NAME, name)
#include "policy/privops.def"
#undef PRIVOP

struct priv *
priv_new(struct ctld *c, int fd)
{
	struct priv *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->ctld = c;
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->late);
	TAILQ_INIT(&p->unsent);
	p->timer = evtimer_new(c->base, on_timer, p);
	p->link = link_new(c->base, fd, PENDING_MAX, &ops, p);
	if (p->timer == NULL || p->link == NULL || link_start(p->link) < 0)
		return NULL;
	return p;
}
