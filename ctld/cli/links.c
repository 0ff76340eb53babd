/* SPDX-License-Identifier: ISC */
/* Part of the postern command (caller's rights). Believes the kernel. */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/cli/links.h"
#include "privd/net/nl.h"

static int
one_link(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *m = nlm_payload(h, sizeof(*m));
	struct links *l = arg;
	struct rtnl_link_stats64 s;
	const struct nlattr *a, *x;
	struct link_count *p;
	size_t left;

	if (h->nlmsg_type != RTM_NEWLINK || m == NULL)
		return 0;
	if (l->n == l->size) {
		p = reallocarray(l->a, l->size * 2 + 64, sizeof(*p));
		if (p == NULL)
			return -1;
		l->a = p;
		l->size = l->size * 2 + 64;
	}
	p = &l->a[l->n++];
	memset(p, 0, sizeof(*p));
	a = nlm_attrs(h, sizeof(*m), &left);
	(void)strlcpy(p->name, nlm_str(nlm_find(a, left, IFLA_IFNAME)),
	    sizeof(p->name));
	p->index = (uint32_t)m->ifi_index;
	p->up = (m->ifi_flags & IFF_UP) != 0;
	x = nlm_find(a, left, IFLA_STATS64);
	if (x == NULL)
		return 0;
	memset(&s, 0, sizeof(s));
	memcpy(&s, nlm_data(x), nlm_len(x) < sizeof(s) ? nlm_len(x) :
							sizeof(s));
	p->rx_packets = s.rx_packets;
	p->tx_packets = s.tx_packets;
	p->rx_bytes = s.rx_bytes;
	p->tx_bytes = s.tx_bytes;
	p->dropped = s.rx_dropped + s.tx_dropped;
	return 0;
}

int
links_read(struct links *l)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	int fd CLEANUP_FD = -1, tries;
	struct nlsock s;
	struct nlbatch b;

	memset(l, 0, sizeof(*l));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || nlsock_init(&s, fd) < 0)
		return -1;
	for (tries = 0; tries < 5; tries++) {
		l->n = 0;
		nl_begin(&b, &s, buf, sizeof(buf));
		nl_msg(&b, RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m));
		nl_end(&b);
		if (nl_dump(&b, one_link, l) == 0)
			return 0;
		if (errno != EINTR)
			break;
	}
	links_free(l);
	return -1;
}

const struct link_count *
links_find(const struct links *l, const char *name)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->a[i].name, name) == 0)
			return &l->a[i];
	return NULL;
}

void
links_free(struct links *l)
{
	free(l->a);
	memset(l, 0, sizeof(*l));
}
