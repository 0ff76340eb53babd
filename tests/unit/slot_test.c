/* SPDX-License-Identifier: ISC */
/*
 * The state machine: every request in every state, against a table written
 * by hand (policy/privops.def is what is tested, so it is not asked), through
 * route.c with the test at the other ends of the wires. And what front makes
 * of a slot after a start.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/front.h"

#define SLOT 5u
#define GEN 77u

struct bench {
	struct front f;
	int ctld, net, jail; /* the far ends */
	struct wire_msg m;
};

/* f ree r eserved n s ne t l imited u p (running) d ying re a ped c losed */
static const char letters[] = "frntludac";
static const struct row {
	uint16_t op;
	const char *in;	/* let through in these */
	char to;	/* and then in this one; 0: as it was */
	char by;	/* n et, j ail, or f ront itself */
} table[] = {
	{ PRIVOP_NS_MAKE, "r", 'n', 'j' },
	{ PRIVOP_NET_UP, "n", 't', 'n' },
	{ PRIVOP_LIMITS, "t", 'l', 'j' },
	{ PRIVOP_IMAGE, "l", 0, 'j' },
	{ PRIVOP_SPAWN, "l", 'u', 'j' },
	{ PRIVOP_KILL, "rntld", 'd', 'j' },
	{ PRIVOP_REAP, "ud", 'a', 'j' },
	{ PRIVOP_NET_DOWN, "a", 'c', 'n' },
	{ PRIVOP_RELEASE, "c", 'f', 'f' },
	{ PRIVOP_ADOPT, "ud", 0, 'j' },
	{ PRIVOP_STATS, "ud", 0, 'j' },
};

static uint32_t
state_of(char letter)
{
	return 1u << (strchr(letters, letter) - letters);
}

static struct bench *
bench(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	unsigned char boot[16] = { 0 };
	int sv[2], fd;
	struct err e;

	ATF_REQUIRE(b != NULL);
	sysconf_default(&b->f.conf);
	b->f.conf.slots = 16;
	b->f.slots = calloc(16, sizeof(*b->f.slots));
	ATF_REQUIRE(b->f.slots != NULL);
	fd = memfd_create("ledger", MFD_CLOEXEC);
	ATF_REQUIRE(ledger_open(&b->f.ledger, fd, 16, boot, &e) == 0);
	ATF_REQUIRE_EQ(0, wire_pair(sv));
	b->f.ctld = sv[0];
	b->ctld = sv[1];
	ATF_REQUIRE_EQ(0, wire_pair(sv));
	b->f.net = (struct server){ .fd = sv[0], .name = "net" };
	b->net = sv[1];
	ATF_REQUIRE_EQ(0, wire_pair(sv));
	b->f.jail = (struct server){ .fd = sv[0], .name = "jail" };
	b->jail = sv[1];
	return b;
}

static void
set(struct bench *b, uint32_t state)
{
	struct slot *s = &b->f.slots[SLOT];

	memset(s, 0, sizeof(*s));
	s->taken = 1;
	s->rec = (struct ledger_slot){ .generation = GEN, .owner = 1000,
		.cpus = 1, .memory_mib = 64, .nports = 1, .state = state,
		.net_mode = NET_NAT };
	ATF_REQUIRE_EQ(0, ledger_write(&b->f.ledger, SLOT, &s->rec));
}

/* A well-formed request of this type, with descriptors where it needs them. */
static void
make(struct bench *b, uint16_t op, uint64_t generation)
{
	const struct privop_row *row = privop_row(op);
	struct req_net_up up = { .mode = NET_NAT, .nports = 1 };
	struct req_ns_make ns = { .mode = NET_NAT };
	struct req_limits lim = { 1000, 100, 100, 64 };
	struct req_image img = { .kind = IMG_KERNEL };
	struct req_spawn sp = { .vmm = VMM_QEMU };
	struct req_kill k = { .how = KILL_ALL };
	unsigned i;

	memset(&b->m, 0, sizeof(b->m));
	b->m.h = (struct wire_hdr){ .magic = WIRE_MAGIC,
		.version = WIRE_VERSION, .type = op, .len = row->w.req_len,
		.seq = 9, .slot = SLOT, .generation = generation };
	b->m.nfds = row->w.in_min;
	for (i = 0; i < b->m.nfds; i++)
		b->m.fds[i] = memfd_create("x", MFD_CLOEXEC);
	if (op == PRIVOP_NET_UP)
		memcpy(b->m.body, &up, sizeof(up));
	if (op == PRIVOP_NS_MAKE)
		memcpy(b->m.body, &ns, sizeof(ns));
	if (op == PRIVOP_LIMITS)
		memcpy(b->m.body, &lim, sizeof(lim));
	if (op == PRIVOP_IMAGE)
		memcpy(b->m.body, &img, sizeof(img));
	if (op == PRIVOP_SPAWN)
		memcpy(b->m.body, &sp, sizeof(sp));
	if (op == PRIVOP_KILL)
		memcpy(b->m.body, &k, sizeof(k));
}

/* Whose wire the request came out on; 0 for nobody's. It is in b->m then. */
static char
came_out(struct bench *b)
{
	if (wire_recv(b->net, &b->m) == 1)
		return 'n';
	if (wire_recv(b->jail, &b->m) == 1)
		return 'j';
	ATF_REQUIRE_EQ(EAGAIN, errno);
	return 0;
}

/* The op-server answers what came out. */
static void
answer(struct bench *b, char by, int code)
{
	struct server *srv = by == 'n' ? &b->f.net : &b->f.jail;
	int fd = by == 'n' ? b->net : b->jail;
	const struct privop_row *row = privop_row(b->m.h.type);
	struct rep_hdr r = { .code = code };
	uint64_t rep[64] = { 0 };
	int one = -1;

	memcpy(rep, &r, sizeof(r));
	if (row->w.out_min > 0 && code == 0)
		one = memfd_create("x", MFD_CLOEXEC);
	ATF_REQUIRE_EQ(0, wire_reply(fd, &b->m, rep, row->w.rep_len, &one,
	    one >= 0));
	fd_close(&one);
	wire_drop_fds(&b->m);
	ATF_REQUIRE_EQ(1, wire_recv(srv->fd, &b->m));
	route_answer(&b->f, srv, &b->m);
}

/* ctld hears this code and step for this type. */
static void
heard(struct bench *b, uint16_t op, int code, unsigned step)
{
	struct rep_hdr r;

	ATF_REQUIRE_EQ_MSG(1, wire_recv(b->ctld, &b->m), "%s: no answer",
	    privop_name(op));
	ATF_CHECK_EQ_MSG(op | WIRE_REPLY, b->m.h.type, "%s",
	    privop_name(op));
	ATF_CHECK_EQ(privop_row(op)->w.rep_len, b->m.h.len);
	memcpy(&r, b->m.body, sizeof(r));
	ATF_CHECK_EQ_MSG(code, r.code, "%s: %d", privop_name(op), r.code);
	ATF_CHECK_EQ_MSG(step, r.step, "%s: %s", privop_name(op),
	    step_name(r.step));
	wire_drop_fds(&b->m);
}

static void
one(struct bench *b, const struct row *t, char in)
{
	uint32_t now, want;
	struct ledger_slot rec;
	char by;

	set(b, state_of(in));
	make(b, t->op, GEN);
	route_request(&b->f, &b->m);
	by = came_out(b);
	if (strchr(t->in, in) == NULL) {
		ATF_CHECK_EQ_MSG(0, by, "%s got through in %c",
		    privop_name(t->op), in);
		heard(b, t->op, ESTALE, STEP_STATE);
		ATF_CHECK_EQ(state_of(in), b->f.slots[SLOT].rec.state);
		return;
	}
	if (t->by != 'f') {
		ATF_REQUIRE_EQ_MSG(t->by, by, "%s in %c",
		    privop_name(t->op), in);
		ATF_CHECK_EQ(t->op, b->m.h.type);
		ATF_CHECK_EQ(GEN, b->m.h.generation);
		answer(b, by, 0);
	}
	heard(b, t->op, 0, STEP_NONE);
	now = b->f.slots[SLOT].rec.state;
	want = state_of(t->to != 0 ? t->to : in);
	ATF_CHECK_EQ_MSG(want, now, "%s in %c: %s", privop_name(t->op), in,
	    slot_state_name(now));
	ATF_REQUIRE_EQ(1, ledger_read(&b->f.ledger, SLOT, &rec));
	ATF_CHECK_EQ(want, rec.state);
}

ATF_TC_WITHOUT_HEAD(every_op_in_every_state);
ATF_TC_BODY(every_op_in_every_state, tc)
{
	struct bench *b = bench();
	const char *in;
	unsigned i;

	(void)tc;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (in = letters; *in != '\0'; in++)
			one(b, &table[i], *in);
	ATF_CHECK_EQ(0, b->f.ncalls);
	ATF_CHECK_EQ(0, b->f.nfds);
}

/* A refused step leaves the state, and what was sent behind it is refused. */
ATF_TC_WITHOUT_HEAD(failure_spoils);
ATF_TC_BODY(failure_spoils, tc)
{
	struct bench *b = bench();

	(void)tc;
	set(b, ST_LIMITED);
	make(b, PRIVOP_IMAGE, GEN);
	route_request(&b->f, &b->m);
	make(b, PRIVOP_SPAWN, GEN);
	route_request(&b->f, &b->m);
	ATF_REQUIRE_EQ('j', came_out(b));
	answer(b, 'j', EACCES);
	heard(b, PRIVOP_IMAGE, EACCES, STEP_NONE);
	heard(b, PRIVOP_SPAWN, ESTALE, STEP_STATE);
	ATF_CHECK_EQ(0, came_out(b));
	ATF_CHECK_EQ(ST_LIMITED, b->f.slots[SLOT].rec.state);
	make(b, PRIVOP_SPAWN, GEN);
	route_request(&b->f, &b->m);
	heard(b, PRIVOP_SPAWN, ESTALE, STEP_STATE);
	/* negative control: undone and given out again, it works */
	set(b, ST_LIMITED);
	make(b, PRIVOP_SPAWN, GEN);
	route_request(&b->f, &b->m);
	ATF_CHECK_EQ('j', came_out(b));
}

ATF_TC_WITHOUT_HEAD(kill_overtakes);
ATF_TC_BODY(kill_overtakes, tc)
{
	struct bench *b = bench();

	(void)tc;
	set(b, ST_RESERVED);
	make(b, PRIVOP_NS_MAKE, GEN);
	route_request(&b->f, &b->m);
	make(b, PRIVOP_NET_UP, GEN);
	route_request(&b->f, &b->m);
	make(b, PRIVOP_SPAWN, GEN);
	route_request(&b->f, &b->m);
	make(b, PRIVOP_KILL, GEN);
	route_request(&b->f, &b->m);
	heard(b, PRIVOP_NET_UP, ECANCELED, STEP_STATE);
	heard(b, PRIVOP_SPAWN, ECANCELED, STEP_STATE);
	ATF_REQUIRE_EQ('j', came_out(b));
	ATF_REQUIRE_EQ(PRIVOP_NS_MAKE, b->m.h.type);
	answer(b, 'j', 0);
	heard(b, PRIVOP_NS_MAKE, 0, STEP_NONE);
	ATF_REQUIRE_EQ('j', came_out(b));
	ATF_CHECK_EQ(PRIVOP_KILL, b->m.h.type);
	ATF_CHECK_EQ(ST_DYING, b->f.slots[SLOT].rec.state);
	answer(b, 'j', 0);
	heard(b, PRIVOP_KILL, 0, STEP_NONE);
	ATF_CHECK_EQ(0, b->f.nfds);
}

/* A kill that was taken while SPAWN was on its way is not undone by it. */
ATF_TC_WITHOUT_HEAD(kill_during_spawn);
ATF_TC_BODY(kill_during_spawn, tc)
{
	struct bench *b = bench();

	(void)tc;
	set(b, ST_LIMITED);
	make(b, PRIVOP_SPAWN, GEN);
	route_request(&b->f, &b->m);
	make(b, PRIVOP_KILL, GEN);
	route_request(&b->f, &b->m);
	ATF_REQUIRE_EQ('j', came_out(b));
	answer(b, 'j', 0);
	heard(b, PRIVOP_SPAWN, 0, STEP_NONE);
	ATF_REQUIRE_EQ('j', came_out(b));
	ATF_CHECK_EQ(PRIVOP_KILL, b->m.h.type);
	ATF_CHECK_EQ(ST_DYING, b->f.slots[SLOT].rec.state);
}

ATF_TC_WITHOUT_HEAD(handles);
ATF_TC_BODY(handles, tc)
{
	static const uint64_t gens[] = { 0, GEN - 1, GEN + 1, UINT64_MAX };
	struct bench *b = bench();
	unsigned i;

	(void)tc;
	set(b, ST_DYING);
	for (i = 0; i < 4; i++) {
		make(b, PRIVOP_KILL, gens[i]);
		route_request(&b->f, &b->m);
		heard(b, PRIVOP_KILL, ESTALE, STEP_SLOT);
	}
	make(b, PRIVOP_KILL, GEN);
	b->m.h.slot = 16;
	route_request(&b->f, &b->m);
	heard(b, PRIVOP_KILL, ESTALE, STEP_SLOT);
	ATF_CHECK_EQ(0, came_out(b));
}

ATF_TC_WITHOUT_HEAD(reserved_bounds);
ATF_TC_BODY(reserved_bounds, tc)
{
	struct bench *b = bench();
	struct slot *s = &b->f.slots[SLOT];
	struct req_limits lim = { 2000, 100, 64 + 256 + 34, 64 };
	struct req_net_up up = { .mode = NET_NAT, .nports = 2 };
	struct req_spawn kvm = { .vmm = VMM_QEMU, .flags = SPAWN_KVM };
	struct rep_hdr no;

	(void)tc;
	set(b, ST_NET);
	ATF_CHECK_EQ(V_LATER, check_limits(&b->f, s, &lim, &no));
	lim.memory_mib++;
	ATF_CHECK_EQ(V_DONE, check_limits(&b->f, s, &lim, &no));
	ATF_CHECK_EQ(STEP_QUOTA_MEM, no.step);
	lim.memory_mib = 64;
	lim.cpu_permille = 2001;
	ATF_CHECK_EQ(V_DONE, check_limits(&b->f, s, &lim, &no));
	ATF_CHECK_EQ(STEP_QUOTA_CPUS, no.step);
	ATF_CHECK_EQ(V_DONE, check_net_up(&b->f, s, &up, &no));
	ATF_CHECK_EQ(STEP_QUOTA_PORTS, no.step);
	up.nports = 1;
	ATF_CHECK_EQ(V_LATER, check_net_up(&b->f, s, &up, &no));
	up.allow[127].zero[1] = 1;
	ATF_CHECK_EQ(V_MALFORMED, check_net_up(&b->f, s, &up, &no));
	ATF_CHECK_EQ(V_DONE, check_spawn(&b->f, s, &kvm, &no));
	b->f.conf.accel = 1;
	ATF_CHECK_EQ(V_LATER, check_spawn(&b->f, s, &kvm, &no));
}

ATF_TC_WITHOUT_HEAD(choice);
ATF_TC_BODY(choice, tc)
{
	struct bench *b = bench();
	struct slot *s;
	unsigned i;

	(void)tc;
	b->f.last = 15;
	for (i = 0; i < 40; i++) {
		s = slot_choose(&b->f);
		ATF_REQUIRE(s != NULL);
		ATF_CHECK_EQ(i % 16, slot_number(&b->f, s));
	}
	for (i = 0; i < 16; i++)
		b->f.slots[i].taken = 1;
	ATF_CHECK(slot_choose(&b->f) == NULL);
	ATF_CHECK_EQ(ENOSPC, errno);
	b->f.slots[3].taken = 0;
	b->f.slots[3].quarantined = 1;
	ATF_CHECK(slot_choose(&b->f) == NULL);
	ATF_CHECK_EQ(EUCLEAN, errno);
}

/* n othing, d ead, a live; with the record's generation and owner */
ATF_TC_WITHOUT_HEAD(after_a_start);
ATF_TC_BODY(after_a_start, tc)
{
	static const struct { char state, got; enum resync_act act; } t[] = {
		{ 'f', 'n', RS_NONE }, { 'f', 'd', RS_UNDO },
		{ 'r', 'n', RS_UNDO }, { 'n', 'd', RS_UNDO },
		{ 't', 'a', RS_UNDO }, { 'l', 'a', RS_UNDO },
		{ 'u', 'a', RS_RESTORE }, { 'u', 'd', RS_LEAVE },
		{ 'u', 'n', RS_LEAVE }, { 'd', 'a', RS_RESTORE },
		{ 'd', 'd', RS_LEAVE }, { 'a', 'n', RS_FINISH },
		{ 'c', 'n', RS_FINISH }, { 'c', 'd', RS_UNDO },
	};
	struct ledger_slot rec = { .generation = GEN, .owner = 1000 };
	struct found got;
	unsigned i;

	(void)tc;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rec.state = state_of(t[i].state);
		got = (struct found){ .there = t[i].got != 'n',
			.alive = t[i].got == 'a', .owner = 1000,
			.generation = GEN };
		ATF_CHECK_EQ_MSG(t[i].act, resync_decide(&rec, 0, &got),
		    "%c %c", t[i].state, t[i].got);
	}
	got = (struct found){ 1, 1, 1000, GEN + 1, RS_NONE };
	rec.state = ST_RUNNING;
	ATF_CHECK_EQ(RS_FOREIGN, resync_decide(&rec, 0, &got));
	got = (struct found){ 1, 1, 1001, GEN, RS_NONE };
	ATF_CHECK_EQ(RS_FOREIGN, resync_decide(&rec, 0, &got));
	/* the ledger was lost */
	memset(&rec, 0, sizeof(rec));
	ATF_CHECK_EQ(RS_ADOPT, resync_decide(&rec, 0, &got));
	ATF_CHECK_EQ(RS_ADOPT, resync_decide(&rec, 1, &got));
	got.alive = 0;
	ATF_CHECK_EQ(RS_UNDO, resync_decide(&rec, 1, &got));
	got.there = 0;
	ATF_CHECK_EQ(RS_QUARANTINE, resync_decide(&rec, 1, &got));
	/* a handle that was given back already does not come to life */
	rec = (struct ledger_slot){ .generation = GEN, .state = ST_FREE };
	got = (struct found){ 1, 1, 1000, GEN - 1, RS_NONE };
	ATF_CHECK_EQ(RS_FOREIGN, resync_decide(&rec, 0, &got));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_op_in_every_state);
	ATF_TP_ADD_TC(tp, failure_spoils);
	ATF_TP_ADD_TC(tp, kill_overtakes);
	ATF_TP_ADD_TC(tp, kill_during_spawn);
	ATF_TP_ADD_TC(tp, handles);
	ATF_TP_ADD_TC(tp, reserved_bounds);
	ATF_TP_ADD_TC(tp, choice);
	ATF_TP_ADD_TC(tp, after_a_start);
	return atf_no_error();
}
