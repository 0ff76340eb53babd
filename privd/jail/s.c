/* SPDX-License-Identifier: ISC */
/*
 * S: the child of privd-jail that is pid 1 of a VM's pid namespace. It starts
 * with jail's capabilities and hears nobody: everything it does is in struct
 * spawn. It closes what is not this VM's, builds the tree, clones V, gives up
 * everything and executes vmsup. A failed step is told and ends it, and with
 * it every process of the VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sandbox.h"
#include "common/sysx.h"
#include "common/vmfd.h"
#include "policy/children.h"
#include "policy/steps.h"
#include "privd/jail/drop.h"
#include "privd/jail/spawn.h"
#include "privd/jail/tree.h"

/* Behind vmsup's own descriptors, closed by its exec. */
enum { EXE = SUP_FD_END, SYNC, GO, LAST };

/* [0] read, [1] write; ctl, channel: [0] vmsup, [1] VMM */
struct pipes {
	int in[2], out[2], log[2], ctl[2], go[2], channel[CHANNELS_MAX][2];
};

void
spawn_ready(const struct spawn *sp)
{
	struct sync_rec r = { .step = STEP_NONE };

	(void)send(sp->fd[SP_SYNC], &r, sizeof(r), MSG_NOSIGNAL);
}

void
spawn_die(const struct spawn *sp, uint16_t step, int code)
{
	struct sync_rec r = { .step = step, .code = code };

	(void)send(sp->fd[SP_SYNC], &r, sizeof(r), MSG_NOSIGNAL);
	_exit(125);
}

/* Keep this VM's descriptors alone, at 3 + index. */
static int
keep_own(struct spawn *sp)
{
	unsigned i;

	if (fd_arrange(sp->fd, SP_N, 3) < 0)
		return -1;
	for (i = 0; i < SP_N; i++)
		if (sp->fd[i] >= 0)
			sp->fd[i] = 3 + (int)i;
	return 0;
}

static int
make_pipes(struct pipes *p, uint32_t channels)
{
	uint32_t i;

	memset(p->channel, -1, sizeof(p->channel));
	for (i = 0; i < channels && i < CHANNELS_MAX; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
		    p->channel[i]) < 0)
			return -1;
	if (pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->out, O_CLOEXEC) < 0 ||
	    pipe2(p->log, O_CLOEXEC) < 0 || pipe2(p->go, O_CLOEXEC) < 0)
		return -1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->ctl);
}

/* The VMM's child: V. Returns its pidfd or -1. */
static int
clone_v(struct spawn *sp, struct pipes *p, int tun)
{
	struct v_ends ends = { p->in[0], p->out[1], p->log[1], p->ctl[1], tun,
		p->go[0], { 0 } };
	int pidfd, i;
	pid_t pid;

	for (i = 0; i < CHANNELS_MAX; i++)
		ends.channel[i] = p->channel[i][1];
	pid = sysx_clone3(0, sp->fd[SP_CG_VMM], &pidfd);
	if (pid == 0) {
		fd_close(&p->go[1]);
		v_main(sp, &ends);
	}
	return pid < 0 ? -1 : pidfd;
}

static int
std_null(void)
{
	int null CLEANUP_FD = open("/dev/null", O_RDWR | O_CLOEXEC);
	int i;

	for (i = 0; i <= STDERR_FILENO; i++)
		if (null < 0 || dup2(null, i) < 0)
			return -1;
	return 0;
}

/* Arrange what common/vmfd.h says; from here on SYNC is the wire to jail. */
static int
arrange(struct spawn *sp, const struct pipes *p, int vmm)
{
	int keep[LAST - 3] = {
		[SUP_FD_LISTEN - 3] = sp->fd[SP_LISTEN],
		[SUP_FD_CONSOLE_RING - 3] = sp->fd[SP_CONSOLE],
		[SUP_FD_LOG_RING - 3] = sp->fd[SP_LOG],
		[SUP_FD_CONSOLE_IN - 3] = p->in[1],
		[SUP_FD_CONSOLE_OUT - 3] = p->out[0],
		[SUP_FD_LOG - 3] = p->log[0],
		[SUP_FD_CTL - 3] = p->ctl[0],
		[SUP_FD_VMM - 3] = vmm,
		[SUP_FD_FILTER - 3] = sp->fd[SP_FILTER_SUP],
		[SUP_FD_CHANNEL_LISTEN - 3] = sp->fd[SP_CHANNEL],
		[EXE - 3] = sp->fd[SP_SUP],
		[SYNC - 3] = sp->fd[SP_SYNC],
		[GO - 3] = p->go[1],
	};
	int i;

	for (i = 0; i < CHANNELS_MAX; i++)
		keep[SUP_FD_CHANNEL + i - 3] = p->channel[i][0];
	if (fd_arrange(keep, LAST - 3, 3) < 0)
		return -1;
	sp->fd[SP_SYNC] = SYNC;
	return sysx_close_range(EXE, GO, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void
exec_sup(struct spawn *sp)
{
	char uid[16], kind[16], channels[16];
	char name[] = "vmsup";
	char *argv[] = { name, uid, kind, channels, NULL };
	char *env[] = { NULL };
	const struct child_row *r = child_row(CHILD_SUP);

	(void)snprintf(uid, sizeof(uid), "%" PRIu32, sp->uid_ctld);
	(void)snprintf(kind, sizeof(kind), "%" PRIu32, sp->kind);
	(void)snprintf(channels, sizeof(channels), "%" PRIu32, sp->channels);
	(void)umask(007);
	/* one process and no thread: the limit counts the uid's own */
	if (drop_limit(RLIMIT_CORE, 0) < 0 ||
	    drop_limit(RLIMIT_NOFILE, r->nofile) < 0 ||
	    drop_limit(RLIMIT_FSIZE, (uint64_t)r->fsize_kib << 10) < 0 ||
	    drop_limit(RLIMIT_MEMLOCK, 0) < 0 ||
	    drop_limit(RLIMIT_NPROC, r->nproc) < 0 ||
	    drop_all(sp->uid_sup, sp->gid) < 0)
		spawn_die(sp, STEP_DROP, errno);
	spawn_ready(sp);
	(void)sysx_execveat(EXE, argv, env);
	spawn_die(sp, STEP_EXEC_SUP, errno);
}

/* The VM's namespaces and tree. *tun: only with SPAWN_TAP_FD; it belongs to
 * the namespace in which it is opened. */
static void
enter(struct spawn *sp, int *tun)
{
	static const char host[] = "vm";
	struct err e;

	if (setns(sp->fd[SP_NETNS], CLONE_NEWNET) < 0)
		spawn_die(sp, STEP_NETNS, errno);
	if ((sp->flags & SPAWN_TAP_FD) != 0 && (*tun =
	    openat(sp->fd[SP_DEV], "tun", O_RDWR | O_CLOEXEC)) < 0)
		spawn_die(sp, STEP_TAP, errno);
	if (sethostname(host, sizeof(host) - 1) < 0)
		spawn_die(sp, STEP_CLONE, errno);
	if (tree_build(sp, &e) < 0)
		spawn_die(sp, e.step, e.code);
}

void
s_main(struct spawn *sp)
{
	struct pipes p;
	int vmm, tun = -1;

	if (keep_own(sp) < 0)
		spawn_die(sp, STEP_CLONE, errno);
	if (sandbox_load(sp->fd[SP_FILTER_S], 1) < 0)
		spawn_die(sp, STEP_FILTER, errno);
	(void)setsid();
	enter(sp, &tun);
	if (make_pipes(&p, sp->channels) < 0 || (vmm = clone_v(sp, &p, tun)) < 0)
		spawn_die(sp, STEP_CLONE, errno);
	/* after the clone into the sibling: the other way round it is ENOENT
	 * where the tree is mounted with nsdelegate */
	if (unshare(CLONE_NEWCGROUP) < 0 || std_null() < 0 ||
	    arrange(sp, &p, vmm) < 0)
		spawn_die(sp, STEP_CLONE, errno);
	exec_sup(sp);
}
