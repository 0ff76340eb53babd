/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail, which has no CAP_KILL. SIGKILL goes by cgroup.kill; for
 * SIGTERM jail takes the VMM's uid as its effective one for a single call.
 * With that uid it can signal nothing but this VM's VMM, and a hostile
 * process of that uid can meanwhile only send SIGCONT (measured).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"
#include "privd/jail/kill.h"

#define KILL_PIDS 64

int
kill_all(const struct jail *j, struct slot *s, const char *leaf)
{
	struct cg_name n = slot_cg(s);
	int k = cg_populated(&j->cg, &n, leaf);

	if (k <= 0)
		return k;
	s->killed = 1;
	return cg_kill(&j->cg, &n, leaf);
}

static int
signal_as(uint32_t uid, uint32_t me, pid_t pid, int sig)
{
	int fd CLEANUP_FD = sysx_pidfd_open(pid);
	int r, saved;

	if (fd < 0)
		return errno == ESRCH ? 0 : -1;
	if (setresuid((uid_t)-1, uid, (uid_t)-1) < 0)
		return -1;
	r = sysx_pidfd_send_signal(fd, sig);
	saved = errno;
	/* to go on as a VM's uid would be worse than to end */
	if (setresuid((uid_t)-1, me, (uid_t)-1) < 0)
		abort();
	errno = saved;
	return r < 0 && errno != ESRCH ? -1 : 0;
}

int
kill_term(const struct jail *j, const struct slot *s)
{
	struct cg_name n = slot_cg(s);
	pid_t pids[KILL_PIDS];
	int i, k, r = 0;

	k = cg_pids(&j->cg, &n, CG_VMM, pids, KILL_PIDS);
	if (k < 0)
		return -1;
	for (i = 0; i < k; i++)
		if (signal_as(slot_uid_vmm(&j->conf, s->slot),
		    j->conf.uid.jail, pids[i], SIGTERM) < 0)
			r = -1;
	return r;
}
