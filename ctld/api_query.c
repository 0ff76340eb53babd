/* SPDX-License-Identifier: ISC */
/* GET, LIST, LOGS: run in ctld; change nothing, never wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/rings.h"
#include "ctld/vm.h"

int
api_get(struct ticket *t, struct wire_msg *m)
{
	struct clrep_get rep = { 0 };
	struct vm *vm = t->vm;

	(void)m;
	rep.vm = vm->pub;
	rep.net_up = vm->spec.net_up;
	ticket_reply(t, &rep, NULL, 0);
	return 0;
}

static int
listed(const struct ticket *t, const struct vm *vm, uint32_t flags)
{
	if ((flags & CL_LIST_ALL) != 0)
		return t->admin || vm->pub.owner == t->uid;
	return vm->pub.owner == t->uid && vm->pub.status != VM_STOPPED &&
	    vm->pub.status != VM_FAILED;
}

static int
list_fd(const struct ticket *t, uint32_t flags, uint32_t *n)
{
	struct cl_vm *a CLEANUP_FREE = NULL;
	struct vmtab *vms = t->ctld->vms;
	struct vm *vm;

	*n = 0;
	if ((a = calloc(vms->n + 1, sizeof(*a))) == NULL)
		return -1;
	RB_FOREACH(vm, vm_names, &vms->names)
		if (listed(t, vm, flags))
			a[(*n)++] = vm->pub;
	return fd_sealed("list", a, *n * sizeof(*a));
}

int
api_list(struct ticket *t, struct wire_msg *m)
{
	struct clrep_list rep = { 0 };
	int fd CLEANUP_FD = -1;
	struct clreq_list rq;
	struct rep_cl why;

	memcpy(&rq, m->body, sizeof(rq));
	if ((rq.flags & ~CL_LIST_ALL) != 0 || rq.zero != 0)
		return -1;
	if ((fd = list_fd(t, rq.flags, &rep.n)) < 0) {
		fault_host(&why, STEP_CTLD, errno, "list");
		ticket_fault(t, &why);
		return 0;
	}
	ticket_reply(t, &rep, &fd, 1);
	return 0;
}

int
api_logs(struct ticket *t, struct wire_msg *m)
{
	struct clrep_logs rep = { 0 };
	int fd CLEANUP_FD = -1;
	struct clreq_logs rq;
	struct rep_cl why;
	struct vm *vm = t->vm;
	int live;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.hypervisor > 1 || rq.follow > 1)
		return -1;
	if (rq.follow && vm->phase == PH_LIVE && vm->ring_console < 0) {
		/* we are new, and its supervisor has not brought the rings
		 * yet: what is saved has an end, this VM's output has not */
		ticket_deny(t, CLE_STATE, "name", "Starting");
		return 0;
	}
	if (rq.follow && ticket_stream(t) < 0)
		return 0;
	if ((fd = rings_open(vm, (int)rq.hypervisor, &live)) < 0) {
		fault_host(&why, STEP_CTLD, errno, "logs");
		ticket_fault(t, &why);
		return 0;
	}
	rep.flags = live ? CL_LOGS_RING : 0;
	ticket_reply(t, &rep, &fd, 1);
	return 0;
}
