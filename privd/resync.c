/* SPDX-License-Identifier: ISC */
/*
 * Runs in front, once, before ctld is heard. The ledger says what front
 * promised, jail says what its cgroups show; what lives as recorded is
 * restored in net, what is half-made is undone here, what was running and is
 * dead stays for ctld to record its end. Requests go one at a time.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/front.h"

#define REAP_TRIES 250 /* of 20 ms */

enum resync_act
resync_decide(const struct ledger_slot *rec, int damaged,
    const struct found *got)
{
	uint32_t st = rec->state;
	int same = got->generation == rec->generation;

	if (damaged && !got->there)
		return RS_QUARANTINE;
	if (damaged || st == 0 || st == ST_FREE) {
		if (!got->there)
			return RS_NONE;
		/* an older handle than one already given back: remains */
		if (!damaged && got->generation <= rec->generation)
			return got->alive ? RS_FOREIGN : RS_UNDO;
		return got->alive ? RS_ADOPT : RS_UNDO;
	}
	if (got->there && (!same || got->owner != rec->owner))
		return RS_FOREIGN;
	if ((st & ST_HALF) != 0)
		return RS_UNDO;
	if ((st & (ST_RUNNING | ST_DYING)) != 0)
		return got->there && got->alive ? RS_RESTORE : RS_LEAVE;
	return got->there ? RS_UNDO : RS_FINISH;
}

/* Ask and wait. Returns the answer's code (0: done, *step of it otherwise)
 * and leaves the answer in f->msg. */
static int
ask(struct front *f, struct server *srv, uint16_t type, uint32_t slot,
    uint64_t generation, const void *body, uint16_t *step)
{
	const struct privop_row *row = privop_row(type);
	struct wire_hdr h = { .type = type, .seq = ++f->seq, .slot = slot,
		.generation = generation };
	struct rep_hdr r;
	int k;

	if (wire_send(srv->fd, &h, body, row->w.req_len, NULL, 0) < 0)
		fatal("%s: cannot send \"%s\"", srv->name, row->w.name);
	k = wire_recv_wait(srv->fd, &f->msg, ANSWER_MS);
	if (k == 0)
		fatalx("%s ended", srv->name);
	if (k < 0)
		fatal("%s: no answer to \"%s\"", srv->name, row->w.name);
	memcpy(&r, f->msg.body, sizeof(r));
	if (f->msg.h.seq != h.seq || f->msg.h.slot != slot ||
	    f->msg.h.generation != generation ||
	    wire_check_reply(&f->msg, &row->w) < 0 || r.code < 0)
		fatalx("%s: malformed answer to \"%s\"", srv->name,
		    row->w.name);
	wire_drop_fds(&f->msg);
	*step = r.step;
	return r.code;
}

static int
ask_vm(struct front *f, struct server *srv, uint16_t type, uint32_t slot,
    uint64_t generation, const void *body)
{
	uint16_t step;
	int code = ask(f, srv, type, slot, generation, body, &step);

	if (code != 0 && code != EBUSY)
		log_warn("op=%s slot=%u generation=%llu err=%s step=%s",
		    privop_name(type), slot, (unsigned long long)generation,
		    strerror(code), step_name(step));
	return code;
}

/* No process may be left before its uids and address are. 0 when so. */
static int
reap(struct front *f, uint32_t slot, uint64_t generation)
{
	struct req_kill k = { .how = KILL_ALL };
	struct req_reap r = { 0 };
	int i, code;

	(void)ask_vm(f, &f->jail, PRIVOP_KILL, slot, generation, &k);
	for (i = 0; i < REAP_TRIES; i++) {
		code = ask_vm(f, &f->jail, PRIVOP_REAP, slot, generation, &r);
		if (code != EBUSY)
			return code == 0 ? 0 : -1;
		(void)poll(NULL, 0, 20);
	}
	log_warn("slot=%u: its processes do not end", slot);
	return -1;
}

/* What cannot be undone now stays DYING, for ctld to try again. */
static void
undo(struct front *f, struct slot *s, uint64_t generation)
{
	struct req_net_down d = { 0 };
	uint64_t newest = s->rec.generation;
	uint32_t n = slot_number(f, s);

	log_info("slot=%u generation=%llu: undoing what is left of it", n,
	    (unsigned long long)generation);
	s->taken = 1;
	s->rec.generation = generation;
	(void)slot_set_state(f, s, ST_DYING);
	s->rec.state = ST_DYING;
	if (reap(f, n, generation) < 0)
		return;
	s->rec.state = ST_REAPED;
	if (ask_vm(f, &f->net, PRIVOP_NET_DOWN, n, generation, &d) != 0)
		return;
	if (s->rec.generation < newest)
		s->rec.generation = newest;
	slot_free(f, s);
}

static void
restore(struct front *f, struct slot *s)
{
	struct req_net_restore req = { .owner = s->rec.owner };
	uint32_t n = slot_number(f, s);

	if (ledger_read_net(&f->ledger, n, s->rec.generation, &req.up) < 0) {
		log_err("slot=%u: its ports are not in the ledger; they are "
		    "lost until it is started again", n);
		memset(&req.up, 0, sizeof(req.up));
		req.up.mode = s->rec.net_mode != 0 ? s->rec.net_mode : NET_NAT;
	}
	(void)ask_vm(f, &f->net, PRIVOP_NET_RESTORE, n, s->rec.generation,
	    &req);
}

static void
adopt(struct front *f, struct slot *s, const struct found *got)
{
	log_warn("slot=%u generation=%llu owner=%u lives, but is not in the "
	    "ledger: taken over by jail's word", slot_number(f, s),
	    (unsigned long long)got->generation, got->owner);
	memset(&s->rec, 0, sizeof(s->rec));
	s->rec.generation = got->generation;
	s->rec.owner = got->owner;
	s->rec.net_mode = NET_NAT;
	s->taken = 1;
	(void)slot_set_state(f, s, ST_RUNNING);
	s->rec.state = ST_RUNNING;
	restore(f, s);
}

static void
foreign(struct slot *s, uint32_t n, const struct found *got)
{
	log_err("slot=%u: jail has generation %llu of uid %u, the ledger "
	    "%llu of uid %u; left alone, the slot is out of use", n,
	    (unsigned long long)got->generation, got->owner,
	    (unsigned long long)s->rec.generation, s->rec.owner);
	s->quarantined = 1;
}

/* Everything that jail sees, into got[]. */
static void
look(struct front *f, struct found *got)
{
	struct req_list_next req = { .after = UINT32_MAX };
	struct rep_list_next rep;
	uint16_t step;
	int code;

	for (;;) {
		code = ask(f, &f->jail, PRIVOP_LIST_NEXT, 0, 0, &req, &step);
		if (code == ENOENT)
			return;
		if (code != 0)
			fatalx("jail: cannot list its cgroups (%s)",
			    strerror(code));
		memcpy(&rep, f->msg.body, sizeof(rep));
		if (req.after != UINT32_MAX && rep.slot <= req.after)
			fatalx("jail: lists slot %u after %u", rep.slot,
			    req.after);
		req.after = rep.slot;
		if (rep.generation >= f->generation)
			f->generation = rep.generation + 1;
		if (rep.slot >= f->conf.slots) {
			log_err("slot=%u: jail has it, the configuration only "
			    "%u; left alone", rep.slot, f->conf.slots);
			continue;
		}
		got[rep.slot] = (struct found){ .there = 1,
			.alive = rep.alive != 0, .owner = rep.owner,
			.generation = rep.generation };
	}
}

/* From the ledger; and a generation above all that were ever given out. The
 * clock makes it grow over boots too: 2^20 reservations a second. */
static void
load(struct front *f)
{
	struct timespec now;
	uint64_t newest = 0;
	struct slot *s;
	uint32_t i;
	int k;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		fatal("clock");
	f->generation = (uint64_t)now.tv_sec << 20;
	for (i = 0; i < f->conf.slots; i++) {
		s = &f->slots[i];
		k = ledger_read(&f->ledger, i, &s->rec);
		if (k < 0) {
			log_err("slot=%u: both copies of its record are "
			    "damaged", i);
			s->quarantined = 1;
		}
		if (k <= 0)
			s->rec.state = ST_FREE;
		s->taken = s->rec.state != ST_FREE;
		if (s->rec.generation > newest) {
			newest = s->rec.generation;
			f->last = i; /* the newest uid rests longest */
		}
		if (s->rec.generation >= f->generation)
			f->generation = s->rec.generation + 1;
	}
}

/* What lives, before net makes its table of them all. */
static void
keep(struct front *f, struct found *got)
{
	struct slot *s;
	uint32_t i;

	for (i = 0; i < f->conf.slots; i++) {
		s = &f->slots[i];
		got[i].act = resync_decide(&s->rec, s->quarantined, &got[i]);
		switch (got[i].act) {
		case RS_RESTORE:
			restore(f, s);
			break;
		case RS_ADOPT:
			s->quarantined = 0;
			adopt(f, s, &got[i]);
			break;
		case RS_FOREIGN:
			foreign(s, i, &got[i]);
			break;
		case RS_NONE:
		case RS_LEAVE:
		case RS_UNDO:
		case RS_FINISH:
		case RS_QUARANTINE:
			break;
		}
	}
}

/* What does not live, afterwards. */
static void
clean(struct front *f, const struct found *got)
{
	struct req_net_down d = { 0 };
	struct slot *s;
	uint32_t i;

	for (i = 0; i < f->conf.slots; i++) {
		s = &f->slots[i];
		switch (got[i].act) {
		case RS_UNDO:
			s->quarantined = 0;
			undo(f, s, got[i].there ? got[i].generation :
						  s->rec.generation);
			break;
		case RS_FINISH:
			if (ask_vm(f, &f->net, PRIVOP_NET_DOWN, i,
				s->rec.generation, &d) == 0)
				slot_free(f, s);
			break;
		case RS_NONE:
		case RS_RESTORE:
		case RS_LEAVE:
		case RS_ADOPT:
		case RS_FOREIGN:
		case RS_QUARANTINE:
			break;
		}
	}
}

void
resync(struct front *f)
{
	struct req_net_commit commit = { 0 };
	struct found *got = calloc(f->conf.slots, sizeof(*got));
	uint16_t step;
	int code;

	if (got == NULL)
		fatalx("out of memory for %u slots", f->conf.slots);
	load(f);
	look(f, got);
	keep(f, got);
	code = ask(f, &f->net, PRIVOP_NET_COMMIT, 0, 0, &commit, &step);
	if (code != 0)
		fatalx("net: cannot install the host's table (%s: %s)",
		    step_name(step), strerror(code));
	clean(f, got);
	free(got);
}
