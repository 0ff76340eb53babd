/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. ctld decides how a VM is stopped, never whether: front does,
 * by the client's own socket. Needs no descriptor and no disk, so that it
 * works when both are exhausted.
 */
#include <string.h>

#include "common/log.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"
#include "ctld/vm_end.h"
#include "ctld/vm_pause.h"
#include "ctld/vm_start.h"
#include "ctld/vm_stop.h"

#define TERM_MS 200	/* between SIGTERM and SIGKILL */
#define KILLED_MS 1000	/* for vmsup to tell of a killed VMM */

static void
on_kill(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;

	if (r->code != 0)
		log_warn("op=kill vm=%u err=%s", vm->h.slot,
		    strerror(r->code));
}

/* The word of its end never came: go on without. */
static void
on_killed_late(struct vm *vm)
{
	struct supreq_state st = { SUP_ENDED, END_UNKNOWN, -1, 0 };

	vm_ended(vm, &st);
}

static void
stop_kill(struct vm *vm)
{
	struct req_kill rq = { .how = KILL_VMM };

	vm->by_force = 1;
	vm->stop_step = STOP_KILLED;
	priv_kill(vm->ctld->priv, &vm->h, &rq, NULL, 0, on_kill, vm);
	vm_timer(vm, KILLED_MS, on_killed_late);
}

static void
stop_term(struct vm *vm)
{
	struct req_kill rq = { .how = KILL_TERM_VMM };

	vm->by_force = 1;
	vm->stop_step = STOP_TERM;
	priv_kill(vm->ctld->priv, &vm->h, &rq, NULL, 0, on_kill, vm);
	vm_timer(vm, TERM_MS, stop_kill);
}

static void
stop_begin(struct vm *vm)
{
	/* a guest that stands still hears nothing */
	if (vm->pub.status == VM_PAUSED)
		(void)sup_resume(vm->sup);
	vm_set_status(vm, VM_STOPPING, "");
	if (vm->stop_kill) {
		stop_kill(vm);
	} else if (vm->stop_ms > 0 &&
	    (vm->ctld->conf.compose & COMPOSE_SHUTDOWN) != 0 &&
	    sup_shutdown(vm->sup) == 0) {
		vm->stop_step = STOP_GRACE;
		vm_timer(vm, (int)vm->stop_ms, stop_term);
	} else {
		stop_term(vm);
	}
}

static void
on_stop(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;
	struct rep_cl why;

	if (r->code == 0) {
		vm->dying = 1;
		if (vm->phase == PH_STOP && vm->stop_step == STOP_ASKED)
			stop_begin(vm);
		return;
	}
	if (vm->phase != PH_STOP)
		return; /* it ended by itself meanwhile */
	vm->phase = PH_LIVE;
	fault_priv(&why, vm->ctld, vm->pub.owner, r, NULL, NULL);
	tickets_fault(&vm->waiters, &why);
}

/* The client's socket goes with it: front asks the kernel who this is. */
static void
stop_ask(struct vm *vm, const struct ticket *t)
{
	struct req_stop rq = { 0 };
	int sock = ticket_sock(t);

	priv_stop(vm->ctld->priv, &vm->h, &rq, &sock, 1, on_stop, vm);
}

static uint32_t
grace(const struct vm *vm, uint32_t ms)
{
	if (ms == UINT32_MAX)
		ms = vm->spec.grace_ms;
	return ms == UINT32_MAX ? vm->ctld->conf.grace_ms : ms;
}

/* Stopping already: a later wish can only make it quicker. */
static void
stop_hasten(struct vm *vm, int now)
{
	if (!now)
		return;
	vm->stop_kill = 1;
	if (vm->stop_step == STOP_GRACE || vm->stop_step == STOP_TERM)
		stop_kill(vm);
}

void
vm_stop(struct vm *vm, struct ticket *t, uint32_t grace_ms, int now)
{
	struct rep_cl why;

	ticket_wait(t, &vm->waiters);
	switch (vm->phase) {
	case PH_IDLE:
		fault_set(&why, CLE_STATE, "name", "%s",
		    vm_status_name(vm->pub.status));
		ticket_fault(t, &why);
		break;
	case PH_START:
		start_cancel(vm);
		break;
	case PH_LIVE:
		if (vm->start != NULL) { /* it runs, not yet ready */
			fault_set(&why, CLE_STATE, "name", "Stopping");
			start_gone(vm, &why);
		}
		vm->phase = PH_STOP;
		vm_pause_abort(vm);
		vm->stop_step = STOP_ASKED;
		vm->stop_ms = grace(vm, grace_ms);
		vm->stop_kill = now;
		stop_ask(vm, t);
		break;
	case PH_STOP:
		stop_hasten(vm, now || grace_ms == 0);
		break;
	case PH_END:
		if (!vm->dying) /* should its supervisor not let go */
			stop_ask(vm, t);
		break;
	}
}

void
vm_stop_resume(struct vm *vm)
{
	vm->phase = PH_STOP;
	vm->dying = 1;
	vm->stop_kill = 1;
	stop_begin(vm);
}
