/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by ctld through front: the rules that are in force
 * in a VM's namespace, with their counters. They are read from the kernel and
 * named by the comments that vmrules.c gave them; a rule of somebody else
 * (only root could have made it) is counted as "foreign".
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "policy/steps.h"
#include "privd/net/ops.h"
#include "privd/net/vmlists.h"

#define RETRIES 5

struct show {
	const struct net *n;
	const struct vmnet *v;
	struct rep_net_show *rp;
	char prefix[NFT_NOTE_MAX];
	int full;
};

struct count {
	uint64_t packets, bytes;
};

static uint64_t
big64(const struct nlattr *a)
{
	uint64_t raw = 0;

	if (a != NULL && nlm_len(a) == sizeof(raw))
		memcpy(&raw, nlm_data(a), sizeof(raw));
	return be64toh(raw);
}

/* The counter of a rule, and its match of a flow's tuple if it has one. */
static int
look(const struct nlattr *exprs, struct count *c,
    struct xt_conntrack_mtinfo3 *m)
{
	const struct nlattr *a, *in, *data, *info;
	size_t left, len, dlen;
	const char *name;
	int matched = 0;

	memset(c, 0, sizeof(*c));
	if (exprs == NULL)
		return 0;
	for (a = nlm_inside(exprs, &left); nlm_attr_ok(a, left);
	    a = nlm_attr_next(a, &left)) {
		in = nlm_inside(a, &len);
		name = nlm_str(nlm_find(in, len, NFTA_EXPR_NAME));
		data = nlm_find(in, len, NFTA_EXPR_DATA);
		if (data == NULL)
			continue;
		data = nlm_inside(data, &dlen);
		if (strcmp(name, "counter") == 0) {
			c->packets = big64(nlm_find(data, dlen,
			    NFTA_COUNTER_PACKETS));
			c->bytes = big64(nlm_find(data, dlen,
			    NFTA_COUNTER_BYTES));
		}
		info = nlm_find(data, dlen, NFTA_MATCH_INFO);
		if (strcmp(name, "match") == 0 && info != NULL &&
		    nlm_len(info) >= sizeof(*m)) {
			memcpy(m, nlm_data(info), sizeof(*m));
			matched = 1;
		}
	}
	return matched;
}

static void
add_rule(struct show *s, const char *name, const struct count *c)
{
	struct net_rule_count *r = s->rp->rules;
	unsigned i, n = s->rp->nrules;

	for (i = 0; i < n; i++)
		if (strncmp(r[i].name, name, sizeof(r[i].name) - 1) == 0)
			break;
	if (i == NET_RULES_MAX) {
		s->full = 1;
		return;
	}
	if (i == n) {
		s->rp->nrules++;
		(void)snprintf(r[i].name, sizeof(r[i].name), "%s", name);
	}
	r[i].packets += c->packets;
	r[i].bytes += c->bytes;
}

static void
add_allow(struct show *s, const struct xt_conntrack_mtinfo3 *m,
    const struct count *c)
{
	struct net_allow_count *a = &s->rp->allow[s->rp->nallow];

	if (s->rp->nallow == NET_ALLOW_MAX) {
		s->full = 1;
		return;
	}
	s->rp->nallow++;
	ct_orig_read(m, &a->allow);
	a->packets = c->packets;
	a->bytes = c->bytes;
}

/* The rule of a guest port is that of each host port that leads there. */
static void
add_port(struct show *s, const struct xt_conntrack_mtinfo3 *m,
    const struct count *c)
{
	const struct held_port *p = s->v->ports;
	struct net_allow is;
	unsigned i;

	ct_orig_read(m, &is);
	for (i = 0; i < s->v->nports && i < NET_PORTS_MAX; i++)
		if (p[i].proto == is.proto && p[i].guest == is.port_lo) {
			s->rp->ports[i].packets = c->packets;
			s->rp->ports[i].bytes = c->bytes;
		}
}

static int
one_rule(const struct nlmsghdr *h, void *arg)
{
	struct xt_conntrack_mtinfo3 m = { .match_flags = 0 };
	struct show *s = arg;
	const struct nlattr *a;
	const char *name;
	struct count c;
	size_t len, n = strlen(s->prefix);

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
		return 0;
	a = nlm_attrs(h, sizeof(struct nfgenmsg), &len);
	(void)look(nlm_find(a, len, NFTA_RULE_EXPRESSIONS), &c, &m);
	name = nft_note_of(nlm_find(a, len, NFTA_RULE_USERDATA));
	if (strncmp(name, s->prefix, n) != 0)
		name = "foreign";
	else
		name += n;
	if (strcmp(name, "allow") == 0)
		add_allow(s, &m, &c);
	else if (strcmp(name, "port") == 0)
		add_port(s, &m, &c);
	else
		add_rule(s, name, &c);
	return 0;
}

/* What no rule decided: the policies that drop. */
static int
one_chain(const struct nlmsghdr *h, void *arg)
{
	struct show *s = arg;
	const struct nfgenmsg *g = nlm_payload(h, sizeof(*g));
	const struct nlattr *a, *in;
	struct count c;
	char name[64];
	size_t len, ilen;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
	    g == NULL)
		return 0;
	a = nlm_attrs(h, sizeof(*g), &len);
	in = nlm_find(a, len, NFTA_CHAIN_COUNTERS);
	if (in == NULL ||
	    ntohl(nlm_u32(nlm_find(a, len, NFTA_CHAIN_POLICY))) != NF_DROP)
		return 0;
	in = nlm_inside(in, &ilen);
	c.packets = big64(nlm_find(in, ilen, NFTA_COUNTER_PACKETS));
	c.bytes = big64(nlm_find(in, ilen, NFTA_COUNTER_BYTES));
	(void)snprintf(name, sizeof(name), "policy of %s%.8s %.12s",
	    g->nfgen_family == NFPROTO_IPV6 ? "ip6 " : "",
	    nlm_str(nlm_find(a, len, NFTA_CHAIN_TABLE)),
	    nlm_str(nlm_find(a, len, NFTA_CHAIN_NAME)));
	add_rule(s, name, &c);
	return 0;
}

static int
dump(struct show *s, struct nlsock *sock, uint16_t type, nl_cb *cb)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nfgenmsg g = { .nfgen_family = NFPROTO_UNSPEC,
		.version = NFNETLINK_V0 };
	struct nlbatch b;

	nl_begin(&b, sock, buf, sizeof(buf));
	nl_msg(&b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP,
	    &g, sizeof(g));
	nl_end(&b);
	return nl_dump(&b, cb, s);
}

static void
begin(struct show *s)
{
	const struct held_port *p = s->v->ports;
	unsigned i;

	memset(s->rp, 0, sizeof(*s->rp));
	s->rp->nports = s->v->nports;
	for (i = 0; i < s->v->nports; i++)
		s->rp->ports[i].port = (struct net_port){
			.addr = p[i].addr == INADDR_ANY ? NET_ADDR_ANY :
							  p[i].addr,
			.host = p[i].host, .guest = p[i].guest,
			.proto = p[i].proto };
}

static int
show(struct show *s, struct err *e)
{
	struct nlsock sock;
	int i;

	if (nlsock_init(&sock, s->v->live[NSLIVE_NFT]) < 0)
		return err_step(e, STEP_RULES, errno, "socket");
	for (i = 0; i < RETRIES; i++) {
		begin(s);
		if (dump(s, &sock, NFT_MSG_GETRULE, one_rule) == 0 &&
		    dump(s, &sock, NFT_MSG_GETCHAIN, one_chain) == 0)
			return 0;
		if (errno != EINTR)
			break;
	}
	return err_step(e, STEP_RULES, errno, "cannot list the rules");
}

int
op_net_show(struct net *n, struct wire_msg *m, const struct req_net_show *rq,
    struct rep_net_show *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	struct show s = { .n = n, .v = v, .rp = rp };
	int rc;

	if (v == NULL || rq->zero != 0)
		return err_set(e, EBADMSG, "no such slot");
	if (v->state != VMNET_UP || v->generation != m->h.generation ||
	    !v->is_live)
		return err_step(e, STEP_NET_FDS, ENOENT,
		    "no namespace was handed over");
	(void)snprintf(s.prefix, sizeof(s.prefix), VM_NOTE, m->h.slot);
	rc = show(&s, e);
	vmnet_drop_live(n, v, rc < 0);
	if (rc == 0 && s.full)
		return err_step(e, STEP_RULES, EOVERFLOW,
		    "there are more rules than we made");
	return rc;
}
