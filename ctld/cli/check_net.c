/* SPDX-License-Identifier: ISC */
/* Part of postern check (caller's rights). Reads the kernel's chains and
 * connects, as the caller. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/check.h"
#include "privd/net/nft.h"

struct search {
	const char *ours;
	char *what;
	size_t size;
	int found;
};

static const char *
family(uint8_t f)
{
	return f == NFPROTO_INET ? "inet" : f == NFPROTO_IPV4 ? "ip" : NULL;
}

static int
chain(const struct nlmsghdr *h, void *arg)
{
	const struct nfgenmsg *g = nlm_payload(h, sizeof(*g));
	const struct nlattr *a, *hook, *policy;
	struct search *s = arg;
	uint32_t num;
	size_t n, k;

	if (g == NULL || family(g->nfgen_family) == NULL || s->found)
		return 0;
	a = nlm_attrs(h, sizeof(*g), &n);
	hook = nlm_find(a, n, NFTA_CHAIN_HOOK);
	policy = nlm_find(a, n, NFTA_CHAIN_POLICY);
	if (hook == NULL || policy == NULL ||
	    ntohl(nlm_u32(policy)) != NF_DROP ||
	    strcmp(nlm_str(nlm_find(a, n, NFTA_CHAIN_TABLE)), s->ours) == 0)
		return 0;
	hook = nlm_inside(hook, &k);
	num = ntohl(nlm_u32(nlm_find(hook, k, NFTA_HOOK_HOOKNUM)));
	if (num == NF_INET_LOCAL_IN)
		return 0;
	/* there our own hook stands: privd/net/hosthook.h */
	if (num == NF_INET_FORWARD && g->nfgen_family == NFPROTO_IPV4 &&
	    strcmp(nlm_str(nlm_find(a, n, NFTA_CHAIN_TABLE)), "filter") == 0)
		return 0;
	s->found = 1;
	(void)snprintf(s->what, s->size, "%s %s %s",
	    family(g->nfgen_family),
	    nlm_str(nlm_find(a, n, NFTA_CHAIN_TABLE)),
	    nlm_str(nlm_find(a, n, NFTA_CHAIN_NAME)));
	return 0;
}

int
check_foreign(const char *ours, char *what, size_t size)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nfgenmsg g = { .nfgen_family = NFPROTO_UNSPEC,
		.version = NFNETLINK_V0 };
	int fd CLEANUP_FD = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER);
	struct search se = { ours, what, size, 0 };
	struct nlsock s;
	struct nlbatch b;

	if (fd < 0 || nlsock_init(&s, fd) < 0)
		return -1;
	nl_begin(&b, &s, buf, sizeof(buf));
	nl_msg(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP,
	    &g, sizeof(g));
	nl_end(&b);
	if (nl_dump(&b, chain, &se) < 0)
		return -1;
	return se.found;
}

/* The kernel's word on a connection that was begun. */
static int
outcome(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int error = 0;
	socklen_t n = sizeof(error);

	if (poll(&p, 1, ms) == 0)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return errno;
	return error;
}

int
check_connect(const char *addr, int port, int udp, int ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int fd CLEANUP_FD = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) |
	    SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0 || inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		return fd < 0 ? errno : EINVAL;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS)
		return errno;
	if (!udp)
		return outcome(fd, POLLOUT, ms);
	if (send(fd, "", 0, MSG_NOSIGNAL) < 0)
		return errno;
	r = outcome(fd, POLLIN, ms < 500 ? ms : 500);
	return r == ETIMEDOUT ? 0 : r;
}
