/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. From ctld's request to the one who performs it: judged by
 * its row, queued behind the earlier ones of its slot, sent when the state
 * allows it and the op-server has room. A slot has one request on its way; a
 * kill throws out those that wait, in its slot, and goes before other slots'.
 */
#include <errno.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/front.h"

static struct call *
pop(struct slot *s)
{
	struct call *c = s->head;

	s->head = c->next;
	if (s->head == NULL)
		s->tail = NULL;
	s->nqueued--;
	c->next = NULL;
	return c;
}

static void
push(struct slot *s, struct call *c)
{
	if (s->tail != NULL)
		s->tail->next = c;
	else
		s->head = c;
	s->tail = c;
	s->nqueued++;
}

static void
refuse(struct front *f, struct call *c, int code, uint16_t step)
{
	struct rep_hdr no = rep_no(code, step);

	call_refuse(f, c, &no);
	call_free(f, c);
}

_Noreturn static void
malformed(uint16_t type)
{
	fatalx("ctld: malformed request \"%s\" (%u)", privop_name(type), type);
}

/* A request that front performs itself. */
static void
run_local(struct front *f, struct slot *s, struct call *c)
{
	const struct privop_row *row = privop_row(c->type);
	uint64_t rep[WIRE_BODY_MAX / 8];
	struct rep_hdr r;

	memset(rep, 0, row->w.rep_len);
	switch (dispatch_op(f, s, c, rep)) {
	case V_DONE:
		memcpy(&r, rep, sizeof(r));
		/* the end of a list is no refusal */
		if (r.code != 0 && r.code != ENOENT)
			call_log(c, &r);
		call_answer(f, c, rep, row->w.rep_len, NULL);
		call_free(f, c);
		break;
	case V_LATER:
		break;
	case V_MALFORMED:
		malformed(c->type);
	}
}

/* A step of a start failed: what was sent behind it must not build on it. */
static void
spoil(struct slot *s)
{
	if ((s->rec.state & ST_HALF) != 0)
		s->spoiled = 1;
}

/* What must be in the ledger before the op-server hears of it. */
static int
intent(struct front *f, struct slot *s, struct call *c)
{
	const void *body = c->body;
	const struct req_ns_make *ns = body;

	switch (c->type) {
	case PRIVOP_NS_MAKE:
		s->rec.net_mode = ns->mode;
		return slot_set_state(f, s, s->rec.state);
	case PRIVOP_NET_UP:
		return ledger_write_net(&f->ledger, slot_number(f, s),
		    s->rec.generation, body);
	case PRIVOP_NET_SET:
		return netset_intent(f, s, c);
	case PRIVOP_KILL:
		s->spoiled = 0;
		/* damage never stops a stop */
		if (slot_set_state(f, s, ST_DYING) < 0)
			s->rec.state = ST_DYING;
		return 0;
	default:
		return 0;
	}
}

/* Those who wait, each once, in their order. */
static void
wait_serve(struct front *f, struct server *srv)
{
	struct slot *s = srv->wait_head, *last = srv->wait_tail, *next;
	int more = s != NULL;

	for (; more; s = next) {
		more = s != last && srv->used < SERVER_WINDOW;
		next = s->wait_next;
		if (!window_room(srv, s))
			continue;
		window_leave(srv, s);
		route_pump(f, s);
	}
}

/* The head of the slot's queue goes out. 0: done, whatever the outcome; -1:
 * the op-server has no room. */
static int
send_head(struct front *f, struct server *srv, struct slot *s)
{
	struct call *c = s->head;
	struct wire_hdr h = { .type = c->type, .slot = slot_number(f, s),
		.generation = s->rec.generation };
	int code;

	if (!window_room(srv, s))
		return -1;
	if (intent(f, s, c) < 0) {
		spoil(s);
		refuse(f, pop(s), EIO, STEP_LEDGER);
		return 0;
	}
	h.seq = c->seq = ++f->seq;
	if (wire_send(srv->fd, &h, c->body,
		privop_row(c->type)->w.req_len, c->fds, c->nfds) < 0) {
		if (errno == EAGAIN && srv->used > 0)
			return -1;
		if (errno == EPIPE || errno == EAGAIN)
			fatal("%s: cannot send \"%s\"", srv->name,
			    privop_name(c->type));
		code = errno;
		spoil(s);
		if (c->was != NULL)
			netset_done(f, s, c, code);
		refuse(f, pop(s), code, STEP_NONE);
		return 0;
	}
	call_drop_fds(f, c);
	s->flight = pop(s);
	if (srv->used == 0)
		srv->deadline = now_ms() + ANSWER_MS;
	srv->flights[srv->used++] = s;
	return 0;
}

void
route_pump(struct front *f, struct slot *s)
{
	const struct privop_row *row;
	struct server *srv;
	struct rep_hdr no;
	struct call *c;

	while (s->flight == NULL && !s->waiting && (c = s->head) != NULL) {
		row = privop_row(c->type);
		if (!c->accepted &&
		    (s->spoiled || !slot_allows(row, s->rec.state))) {
			refuse(f, pop(s), ESTALE, STEP_STATE);
			continue;
		}
		if (row->asker == ASK_CTLD &&
		    dispatch_check(f, s, c->type, c->body, &no) == V_DONE) {
			spoil(s);
			refuse(f, pop(s), no.code, no.step);
			continue;
		}
		if (row->server == SRV_FRONT) {
			run_local(f, s, pop(s));
			continue;
		}
		if (c->type == PRIVOP_NET_SET &&
		    netset_admit(f, s, c, &no) < 0) {
			refuse(f, pop(s), no.code, no.step);
			continue;
		}
		srv = row->server == SRV_NET ? &f->net : &f->jail;
		if (send_head(f, srv, s) < 0)
			window_wait(srv, s);
	}
}

static void
kill_request(struct front *f, struct slot *s, struct call *c)
{
	if (!slot_allows(privop_row(PRIVOP_KILL), s->rec.state)) {
		refuse(f, c, ESTALE, STEP_STATE);
		return;
	}
	while (s->head != NULL)
		refuse(f, pop(s), ECANCELED, STEP_STATE);
	if (s->waiting) {
		window_leave(&f->net, s);
		window_leave(&f->jail, s);
	}
	c->accepted = 1;
	push(s, c);
	route_pump(f, s);
}

void
route_request(struct front *f, struct wire_msg *m)
{
	static const struct slot nobody;
	const struct privop_row *row = privop_row(m->h.type);
	int slotless = m->h.type == PRIVOP_RESERVE ||
	    m->h.type == PRIVOP_SLOT_NEXT;
	struct rep_hdr no = { 0 };
	struct slot *s;
	struct call *c;
	enum verdict v;

	if (row == NULL || row->asker != ASK_CTLD ||
	    wire_check_request(m, &row->w) < 0 ||
	    (slotless && (m->h.slot != 0 || m->h.generation != 0)))
		malformed(m->h.type);
	s = slot_find(f, m->h.slot, m->h.generation);
	v = dispatch_check(f, s != NULL ? s : &nobody, m->h.type, m->body,
	    &no);
	if (v == V_MALFORMED)
		malformed(m->h.type);
	c = call_new(f, m);
	if (slotless && v == V_DONE)
		refuse(f, c, no.code, no.step);
	else if (slotless)
		run_local(f, NULL, c);
	else if (s == NULL)
		refuse(f, c, ESTALE, STEP_SLOT);
	else if (c->type == PRIVOP_KILL && v == V_LATER)
		kill_request(f, s, c);
	/* a stop is noted at once wherever it can be */
	else if (c->type == PRIVOP_STOP && slot_allows(row, s->rec.state))
		run_local(f, s, c);
	else if (s->nqueued >= CALL_QUEUE_MAX)
		refuse(f, c, ENOBUFS, STEP_STATE);
	else {
		push(s, c);
		route_pump(f, s);
	}
}

/* Jail's word on a reservation: now ctld hears of it, or never did. */
static void
attested(struct front *f, struct slot *s, const struct call *c,
    const struct rep_hdr *r)
{
	uint32_t n = slot_number(f, s);
	struct rep_reserve rep = { .slot = n, .owner = s->rec.owner,
		.generation = s->rec.generation,
		.vm_addr = slot_addr_vm(&f->conf, n),
		.host_addr = slot_addr_host(&f->conf, n) };

	if (r->code != 0) {
		slot_free(f, s);
		call_refuse(f, c, r);
		return;
	}
	s->rec.state = ST_RESERVED; /* as the ledger has it already */
	log_info("reserved slot=%u generation=%llu owner=%u", n,
	    (unsigned long long)rep.generation, rep.owner);
	call_answer(f, c, &rep, sizeof(rep), NULL);
}

/* The outcome goes into the ledger, then to ctld. */
static void
finish(struct front *f, struct slot *s, struct call *c, struct wire_msg *m)
{
	const struct privop_row *row = privop_row(c->type);
	struct rep_hdr r;

	memcpy(&r, m->body, sizeof(r));
	if (c->type == PRIVOP_NET_SET)
		netset_done(f, s, c, r.code);
	if (c->type == PRIVOP_ATTEST) {
		attested(f, s, c, &r);
		return;
	}
	if (r.code == 0 && row->next != ST_SAME &&
	    row->next != s->rec.state &&
	    slot_set_state(f, s, row->next) < 0) {
		if (row->next <= ST_RUNNING) {
			spoil(s);
			r = rep_no(EIO, STEP_LEDGER);
			call_refuse(f, c, &r);
			return;
		}
		s->rec.state = row->next; /* a stop goes on in any case */
	}
	if (r.code != 0)
		spoil(s);
	if (r.code != 0 && r.code != EBUSY)
		log_info("failed op=%s slot=%u err=%s step=%s", row->w.name,
		    slot_number(f, s), strerror(r.code), step_name(r.step));
	call_answer(f, c, m->body, m->h.len, m->nfds > 0 ? &m->fds[0] : NULL);
}

void
route_answer(struct front *f, struct server *srv, struct wire_msg *m)
{
	struct slot *s = NULL;
	struct call *c;
	int32_t code;
	unsigned i;

	for (i = 0; i < srv->used; i++)
		if (srv->flights[i]->flight->seq == m->h.seq)
			break;
	if (i == srv->used)
		fatalx("%s: an answer to nothing", srv->name);
	s = srv->flights[i];
	c = s->flight;
	memcpy(&code, m->body, sizeof(code));
	if (m->h.slot != slot_number(f, s) ||
	    m->h.generation != s->rec.generation ||
	    wire_check_reply(m, &privop_row(c->type)->w) < 0 || code < 0)
		fatalx("%s: malformed answer to \"%s\"", srv->name,
		    privop_name(c->type));
	memmove(&srv->flights[i], &srv->flights[i + 1],
	    (srv->used - i - 1) * sizeof(srv->flights[0]));
	srv->used--;
	srv->deadline = now_ms() + ANSWER_MS;
	s->flight = NULL;
	finish(f, s, c, m);
	wire_drop_fds(m);
	call_free(f, c);
	route_pump(f, s);
	wait_serve(f, srv);
}
