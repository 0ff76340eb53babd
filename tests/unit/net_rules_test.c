/* SPDX-License-Identifier: ISC */
/*
 * The rule sets as they are written: each rule in its chain, its expressions
 * in their order, the bytes that it compares. Decoded here independently of
 * the readers in privd/net. Runs as anybody; nothing is sent.
 */
#include <arpa/inet.h>
#include <atf-c.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "privd/net/hostrules.h"
#include "privd/net/vmrules.h"
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

static struct sysconf conf;
static struct req_net_up rq;
static struct nlsock sock = { .fd = -1, .seq = 1 };
static struct nft t;
static unsigned char buf[256 << 10];
static char text[65536];

#define CASE(name, what)                              \
	ATF_TC(name);                                 \
	ATF_TC_HEAD(name, tc)                         \
	{                                             \
		atf_tc_set_md_var(tc, "descr", what); \
	}                                             \
	ATF_TC_BODY(name, tc)

static void
add(const char *s)
{
	ATF_REQUIRE(strlcat(text, s, sizeof(text)) < sizeof(text));
}

static void
add_hex(const struct nlattr *a)
{
	const unsigned char *p = nlm_data(a);
	char two[4];
	size_t i;

	for (i = 0; i < nlm_len(a); i++) {
		(void)snprintf(two, sizeof(two), "%02x", p[i]);
		add(two);
	}
}

static const struct nlattr *
in(const struct nlattr *a, uint16_t type)
{
	size_t left;
	const struct nlattr *f;

	if (a == NULL)
		return NULL;
	f = nlm_inside(a, &left);
	return nlm_find(f, left, type);
}

/* " cmp=hex", " match=name", " accept", " jump=CHAIN", " counter"... */
static void
add_expr(const struct nlattr *elem)
{
	const char *name = nlm_str(in(elem, NFTA_EXPR_NAME));
	const struct nlattr *d = in(elem, NFTA_EXPR_DATA), *v;

	add(" ");
	if (strcmp(name, "immediate") == 0) {
		v = in(in(d, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
		switch ((int)ntohl(nlm_u32(in(v, NFTA_VERDICT_CODE)))) {
		case NF_DROP: add("drop"); break;
		case NF_ACCEPT: add("accept"); break;
		default:
			add("jump=");
			add(nlm_str(in(v, NFTA_VERDICT_CHAIN)));
		}
		return;
	}
	add(name);
	if (strcmp(name, "cmp") == 0) {
		add(ntohl(nlm_u32(in(d, NFTA_CMP_OP))) == NFT_CMP_EQ ? "=" :
								       "!=");
		add_hex(in(in(d, NFTA_CMP_DATA), NFTA_DATA_VALUE));
	} else if (strcmp(name, "match") == 0) {
		add("=");
		add(nlm_str(in(d, NFTA_MATCH_NAME)));
	} else if (strcmp(name, "target") == 0) {
		add("=");
		add(nlm_str(in(d, NFTA_TARGET_NAME)));
	}
}

/* Every object of the batch as a line of text. */
static const char *
decode(void)
{
	const struct nlmsghdr *h = (const void *)buf;
	const struct nlattr *a, *x;
	size_t left = t.b.used, n, k;

	text[0] = '\0';
	ATF_REQUIRE(!t.b.full);
	for (; nlm_ok(h, left); h = nlm_next(h, &left)) {
		a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
		switch (h->nlmsg_type & 0xff) {
		case NFT_MSG_NEWTABLE: add("table "); break;
		case NFT_MSG_DELTABLE: add("delete table "); break;
		case NFT_MSG_NEWCHAIN: add("chain "); break;
		case NFT_MSG_NEWRULE: add("rule "); break;
		case NFT_MSG_NEWSET: add("set "); break;
		case NFT_MSG_NEWSETELEM: add("element "); break;
		case NFT_MSG_DELSETELEM: add("delete element "); break;
		default: continue;
		}
		add(nlm_str(nlm_find(a, n, 1)));
		if ((x = nlm_find(a, n, NFTA_CHAIN_NAME)) != NULL &&
		    (h->nlmsg_type & 0xff) == NFT_MSG_NEWCHAIN) {
			add(" ");
			add(nlm_str(x));
			x = nlm_find(a, n, NFTA_CHAIN_POLICY);
			if (x != NULL)
				add(ntohl(nlm_u32(x)) == NF_DROP ? " drop" :
								   " accept");
		}
		if ((h->nlmsg_type & 0xff) == NFT_MSG_NEWRULE) {
			add(" ");
			add(nlm_str(nlm_find(a, n, NFTA_RULE_CHAIN)));
			x = nlm_find(a, n, NFTA_RULE_EXPRESSIONS);
			x = nlm_inside(x, &k);
			for (; nlm_attr_ok(x, k); x = nlm_attr_next(x, &k))
				add_expr(x);
		}
		add("\n");
	}
	return text;
}

static const char *
vm_text(void)
{
	static const uint32_t deny[] = { 0x05060701 };
	struct vmrules v = { .c = &conf, .vm = 0x0ac80007, .host = 0x0ac80006,
		.rq = &rq, .deny = deny, .ndeny = 1 };

	nft_begin(&t, &sock, buf, sizeof(buf));
	vmrules(&t, &v);
	return decode();
}

static void
fresh(void)
{
	sysconf_default(&conf);
	memset(&rq, 0, sizeof(rq));
	rq.mode = NET_NAT;
}

static unsigned
count(const char *in_text, const char *what)
{
	unsigned n = 0;

	while ((in_text = strstr(in_text, what)) != NULL) {
		n++;
		in_text++;
	}
	return n;
}

#define HAS(s) ATF_CHECK_MSG(strstr(text, s) != NULL, "no %s in:\n%s", s, text)

CASE(vm_constant, "the VM's constant rules, each in its chain")
{
	fresh();
	(void)vm_text();
	HAS("chain raw PREROUTING drop\nchain raw OUTPUT drop\n");
	HAS("chain filter INPUT drop\nchain filter FORWARD drop\n"
	    "chain filter OUTPUT drop\n");
	/* "tap0", 172.16.0.2, its MAC */
	HAS("rule raw PREROUTING meta cmp=7461703000 payload cmp=ac100002 "
	    "match=mac counter accept\n");
	/* "v0", not from 172.16.0.0/30, to the VM's own address */
	HAS("rule raw PREROUTING meta cmp=763000 payload bitwise cmp!=ac100000 "
	    "payload cmp=0ac80007 counter accept\n");
	HAS("rule nat POSTROUTING meta cmp=763000 counter target=SNAT\n");
	HAS("rule filter FORWARD match=conntrack counter drop\n"
	    "rule filter FORWARD meta cmp=06 match=conntrack payload bitwise "
	    "cmp!=02 counter drop\n"
	    "rule filter FORWARD meta cmp=01 match=conntrack match=icmp "
	    "counter drop\n"
	    "rule filter FORWARD match=conntrack match=connlimit counter drop\n"
	    "rule filter FORWARD match=conntrack counter jump=PUB\n"
	    "rule filter FORWARD meta cmp=7461703000 meta cmp=763000 "
	    "match=conntrack counter jump=EGRESS\n"
	    "rule filter FORWARD meta cmp=763000 meta cmp=7461703000 "
	    "match=conntrack counter jump=EGRESS\n"
	    "rule filter FORWARD counter drop\n");
	/* 14 ranges, the pool, the host's one address, and the end */
	ATF_CHECK_EQ(16, count(text,
	    "rule filter EGRESS match=conntrack counter drop\n"));
	HAS("rule filter EGRESS counter jump=ALLOW\n"
	    "rule filter EGRESS counter drop\n");
	ATF_CHECK_EQ(0, count(text, "rule filter ALLOW"));
	HAS("rule filter PUB counter drop\n");
	/* every rule counts */
	ATF_CHECK_EQ(count(text, "\nrule "), count(text, " counter"));
}

CASE(vm_lists, "one rule an entry; two addresses of a port are one rule")
{
	fresh();
	rq.nports = 3;
	rq.ports[0] = (struct net_port){ .addr = 0x7f000001, .host = 8080,
		.guest = 80, .proto = IPPROTO_TCP };
	rq.ports[1] = (struct net_port){ .addr = 0x05060701, .host = 8080,
		.guest = 80, .proto = IPPROTO_TCP };
	rq.ports[2] = (struct net_port){ .addr = 0x7f000001, .host = 8080,
		.guest = 80, .proto = IPPROTO_UDP };
	rq.nallow = 2;
	rq.allow[0] = (struct net_allow){ .addr = 0x01020304, .prefix = 32,
		.proto = IPPROTO_TCP, .port_lo = 443, .port_hi = 443 };
	(void)vm_text();
	ATF_CHECK_EQ(2, count(text, "target=DNAT"));
	HAS("rule nat PREROUTING meta cmp=763000 meta cmp=06 payload cmp=0050 "
	    "counter target=DNAT\n");
	ATF_CHECK_EQ(2, count(text, "rule filter PUB match=conntrack counter "
	    "accept\n"));
	HAS("rule filter ALLOW match=conntrack counter accept\n"
	    "rule filter ALLOW counter accept\n");
	conf.dns = 0x0a000035;
	(void)vm_text();
	HAS("rule filter EGRESS match=conntrack counter accept\n"
	    "rule filter EGRESS match=conntrack counter accept\n"
	    "rule filter EGRESS match=conntrack counter drop\n");
	conf.compose &= ~COMPOSE_FIREWALL;
	(void)vm_text();
	ATF_CHECK_EQ(1, count(text, "rule filter ALLOW"));
	HAS("rule filter ALLOW counter accept\n");
	ATF_CHECK_EQ(16, count(text,
	    "rule filter EGRESS match=conntrack counter drop\n"));
}

CASE(vm_none, "without a network: chains that drop, and no rule")
{
	fresh();
	rq.mode = NET_NONE;
	ATF_CHECK_STREQ("table raw\nchain raw PREROUTING drop\n"
	    "chain raw OUTPUT drop\ntable filter\nchain filter INPUT drop\n"
	    "chain filter FORWARD drop\nchain filter OUTPUT drop\n"
	    "table filter\nchain filter INPUT drop\n"
	    "chain filter FORWARD drop\nchain filter OUTPUT drop\n",
	    vm_text());
}

CASE(vm_largest, "the longest lists fit; the buffer's end is noticed")
{
	unsigned i;

	fresh();
	rq.nports = NET_PORTS_MAX;
	rq.nallow = NET_ALLOW_MAX;
	for (i = 0; i < NET_PORTS_MAX; i++)
		rq.ports[i] = (struct net_port){ .guest = (uint16_t)(i + 1),
			.proto = IPPROTO_TCP };
	for (i = 0; i < NET_ALLOW_MAX; i++)
		rq.allow[i] = (struct net_allow){ .addr = i << 8,
			.prefix = 24 };
	(void)vm_text();
	ATF_CHECK_EQ(NET_ALLOW_MAX, count(text, "rule filter ALLOW"));
	nft_begin(&t, &sock, buf, 8192);
	vmrules(&t, &(struct vmrules){ .c = &conf, .rq = &rq });
	ATF_CHECK(t.b.full);
	ATF_CHECK(t.b.used <= 8192);
	ATF_CHECK_EQ(-1, nft_commit(&t, NULL));
}

CASE(guard, "the guard: five rules on the TAP")
{
	nft_begin(&t, &sock, buf, sizeof(buf));
	vmguard(&t, &(struct vmrules){ .slot = 3 });
	ATF_CHECK_STREQ("table postern\nchain postern guard drop\n"
	    "rule postern guard payload cmp!=0600ac100002 counter drop\n"
	    "rule postern guard payload cmp=8100 counter drop\n"
	    "rule postern guard payload cmp=0806 payload cmp=0001080006040001 "
	    "payload cmp=0600ac100002 payload cmp=ac100002 payload "
	    "cmp=ac100001 counter accept\n"
	    "rule postern guard payload cmp=0800 meta cmp=00 payload cmp=45 "
	    "payload cmp=ac100002 counter accept\n"
	    "rule postern guard counter drop\n", decode());
}

CASE(host_constant, "the host's rules, on the prefix of the instance")
{
	fresh();
	nft_begin(&t, &sock, buf, sizeof(buf));
	hostrules(&t, &conf, 1);
	(void)decode();
	HAS("table postern\ndelete table postern\ntable postern\n"
	    "delete table postern\n");
	ATF_CHECK_EQ(4, count(text, "\nset postern"));
	/* "pst", a pair that is not in the set of VMs */
	HAS("rule postern pre meta cmp=707374 meta payload lookup counter "
	    "drop\n");
	/* the pool and loopback from any link but lo */
	ATF_CHECK_EQ(2, count(text, "rule postern pre meta cmp!=6c6f00 payload "
	    "bitwise cmp=0ac80000 counter drop\n"));
	ATF_CHECK_EQ(2, count(text, "rule postern pre meta cmp!=6c6f00 payload "
	    "bitwise cmp=7f000000 counter drop\n"));
	HAS("rule postern pubs payload meta payload lookup nat\n"
	    "rule postern pubs meta payload lookup nat\n");
	HAS("rule postern forward meta cmp!=707374 meta cmp!=707374 counter "
	    "accept\n");
	HAS("rule postern forward meta cmp=707374 meta cmp=707374 counter "
	    "drop\n");
	ATF_CHECK_EQ(3, count(text, " dynset counter drop\n"));
	HAS("rule postern input meta cmp=707374 counter drop\n");
	HAS("rule postern output meta cmp=707374 counter drop\n");
	nft_begin(&t, &sock, buf, sizeof(buf));
	hostrules(&t, &conf, 0);
	(void)decode();
	HAS("rule postern forward meta cmp!=707374 meta cmp!=707374 counter "
	    "drop\n");
}

CASE(host_elements, "a VM is one element, a port one more")
{
	const struct held_port p[2] = {
		{ .addr = INADDR_ANY, .host = 8080, .guest = 80,
		    .proto = IPPROTO_TCP },
		{ .addr = 0x7f000001, .host = 8081, .guest = 80,
		    .proto = IPPROTO_UDP } };

	fresh();
	nft_begin(&t, &sock, buf, sizeof(buf));
	nft_use(&t, NFPROTO_IPV4, conf.instance);
	hostelems(&t, &conf, 3, p, 2, 0);
	hostelems(&t, &conf, 3, p, 2, 1);
	ATF_CHECK_STREQ("element postern\nelement postern\nelement postern\n"
	    "delete element postern\ndelete element postern\n"
	    "delete element postern\n", decode());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vm_constant);
	ATF_TP_ADD_TC(tp, vm_lists);
	ATF_TP_ADD_TC(tp, vm_none);
	ATF_TP_ADD_TC(tp, vm_largest);
	ATF_TP_ADD_TC(tp, guard);
	ATF_TP_ADD_TC(tp, host_constant);
	ATF_TP_ADD_TC(tp, host_elements);
	return atf_no_error();
}
