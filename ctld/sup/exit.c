/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup, which is init of the VM's pid namespace: whatever is
 * orphaned there is its child. The VMM is known by its pidfd alone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

int
exit_watch(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* wait(2)'s form of what waitid(2) told. */
static int32_t
raw_status(const siginfo_t *si)
{
	if (si->si_code == CLD_EXITED)
		return (si->si_status & 0xff) << 8;
	return (si->si_status & 0x7f) | (si->si_code == CLD_DUMPED ? 0x80 : 0);
}

/* What the VMM left in its pipes and on its socket; the last events tell why
 * it ended. Bounded: somebody else could hold the other ends. */
static void
drain(struct sup *s)
{
	struct pollfd p = { .events = POLLIN };
	size_t n, total = 0;

	while (s->out >= 0 && total < SUP_DRAIN_MAX &&
	    (n = console_input(s)) > 0)
		total += n;
	while (s->log_out >= 0 && total < SUP_DRAIN_MAX &&
	    (n = console_log(s)) > 0)
		total += n;
	for (n = 0; s->ctl >= 0 && n < SUP_DRAIN_MAX / sizeof(s->buf); n++) {
		p.fd = s->ctl;
		if (poll(&p, 1, 0) <= 0)
			break;
		s->be->input(s);
	}
}

static void
vmm_ended(struct sup *s, const siginfo_t *si)
{
	fd_close(&s->vmm);
	drain(s);
	s->wait_status = raw_status(si);
	if (WIFSIGNALED(s->wait_status))
		sup_end(s, END_SIGNAL);
	else if (WEXITSTATUS(s->wait_status) != 0)
		sup_end(s, END_VMM_ERROR);
	ask_fail_all(s, ESRCH);
	console_end(s);
	channel_end(s);
	fd_close(&s->ctl);
	fd_close(&s->in);
	fd_close(&s->out);
	fd_close(&s->log_out);
	ring_close(&s->console);
	ring_close(&s->log);
	sup_state(s, SUP_ENDED);
}

/* 1 if the VMM was reaped now. */
static int
reap_vmm(struct sup *s)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	if (s->vmm < 0 || waitid(P_PIDFD, (id_t)s->vmm, &si,
	    WEXITED | WNOHANG) < 0 || si.si_pid == 0)
		return 0;
	vmm_ended(s, &si);
	return 1;
}

void
exit_reap(struct sup *s)
{
	struct signalfd_siginfo ignored;
	siginfo_t si;

	/* one record stands for every child that ended until now */
	while (read(s->chld, &ignored, sizeof(ignored)) > 0)
		;
	(void)reap_vmm(s);
	for (;;) {
		memset(&si, 0, sizeof(si));
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid == 0)
			return;
		/* It ended before this look at the VMM: if the VMM is not
		 * found ended now, it is somebody else. */
		if (!reap_vmm(s))
			(void)waitid(P_PID, (id_t)si.si_pid, &si,
			    WEXITED | WNOHANG);
	}
}
