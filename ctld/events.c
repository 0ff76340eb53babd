/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Invariant: at most EVENTS_MAX are kept, and one owner's flood
 * pushes out its own: when all places are taken, the owner who has the most
 * gives up its oldest.
 */
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <bsd/sys/queue.h>

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

struct events {
	uint64_t seq, lost;
	unsigned n, nshares;	/* shares[0, nshares) were ever used */
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

	if (ev->n < EVENTS_MAX)
		return &ev->entries[ev->n++];
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
	if ((rq.flags & ~CL_EVENTS_FOLLOW) != 0 || rq.zero != 0)
		return -1;
	events_after(ev, t->uid, t->admin, rq.after, &rep);
	t->after = rq.after;
	if (rep.n == 0 && (rq.flags & CL_EVENTS_FOLLOW) != 0)
		ticket_wait(t, &ev->waiters);
	else
		ticket_reply(t, &rep, NULL, 0);
	return 0;
}
