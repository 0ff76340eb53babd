/* SPDX-License-Identifier: ISC */
/*
 * Pause, Resume, Wait, Definition, Backends and Events. Runs in a
 * connection's own process. A reader of events that does not read costs its
 * own connection (conn.h) and nobody anything else: ctld is asked for the
 * next ones when the last were taken.
 */
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/backend/backend.h"
#include "ctld/client/args.h"
#include "ctld/client/serve.h"
#include "ctld/client/shape.h"

#define ANSWER_MS 60000		/* ctld's own deadlines are shorter */
#define WAIT_MAX_MS 86400000

static int
named(struct serve *s, const json_t *params, uint16_t type, struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	struct cl_ref ref;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &ref, e) < 0)
		return -1;
	return serve_call(s, type, &ref, sizeof(ref), NULL, 0, ANSWER_MS, e);
}

_Static_assert(sizeof(struct clreq_pause) == sizeof(struct cl_ref) &&
    sizeof(struct clreq_resume) == sizeof(struct cl_ref) &&
    sizeof(struct clreq_definition) == sizeof(struct cl_ref) &&
    sizeof(struct clreq_wait) == sizeof(struct cl_ref), "a name alone");

int
method_pause(struct serve *s, const json_t *params, struct rep_cl *e)
{
	if (named(s, params, CLIENTOP_PAUSE, e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

int
method_resume(struct serve *s, const json_t *params, struct rep_cl *e)
{
	if (named(s, params, CLIENTOP_RESUME, e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

/* ctld broke a promise: nothing true can be said any more. */
static int
broken(struct serve *s)
{
	s->end = s->c.dead = 1;
	return 0;
}

int
method_definition(struct serve *s, const json_t *params, struct rep_cl *e)
{
	const struct clrep_definition *r;

	if (named(s, params, CLIENTOP_DEFINITION, e) < 0)
		return -1;
	r = (const struct clrep_definition *)(const void *)s->m.body;
	if (!shape_spec_ok(&r->spec))
		return broken(s);
	return reply(s,
	    json_pack("{s:o,s:b}", "config", shape_spec(&r->spec),
		"startable", (r->spec.flags & CL_PATHS) != 0),
	    0);
}

int
method_wait(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", "timeout_ms", NULL };
	const struct clrep_wait *r;
	struct clreq_wait q;
	int64_t ms = INT_MAX;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    arg_int(params, "", "timeout_ms", 0, WAIT_MAX_MS, &ms, e) < 0)
		return -1;
	if (serve_call(s, CLIENTOP_WAIT, &q, sizeof(q), NULL, 0, (int)ms,
		e) < 0) {
		if (e->error == CLE_TIMEOUT)
			(void)strlcpy(e->reason, "it has not ended yet; see "
			    "postern status", sizeof(e->reason));
		return -1;
	}
	r = (const struct clrep_wait *)(const void *)s->m.body;
	if (!shape_vm_ok(&r->vm))
		return broken(s);
	return reply(s,
	    json_pack("{s:o,s:b}", "vm", shape_vm(&r->vm), "removed",
		r->removed != 0),
	    0);
}

static json_t *
capabilities(uint32_t caps)
{
	static const struct { uint32_t bit; const char *name; } t[] = {
		{ BCAP_PAUSE, "pause" }, { BCAP_SNAPSHOT, "snapshot" },
		{ BCAP_VSOCK, "vsock" }, { BCAP_TAP, "network" },
	};
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if ((caps & t[i].bit) != 0)
			(void)json_array_append_new(list,
			    json_string(t[i].name));
	return list;
}

int
method_backends(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { NULL };
	struct clreq_backends q = { 0 };
	const struct clrep_backends *r;
	const struct cl_backend *b;
	json_t *list;
	uint32_t i;

	if (arg_known(params, "", names, e) < 0 ||
	    serve_call(s, CLIENTOP_BACKENDS, &q, sizeof(q), NULL, 0,
		ANSWER_MS, e) < 0)
		return -1;
	r = (const struct clrep_backends *)(const void *)s->m.body;
	if (r->n > CL_BACKENDS_MAX)
		return broken(s);
	list = json_array();
	for (i = 0; i < r->n; i++) {
		b = &r->b[i];
		if (!wire_str_ok(b->name, sizeof(b->name)) ||
		    !wire_str_ok(b->path, sizeof(b->path)) ||
		    !wire_str_ok(b->why, sizeof(b->why))) {
			json_decref(list);
			return broken(s);
		}
		(void)json_array_append_new(list,
		    json_pack("{s:s,s:b,s:o,s:o,s:o}", "name", b->name,
			"available", b->available != 0, "capabilities",
			capabilities(b->caps), "path", shape_text(b->path),
			"reason", shape_text(b->why)));
	}
	return reply(s, json_pack("{s:o}", "backends", list), 0);
}

static int
event_ok(const struct cl_event *v)
{
	return wire_str_ok(v->id, sizeof(v->id)) &&
	    wire_str_ok(v->name, sizeof(v->name)) &&
	    wire_str_ok(v->reason, sizeof(v->reason));
}

/* The next events into *r; -1: nothing true can follow. */
static int
events_ask(struct serve *s, uint64_t after, uint32_t flags,
    const struct clrep_events **r, struct rep_cl *e)
{
	struct clreq_events q = { .after = after, .flags = flags };
	int wait = (flags & CL_EVENTS_FOLLOW) != 0;
	uint32_t i;

	if (serve_call(s, CLIENTOP_EVENTS, &q, sizeof(q), NULL, 0,
		wait ? INT_MAX : ANSWER_MS, e) < 0)
		return -1;
	*r = (const struct clrep_events *)(const void *)s->m.body;
	if ((*r)->n > CL_EVENTS_MAX)
		return broken(s) - 1;
	for (i = 0; i < (*r)->n; i++)
		if (!event_ok(&(*r)->ev[i]))
			return broken(s) - 1;
	return 0;
}

static void
events_put(struct serve *s, const struct clrep_events *r, int *first)
{
	uint32_t i;

	for (i = 0; i < r->n; i++) {
		if (!*first)
			reply_put(s, ",", 1);
		*first = 0;
		reply_json(s, shape_event(&r->ev[i]));
	}
}

/* One reply with all there are now. *after: the last of them. */
static int
events_now(struct serve *s, uint64_t *after, int follow, struct rep_cl *e)
{
	static const char head[] = "{\"events\":[", tail[] =
	    "],\"lost\":false}";
	const struct clrep_events *r;
	uint32_t flags = follow ? CL_EVENTS_STREAM : 0;
	int first = 1;

	if (events_ask(s, *after, flags, &r, e) < 0)
		return -1;
	reply_begin(s);
	reply_put(s, head, sizeof(head) - 1);
	for (;;) {
		events_put(s, r, &first);
		if (r->n > 0)
			*after = r->ev[r->n - 1].seq;
		if (r->n < CL_EVENTS_MAX)
			break;
		if (events_ask(s, *after, flags, &r, e) < 0)
			return broken(s);
	}
	reply_put(s, tail, sizeof(tail) - 1);
	reply_end(s, follow);
	return 0;
}

int
method_events(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "follow", NULL };
	const struct clrep_events *r;
	uint64_t after = 0;
	json_t *list;
	int follow = 0;
	uint32_t i;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_bool(params, "", "follow", &follow, e) < 0)
		return -1;
	if (follow && !s->more)
		return arg_bad(e, "", "follow", "needs a call with more");
	if (events_now(s, &after, follow, e) < 0)
		return -1;
	while (follow && !s->end && !s->c.dead) {
		if (events_ask(s, after, CL_EVENTS_FOLLOW, &r, e) < 0)
			return broken(s);
		list = json_array();
		for (i = 0; i < r->n; i++)
			(void)json_array_append_new(list,
			    shape_event(&r->ev[i]));
		if (r->n > 0)
			after = r->ev[r->n - 1].seq;
		(void)reply(s,
		    json_pack("{s:o,s:b}", "events", list, "lost",
			r->lost != 0),
		    1);
	}
	return 0;
}
