/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. A flow that outlived its VM was seen to reach the next
 * one at the same address. Newer kernels delete by a filter; 6.1 refuses that
 * (EINVAL, and deletes nothing), there the filter lists and each flow is
 * deleted by its own tuple and id.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "policy/steps.h"
#include "privd/net/flows.h"

#define F_IP_SRC 1u		/* the kernel's CTA_FILTER_F_CTA_IP_SRC */
#define LIST_SIZE 65536u	/* bytes of one round of the fallback */
#define ROUNDS 64

/* Which side of a flow carries the address as its source. */
struct side {
	uint16_t tuple, flags;
};
static const struct side sides[] = {
	{ CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS },   /* the VM's own */
	{ CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS }, /* to its ports */
};

static void
msg_filter(struct nlbatch *b, uint16_t op, uint16_t flags,
    const struct side *s, uint32_t addr)
{
	struct nfgenmsg g = { .nfgen_family = AF_INET,
		.version = NFNETLINK_V0 };
	struct nlattr *a, *ip;

	nl_msg(b, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | op), flags, &g,
	    sizeof(g));
	a = nlm_nest(b->h, s->tuple);
	ip = nlm_nest(b->h, CTA_TUPLE_IP);
	nlm_put_u32(b->h, CTA_IP_V4_SRC, htonl(addr));
	nlm_nest_end(b->h, ip);
	nlm_nest_end(b->h, a);
	a = nlm_nest(b->h, CTA_FILTER);
	/* both are wanted; no flag: nothing of that side is compared */
	nlm_put_u32(b->h, CTA_FILTER_ORIG_FLAGS,
	    s->flags == CTA_FILTER_ORIG_FLAGS ? F_IP_SRC : 0);
	nlm_put_u32(b->h, CTA_FILTER_REPLY_FLAGS,
	    s->flags == CTA_FILTER_REPLY_FLAGS ? F_IP_SRC : 0);
	nlm_nest_end(b->h, a);
	nl_end(b);
}

/* Turn each listed flow into a deletion of exactly that one. */
static int
collect(const struct nlmsghdr *h, void *arg)
{
	struct nlbatch *del = arg;
	struct nfgenmsg g = { .nfgen_family = AF_INET,
		.version = NFNETLINK_V0 };
	const struct nlattr *a;
	size_t left;

	if (h->nlmsg_type !=
		(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    del->size - del->used < 2 * NL_MSG_MAX)
		return 0;
	nl_msg(del, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
	    NLM_F_ACK, &g, sizeof(g));
	for (a = nlm_attrs(h, sizeof(g), &left); nlm_attr_ok(a, left);
	    a = nlm_attr_next(a, &left))
		if (nlm_type(a) == CTA_TUPLE_ORIG ||
		    nlm_type(a) == CTA_ID ||
		    nlm_type(a) == CTA_ZONE)
			nlm_put(del->h, a->nla_type,
			    nlm_len(a),
			    nlm_data(a));
	nl_end(del);
	return 0;
}

static int
flush_one_by_one(struct net *n, const struct side *s, uint32_t addr)
{
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct nlbatch list, del;
	size_t size = n->buf_size < LIST_SIZE ? n->buf_size : LIST_SIZE;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nl_begin(&list, &n->nft, buf, sizeof(buf));
		msg_filter(&list, IPCTNL_MSG_CT_GET, NLM_F_DUMP, s, addr);
		/* numbered after the question, though sent later */
		nl_begin(&del, &n->nft, n->buf, size);
		if (nl_dump(&list, collect, &del) < 0)
			return -1;
		if (del.used == 0)
			return 0;
		/* one that ended by itself meanwhile is as good */
		if (nl_send(&del, NULL) < 0 && errno != ENOENT)
			return -1;
	}
	errno = EBUSY;
	return -1;
}

int
flows_flush(struct net *n, uint32_t addr, struct err *e)
{
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct nlbatch b;
	unsigned i;

	for (i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		nl_begin(&b, &n->nft, buf, sizeof(buf));
		msg_filter(&b, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, &sides[i],
		    addr);
		if (nl_send(&b, NULL) == 0)
			continue;
		/* no connection tracking in this kernel: no flows either */
		if (errno == EOPNOTSUPP)
			return 0;
		if (errno != EINVAL ||
		    flush_one_by_one(n, &sides[i], addr) < 0)
			return err_step(e, STEP_FLOWS, errno,
			    "cannot forget the flows of an old VM");
	}
	return 0;
}
