/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail: one directory a VM in each v1 controller of the host.
 * The VMM attaches itself while it still has jail's uid; later is EACCES, so
 * it cannot leave again. A v1 cpuset is empty until it is filled.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/cgroup.h"

/* A child of a cpuset may use what its parent may: copy the two lists. */
static int
fill_cpuset(int dir, const char *name, struct err *e)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char text[512];
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (fd_slurp(dir, files[i], text, sizeof(text)) < 0)
			return err_step(e, STEP_CGROUP, errno,
			    "cannot read %s", files[i]);
		if (cg_put(dir, name, NULL, files[i], text, e) < 0)
			return -1;
	}
	return 0;
}

int
cg1_make(const struct cgroups *g, const char *name, struct err *e)
{
	int i;

	for (i = 0; i < CG1_N; i++) {
		if (g->v1[i] < 0)
			continue;
		if (mkdirat(g->v1[i], name, 0755) < 0)
			return err_step(e, STEP_CGROUP, errno,
			    "cannot make v1 cgroup %s", name);
		if (i == CG1_CPUSET && fill_cpuset(g->v1[i], name, e) < 0)
			return -1;
	}
	return 0;
}

static int
limit_memory(int dir, const char *name, uint32_t mib, struct err *e)
{
	char v[32];

	(void)snprintf(v, sizeof(v), "%" PRIu64, (uint64_t)mib << 20);
	if (cg_put(dir, name, NULL, "memory.limit_in_bytes", v, e) < 0)
		return -1;
	/* memory and swap together: there only with swap accounting */
	if (cg_put(dir, name, NULL, "memory.memsw.limit_in_bytes", v, e) < 0 &&
	    errno != ENOENT)
		return -1;
	return cg_put(dir, name, NULL, "memory.swappiness", "0", e);
}

static int
limit_cpu(int dir, const char *name, const struct req_limits *q,
    struct err *e)
{
	uint64_t shares = (uint64_t)q->cpu_weight * 1024 / 100;
	char v[32];

	(void)snprintf(v, sizeof(v), "%" PRIu64,
	    (uint64_t)q->cpu_permille * 100);
	if (cg_put(dir, name, NULL, "cpu.cfs_period_us", "100000", e) < 0 ||
	    cg_put(dir, name, NULL, "cpu.cfs_quota_us", v, e) < 0)
		return -1;
	(void)snprintf(v, sizeof(v), "%" PRIu64, shares < 2 ? 2 : shares);
	return cg_put(dir, name, NULL, "cpu.shares", v, e);
}

int
cg1_limit(const struct cgroups *g, const char *name,
    const struct req_limits *q, struct err *e)
{
	char v[32];

	if (g->v1[CG1_MEMORY] >= 0 &&
	    limit_memory(g->v1[CG1_MEMORY], name, q->memory_mib, e) < 0)
		return -1;
	if (g->v1[CG1_CPU] >= 0 &&
	    limit_cpu(g->v1[CG1_CPU], name, q, e) < 0)
		return -1;
	if (g->v1[CG1_PIDS] < 0)
		return 0;
	(void)snprintf(v, sizeof(v), "%" PRIu32, q->pids);
	return cg_put(g->v1[CG1_PIDS], name, NULL, "pids.max", v, e);
}

int
cg1_remove(const struct cgroups *g, const char *name)
{
	int i;

	for (i = 0; i < CG1_N; i++)
		if (g->v1[i] >= 0 &&
		    unlinkat(g->v1[i], name, AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			return -1;
	return 0;
}
