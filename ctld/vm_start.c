/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Invariant: the file of intent is durable before front hears
 * of the VM, the slot is in it before anything is made, and the file says
 * Running before the client is told so. "Started" is said once, last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <event2/event.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/backend/backend.h"
#include "ctld/channel.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/fault.h"
#include "ctld/reason.h"
#include "ctld/rings.h"
#include "ctld/spec.h"
#include "ctld/startq.h"
#include "ctld/state.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"
#include "ctld/vm_end.h"
#include "ctld/vm_start.h"

#define BOOT_MS 30000		/* from SPAWN to the guest's first step */
#define READY_MS 60000		/* when the request said nothing */

struct start {
	struct startq_item place; /* among the starts of all owners */
	struct ticket *ticket;	/* NULL: its client is gone */
	struct images images;
	struct backend_plan plan;
	int sock;		/* the client's: reserves, and stops again */
	int listener, channel;	/* vmsup's */
	unsigned waiting;	/* answers of front that are due */
	unsigned image_at;	/* the next IMAGE answer is this one's */
	int spawned;		/* or nobody knows */
	int failed;
	struct rep_cl why;	/* the first failure */
};

/* Whose turn is it now? Asked from the loop only: a start that fails at once
 * does not call the next one from within itself. */
static void
start_turn(struct ctld *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (evtimer_add(c->turn, &tv) < 0)
		fatal("timer");
}

/* It is through with what many want at a time. */
static void
start_yield(struct vm *vm)
{
	startq_drop(vm->ctld->startq, &vm->start->place);
	start_turn(vm->ctld, 0);
}

static void
start_free(struct vm *vm)
{
	struct start *st = vm->start;

	vm_timer(vm, -1, NULL);
	if (st->ticket != NULL)
		st->ticket->starting = NULL;
	images_close(&st->images);
	fd_close(&st->plan.argv_fd);
	fd_close(&st->sock);
	fd_close(&st->listener);
	fd_close(&st->channel);
	start_yield(vm);
	free(st);
	vm->start = NULL;
}

/* The one answer. */
static void
start_answer(struct vm *vm, const struct rep_cl *why)
{
	struct ticket *t = vm->start->ticket;
	struct clrep_start rep = { 0 };

	if (why != NULL)	/* may stand in vm->start itself */
		rep.r = *why;
	start_free(vm);
	if (t == NULL)
		return;
	rep.vm = vm->pub;
	ticket_reply(t, &rep, NULL, 0);
}

void
start_gone(struct vm *vm, const struct rep_cl *why)
{
	if (vm->start != NULL)
		start_answer(vm, vm->start->failed ? &vm->start->why : why);
}

static void
on_undo_stop(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;

	vm->dying = r->code == 0;
	vm_unwind(vm, RUNG_KILL);
}

/* Unmake it all; the answer comes when nothing is left. */
static void
start_undo(struct vm *vm)
{
	struct req_stop rq = { 0 };
	struct start *st = vm->start;

	vm_timer(vm, -1, NULL);
	vm->phase = PH_END;
	events_vm(vm, EVENT_NOT_STARTED, st->why.reason);
	/* its definition is older than this start, and stays */
	vm->forget = (vm->spec.flags & CL_DEFINED) == 0;
	vm_set_status(vm, VM_STARTING, REASON_NOT_STARTED);
	if (vm->pub.slot == UINT32_MAX)
		vm_gone(vm);
	else if (st->spawned) /* what runs is killed in its owner's name */
		priv_stop(vm->ctld->priv, &vm->h, &rq, &st->sock, 1,
		    on_undo_stop, vm);
	else
		vm_unwind(vm, RUNG_KILL);
}

static void
start_fail(struct vm *vm, const struct rep_cl *why)
{
	struct start *st = vm->start;

	if (!st->failed) {
		st->failed = 1;
		st->why = *why;
	}
	if (st->waiting == 0)
		start_undo(vm);
}

void
start_cancel(struct vm *vm)
{
	struct rep_cl why;

	fault_set(&why, CLE_STATE, "name", "Stopping");
	if (!vm->start->failed && vm->phase == PH_START)
		start_fail(vm, &why);
}

void
start_forget(struct vm *vm)
{
	vm->start->ticket = NULL;
	if (vm->phase == PH_START)
		start_cancel(vm);
	else if (vm->phase == PH_LIVE) /* it runs; only the answer is lost */
		start_free(vm);
}

static void
on_boot_late(struct vm *vm)
{
	struct rep_cl why;

	fault_set(&why, CLE_HOST, "",
	    "the VMM did not run the guest within %d s", BOOT_MS / 1000);
	why.step = STEP_BOOT;
	why.code = ETIMEDOUT;
	start_fail(vm, &why);
}

static void
on_ready_late(struct vm *vm)
{
	struct rep_cl why;

	if (vm->spec.ready == READY_AGENT)
		fault_set(&why, CLE_TIMEOUT, "ready", "the guest runs but its "
		    "agent did not open channel port %u; see postern logs %s",
		    CHANNEL_AGENT, vm->pub.name);
	else
		fault_set(&why, CLE_TIMEOUT, "ready", "the guest runs but did "
		    "not say \"%s\"; see postern logs %s",
		    vm->spec.ready_text, vm->pub.name);
	start_answer(vm, &why);
}

/* The guest runs: on disk first, then said. */
static void
start_running(struct vm *vm)
{
	struct rep_cl why;
	uint32_t ms = vm->spec.ready_timeout_ms;

	vm_timer(vm, -1, NULL);
	vm_set_status(vm, VM_RUNNING, "");
	vm->pub.started_ms = wall_ms();
	if (state_save(vm, 1) < 0) {
		fault_host(&why, STEP_CTLD_STATE, errno, "state file");
		vm_set_status(vm, VM_STARTING, "");
		start_fail(vm, &why);
		return;
	}
	vm->phase = PH_LIVE;
	events_vm(vm, EVENT_STARTED, "");
	if (vm->spec.ready == READY_NONE)
		start_answer(vm, NULL);
	else
		vm_timer(vm, ms != 0 ? (int)ms : READY_MS, on_ready_late);
}

void
start_told(struct vm *vm, const struct supreq_state *st)
{
	if (vm->phase == PH_START && !vm->start->failed &&
	    (st->state == SUP_RUNNING || st->state == SUP_PAUSED))
		start_running(vm);
	if (vm->phase == PH_LIVE && vm->start != NULL && st->ready)
		start_answer(vm, NULL);
}

/* It ended too soon. The record stays, with what it printed. */
void
start_ended(struct vm *vm)
{
	struct start *st = vm->start;
	char last[100];

	if (st->failed)
		return;
	/* a guest that came, powered off and wanted nothing else did run */
	if (vm->pub.status == VM_STOPPED && vm->spec.ready == READY_NONE)
		return;
	rings_last(vm, last, sizeof(last));
	fault_set(&st->why, CLE_HOST, "", "%s before the guest %s%s%s",
	    vm->pub.reason, vm->phase == PH_LIVE ? "was ready" : "ran",
	    last[0] != '\0' ? "; last output: " : "", last);
	st->why.step = STEP_BOOT;
	st->why.code = ECHILD;
	st->failed = 1;
}

/* privd has made everything: hear the supervisor. */
static void
start_spawned(struct vm *vm)
{
	struct rep_cl why;

	start_yield(vm); /* how long its guest takes is its own concern */
	vm->sup = sup_open(vm->ctld, &vm->h, vm->pub.owner, 0, &vm_sup_ops, vm);
	if (vm->sup == NULL || vm_watch(vm, vm->pidfd) < 0) {
		fault_host(&why, STEP_CTLD, ENOMEM, "supervisor");
		start_fail(vm, &why);
		return;
	}
	if (vm->spec.ready == READY_CONSOLE)
		(void)sup_ready(vm->sup, vm->spec.ready_text);
	vm_timer(vm, BOOT_MS, on_boot_late);
}

/* An answer to one of the pipelined requests; they come in order. */
static void
on_step(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;
	struct start *st = vm->start;
	const char *field = NULL;
	struct rep_cl why;

	st->waiting--;
	if (r->op == PRIVOP_IMAGE)
		field = st->images.img[st->image_at++].field;
	if (r->op == PRIVOP_SPAWN) {
		st->spawned = r->code == 0 || r->code == ETIMEDOUT;
		if (r->code == 0)
			vm->pidfd = fd_steal(&r->fds[0]);
	}
	if (r->code != 0 && !st->failed) {
		fault_priv(&why, vm->ctld, vm->pub.owner, r, &vm->spec, field);
		log_info("op=%s vm=%s step=%s err=%s", privop_name(r->op),
		    vm->pub.id, step_name(r->step), strerror(r->code));
		st->failed = 1;
		st->why = why;
	}
	if (st->waiting > 0)
		return;
	if (st->failed)
		start_undo(vm);
	else
		start_spawned(vm);
}

/* Everything at once: front keeps the order and stops at the first failure. */
static void
start_pipeline(struct vm *vm)
{
	struct req_ns_make ns = { .mode = vm->spec.net };
	struct start *st = vm->start;
	struct priv *p = vm->ctld->priv;
	int fds[5];
	unsigned i;

	st->waiting = 4 + st->images.n;
	priv_ns_make(p, &vm->h, &ns, NULL, 0, on_step, vm);
	priv_net_up(p, &vm->h, &vm->spec.net_up, NULL, 0, on_step, vm);
	priv_limits(p, &vm->h, &st->plan.limits, NULL, 0, on_step, vm);
	for (i = 0; i < st->images.n; i++)
		priv_image(p, &vm->h, &st->images.img[i].req,
		    st->images.img[i].fds, st->images.img[i].nfds, on_step,
		    vm);
	fds[SPAWN_LISTEN] = st->listener;
	fds[SPAWN_ARGV] = st->plan.argv_fd;
	fds[SPAWN_CONSOLE] = vm->ring_console;
	fds[SPAWN_LOG] = vm->ring_log;
	fds[SPAWN_CHANNEL] = st->channel;
	priv_spawn(p, &vm->h, &st->plan.spawn, fds,
	    st->plan.spawn.channels > 0 ? 5 : 4, on_step, vm);
	/* they are on their way; only their names are still needed */
	for (i = 0; i < st->images.n; i++) {
		fd_close(&st->images.img[i].fds[0]);
		fd_close(&st->images.img[i].fds[1]);
	}
	fd_close(&st->listener);
	fd_close(&st->channel);
	fd_close(&st->plan.argv_fd);
}

static void
on_reserve(void *arg, const struct priv_reply *r)
{
	const struct rep_reserve *rep = r->body;
	struct vm *vm = arg;
	struct start *st = vm->start;
	struct rep_cl why;

	st->waiting--;
	if (r->code != 0) {
		fault_priv(&why, vm->ctld, vm->pub.owner, r, &vm->spec, NULL);
		start_fail(vm, &why);
		return;
	}
	vm->h.slot = vm->pub.slot = rep->slot;
	vm->h.generation = rep->generation;
	vm->pub.vm_addr = rep->vm_addr;
	vm->pub.host_addr = rep->host_addr;
	(void)strlcpy(vm->boot_id, vm->ctld->boot_id, sizeof(vm->boot_id));
	if (st->failed) { /* cancelled meanwhile */
		start_undo(vm);
		return;
	}
	if (rep->owner != vm->pub.owner) {
		fault_set(&why, CLE_DENIED, "owner",
		    "you may not start a VM for that owner");
		start_fail(vm, &why);
	} else if (state_save(vm, 0) < 0) {
		fault_host(&why, STEP_CTLD_STATE, errno, "state file");
		start_fail(vm, &why);
	} else if ((st->listener = sup_listen(&vm->h)) < 0 ||
	    (st->plan.spawn.channels > 0 &&
	    (st->channel = channel_listen(vm)) < 0)) {
		fault_host(&why, STEP_CTLD, errno, "supervisor's socket");
		start_fail(vm, &why);
	} else {
		start_pipeline(vm);
	}
}

static void
start_reserve(struct vm *vm)
{
	struct req_reserve rq = {
		.cpus = vm->spec.cpus,
		.memory_mib = vm->spec.memory_mib,
		.nports = vm->spec.net_up.nports,
		.nallow = vm->spec.net_up.nallow,
		.owner = vm->pub.owner,
	};
	struct start *st = vm->start;

	st->waiting = 1;
	if (st->ticket != NULL && st->ticket->uid == vm->pub.owner)
		rq.owner = OWNER_SELF;
	priv_reserve(vm->ctld->priv, NULL, &rq, &st->sock, 1, on_reserve, vm);
}

/* What ctld itself needs open, and the intent on disk. */
static int
start_prepare(struct vm *vm, struct rep_cl *why)
{
	struct start *st = vm->start;

	st->sock = fcntl(ticket_sock(st->ticket), F_DUPFD_CLOEXEC, 3);
	if (st->sock < 0 || rings_make(vm) < 0) {
		fault_host(why, STEP_CTLD, errno, "descriptors");
		return -1;
	}
	if (state_save(vm, 1) < 0) {
		fault_host(why, STEP_CTLD_STATE, errno, "state file");
		return -1;
	}
	return 0;
}

/* From now on vm starts: ticket, images and plan are its. */
static int
start_attach(struct vm *vm, struct ticket *t, struct images *im,
    const struct backend *b, struct backend_plan *plan)
{
	struct start *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return -1;
	st->ticket = t;
	st->sock = st->listener = st->channel = -1;
	st->images = *im;
	im->n = 0;
	st->plan = *plan;
	plan->argv_fd = -1;
	vm->start = st;
	vm->phase = PH_START;
	vm->pub.backend = (uint32_t)b->kind;
	vm_set_status(vm, VM_STARTING, "");
	t->starting = vm;
	st->place.arg = vm;
	startq_put(vm->ctld->startq, &st->place, vm->pub.owner);
	start_turn(vm->ctld, 0);
	return 0;
}

/* A record of it, in memory; NULL with errno. */
static struct vm *
vm_make(struct ctld *c, const struct clreq_start *s, uint32_t owner)
{
	struct vm *vm = vm_new(c, owner, s->name);

	if (vm == NULL)
		return NULL;
	spec_copy(&vm->spec, s);
	vm->spec.owner = owner;
	vm->pub.created_ms = wall_ms();
	vm_describe(vm);
	return vm;
}

/* Which backend, and with what; im may be NULL. 0, or -1 with *why. */
static int
start_plan(const struct ctld *c, const struct clreq_start *s,
    const struct images *im, const struct backend **b,
    struct backend_plan *plan, struct rep_cl *why)
{
	uint32_t direct = 0;
	struct err e;
	unsigned i;

	memset(&e, 0, sizeof(e));
	for (i = 0; im != NULL && i < im->n; i++)
		if (im->img[i].direct)
			direct |= 1u << im->img[i].req.index;
	if ((*b = backend_get(&c->conf, s->backend, &e)) == NULL) {
		fault_set(why, CLE_UNSUPPORTED, backend_name(s->backend),
		    "%s", e.msg);
		return -1;
	}
	if ((*b)->plan(&c->conf, s, direct, plan, &e) < 0) {
		fault_err(why, &e);
		return -1;
	}
	return 0;
}

/* Those whose turn it is begin. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct ctld *c = arg;
	struct startq_item *it;
	struct rep_cl why;
	struct vm *vm;
	int64_t ms;

	(void)fd;
	(void)what;
	while ((it = startq_next(c->startq, &c->conf, now_ms(), &ms)) !=
	    NULL) {
		vm = it->arg;
		if (start_prepare(vm, &why) < 0)
			start_fail(vm, &why);
		else
			start_reserve(vm);
	}
	if (ms > 0)
		start_turn(c, ms);
}

int
starts_init(struct ctld *c)
{
	c->startq = calloc(1, sizeof(*c->startq));
	c->turn = evtimer_new(c->base, on_turn, c);
	return c->startq != NULL && c->turn != NULL ? 0 : -1;
}

void
vm_start(struct ticket *t, const struct clreq_start *s, uint32_t owner,
    struct images *im)
{
	struct backend_plan plan = { .argv_fd = -1 };
	const struct backend *b;
	struct vm *vm = NULL;
	struct rep_cl why;

	if (start_plan(t->ctld, s, im, &b, &plan, &why) < 0) {
		ticket_fault(t, &why);
	} else if ((vm = vm_make(t->ctld, s, owner)) == NULL ||
	    start_attach(vm, t, im, b, &plan) < 0) {
		if (vm != NULL)
			vm_free(vm);
		fault_host(&why, STEP_CTLD, ENOMEM, "table");
		ticket_fault(t, &why);
	}
	fd_close(&plan.argv_fd);
}

/* What the last run left in the record. */
static void
forget_run(struct vm *vm)
{
	vm->pub.exit_code = -1;
	vm->pub.started_ms = vm->pub.ended_ms = 0;
	vm->stop_step = 0;
	vm->stop_ms = 0;
	vm->stop_kill = vm->by_force = vm->ended = vm->dying = 0;
	vm->front_state = 0;
	vm->spec.flags |= CL_DEFINED;
}

void
vm_start_again(struct ticket *t, struct vm *vm, struct images *im)
{
	struct backend_plan plan = { .argv_fd = -1 };
	const struct backend *b;
	struct rep_cl why;

	if (start_plan(t->ctld, &vm->spec, im, &b, &plan, &why) < 0) {
		ticket_fault(t, &why);
	} else if (start_attach(vm, t, im, b, &plan) < 0) {
		fault_host(&why, STEP_CTLD, ENOMEM, "table");
		ticket_fault(t, &why);
	} else {
		forget_run(vm);
	}
	fd_close(&plan.argv_fd);
}

void
vm_define(struct ticket *t, const struct clreq_start *s, uint32_t owner)
{
	struct backend_plan plan = { .argv_fd = -1 };
	struct clrep_create rep = { 0 };
	const struct backend *b;
	struct rep_cl why;
	struct vm *vm;

	if (start_plan(t->ctld, s, NULL, &b, &plan, &why) < 0) {
		ticket_fault(t, &why);
		return;
	}
	fd_close(&plan.argv_fd); /* it can be planned: more is not asked */
	if ((vm = vm_make(t->ctld, s, owner)) == NULL) {
		fault_host(&why, STEP_CTLD, ENOMEM, "table");
		ticket_fault(t, &why);
		return;
	}
	vm->pub.backend = (uint32_t)b->kind;
	vm->spec.flags |= CL_DEFINED;
	vm_set_status(vm, VM_STOPPED, REASON_NEVER);
	if (state_save(vm, 1) < 0) {
		fault_host(&why, STEP_CTLD_STATE, errno, "state file");
		vm_free(vm);
		ticket_fault(t, &why);
		return;
	}
	events_vm(vm, EVENT_CREATED, "");
	rep.vm = vm->pub;
	ticket_reply(t, &rep, NULL, 0);
}
