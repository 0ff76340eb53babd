/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by ctld through front: the rules that are in force
 * in a VM's namespace, with their counters. They are read from the kernel and
 * named by the comments that their rows gave them; a rule of somebody else
 * (only root could have made it) is counted as "foreign".
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "policy/steps.h"
#include "privd/net/ops.h"

#define RETRIES 5

struct show {
	const struct net *n;
	const struct vmnet *v;
	struct rep_net_show *rp;
	char prefix[NFT_NOTE_MAX];
	int set;		/* VM_SET_ whose elements are coming */
	unsigned next;		/* entry that may be a rule */
	unsigned chain;		/* of such entries, that is coming */
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

static struct count
counts(const struct nlattr *a, size_t len)
{
	return (struct count){ big64(nlm_find(a, len, NFTA_COUNTER_PACKETS)),
		big64(nlm_find(a, len, NFTA_COUNTER_BYTES)) };
}

/* Of an expression, if it is a counter: *c, else as it was. */
static void
counter(const struct nlattr *expr, struct count *c)
{
	const struct nlattr *in, *data;
	size_t len;

	if (expr == NULL)
		return;
	in = nlm_inside(expr, &len);
	if (strcmp(nlm_str(nlm_find(in, len, NFTA_EXPR_NAME)),
		"counter") != 0)
		return;
	data = nlm_find(in, len, NFTA_EXPR_DATA);
	if (data == NULL)
		return;
	in = nlm_inside(data, &len);
	*c = counts(in, len);
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

/* The comment of one of our rules or elements, without whose it is; NULL:
 * it is somebody else's. */
static const char *
named(const struct show *s, const struct nlattr *userdata)
{
	const char *name = nft_note_of(userdata);
	size_t n = strlen(s->prefix);

	return strncmp(name, s->prefix, n) == 0 ? name + n : NULL;
}

/* Entries that are rules come in the order of the list: which is it? */
static int
add_range(struct show *s, const char *name, const struct count *c)
{
	struct net_allow_count *a = s->rp->allow;
	char text[NFT_NOTE_MAX];
	unsigned i;

	for (i = s->next; i < s->rp->nallow; i++) {
		if (strcmp(allow_text(&a[i].allow, text), name) != 0)
			continue;
		/* a granted one may be a range too */
		a[i].packets += c->packets;
		a[i].bytes += c->bytes;
		s->next = i + 1;
		return 1;
	}
	return 0;
}

/* Does this rule stand in a chain of entries? The list begins anew in each. */
static int
of_entries(struct show *s, const char *chain)
{
	unsigned i;

	for (i = VM_GRANTED; i <= VM_RANGES; i++)
		if (strcmp(chain, vm_rules.chains[i].name) == 0)
			break;
	if (i > VM_RANGES)
		return 0;
	if (s->chain != i)
		s->next = 0;
	s->chain = i;
	return 1;
}

static int
one_rule(const struct nlmsghdr *h, void *arg)
{
	struct count c = { 0, 0 };
	struct show *s = arg;
	const struct nlattr *a, *e;
	const char *name;
	size_t len, n;

	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWRULE))
		return 0;
	a = nlm_attrs(h, sizeof(struct nfgenmsg), &len);
	name = named(s, nlm_find(a, len, NFTA_RULE_USERDATA));
	e = nlm_find(a, len, NFTA_RULE_EXPRESSIONS);
	if (e != NULL)
		for (e = nlm_inside(e, &n); nlm_attr_ok(e, n);
		    e = nlm_attr_next(e, &n))
			counter(e, &c);
	if (name == NULL)
		name = "foreign";
	if (!of_entries(s, nlm_str(nlm_find(a, len, NFTA_RULE_CHAIN))) ||
	    !add_range(s, name, &c))
		add_rule(s, name, &c);
	return 0;
}

static void
add_allow(struct show *s, const void *key, size_t len, const struct count *c)
{
	struct net_allow_count *a = s->rp->allow;
	struct net_allow is;
	unsigned i;

	if (allow_of_key(s->set, key, len, &is) < 0)
		return;
	for (i = 0; i < s->rp->nallow; i++)
		if (memcmp(&a[i].allow, &is, sizeof(is)) == 0) {
			a[i].packets += c->packets;
			a[i].bytes += c->bytes;
			return;
		}
}

/* A guest port's element is that of each host port that leads there. */
static void
add_port(struct show *s, const void *key, size_t len, const struct count *c)
{
	struct net_port_count *p = s->rp->ports;
	struct allow_key k;
	unsigned i;

	for (i = 0; i < s->rp->nports; i++) {
		pub_key(p[i].port.proto, p[i].port.guest, &k);
		if (k.len == len && memcmp(k.b, key, len) == 0) {
			p[i].packets += c->packets;
			p[i].bytes += c->bytes;
		}
	}
}

static void
element(struct show *s, const struct nlattr *e)
{
	struct count c = { 0, 0 };
	const struct nlattr *a, *k;
	const char *name;
	size_t len, n;

	a = nlm_inside(e, &len);
	counter(nlm_find(a, len, NFTA_SET_ELEM_EXPR), &c);
	name = named(s, nlm_find(a, len, NFTA_SET_ELEM_USERDATA));
	if (name != NULL)
		add_rule(s, name, &c);
	k = nlm_find(a, len, NFTA_SET_ELEM_KEY);
	if (k == NULL)
		return;
	k = nlm_inside(k, &n);
	k = nlm_find(k, n, NFTA_DATA_VALUE);
	if (k == NULL)
		return;
	if (s->set == VM_SET_PUB || s->set == VM_SET_LOCAL)
		add_port(s, nlm_data(k), nlm_len(k), &c);
	else
		add_allow(s, nlm_data(k), nlm_len(k), &c);
}

static int
elements(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a, *list;
	size_t n;

	a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
	list = nlm_find(a, n, NFTA_SET_ELEM_LIST_ELEMENTS);
	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWSETELEM) || list == NULL)
		return 0;
	for (a = nlm_inside(list, &n); nlm_attr_ok(a, n);
	    a = nlm_attr_next(a, &n))
		element(arg, a);
	return 0;
}

/* IPv6 has no rules, but policies that drop. */
static int
one_chain(const struct nlmsghdr *h, void *arg)
{
	struct show *s = arg;
	const struct nfgenmsg *g = nlm_payload(h, sizeof(*g));
	const struct nlattr *a, *in;
	struct count c;
	char name[64];
	size_t len, ilen;

	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWCHAIN) || g == NULL)
		return 0;
	a = nlm_attrs(h, sizeof(*g), &len);
	in = nlm_find(a, len, NFTA_CHAIN_COUNTERS);
	if (in == NULL || g->nfgen_family != NFPROTO_IPV6)
		return 0;
	in = nlm_inside(in, &ilen);
	c = counts(in, ilen);
	(void)snprintf(name, sizeof(name), "policy of ip6 %.8s %.12s",
	    nlm_str(nlm_find(a, len, NFTA_CHAIN_TABLE)),
	    nlm_str(nlm_find(a, len, NFTA_CHAIN_NAME)));
	add_rule(s, name, &c);
	return 0;
}

static int
dump(struct show *s, struct nlsock *sock, uint16_t type, const char *set,
    nl_cb *cb)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nlbatch b;

	nft_ask(&b, sock, buf, sizeof(buf), type,
	    set != NULL ? NFPROTO_IPV4 : NFPROTO_UNSPEC);
	if (set != NULL) {
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_TABLE, VM_TABLE);
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_SET, set);
	}
	nl_end(&b);
	return nl_dump(&b, cb, s);
}

/* With mode NET_NONE there are no sets. */
static int
all(struct show *s, struct nlsock *sock)
{
	if (dump(s, sock, NFT_MSG_GETRULE, NULL, one_rule) < 0 ||
	    dump(s, sock, NFT_MSG_GETCHAIN, NULL, one_chain) < 0)
		return -1;
	for (s->set = 0; s->set < VM_SETS && s->v->networked; s->set++)
		if (dump(s, sock, NFT_MSG_GETSETELEM,
			vm_rules.sets[s->set].name, elements) < 0)
			return -1;
	return 0;
}

static void
begin(struct show *s)
{
	const struct vmnet *v = s->v;
	const struct held_port *p = v->ports;
	unsigned i;

	memset(s->rp, 0, sizeof(*s->rp));
	s->next = s->chain = 0;
	s->rp->nallow = v->nallow;
	for (i = 0; i < v->nallow && i < NET_ALLOW_MAX; i++)
		s->rp->allow[i].allow = v->allow[i];
	s->rp->nports = v->nports;
	for (i = 0; i < v->nports; i++)
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
		if (all(s, &sock) == 0)
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
