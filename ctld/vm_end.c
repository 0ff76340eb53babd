/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Distrusts the supervisor's account only in that nothing but
 * words depends on it. Invariant: the end is recorded before the supervisor
 * may go, and a slot is given back only when REAP and NET_DOWN held.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/channel.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/fault.h"
#include "ctld/reason.h"
#include "ctld/rings.h"
#include "ctld/state.h"
#include "ctld/vm.h"
#include "ctld/vm_end.h"
#include "ctld/vm_pause.h"
#include "ctld/vm_start.h"

#define RETRY_MS 5
#define RETRY_MAX_MS 1000
#define TRIES_MAX 16u	/* about ten seconds: whoever waits is told */
#define KILL_AGAIN 4u	/* tries of REAP between two KILLs */

int
end_exit_code(int ws)
{
	if (ws == -1)
		return -1;
	if (WIFEXITED(ws))
		return WEXITSTATUS(ws);
	return WIFSIGNALED(ws) ? 128 + WTERMSIG(ws) : -1;
}

/* By the wait status alone. */
static int
status_reason(int ws, char *buf, size_t size)
{
	if (ws == -1) {
		(void)snprintf(buf, size, REASON_SUPERVISOR);
		return 1;
	}
	if (WIFSIGNALED(ws))
		(void)snprintf(buf, size, REASON_SIGNAL, WTERMSIG(ws));
	else
		(void)snprintf(buf, size, REASON_VMM, WEXITSTATUS(ws));
	return !WIFEXITED(ws) || WEXITSTATUS(ws) != 0;
}

int
end_reason(const struct supreq_state *st, char *buf, size_t size)
{
	const char *s = NULL;
	int failed = 0;

	switch (st->end) {
	case END_SHUTDOWN:
		s = REASON_POWERED_OFF;
		break;
	case END_REBOOT:
		s = REASON_RESET;
		break;
	case END_PANIC:
		s = REASON_PANIC;
		failed = 1;
		break;
	case END_QUIT:
		s = REASON_QUIT;
		break;
	default:
		return status_reason(st->wait_status, buf, size);
	}
	(void)snprintf(buf, size, "%s", s);
	return failed;
}

/* A VMM that ends with an error says why in its last line. */
static void
add_last_line(struct vm *vm, char *reason, size_t size)
{
	size_t n = strlen(reason);
	char last[96];

	rings_last(vm, last, sizeof(last));
	if (last[0] != '\0' && n < size)
		(void)snprintf(reason + n, size - n, ": %s", last);
}

static void
end_describe(struct vm *vm, const struct supreq_state *st)
{
	char reason[sizeof(vm->pub.reason)];
	int failed = end_reason(st, reason, sizeof(reason));

	vm->pub.exit_code = end_exit_code(st->wait_status);
	vm->pub.ended_ms = wall_ms();
	if (st->end == END_VMM_ERROR)
		add_last_line(vm, reason, sizeof(reason));
	if (vm->phase == PH_STOP && vm->dying) {
		/* final when nothing is left of it */
		vm_set_status(vm, VM_STOPPING, vm->by_force ? REASON_KILLED :
							      REASON_STOPPED);
		return;
	}
	if (vm->phase == PH_START && st->end != END_SHUTDOWN)
		failed = 1;
	vm_set_status(vm, failed ? VM_FAILED : VM_STOPPED, reason);
	log_info("vm=%s slot=%u ended: %s", vm->pub.id, vm->h.slot, reason);
}

void
vm_ended(struct vm *vm, const struct supreq_state *st)
{
	if (vm->ended || vm->phase == PH_IDLE || vm->phase == PH_END)
		return;
	vm->ended = 1;
	end_describe(vm, st);
	if (vm->phase == PH_START)
		events_vm(vm, EVENT_NOT_STARTED, vm->pub.reason);
	else
		events_vm(vm, vm->pub.status == VM_FAILED ? EVENT_FAILED :
			EVENT_STOPPED, vm->pub.reason);
	vm_pause_abort(vm);
	if (vm->start != NULL)
		start_ended(vm);
	rings_end(vm); /* who follows the output sees its end */
	if (rings_save(vm) < 0)
		log_warn("vm=%s console not saved: %s", vm->pub.id,
		    strerror(errno));
	vm->forget = (vm->spec.flags & CL_RM) != 0;
	if (state_save(vm, 1) < 0)
		vm->dirty = 1; /* known in memory, written when it can be */
	vm->phase = PH_END;
	(void)sup_ack_exit(vm->sup);
	vm_unwind(vm, vm->dying ? RUNG_KILL : RUNG_REAP);
}

static void
on_state(void *arg, const struct supreq_state *st)
{
	struct vm *vm = arg;

	if (st->state == SUP_ENDED) {
		if (vm->ended) /* said again after a reconnect */
			(void)sup_ack_exit(vm->sup);
		else
			vm_ended(vm, st);
		return;
	}
	if (vm->start != NULL) {
		start_told(vm, st);
		return;
	}
	if (vm->phase != PH_LIVE || st->state == SUP_STARTING)
		return;
	if (vm->pub.status == VM_STARTING) { /* adopted in the middle */
		vm->pub.started_ms = wall_ms();
		vm->dirty = 1;
	}
	vm_pause_state(vm, st->state == SUP_PAUSED);
	if (vm->dirty)
		(void)state_save(vm, 1);
}

static void
on_rings(void *arg, int console, int log)
{
	struct vm *vm = arg;

	fd_close(&vm->ring_console);
	fd_close(&vm->ring_log);
	vm->ring_console = console;
	vm->ring_log = log;
}

static void
on_answer(void *arg, uint16_t op, int code)
{
	vm_pause_answer(arg, op, code);
}

static void
on_greet(void *arg, struct sup *s)
{
	channel_greet(arg, s);
}

const struct sup_ops vm_sup_ops = { on_state, on_rings, on_answer, on_greet };

static void rung_send(struct vm *vm);

void
vm_sup_gone(struct vm *vm)
{
	struct supreq_state st = { SUP_ENDED, END_UNKNOWN, -1, 0 };

	sup_drain(vm->sup); /* its last words may still be there */
	if (vm->phase != PH_END)
		vm_ended(vm, &st);
	else if (vm->rung == RUNG_REAP && vm_timer_pending(vm)) {
		vm_timer(vm, -1, NULL);
		rung_send(vm); /* what REAP waited for */
	}
}

/* The next rung did not hold: again, less and less often. */
static void
rung_retry(struct vm *vm, const struct priv_reply *r)
{
	unsigned shift = vm->tries < 8 ? vm->tries : 8;
	int ms = RETRY_MS << shift;
	struct rep_cl why;

	vm->tries++;
	if (vm->tries % TRIES_MAX == 0) {
		log_warn("op=%s vm=%s err=%s after %u tries",
		    privop_name(r->op), vm->pub.id, strerror(r->code),
		    vm->tries);
		fault_host(&why, r->step, r->code, step_name(r->step));
		start_gone(vm, &why);
		tickets_fault(&vm->waiters, &why);
	}
	if (vm->rung == RUNG_REAP) {
		(void)sup_ack_exit(vm->sup);
		if (vm->dying && vm->tries % KILL_AGAIN == 0)
			vm->rung = RUNG_KILL;
	}
	vm_timer(vm, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS, rung_send);
}

/* The kernel killed it for want of memory: a better reason than "signal 9". */
static void
note_oom(struct vm *vm, const struct priv_reply *r)
{
	const struct rep_reap *rep = r->body;

	if (rep == NULL || rep->oom == 0 || vm->by_force ||
	    vm->pub.status != VM_FAILED ||
	    vm->pub.exit_code != 128 + SIGKILL)
		return;
	vm_set_status(vm, VM_FAILED, REASON_OOM);
	vm->dirty = 1;
}

static void
on_rung(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;
	/* front or jail is further than we thought, or has it no more */
	int past = r->code != 0 &&
	    (r->step == STEP_STATE || r->step == STEP_SLOT);

	if (r->code == 0 && r->op == PRIVOP_REAP)
		note_oom(vm, r);
	/* a KILL between two tries is no progress */
	if (r->code == 0 && r->op != PRIVOP_KILL)
		vm->tries = 0;
	if (vm->rung == RUNG_RELEASE) {
		if (r->code == 0 || r->step == STEP_SLOT) {
			vm_gone(vm);
			return;
		}
		if (past)
			vm->rung = RUNG_KILL; /* not there yet: from the top */
		rung_retry(vm, r);
	} else if (r->code == 0 || past || vm->rung == RUNG_KILL) {
		/* what KILL could not do shows in REAP */
		vm->rung++;
		rung_send(vm);
	} else {
		rung_retry(vm, r);
	}
}

static void
rung_send(struct vm *vm)
{
	struct req_kill kill = { .how = KILL_ALL };
	struct req_reap reap = { 0 };
	struct req_net_down down = { 0 };
	struct req_release release = { 0 };
	struct priv *p = vm->ctld->priv;

	switch ((enum rung)vm->rung) {
	case RUNG_KILL:
		priv_kill(p, &vm->h, &kill, NULL, 0, on_rung, vm);
		break;
	case RUNG_REAP:
		priv_reap(p, &vm->h, &reap, NULL, 0, on_rung, vm);
		break;
	case RUNG_NET:
		priv_net_down(p, &vm->h, &down, NULL, 0, on_rung, vm);
		break;
	case RUNG_RELEASE:
		priv_release(p, &vm->h, &release, NULL, 0, on_rung, vm);
		break;
	}
}

void
vm_unwind(struct vm *vm, enum rung from)
{
	vm_timer(vm, -1, NULL);
	vm->phase = PH_END;
	vm->rung = (uint8_t)from;
	vm->tries = 0;
	rung_send(vm);
}

/* 0, or the errno for which it is not forgotten. */
static int
settle(struct vm *vm)
{
	struct ticket *t;
	int code = 0;

	TAILQ_FOREACH(t, &vm->waiters, of_list)
		vm->forget |= t->h.type == CLIENTOP_REMOVE;
	if (vm->pub.slot != UINT32_MAX)
		sup_unlink(&vm->h);
	if (vm->spec.nchannels > 0)
		channel_unlink(vm);
	vm->pub.slot = UINT32_MAX;
	vm->pub.vm_addr = vm->pub.host_addr = 0;
	memset(&vm->h, 0, sizeof(vm->h));
	if (vm->pub.status == VM_STARTING) /* it never ran */
		vm_set_status(vm, VM_STOPPED, REASON_NOT_STARTED);
	if (vm->pub.status == VM_STOPPING)
		vm->pub.status = VM_STOPPED;
	vm->phase = PH_IDLE;
	vm_close(vm);
	if (vm->forget && state_remove(vm) < 0) {
		code = errno;
		vm->forget = 0;
	}
	if (!vm->forget && state_save(vm, vm->dirty) < 0)
		vm->dirty = 1;
	return code;
}

static void
tell_watchers(struct vm *vm)
{
	struct clrep_wait rep = { .removed = vm->forget != 0 };
	struct ticket *t;

	rep.vm = vm->pub;
	while ((t = TAILQ_FIRST(&vm->watchers)) != NULL)
		ticket_reply(t, &rep, NULL, 0);
}

void
vm_gone(struct vm *vm)
{
	int started = vm->pub.started_ms != 0; /* else nobody heard of it */
	int code = settle(vm);
	struct rep_cl why;

	start_gone(vm, NULL);
	if (code == 0) {
		tickets_ok(&vm->waiters);
	} else {
		fault_host(&why, STEP_CTLD_STATE, code, "state file");
		tickets_fault(&vm->waiters, &why);
	}
	tell_watchers(vm);
	if (!vm->forget)
		return;
	if (started || (vm->spec.flags & CL_DEFINED) != 0)
		events_vm(vm, EVENT_REMOVED, "");
	vm_free(vm);
}
