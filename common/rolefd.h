/* SPDX-License-Identifier: ISC */
/*
 * Descriptors that the starter (privd/main.c) hands to each role, by number.
 * A role closes nothing it was not given: there is nothing else.
 */
#ifndef COMMON_ROLEFD_H
#define COMMON_ROLEFD_H

enum { RFD_CONF = 3, RFD_FILTER = 4 };	/* every role: sealed memfds */

enum {	/* front */
	FRONT_FD_CTLD = 5,	/* wires */
	FRONT_FD_NET,
	FRONT_FD_JAIL,
	FRONT_FD_LEDGER,	/* the ledger, preallocated, read-write */
	FRONT_FD_LOCK,		/* run_dir/lock: front, net, jail and ctld keep
				   it open and nothing more, so that the next
				   daemon waits for the last of them */
	FRONT_FD_NOTIFY,	/* connected to the service manager's
				   NOTIFY_SOCKET; closed: there is none */
	FRONT_FD_END
};
#define NOTIFY_PING_MS 5000	/* how often front pings there */
enum {	/* net; chrooted into a detached empty file system */
	NET_FD_FRONT = 5,
	NET_FD_JAIL,		/* NS_FDS come in here */
	NET_FD_ROUTE,		/* host's NETLINK_ROUTE socket */
	NET_FD_NFT,		/* host's NETLINK_NETFILTER socket */
	NET_FD_SYS4,		/* O_PATH of the host's /proc/sys/net/ipv4 */
	NET_FD_SYS6,		/* or closed: a host without IPv6 */
	NET_FD_WASOFF,		/* open: IPv4 forwarding was off before us; net
				   switches it on once its table drops all but
				   our traffic */
	NET_FD_LOCK,
	NET_FD_END
};
enum {	/* jail; chrooted likewise, but in the host's mount namespace */
	JAIL_FD_FRONT = 5,
	JAIL_FD_NET,		/* NS_FDS go out here */
	JAIL_FD_PROC,		/* detached clone of /proc */
	JAIL_FD_HOSTNET,	/* the host's network namespace */
	JAIL_FD_EMPTYNS,	/* a ready-made empty mount namespace */
	JAIL_FD_USR,		/* detached clone of /usr, read-only */
	JAIL_FD_DEV,		/* detached tmpfs with node tun */
	JAIL_FD_VMSUP,		/* the static vmsup program */
	JAIL_FD_FILTER_S,	/* sealed memfds with seccomp programs */
	JAIL_FD_FILTER_SUP,
	JAIL_FD_FILTER_QEMU,
	JAIL_FD_FILTER_FC,
	JAIL_FD_VMMDIR,		/* O_PATH of the firecracker install
				   directory, or -1 */
	JAIL_FD_MOUNTS,		/* the starter's /proc/self/mountinfo: the
				   host's mounts, for a chrooted reader too */
	JAIL_FD_DISKS,		/* O_PATH of the host's /sys/dev/block */
	JAIL_FD_CG2,		/* delegated directory: v2, or closed */
	JAIL_FD_CG1,		/* v1: one each in the order of cgroup.h's
				   enum cg1, closed where absent */
	JAIL_FD_LOCK = JAIL_FD_CG1 + 7, /* never a VM's: it would keep the
					   daemon from starting again */
	JAIL_FD_END
};
enum {	/* ctld */
	CTLD_FD_FRONT = 5,
	CTLD_FD_CLIENT,		/* from the listener: one record a connection */
	CTLD_FD_STATE,		/* directory <state_dir>/ctld, its own, 0700 */
	CTLD_FD_RUN,		/* directory <run_dir>/ctld, its own, 0700 */
	CTLD_FD_CHANNEL,	/* directory <run_dir>/channel, its own, 0711 */
	CTLD_FD_LOCK,
	CTLD_FD_END
};
enum {	/* client listener */
	CLIENT_FD_CTLD = 5,
	CLIENT_FD_LISTEN,	/* <run_dir>/io.postern.Vm */
	CLIENT_FD_FILTER_CHILD,	/* for the child of a connection */
	CLIENT_FD_END
};
enum {	/* conf: writes its struct into this socket as a sealed memfd */
	CONF_FD_OUT = 5,
	CONF_FD_ETC,		/* directory with postern.conf */
	CONF_FD_END
};

#endif
