/* SPDX-License-Identifier: ISC */
/*
 * V: S's child, born in the VMM's cgroup and the VM's tree, that becomes the
 * VMM. It gives up everything before it looks at anything that came from
 * ctld: the argument memfd is read by a process with no right at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sandbox.h"
#include "common/sysx.h"
#include "common/vmfd.h"
#include "policy/children.h"
#include "policy/steps.h"
#include "privd/jail/args.h"
#include "privd/jail/drop.h"
#include "privd/jail/spawn.h"

/* Behind the VMM's own descriptors, closed by its exec. */
enum { SYNC = VMM_FD_EXE + 1, ARGV, FILTER, LAST };

/* Made by net in the VM's namespace, persistent, owned by the VM's uid. */
#define TAP_NAME "tap0"

/* v1 controllers: a process may move itself while it still is jail's. */
static int
attach_v1(const struct spawn *sp)
{
	int i;

	for (i = 0; i < CG1_N; i++)
		if (sp->fd[SP_CG1 + i] >= 0 &&
		    write(sp->fd[SP_CG1 + i], "0", 1) != 1)
			return -1;
	return 0;
}

/* S holds the other end until its exec, and nobody else does. */
static int
wait_sup(int go)
{
	char c;
	ssize_t n;

	do
		n = read(go, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 0 ? 0 : -1;
}

static int
arrange(struct spawn *sp, const struct v_ends *ends)
{
	int keep[LAST - 3];
	unsigned i;

	if (dup2(ends->in, STDIN_FILENO) < 0 ||
	    dup2(ends->out, STDOUT_FILENO) < 0 ||
	    dup2(ends->log, STDERR_FILENO) < 0)
		return -1;
	for (i = 0; i < LAST - 3; i++)
		keep[i] = -1;
	keep[VMM_FD_CTL - 3] = ends->ctl;
	keep[VMM_FD_TAP - 3] = ends->tun;
	for (i = 0; i < 2 * IMAGE_DRIVES_MAX; i++)
		keep[VMM_FD_DRIVE + i - 3] = sp->fd[SP_DRIVE + i];
	for (i = 0; i < CHANNELS_MAX; i++)
		keep[VMM_FD_CHANNEL + i - 3] = ends->channel[i];
	keep[VMM_FD_EXE - 3] = sp->fd[SP_VMM];
	keep[SYNC - 3] = sp->fd[SP_SYNC];
	keep[ARGV - 3] = sp->fd[SP_ARGV];
	keep[FILTER - 3] = sp->fd[SP_FILTER_VMM];
	if (fd_arrange(keep, LAST - 3, 3) < 0)
		return -1;
	sp->fd[SP_SYNC] = SYNC;
	return sysx_close_range(VMM_FD_EXE, FILTER, CLOSE_RANGE_CLOEXEC);
}

/* As the VM's uid, which owns the TAP: no capability is used. */
static int
attach_tap(void)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	memcpy(r.ifr_name, TAP_NAME, sizeof(TAP_NAME));
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	return ioctl(VMM_FD_TAP, TUNSETIFF, &r);
}

static int
give_up(const struct spawn *sp)
{
	const struct child_row *r = child_row(
	    sp->kind == VMM_FIRECRACKER ? CHILD_FC : CHILD_QEMU);

	(void)umask(007);
	if (drop_limit(RLIMIT_CORE, 0) < 0 ||
	    drop_limit(RLIMIT_FSIZE, sp->fsize) < 0 ||
	    drop_limit(RLIMIT_NOFILE, r->nofile) < 0 ||
	    drop_limit(RLIMIT_MEMLOCK, 0) < 0)
		return -1;
	return drop_all(sp->uid_vmm, sp->gid);
}

void
v_main(struct spawn *sp, const struct v_ends *ends)
{
	static char locale[] = "LC_ALL=C";
	char *env[] = { locale, NULL };
	static struct args args;

	if (attach_v1(sp) < 0)
		spawn_die(sp, STEP_CGROUP, errno);
	(void)setsid();
	if (unshare(CLONE_NEWCGROUP) < 0 || wait_sup(ends->go) < 0 ||
	    arrange(sp, ends) < 0)
		spawn_die(sp, STEP_CLONE, errno);
	if (give_up(sp) < 0)
		spawn_die(sp, STEP_DROP, errno);
	if (ends->tun >= 0 && attach_tap() < 0)
		spawn_die(sp, STEP_TAP, errno);
	if (args_read(&args, ARGV) < 0)
		spawn_die(sp, STEP_EXEC_VMM, errno);
	spawn_ready(sp);
	if (sp->jailer && sandbox_load(FILTER, 0) < 0)
		spawn_die(sp, STEP_FILTER, errno);
	(void)sysx_execveat(VMM_FD_EXE, args.v, env);
	spawn_die(sp, STEP_EXEC_VMM, errno);
}
