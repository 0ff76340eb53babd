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
#include <stdlib.h>
#include <sys/socket.h>
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
