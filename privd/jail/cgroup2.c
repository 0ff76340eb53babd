/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail: a VM's directories and limits in the v2 tree. Limits
 * stand on the VMM's leaf, so that a VMM that eats its memory takes neither
 * vmsup nor its own post-mortem with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/steps.h"
#include "privd/jail/cgroup.h"

/* Of vmsup and of S before it: static, single-threaded, small. */
#define SUP_MEMORY 33554432u
#define SUP_PIDS "4"

static int
make(const struct cgroups *g, const char *name, const char *leaf,
    struct err *e)
{
	char path[CG_NAME_MAX + 8];

	(void)snprintf(path, sizeof(path), "%s%s%s", name,
	    leaf != NULL ? "/" : "", leaf != NULL ? leaf : "");
	if (mkdirat(g->v2, path, 0755) < 0)
		return err_step(e, STEP_CGROUP, errno,
		    "cannot make cgroup %s", path);
	return 0;
}

int
cg2_make(const struct cgroups *g, const char *name, struct err *e)
{
	char on[64];

	if (make(g, name, NULL, e) < 0 || make(g, name, CG_SUP, e) < 0 ||
	    make(g, name, CG_VMM, e) < 0)
		return -1;
	(void)snprintf(on, sizeof(on), "%s%s%s%s",
	    g->v2_io && g->v1[CG1_BLKIO] < 0 ? "+io " : "",
	    g->v2_cpu && g->v1[CG1_CPU] < 0 ? "+cpu " : "",
	    g->v2_memory && g->v1[CG1_MEMORY] < 0 ? "+memory " : "",
	    g->v2_pids && g->v1[CG1_PIDS] < 0 ? "+pids" : "");
	/* all at once: +pids alone makes the group threaded for ever */
	if (on[0] == '\0')
		return 0;
	return cg_put(g->v2, name, NULL, "cgroup.subtree_control", on, e);
}

static int
sup_memory(const struct cgroups *g, const char *name, uint64_t more,
    struct err *e)
{
	char v[32];

	if (g->v1[CG1_MEMORY] >= 0)
		return 0;
	(void)snprintf(v, sizeof(v), "%" PRIu64, SUP_MEMORY + more);
	return cg_put(g->v2, name, CG_SUP, "memory.max", v, e);
}

int
cg_copy_room(const struct cgroups *g, const struct cg_name *n,
    uint64_t bytes, struct err *e)
{
	char name[CG_NAME_MAX];

	cg_format(name, n);
	return sup_memory(g, name, bytes, e);
}

/* The file may be missing on a kernel without swap accounting. */
static int
no_swap(const struct cgroups *g, const char *name, struct err *e)
{
	if (cg_put(g->v2, name, CG_VMM, "memory.swap.max", "0", e) < 0 &&
	    errno != ENOENT)
		return -1;
	return 0;
}

int
cg2_limit(const struct cgroups *g, const char *name,
    const struct req_limits *q, struct err *e)
{
	char v[64];

	if (g->v1[CG1_MEMORY] < 0) {
		(void)snprintf(v, sizeof(v), "%" PRIu64,
		    (uint64_t)q->memory_mib << 20);
		if (cg_put(g->v2, name, CG_VMM, "memory.max", v, e) < 0 ||
		    cg_put(g->v2, name, CG_VMM, "memory.oom.group", "1",
			e) < 0 ||
		    sup_memory(g, name, 0, e) < 0 || no_swap(g, name, e) < 0)
			return -1;
	}
	if (g->v1[CG1_PIDS] < 0) {
		(void)snprintf(v, sizeof(v), "%" PRIu32, q->pids);
		if (cg_put(g->v2, name, CG_VMM, "pids.max", v, e) < 0 ||
		    cg_put(g->v2, name, CG_SUP, "pids.max", SUP_PIDS, e) < 0)
			return -1;
	}
	if (g->v1[CG1_CPU] < 0) {
		(void)snprintf(v, sizeof(v), "%" PRIu64 " 100000",
		    (uint64_t)q->cpu_permille * 100);
		if (cg_put(g->v2, name, CG_VMM, "cpu.max", v, e) < 0)
			return -1;
		(void)snprintf(v, sizeof(v), "%" PRIu32, q->cpu_weight);
		if (cg_put(g->v2, name, CG_VMM, "cpu.weight", v, e) < 0)
			return -1;
	}
	return 0;
}

int
cg2_remove(const struct cgroups *g, const char *name)
{
	static const char *const leaves[] = { "/" CG_VMM, "/" CG_SUP, "" };
	char path[CG_NAME_MAX + 8];
	unsigned i;

	for (i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", name, leaves[i]);
		if (unlinkat(g->v2, path, AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			return -1;
	}
	return 0;
}
