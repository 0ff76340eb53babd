/* SPDX-License-Identifier: ISC */
/* STATS: runs in ctld, which sees no cgroup; jail is asked, through front. A
 * client that goes away meanwhile takes its ticket with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/vm.h"

/* A question on its way: its list holds the ticket, or by now nobody. */
struct asked {
	struct tickets who;
	struct clrep_stats rep;
};

static void
on_stats(void *arg, const struct priv_reply *r)
{
	struct asked *a = arg;
	struct ticket *t = TAILQ_FIRST(&a->who);
	struct rep_cl why;

	if (t != NULL && r->code == 0 && r->body != NULL) {
		memcpy(&a->rep.use, r->body, sizeof(a->rep.use));
		memset(&a->rep.use.r, 0, sizeof(a->rep.use.r));
		ticket_reply(t, &a->rep, NULL, 0);
	} else if (t != NULL && r->code == ESTALE) {
		/* it has ended since the question was asked */
		ticket_deny(t, CLE_STATE, "", vm_status_name(VM_STOPPED));
	} else if (t != NULL) {
		fault_host(&why, r->step, r->code, "stats");
		ticket_fault(t, &why);
	}
	free(a);
}

int
api_stats(struct ticket *t, struct wire_msg *m)
{
	struct req_stats rq = { 0 };
	struct rep_cl why;
	struct asked *a;
	struct vm *vm = t->vm;

	(void)m;
	if (vm->pub.slot == UINT32_MAX || vm->phase == PH_START) {
		ticket_deny(t, CLE_STATE, "", vm_status_name(vm->pub.status));
		return 0;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		fault_host(&why, STEP_CTLD, ENOMEM, "stats");
		ticket_fault(t, &why);
		return 0;
	}
	TAILQ_INIT(&a->who);
	a->rep.slot = vm->pub.slot;
	ticket_wait(t, &a->who);
	priv_stats(t->ctld->priv, &vm->h, &rq, NULL, 0, on_stats, a);
	return 0;
}
