/* SPDX-License-Identifier: ISC */
/*
 * privd-net: started by privd's starter in the host's network namespace,
 * chrooted into an empty file system, with CAP_NET_ADMIN and nothing else.
 * Makes and unmakes the networks of VMs for front; takes a namespace's
 * descriptors from jail only. Believes the kernel and the sealed
 * configuration.
 *
 *	privd-net down		deletes this instance's tables and links
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/netlink.h>
#include <linux/sockios.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "privd/net/hostaddr.h"
#include "privd/net/hostwatch.h"
#include "privd/net/ops.h"
#include "privd/net/sweep.h"

#define BATCH_SIZE (1u << 20)	/* the largest rule set of a VM is half */

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
open_sockets(struct net *n)
{
	int ns CLEANUP_FD = -1;
	struct stat st;

	int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);

	if (nlsock_init(&n->route, NET_FD_ROUTE) < 0 ||
	    nlsock_init(&n->nft, NET_FD_NFT) < 0 || diag < 0 ||
	    nlsock_init(&n->diag, diag) < 0)
		fatal("the host's netlink sockets");
	ns = ioctl(NET_FD_ROUTE, SIOCGSKNS);
	if (ns < 0 || fstat(ns, &st) < 0)
		fatal("the host's network namespace");
	n->host_ns[0] = st.st_dev;
	n->host_ns[1] = st.st_ino;
}

int
main(int argc, char *argv[])
{
	static struct sysconf conf;
	struct net n = { .c = &conf, .front = NET_FD_FRONT,
		.jail = NET_FD_JAIL, .sys4 = NET_FD_SYS4,
		.sys6 = is_open(NET_FD_SYS6) ? NET_FD_SYS6 : -1,
		.was_routing = !is_open(NET_FD_WASOFF),
		.buf_size = BATCH_SIZE };
	struct err e;

	log_init("net", 0);
	if (sysconf_load(RFD_CONF, &conf, &e) < 0)
		fatalx("configuration: %s", e.msg);
	log_init("net", (int)conf.debug);
	role_prove(ROLE_NET);
	n.buf = malloc(n.buf_size);
	n.vm = calloc(conf.slots, sizeof(n.vm[0]));
	if (n.buf == NULL || n.vm == NULL)
		fatalx("no memory");
	open_sockets(&n);
	if (argc > 1) {
		if (strcmp(argv[1], "down") != 0 || sweep(&n, &e) < 0)
			fatalx("down: %s", e.msg);
		return 0;
	}
	if (hostaddr_init(&n, &e) < 0 || hostwatch_init(&n, &e) < 0)
		fatalx("%s", e.msg);
	role_seal(RFD_FILTER);
	return net_serve(&n);
}
