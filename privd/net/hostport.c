/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. A port from 1024 up is reserved by binding it, which
 * also tells whether it is free. Below that net may not bind (it has no right
 * to), so the kernel is asked who is there: sockets of IPv4, and those of
 * IPv6 that serve IPv4 too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "privd/net/hostport.h"

#define MAPPED 0xffffu	/* ::ffff:a.b.c.d */

struct look {
	uint32_t addr;	/* network byte order */
	uint16_t port;
	int found;
};

static int
v6only(const struct nlmsghdr *h)
{
	const struct nlattr *a;
	size_t left;

	a = nlm_attrs(h, sizeof(struct inet_diag_msg), &left);
	a = nlm_find(a, left, INET_DIAG_SKV6ONLY);
	return a != NULL && nlm_len(a) >= 1 &&
	    *(const unsigned char *)nlm_data(a) != 0;
}

static int
look_at(const struct nlmsghdr *h, void *arg)
{
	struct look *l = arg;
	const struct inet_diag_msg *d = nlm_payload(h, sizeof(*d));
	const uint32_t *src;
	uint32_t addr;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || d == NULL ||
	    d->id.idiag_sport != l->port)
		return 0;
	src = d->id.idiag_src;
	addr = src[0];
	if (d->idiag_family == AF_INET6) {
		if (src[0] != 0 || src[1] != 0 || v6only(h) ||
		    (src[2] != 0 && src[2] != htonl(MAPPED)))
			return 0; /* an address of IPv6 alone */
		addr = src[3];
	}
	if (addr == l->addr || addr == 0 || l->addr == 0)
		l->found = 1;
	return 0;
}

int
hostport_taken(struct nlsock *diag, uint8_t proto, uint32_t addr,
    uint16_t port)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct look l = { .addr = htonl(addr), .port = htons(port) };
	struct inet_diag_req_v2 rq = { .sdiag_protocol = proto,
		.idiag_states = 1u << (proto == IPPROTO_TCP ? TCP_LISTEN :
							      TCP_CLOSE),
		.id.idiag_sport = htons(port) };
	struct nlbatch b;
	unsigned i;

	for (i = 0; i < sizeof(families); i++) {
		rq.sdiag_family = families[i];
		nl_begin(&b, diag, buf, sizeof(buf));
		nl_msg(&b, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &rq, sizeof(rq));
		nl_end(&b);
		if (nl_dump(&b, look_at, &l) < 0)
			return -1;
	}
	return l.found;
}
