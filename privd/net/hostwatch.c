/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Another root program that flushes the host's rules opens
 * no VM, whose own rules are in its namespace; but ports stop, and sources
 * are no longer translated. So the tables are written anew, whole. Believes
 * the kernel about who did what: our own changes bear our socket's number.
 * Additions of others to our tables are left alone.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hosthook.h"
#include "privd/net/hostwatch.h"
#include "privd/net/ops.h"

#define PAUSE_MS 900	/* between two repairs: somebody may insist */
#define EVENT_MAX 16384

int
hostwatch_init(struct net *n, struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(sa);

	/* a number of its own, by which the kernel tells our changes */
	if (bind(n->nft.fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockname(n->nft.fd, (struct sockaddr *)&sa, &len) < 0)
		return err_step(e, STEP_HOST_RULES, errno, "netlink socket");
	n->nft_port = sa.nl_pid;
	n->nft_watch = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	sa = (struct sockaddr_nl){ .nl_family = AF_NETLINK,
		.nl_groups = 1u << (NFNLGRP_NFTABLES - 1) };
	if (n->nft_watch < 0 ||
	    bind(n->nft_watch, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_step(e, STEP_HOST_RULES, errno,
		    "cannot watch the host's rules");
	return 0;
}

/* What somebody else's change asks for: another look at iptables' rules, or
 * our tables anew, out of which something was taken. */
static void
judge(struct net *n, const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = nlm_payload(h, sizeof(*g));
	const struct nlattr *a;
	const char *table;
	size_t left;

	if (g == NULL || h->nlmsg_pid == n->nft_port ||
	    h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	/* the table's name is attribute 1 of all but the generation's */
	a = nlm_attrs(h, sizeof(*g), &left);
	table = nlm_str(nlm_find(a, left, NFTA_TABLE_NAME));
	if (hosthook_concerns(g->nfgen_family, table))
		n->nft_look = 1;
	if ((g->nfgen_family != NFPROTO_IPV4 &&
		g->nfgen_family != NFPROTO_IPV6) ||
	    strcmp(table, n->c->instance) != 0)
		return;
	switch (h->nlmsg_type & 0xff) {
	case NFT_MSG_DELTABLE:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DELRULE:
	case NFT_MSG_DELSET:
	case NFT_MSG_DELSETELEM:
	case NFT_MSG_NEWTABLE:	/* made dormant, or in the place of ours */
		n->nft_stolen = 1;
	}
}

static void
hear(struct net *n)
{
	_Alignas(8) unsigned char buf[EVENT_MAX];
	const struct nlmsghdr *h;
	size_t left;
	ssize_t k;

	for (;;) {
		k = recv(n->nft_watch, buf, sizeof(buf), MSG_DONTWAIT);
		if (k < 0 && errno == ENOBUFS) {
			/* who knows what was lost */
			n->nft_stolen = n->nft_look = 1;
			continue;
		}
		if (k <= 0)
			return;
		left = (size_t)k;
		for (h = (const void *)buf; nlm_ok(h, left);
		    h = nlm_next(h, &left))
			judge(n, h);
	}
}

static void
repair(struct net *n)
{
	struct err e = { 0 };

	if (n->nft_stolen && host_commit(n, &e) < 0) {
		log_err("the host's tables were changed by another program, "
			"and cannot be put back: %s", e.msg);
		return;
	}
	if (n->nft_stolen)
		log_warn("the host's tables had been changed by another "
			 "program: put back");
	n->nft_stolen = 0;
	if (hosthook_put(n, &e) < 0)
		log_err("%s: %s", e.msg, strerror(e.code));
	else
		n->nft_look = 0;
}

int
hostwatch_run(struct net *n)
{
	int64_t now;

	hear(n);
	if ((!n->nft_stolen && !n->nft_look) || !n->committed)
		return -1;
	now = now_ms();
	if (now < n->nft_next)
		return (int)(n->nft_next - now);
	n->nft_next = now + PAUSE_MS;
	repair(n);
	return n->nft_stolen || n->nft_look ? PAUSE_MS : -1;
}
