/* SPDX-License-Identifier: ISC */
/* privd-jail, LIMITS: the VM's cgroups, with every limit set before any
 * process is in them. Ceilings come from the operator's configuration. */
#include <errno.h>
#include <inttypes.h>

#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/op_check.h"

/* The VMM's own memory is beside the guest's: backends state it. */
#define OVERHEAD_MIB 1024u

int
limits_check(const struct sysconf *c, const struct req_limits *q,
    struct err *e)
{
	if (q->cpu_permille < 10 ||
	    q->cpu_permille > (uint64_t)c->max_cpus * 1000)
		return err_step(e, STEP_LIMIT, EINVAL, "cpu_permille %" PRIu32
		    " is not within 10 and the node's cpus", q->cpu_permille);
	if (q->cpu_weight < 1 || q->cpu_weight > 10000)
		return err_step(e, STEP_LIMIT, EINVAL, "cpu_weight %" PRIu32
		    " is not within 1 and 10000", q->cpu_weight);
	if (q->memory_mib < 1 ||
	    q->memory_mib > (uint64_t)c->max_memory_mib + OVERHEAD_MIB)
		return err_step(e, STEP_LIMIT, EINVAL, "memory_mib %" PRIu32
		    " is not within 1 and the node's memory", q->memory_mib);
	if (q->pids < 1 || q->pids > 4096)
		return err_step(e, STEP_LIMIT, EINVAL, "pids %" PRIu32
		    " is not within 1 and 4096", q->pids);
	return 0;
}

int
op_limits(struct jail *j, struct op *o, const struct req_limits *req,
    struct rep_limits *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	struct cg_name n;

	(void)rep;
	if (s == NULL || limits_check(&j->conf, req, &o->e) < 0)
		return -1;
	if (s->has_cgroup)
		return err_step(&o->e, STEP_STATE, EEXIST, "made already");
	n = slot_cg(s);
	if (cg_make(&j->cg, &n, &o->e) < 0)
		return -1;
	s->has_cgroup = 1; /* REAP removes them, half-limited or not */
	return cg_limit(&j->cg, &n, req, &o->e);
}
