/* SPDX-License-Identifier: ISC */
/* STOP, KILL, REMOVE: run in ctld; front attests the owner again. */
#include <errno.h>
#include <string.h>

#include "policy/steps.h"
#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/fault.h"
#include "ctld/state.h"
#include "ctld/vm.h"
#include "ctld/vm_stop.h"

int
api_stop(struct ticket *t, struct wire_msg *m)
{
	struct clreq_stop rq;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.zero != 0)
		return -1;
	if (rq.grace_ms != UINT32_MAX && rq.grace_ms > INT32_MAX) {
		ticket_deny(t, CLE_INVALID, "grace_ms",
		    "grace_ms is more than 24 days; use less");
		return 0;
	}
	vm_stop(t->vm, t, rq.grace_ms, 0);
	return 0;
}

int
api_kill(struct ticket *t, struct wire_msg *m)
{
	(void)m;
	vm_stop(t->vm, t, 0, 1);
	return 0;
}

int
api_remove(struct ticket *t, struct wire_msg *m)
{
	struct clreq_remove rq;
	struct vm *vm = t->vm;
	struct rep_cl why;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.force > 1 || rq.zero != 0)
		return -1;
	if (vm->phase == PH_IDLE && state_remove(vm) < 0) {
		fault_host(&why, STEP_CTLD_STATE, errno, "state file");
		ticket_fault(t, &why);
	} else if (vm->phase == PH_IDLE) {
		events_vm(vm, EVENT_REMOVED, "");
		vm_free(vm);
		ticket_ok(t);
	} else if (rq.force || vm->pub.status == VM_STOPPED ||
	    vm->pub.status == VM_FAILED) {
		vm_stop(vm, t, 0, 1); /* the record goes when it is gone */
	} else {
		ticket_deny(t, CLE_STATE, "name",
		    vm_status_name(vm->pub.status));
	}
	return 0;
}
