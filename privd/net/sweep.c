/* SPDX-License-Identifier: ISC */
/*
 * Runs as `privd-net down`, started by root's `privd -D` when no VM is left:
 * deletes what may have stayed on the host, and only by this instance's
 * names. Idempotent.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/log.h"
#include "privd/net/hosthook.h"
#include "privd/net/hostrules.h"
#include "privd/net/sweep.h"

#define LINKS_MAX 8192u

struct found {
	const char *prefix;
	int index[LINKS_MAX];
	unsigned n;
};

/* The prefix and digits: no other program's name looks so by accident. */
static int
is_ours(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] != '\0' &&
	    strspn(name + n, "0123456789") == strlen(name + n);
}

static int
note(const struct nlmsghdr *h, void *arg)
{
	struct found *f = arg;
	const struct ifinfomsg *i = nlm_payload(h, sizeof(*i));
	const struct nlattr *a;
	size_t left;

	if (h->nlmsg_type != RTM_NEWLINK || i == NULL)
		return 0;
	a = nlm_attrs(h, sizeof(*i), &left);
	a = nlm_find(a, left, IFLA_IFNAME);
	if (is_ours(nlm_str(a), f->prefix) && f->n < LINKS_MAX)
		f->index[f->n++] = i->ifi_index;
	return 0;
}

static int
sweep_links(struct nlsock *route, const char *prefix, struct err *e)
{
	static struct found f;
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
	struct nlbatch b;
	unsigned k;

	f.prefix = prefix;
	nl_begin(&b, route, buf, sizeof(buf));
	nl_msg(&b, RTM_GETLINK, NLM_F_DUMP, &i, sizeof(i));
	nlm_put_u32(b.h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	nl_end(&b);
	if (nl_dump(&b, note, &f) < 0)
		return err_set(e, errno, "cannot list links");
	for (k = 0; k < f.n; k++) {
		i.ifi_index = f.index[k];
		nl_begin(&b, route, buf, sizeof(buf));
		nl_msg(&b, RTM_DELLINK, NLM_F_ACK, &i, sizeof(i));
		nl_end(&b);
		/* its namespace may have taken it away meanwhile */
		if (nl_send(&b, NULL) < 0 && errno != ENODEV)
			return err_set(e, errno, "cannot delete link %d",
			    f.index[k]);
	}
	if (f.n > 0)
		log_info("deleted %u links", f.n);
	return 0;
}

int
sweep(struct net *n, struct err *e)
{
	struct nft t;

	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	hostrules_del(&t, n->c);
	if (nft_commit(&t, NULL) < 0 && errno != EOPNOTSUPP)
		return err_set(e, errno, "cannot delete the host's tables");
	if (hosthook_del(n, e) < 0)
		return -1;
	return sweep_links(&n->route, n->c->ifprefix, e);
}
