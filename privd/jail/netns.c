/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. net has no capability to enter a namespace, so jail
 * opens inside it the few things through which net works from outside. Only
 * the ipv4 and ipv6 directories of sysctls are handed out: a handle of
 * /proc/sys/net itself would write the host's values.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "policy/steps.h"
#include "privd/jail/netns.h"

static int
open_inside(int fds[NSFD_N])
{
	const int dir = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int i;

	fds[NSFD_NS] = openat(JAIL_FD_PROC, "self/ns/net",
	    O_RDONLY | O_CLOEXEC);
	fds[NSFD_ROUTE] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE);
	fds[NSFD_NFT] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER);
	fds[NSFD_TUN] = openat(JAIL_FD_DEV, "tun", O_RDWR | O_CLOEXEC);
	fds[NSFD_SYS4] = openat(JAIL_FD_PROC, "sys/net/ipv4", dir);
	fds[NSFD_SYS6] = openat(JAIL_FD_PROC, "sys/net/ipv6", dir);
	for (i = 0; i < NSFD_N; i++)
		if (fds[i] < 0)
			return -1;
	return 0;
}

int
netns_make(int fds[NSFD_N], struct err *e)
{
	int i, code = 0;

	for (i = 0; i < NSFD_N; i++)
		fds[i] = -1;
	if (unshare(CLONE_NEWNET) < 0)
		return err_step(e, STEP_NETNS, errno,
		    "cannot make a network namespace");
	if (open_inside(fds) < 0)
		code = errno;
	/* to go on in a VM's namespace would be worse than to end */
	if (setns(JAIL_FD_HOSTNET, CLONE_NEWNET) < 0)
		abort();
	if (code == 0)
		return 0;
	for (i = 0; i < NSFD_N; i++)
		fd_close(&fds[i]);
	return err_step(e, STEP_NET_FDS, code,
	    "cannot open what net needs in the new namespace");
}

/* The kernel lets those look who could debug the process: its own ids. */
static int
open_as(const struct netns_of *o)
{
	char path[32];
	int fd, saved;

	(void)snprintf(path, sizeof(path), "%jd/ns/net", (intmax_t)o->pid);
	if (setresgid((gid_t)-1, o->gid, (gid_t)-1) < 0)
		return -1;
	if (setresuid((uid_t)-1, o->uid, (uid_t)-1) < 0)
		abort();
	fd = openat(JAIL_FD_PROC, path, O_RDONLY | O_CLOEXEC);
	saved = errno;
	/* to go on as a VM would be worse than to end */
	if (setresuid((uid_t)-1, o->jail_uid, (uid_t)-1) < 0 ||
	    setresgid((gid_t)-1, o->jail_gid, (gid_t)-1) < 0)
		abort();
	errno = saved;
	return fd;
}

int
netns_reopen(const struct netns_of *o, int fds[NSLIVE_N], struct err *e)
{
	int code = 0;

	fds[NSLIVE_NFT] = -1;
	fds[NSLIVE_NS] = open_as(o);
	if (fds[NSLIVE_NS] < 0)
		return err_step(e, STEP_NETNS, errno,
		    "cannot open the namespace of process %jd",
		    (intmax_t)o->pid);
	if (setns(fds[NSLIVE_NS], CLONE_NEWNET) < 0) {
		code = errno;
		fd_close(&fds[NSLIVE_NS]);
		return err_step(e, STEP_NETNS, code, "cannot enter it");
	}
	fds[NSLIVE_NFT] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER);
	code = fds[NSLIVE_NFT] < 0 ? errno : 0;
	if (setns(JAIL_FD_HOSTNET, CLONE_NEWNET) < 0)
		abort();
	if (code == 0)
		return 0;
	fd_close(&fds[NSLIVE_NS]);
	return err_step(e, STEP_NET_FDS, code,
	    "cannot open what net needs in the VM's namespace");
}
