/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Invariant: at most EVENTS_MAX are kept, and one owner's flood
 * pushes out its own: when all places are taken, the owner who has the most
 * gives up its oldest. The file has the same places, a record is written
 * whole within one sector, and one that is not exactly ours is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>
#include <bsd/sys/queue.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/vm.h"

struct share {			/* of an owner; unused when n is 0 */
	uint32_t owner;
	unsigned n;
	uint64_t lost;		/* the newest of its own that was forgotten */
};

struct entry {
	TAILQ_ENTRY(entry) next;
	struct cl_event e;
	struct share *share;
};

#define EVENTS_MAGIC 0x31767470u /* another when struct cl_event changes */
struct stored {
	uint32_t magic;
	uint32_t zero;
	struct cl_event e;
};
_Static_assert(sizeof(struct stored) == 256, "records lie within a sector");

struct events {
	int file;		/* -1: none */
	int full;		/* said that it cannot be written */
	uint64_t seq, lost;
	unsigned n, nshares;	/* shares[0, nshares) were ever used */
	unsigned at;		/* entries before it are in use */
	TAILQ_HEAD(, entry) list;
	struct tickets waiters;
	struct entry entries[EVENTS_MAX];
	struct share shares[EVENTS_MAX];
};

struct events *
events_new(void)
{
	struct events *ev = calloc(1, sizeof(*ev));

	if (ev == NULL)
		return NULL;
	TAILQ_INIT(&ev->list);
	TAILQ_INIT(&ev->waiters);
	ev->file = -1;
	return ev;
}

static const struct share *
share_find(const struct events *ev, uint32_t owner)
{
	unsigned i;

	for (i = 0; i < ev->nshares; i++)
		if (ev->shares[i].n > 0 && ev->shares[i].owner == owner)
			return &ev->shares[i];
	return NULL;
}

/* There is room for it: each of the others has an event, and one place of
 * EVENTS_MAX is free. */
static struct share *
share_get(struct events *ev, uint32_t owner)
{
	struct share *unused = NULL;
	unsigned i;

	for (i = 0; i < ev->nshares; i++) {
		if (ev->shares[i].n == 0)
			unused = &ev->shares[i];
		else if (ev->shares[i].owner == owner)
			return &ev->shares[i];
	}
	if (unused == NULL)
		unused = &ev->shares[ev->nshares++];
	*unused = (struct share){ .owner = owner };
	return unused;
}

/* A free place, after who has the most gave one up. */
static struct entry *
place(struct events *ev)
{
	struct entry *en;
	unsigned i, most = 0;

	if (ev->n < EVENTS_MAX) {
		while (ev->entries[ev->at].e.seq != 0)
			ev->at++;
		ev->n++;
		return &ev->entries[ev->at];
	}
	for (i = 0; i < ev->nshares; i++)
		if (ev->shares[i].n > most)
			most = ev->shares[i].n;
	TAILQ_FOREACH(en, &ev->list, next)
		if (en->share->n == most)
			break;
	if (en == NULL)
		fatalx("events: who has the most has none");
	TAILQ_REMOVE(&ev->list, en, next);
	en->share->n--;
	en->share->lost = ev->lost = en->e.seq;
	return en;
}

static int
by_seq(const void *a, const void *b)
{
	uint64_t x = (*(struct entry *const *)a)->e.seq;
	uint64_t y = (*(struct entry *const *)b)->e.seq;

	return (x > y) - (x < y);
}

static int
stored_ok(const struct stored *s)
{
	return s->magic == EVENTS_MAGIC && s->zero == 0 && s->e.seq != 0 &&
	    s->e.kind > 0 && s->e.kind < EVENT_END &&
	    wire_str_ok(s->e.id, sizeof(s->e.id)) &&
	    wire_str_ok(s->e.name, sizeof(s->e.name)) &&
	    wire_str_ok(s->e.reason, sizeof(s->e.reason));
}

/* Each at the place it had, the list in their order. */
static int
load(struct events *ev)
{
	struct entry **sorted CLEANUP_FREE = calloc(EVENTS_MAX,
	    sizeof(struct entry *));
	struct stored s;
	unsigned i;

	if (sorted == NULL)
		return -1;
	for (i = 0; i < EVENTS_MAX; i++) {
		if (pread(ev->file, &s, sizeof(s), (off_t)(i * sizeof(s))) !=
			(ssize_t)sizeof(s) || !stored_ok(&s))
			continue;
		ev->entries[i].e = s.e;
		sorted[ev->n++] = &ev->entries[i];
	}
	qsort(sorted, ev->n, sizeof(sorted[0]), by_seq);
	for (i = 0; i < ev->n; i++) {
		ev->seq = sorted[i]->e.seq;
		sorted[i]->share = share_get(ev, sorted[i]->e.owner);
		sorted[i]->share->n++;
		TAILQ_INSERT_TAIL(&ev->list, sorted[i], next);
	}
	return 0;
}

int
events_keep(struct events *ev, int dir)
{
	ev->file = openat(dir, "events",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (ev->file < 0)
		return -1;
	return load(ev);
}

/* Without room it stays in memory: nothing waits for its history. */
static void
store(struct events *ev, const struct entry *en)
{
	struct stored s = { .magic = EVENTS_MAGIC, .e = en->e };
	off_t at = (off_t)((size_t)(en - ev->entries) * sizeof(s));

	if (ev->file < 0)
		return;
	if (pwrite(ev->file, &s, sizeof(s), at) == (ssize_t)sizeof(s)) {
		ev->full = 0;
		return;
	}
	if (!ev->full)
		log_warn("op=events err=%s", strerror(errno));
	ev->full = 1;
}

static int
visible(const struct cl_event *e, uint32_t owner, int everybody)
{
	return everybody || e->owner == owner;
}

void
events_after(const struct events *ev, uint32_t owner, int everybody,
    uint64_t after, struct clrep_events *out)
{
	const struct share *s = share_find(ev, owner);
	uint64_t lost = everybody ? ev->lost : s != NULL ? s->lost : 0;
	const struct entry *en;

	memset(out, 0, sizeof(*out));
	out->lost = after != 0 && lost > after;
	TAILQ_FOREACH(en, &ev->list, next) {
		if (out->n == CL_EVENTS_MAX)
			break;
		if (en->e.seq > after && visible(&en->e, owner, everybody))
			out->ev[out->n++] = en->e;
	}
}

void
events_add(struct events *ev, const struct cl_event *e)
{
	struct clrep_events rep;
	struct entry *en = place(ev);
	struct ticket *t, *next;

	en->e = *e;
	en->e.seq = ++ev->seq;
	en->share = share_get(ev, e->owner);
	en->share->n++;
	TAILQ_INSERT_TAIL(&ev->list, en, next);
	store(ev, en);
	TAILQ_FOREACH_SAFE(t, &ev->waiters, of_list, next) {
		if (!visible(e, t->uid, t->admin))
			continue;
		events_after(ev, t->uid, t->admin, t->after, &rep);
		ticket_reply(t, &rep, NULL, 0);
	}
}

void
events_vm(const struct vm *vm, enum event_kind kind, const char *reason)
{
	struct cl_event e;

	memset(&e, 0, sizeof(e));
	e.ms = wall_ms();
	e.owner = vm->pub.owner;
	e.kind = (uint32_t)kind;
	(void)strlcpy(e.id, vm->pub.id, sizeof(e.id));
	(void)strlcpy(e.name, vm->pub.name, sizeof(e.name));
	(void)strlcpy(e.reason, reason, sizeof(e.reason));
	events_add(vm->ctld->events, &e);
}

void
events_daemon(struct events *ev, enum event_kind kind, const char *reason)
{
	struct cl_event e;

	memset(&e, 0, sizeof(e));
	e.ms = wall_ms();
	e.kind = (uint32_t)kind;
	(void)strlcpy(e.reason, reason, sizeof(e.reason));
	events_add(ev, &e);
}

int
events_ended_well(const struct events *ev)
{
	const struct entry *en;
	int well = 1;

	TAILQ_FOREACH(en, &ev->list, next)
		if (en->e.kind == EVENT_DAEMON_STARTED ||
		    en->e.kind == EVENT_DAEMON_ENDED)
			well = en->e.kind == EVENT_DAEMON_ENDED;
	return well;
}

void
events_refused(const struct ticket *t, const struct rep_cl *why)
{
	struct cl_event e;

	memset(&e, 0, sizeof(e));
	e.ms = wall_ms();
	e.owner = t->uid;
	e.kind = EVENT_REFUSED;
	(void)strlcpy(e.name, t->name, sizeof(e.name));
	(void)strlcpy(e.reason, why->reason, sizeof(e.reason));
	events_add(t->ctld->events, &e);
}

int
api_events(struct ticket *t, struct wire_msg *m)
{
	struct events *ev = t->ctld->events;
	struct clrep_events rep;
	struct clreq_events rq;

	memcpy(&rq, m->body, sizeof(rq));
	if ((rq.flags & ~(CL_EVENTS_FOLLOW | CL_EVENTS_STREAM)) != 0 ||
	    rq.zero != 0)
		return -1;
	if (rq.flags != 0 && ticket_stream(t) < 0)
		return 0;
	events_after(ev, t->uid, t->admin, rq.after, &rep);
	t->after = rq.after;
	if (rep.n == 0 && (rq.flags & CL_EVENTS_FOLLOW) != 0)
		ticket_wait(t, &ev->waiters);
	else
		ticket_reply(t, &rep, NULL, 0);
	return 0;
}
