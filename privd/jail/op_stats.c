/* SPDX-License-Identifier: ISC */
/* privd-jail, STATS: what a VM uses, as the kernel counts it for the VMM's
 * cgroup. Reads only, beneath held descriptors; why safe: the files' names
 * are fixed, the directory's is made from the slot that jail itself knows. */
#include <errno.h>

#include "policy/steps.h"
#include "privd/jail/dispatch.h"

/* From a v1 controller where the host has it, else from the v2 leaf. */
static uint64_t
get(const struct cgroups *g, const char *name, enum cg1 c, const char *v1,
    const char *v1_key, const char *v2, const char *v2_key)
{
	if (g->v1[c] >= 0)
		return cg_stat(g->v1[c], name, NULL, v1, v1_key);
	return cg_stat(g->v2, name, CG_VMM, v2, v2_key);
}

int
op_stats(struct jail *j, struct op *o, const struct req_stats *req,
    struct rep_stats *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	const struct cgroups *g = &j->cg;
	char name[CG_NAME_MAX];
	struct cg_name n;

	if (s == NULL)
		return -1;
	if (req->zero != 0 || !s->has_cgroup)
		return err_step(&o->e, STEP_CGROUP, ENOENT, "no cgroup");
	n = slot_cg(s);
	cg_format(name, &n);
	/* counted in the v2 tree even where v1 limits it */
	rep->cpu_usec = cg_stat(g->v2, name, CG_VMM, "cpu.stat",
	    "usage_usec");
	rep->throttled = get(g, name, CG1_CPU, "cpu.stat", "nr_throttled",
	    "cpu.stat", "nr_throttled");
	rep->throttled_usec = g->v1[CG1_CPU] >= 0 ?
	    cg_stat(g->v1[CG1_CPU], name, NULL, "cpu.stat",
		"throttled_time") / 1000 :
	    cg_stat(g->v2, name, CG_VMM, "cpu.stat", "throttled_usec");
	rep->memory = get(g, name, CG1_MEMORY, "memory.usage_in_bytes", "",
	    "memory.current", "");
	rep->memory_max = get(g, name, CG1_MEMORY, "memory.limit_in_bytes",
	    "", "memory.max", "");
	rep->pids = get(g, name, CG1_PIDS, "pids.current", "",
	    "pids.current", "");
	rep->oom = cg_oom_kills(g, &n);
	return OP_DONE;
}
