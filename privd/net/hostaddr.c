/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Every guest is denied the host's own addresses, inside
 * its own namespace, so that this holds with the host's tables flushed. The
 * list is read again only when the kernel tells of a change that is not one
 * of our own /31s: VM number 5,000 then costs what the first did.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hostaddr.h"

#define RETRIES 5

/* What is denied anyway needs no rule of its own. */
static int
covered(const struct net *n, uint32_t addr)
{
	const struct cidr *d;
	unsigned i;

	if ((addr ^ n->c->pool_addr) >> (32 - n->c->pool_prefix) == 0)
		return 1;
	for (i = 0; (d = vmrules_denied(i)) != NULL; i++)
		if ((addr ^ d->addr) >> (32 - d->prefix) == 0)
			return 1;
	return 0;
}

static uint32_t
addr_of(const struct nlmsghdr *h)
{
	const struct nlattr *a;
	size_t left;

	a = nlm_attrs(h, sizeof(struct ifaddrmsg), &left);
	return ntohl(nlm_u32(nlm_find(a, left, IFA_LOCAL)));
}

static int
add(const struct nlmsghdr *h, void *arg)
{
	struct net *n = arg;
	uint32_t addr = addr_of(h);
	unsigned i;

	if (h->nlmsg_type != RTM_NEWADDR || addr == 0 || covered(n, addr))
		return 0;
	for (i = 0; i < n->ndeny; i++)
		if (n->deny[i] == addr)
			return 0;
	if (n->ndeny == HOST_ADDRS_MAX) {
		log_warn("more than %u addresses: the rest is denied to guests "
			 "by the host's table alone", HOST_ADDRS_MAX);
		return 0;
	}
	n->deny[n->ndeny++] = addr;
	return 0;
}

static int
read_all(struct net *n, struct err *e)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct ifaddrmsg a = { .ifa_family = AF_INET };
	struct nlbatch b;
	int i;

	for (i = 0; i < RETRIES; i++) {
		n->ndeny = 0;
		nl_begin(&b, &n->route, buf, sizeof(buf));
		nl_msg(&b, RTM_GETADDR, NLM_F_DUMP, &a, sizeof(a));
		nl_end(&b);
		if (nl_dump(&b, add, n) == 0)
			return 0;
		if (errno != EINTR)
			break;
	}
	return err_step(e, STEP_ADDRESS, errno,
	    "cannot list the host's addresses");
}

int
hostaddr_init(struct net *n, struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR };

	n->addr_watch = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (n->addr_watch < 0 ||
	    bind(n->addr_watch, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_step(e, STEP_ADDRESS, errno,
		    "cannot watch the host's addresses");
	return read_all(n, e);
}

int
hostaddr_refresh(struct net *n, struct err *e)
{
	_Alignas(8) unsigned char buf[8192];
	const struct nlmsghdr *h;
	int changed = 0;
	size_t left;
	ssize_t k;

	for (;;) {
		k = recv(n->addr_watch, buf, sizeof(buf), MSG_DONTWAIT);
		if (k < 0 && errno == EAGAIN)
			break;
		if (k < 0 && errno != ENOBUFS)
			return err_step(e, STEP_ADDRESS, errno,
			    "cannot watch the host's addresses");
		if (k < 0) { /* some were lost */
			changed = 1;
			continue;
		}
		left = (size_t)k;
		for (h = (const void *)buf; nlm_ok(h, left);
		    h = nlm_next(h, &left))
			if (!covered(n, addr_of(h)))
				changed = 1;
	}
	return changed ? read_all(n, e) : 0;
}
