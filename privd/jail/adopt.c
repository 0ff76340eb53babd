/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. After a restart the kernel is the only memory: a VM's
 * name is its cgroups' name, its vmsup is whatever is in the sup leaf.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/sysx.h"
#include "policy/steps.h"
#include "privd/jail/adopt.h"

int
adopt_pidfd(const struct cgroups *g, const struct cg_name *n,
    const char *leaf)
{
	int fd CLEANUP_FD = -1;
	pid_t before, after;

	if (cg_pids(g, n, leaf, &before, 1) == 1 &&
	    (fd = sysx_pidfd_open(before)) >= 0 &&
	    cg_pids(g, n, leaf, &after, 1) == 1 && after == before)
		return fd_steal(&fd);
	errno = ESRCH;
	return -1;
}

static void
adopt(void *arg, const struct cg_name *n)
{
	struct jail *j = arg;
	struct slot *s;
	struct err e;

	s = slot_take(&j->slots, n->slot, n->generation, n->owner, &e);
	if (s == NULL) {
		log_err("cgroup of vm=%u.%llu is left alone: %s", n->slot,
		    (unsigned long long)n->generation, e.msg);
		return;
	}
	s->adopted = s->has_cgroup = 1;
	s->pidfd = adopt_pidfd(&j->cg, n, CG_SUP);
}

int
adopt_all(struct jail *j, struct err *e)
{
	if (cg_scan(&j->cg, j->slots.n, adopt, j) < 0)
		return err_step(e, STEP_CGROUP, errno,
		    "cannot list the VMs' cgroups");
	return 0;
}
