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

#define F_IP_SRC 1u		/* the kernel's CTA_FILTER_F_CTA_* */
#define F_IP_DST 2u
#define F_PROTO 8u
#define F_DPORT 32u
#define LIST_SIZE 65536u	/* bytes of one round of the fallback */
#define ROUNDS 64

/* What of a flow's tuple is compared: F_ bits; 0: nothing. */
struct tuple {
	uint32_t flags, src, dst;
	uint16_t dport;
	uint8_t proto;
};
struct filter {
	struct tuple orig, reply;
};

static void
put_tuple(struct nlbatch *b, uint16_t type, const struct tuple *t)
{
	uint16_t port = htons(t->dport);
	struct nlattr *a, *in;

	if (t->flags == 0)
		return;
	a = nlm_nest(b->h, type);
	if ((t->flags & (F_IP_SRC | F_IP_DST)) != 0) {
		in = nlm_nest(b->h, CTA_TUPLE_IP);
		if ((t->flags & F_IP_SRC) != 0)
			nlm_put_u32(b->h, CTA_IP_V4_SRC, htonl(t->src));
		if ((t->flags & F_IP_DST) != 0)
			nlm_put_u32(b->h, CTA_IP_V4_DST, htonl(t->dst));
		nlm_nest_end(b->h, in);
	}
	if ((t->flags & F_PROTO) != 0) {
		in = nlm_nest(b->h, CTA_TUPLE_PROTO);
		nlm_put(b->h, CTA_PROTO_NUM, sizeof(t->proto), &t->proto);
		nlm_put(b->h, CTA_PROTO_DST_PORT, sizeof(port), &port);
		nlm_nest_end(b->h, in);
	}
	nlm_nest_end(b->h, a);
}

static void
msg_filter(struct nlbatch *b, uint16_t op, uint16_t flags,
    const struct filter *f)
{
	struct nfgenmsg g = { .nfgen_family = AF_INET,
		.version = NFNETLINK_V0 };
	struct nlattr *a;

	nl_msg(b, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | op), flags, &g,
	    sizeof(g));
	put_tuple(b, CTA_TUPLE_ORIG, &f->orig);
	put_tuple(b, CTA_TUPLE_REPLY, &f->reply);
	a = nlm_nest(b->h, CTA_FILTER);
	/* both are wanted; no flag: nothing of that side is compared */
	nlm_put_u32(b->h, CTA_FILTER_ORIG_FLAGS, f->orig.flags);
	nlm_put_u32(b->h, CTA_FILTER_REPLY_FLAGS, f->reply.flags);
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
flush_one_by_one(struct net *n, struct nlsock *s, const struct filter *f)
{
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct nlbatch list, del;
	size_t size = n->buf_size < LIST_SIZE ? n->buf_size : LIST_SIZE;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nl_begin(&list, s, buf, sizeof(buf));
		msg_filter(&list, IPCTNL_MSG_CT_GET, NLM_F_DUMP, f);
		/* numbered after the question, though sent later */
		nl_begin(&del, s, n->buf, size);
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

static int
flush(struct net *n, struct nlsock *s, const struct filter *f)
{
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct nlbatch b;

	nl_begin(&b, s, buf, sizeof(buf));
	msg_filter(&b, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, f);
	/* ENOENT: none was there; EOPNOTSUPP: this kernel tracks none */
	if (nl_send(&b, NULL) == 0 || errno == EOPNOTSUPP || errno == ENOENT)
		return 0;
	return errno == EINVAL ? flush_one_by_one(n, s, f) : -1;
}

int
flows_flush(struct net *n, uint32_t addr, struct err *e)
{
	/* the VM's own, then those to its ports */
	const struct filter of[] = {
		{ .orig = { .flags = F_IP_SRC, .src = addr } },
		{ .reply = { .flags = F_IP_SRC, .src = addr } },
	};
	unsigned i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (flush(n, &n->nft, &of[i]) < 0)
			return err_step(e, STEP_FLOWS, errno,
			    "cannot forget the flows of an old VM");
	return 0;
}

int
flows_flush_port(struct net *n, struct nlsock *s, const struct flow_port *p,
    struct err *e)
{
	const struct filter f = {
		.orig = { .flags = F_PROTO | F_DPORT |
			    (p->dst != 0 ? F_IP_DST : 0),
		    .dst = p->dst, .proto = p->proto, .dport = p->dport },
		.reply = { .flags = F_IP_SRC, .src = p->to } };

	if (flush(n, s, &f) < 0)
		return err_step(e, STEP_FLOWS, errno,
		    "cannot forget the flows of port %u", p->dport);
	return 0;
}

int
flows_flush_unmapped(struct net *n, const struct flow_port *p, struct err *e)
{
	struct flow_port f = *p;

	if (f.dst == 0)
		f.dst = INADDR_LOOPBACK;
	f.to = f.dst;
	return flows_flush_port(n, &n->nft, &f, e);
}
