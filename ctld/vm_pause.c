/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. The guest's state is what its supervisor says, so a request
 * is done when that has answered; one at a time. Nothing of it is written
 * down: after a restart the supervisor says it again.
 */
#include <errno.h>
#include <string.h>

#include "ctld/backend/backend.h"
#include "ctld/events.h"
#include "ctld/fault.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"
#include "ctld/vm_pause.h"

#define PAUSE_MS 4000	/* vmsup itself gives its VMM two seconds */

static const char *
op_name(uint16_t op)
{
	return op == SUPOP_PAUSE ? "pause" : "resume";
}

static void
on_late(struct vm *vm)
{
	vm_pause_answer(vm, vm->pausing, ETIMEDOUT);
}

void
vm_pause_answer(struct vm *vm, uint16_t op, int code)
{
	struct rep_cl why;

	if (vm->pausing != op)
		return; /* of a request that was given up on */
	vm->pausing = 0;
	vm_timer(vm, -1, NULL);
	if (code == 0) {
		vm_pause_state(vm, op == SUPOP_PAUSE);
		tickets_ok(&vm->pausers);
		return;
	}
	fault_host(&why, STEP_SUP, code, code == ETIMEDOUT ?
		"the VMM did not answer; see postern logs --hypervisor" :
		"the VMM refused; see postern logs --hypervisor");
	tickets_fault(&vm->pausers, &why);
}

void
vm_pause_state(struct vm *vm, int paused)
{
	enum vm_status s = paused ? VM_PAUSED : VM_RUNNING;

	if (vm->phase != PH_LIVE || vm->pub.status == (uint32_t)s)
		return;
	if (vm->pub.status == VM_PAUSED || paused)
		events_vm(vm, paused ? EVENT_PAUSED : EVENT_RESUMED, "");
	vm_set_status(vm, s, "");
}

void
vm_pause_abort(struct vm *vm)
{
	struct rep_cl why;

	if (vm->pausing == 0)
		return;
	vm->pausing = 0;
	vm_timer(vm, -1, NULL);
	fault_set(&why, CLE_STATE, "name", "%s",
	    vm_status_name(vm->phase == PH_STOP ? VM_STOPPING :
						  vm->pub.status));
	tickets_fault(&vm->pausers, &why);
}

/* The state in which op makes no sense, or NULL. */
static const char *
wrong_state(const struct vm *vm, uint16_t op)
{
	uint32_t want = op == SUPOP_PAUSE ? VM_RUNNING : VM_PAUSED;

	if (vm->phase == PH_LIVE && vm->start != NULL)
		return vm_status_name(VM_STARTING); /* not ready yet */
	if (vm->phase == PH_STOP || vm->phase == PH_END)
		return vm_status_name(vm->phase == PH_STOP ? VM_STOPPING :
							     vm->pub.status);
	if (vm->pub.status != want)
		return vm_status_name(vm->pub.status);
	return NULL;
}

void
vm_pause(struct vm *vm, struct ticket *t, uint16_t op)
{
	const struct backend *b = backend_of(vm->pub.backend);
	const char *wrong = wrong_state(vm, op);
	struct rep_cl why;

	if (vm->pausing == op) { /* on its way already */
		ticket_wait(t, &vm->pausers);
	} else if (wrong != NULL || vm->pausing != 0) {
		ticket_deny(t, CLE_STATE, "name",
		    wrong != NULL ? wrong : op_name(vm->pausing));
	} else if (b == NULL || (b->caps & BCAP_PAUSE) == 0) {
		ticket_deny(t, CLE_UNSUPPORTED, b != NULL ? b->name : "?",
		    op_name(op));
	} else if ((op == SUPOP_PAUSE ? sup_pause(vm->sup) :
					sup_resume(vm->sup)) < 0) {
		fault_host(&why, STEP_SUP, errno,
		    "its supervisor does not listen; try again");
		ticket_fault(t, &why);
	} else {
		vm->pausing = op;
		ticket_wait(t, &vm->pausers);
		vm_timer(vm, PAUSE_MS, on_late);
	}
}
