/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, REAP: once no process of the VM lives, take its exit status,
 * remove its cgroups, close its namespace and images; the slot is free.
 * Safe to repeat at every point.
 */
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"

/* Its own child becomes waitable a moment after its cgroup is empty. */
#define BURY_MS 100

static int
bury(struct slot *s, struct err *e)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	siginfo_t si;

	if (s->pidfd < 0)
		return 0;
	if (poll(&p, 1, BURY_MS) <= 0)
		return err_step(e, STEP_REAP, EBUSY, "vmsup still ends");
	/* after a restart it is somebody else's child */
	if (s->child &&
	    waitid(P_PIDFD, (id_t)s->pidfd, &si, WEXITED | WNOHANG) < 0 &&
	    errno != ECHILD)
		return err_step(e, STEP_REAP, errno, "waitid");
	fd_close(&s->pidfd);
	return 0;
}

int
op_reap(struct jail *j, struct op *o, const struct req_reap *req,
    struct rep_reap *rep)
{
	struct slot *s;
	struct cg_name n;
	int k;

	(void)req;
	if (o->m->h.slot < j->slots.n && o->m->h.generation != 0 &&
	    !j->slots.tab[o->m->h.slot].used)
		return OP_DONE; /* it was reaped before */
	s = slot_find(&j->slots, &o->m->h, &o->e);
	if (s == NULL)
		return -1;
	n = slot_cg(s);
	if (s->spawning)
		return err_step(&o->e, STEP_REAP, EBUSY, "is being started");
	if (s->has_cgroup) {
		k = cg_populated(&j->cg, &n, NULL);
		if (k != 0)
			return err_step(&o->e, STEP_REAP, k < 0 ? errno :
			    EBUSY, "a process of the VM lives");
	}
	if (bury(s, &o->e) < 0)
		return -1;
	if (s->has_cgroup) {
		rep->oom = cg_oom_kills(&j->cg, &n);
		if (cg_remove(&j->cg, &n, &o->e) < 0)
			return -1;
	}
	slot_drop(s);
	return OP_DONE;
}
