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

static struct sysconf conf;
static struct req_net_up rq;
static struct nlsock sock = { .fd = -1, .seq = 1 };
static struct nft t;
static unsigned char buf[1 << 20];
static char text[1 << 18];

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

static void
add_num(const char *what, const struct nlattr *a)
{
	char num[32];

	(void)snprintf(num, sizeof(num), "%s%u", what, ntohl(nlm_u32(a)));
	add(num);
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

/* " cmp=hex", " jump=CHAIN", " meta6", " ct8", " ip12+4", " lookup=SET" */
static void
add_expr(const struct nlattr *elem)
{
	static const char *const base[] = { "ll", "ip", "th" };
	static const char *const op[] = { "=", "!=", "<", "<=", ">", ">=" };
	const char *name = nlm_str(in(elem, NFTA_EXPR_NAME));
	const struct nlattr *d = in(elem, NFTA_EXPR_DATA), *v;

	add(" ");
	if (strcmp(name, "immediate") == 0) {
		v = in(in(d, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
		if (v == NULL) {
			add("to=");
			add_hex(in(in(d, NFTA_IMMEDIATE_DATA),
			    NFTA_DATA_VALUE));
			return;
		}
		switch ((int)ntohl(nlm_u32(in(v, NFTA_VERDICT_CODE)))) {
		case NF_DROP: add("drop"); break;
		case NF_ACCEPT: add("accept"); break;
		default:
			add("jump=");
			add(nlm_str(in(v, NFTA_VERDICT_CHAIN)));
		}
	} else if (strcmp(name, "payload") == 0) {
		add(base[ntohl(nlm_u32(in(d, NFTA_PAYLOAD_BASE)))]);
		add_num("", in(d, NFTA_PAYLOAD_OFFSET));
		add_num("+", in(d, NFTA_PAYLOAD_LEN));
	} else if (strcmp(name, "meta") == 0) {
		add_num("meta", in(d, NFTA_META_KEY));
	} else if (strcmp(name, "ct") == 0) {
		add_num("ct", in(d, NFTA_CT_KEY));
	} else if (strcmp(name, "cmp") == 0) {
		add(op[ntohl(nlm_u32(in(d, NFTA_CMP_OP)))]);
		add_hex(in(in(d, NFTA_CMP_DATA), NFTA_DATA_VALUE));
	} else if (strcmp(name, "bitwise") == 0) {
		add("&");
		add_hex(in(in(d, NFTA_BITWISE_MASK), NFTA_DATA_VALUE));
	} else if (strcmp(name, "lookup") == 0) {
		add(in(d, NFTA_LOOKUP_FLAGS) != NULL ? "not@" : "@");
		add(nlm_str(in(d, NFTA_LOOKUP_SET)));
	} else {
		add(name);
	}
}

/* Every object of the batch as a line of text; of a rule its name too. */
static const char *
decode(void)
{
	const struct nlmsghdr *h = (const void *)buf;
	const struct nlattr *a, *x;
	size_t left = t.b.used, n, k;
	const char *note;

	text[0] = '\0';
	ATF_REQUIRE(!t.b.full);
	for (; nlm_ok(h, left); h = nlm_next(h, &left)) {
		a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
		switch (h->nlmsg_type & 0xff) {
		case NFT_MSG_NEWTABLE: add("table "); break;
		case NFT_MSG_DELTABLE: add("delete table "); break;
		case NFT_MSG_NEWCHAIN: add("chain "); break;
		case NFT_MSG_NEWRULE: add(""); break;
		case NFT_MSG_DELRULE: add("empty "); break;
		case NFT_MSG_NEWSET: add("set "); break;
		case NFT_MSG_NEWSETELEM: add("element "); break;
		case NFT_MSG_DELSETELEM: add("delete element "); break;
		default: continue;
		}
		if ((h->nlmsg_type & 0xff) == NFT_MSG_NEWRULE) {
			note = nft_note_of(nlm_find(a, n,
			    NFTA_RULE_USERDATA));
			x = strstr(note, ": ") ? NULL : a;
			add(nlm_str(nlm_find(a, n, NFTA_RULE_CHAIN)));
			add(" \"");
			add(x == NULL ? strstr(note, ": ") + 2 : note);
			add("\"");
			x = nlm_find(a, n, NFTA_RULE_EXPRESSIONS);
			x = nlm_inside(x, &k);
			for (; nlm_attr_ok(x, k); x = nlm_attr_next(x, &k))
				add_expr(x);
			add("\n");
			continue;
		}
		add(nlm_str(nlm_find(a, n, 1)));
		x = nlm_find(a, n, (h->nlmsg_type & 0xff) ==
		    NFT_MSG_NEWCHAIN ? NFTA_CHAIN_NAME : 2);
		if (x != NULL && (h->nlmsg_type & 0xff) > NFT_MSG_DELTABLE) {
			add(" ");
			add(nlm_str(x));
		}
		x = nlm_find(a, n, NFTA_CHAIN_POLICY);
		if (x != NULL && (h->nlmsg_type & 0xff) == NFT_MSG_NEWCHAIN)
			add(ntohl(nlm_u32(x)) == NF_DROP ? " drop" :
							   " accept");
		add("\n");
	}
	return text;
}

static const char *
vm_text(void)
{
	static const uint32_t deny[] = { 0x05060701 };
	struct vmrules v = { .c = &conf, .slot = 3, .vm = 0x0ac80007,
		.host = 0x0ac80006, .rq = &rq, .deny = deny, .ndeny = 1 };

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

/* What each row must become, and no row but these. */
struct want {
	const char *name;
	const char *rule;
};

#define NEWBIT "ct0 &08000000 !=00000000"
#define TAP "meta6 =7461703000"
#define IN_VETH "meta6 =763000"
#define GUEST_MAC_HEX "=0600ac100002"

static const struct want vm_want[] = {
	{ "guard: foreign mac", "guard ll6+6 !=0600ac100002 drop" },
	{ "guard: vlan tag", "guard ll12+2 =8100 drop" },
	{ "guard: arp", "guard ll12+2 =0806 ip0+8 =0001080006040001 ip8+6 "
	    GUEST_MAC_HEX " ip14+4 =ac100002 ip24+4 =ac100001 accept" },
	{ "guard: ipv4", "guard ll12+2 =0800 meta19 =00 ip0+1 =45 ip12+4 "
	    "=ac100002 accept" },
	{ "guard: other frames", "guard drop" },
	{ "from guest", "pre " TAP " meta8 =0100 ll6+6 " GUEST_MAC_HEX
	    " ip12+4 =ac100002 accept" },
	{ "to guest", "pre " IN_VETH " ip12+4 &fffffffc !=ac100000 ip16+4 "
	    "=0ac80007 accept" },
	{ "foreign packet", "pre drop" },
	{ "new flows to guest", "pre_nat " IN_VETH " to=ac100002 nat" },
	{ "new flows of guest", "post_nat meta7 =763000 to=0ac80007 nat" },
	{ "to the namespace", "input drop" },
	{ "of the namespace", "output drop" },
	{ "invalid", "forward ct0 &01000000 !=00000000 drop" },
	{ "tcp without syn", "forward meta16 =06 " NEWBIT " th13+1 &17 !=02 "
	    "drop" },
	{ "icmp but echo", "forward meta16 =01 " NEWBIT " th0+1 !=08 drop" },
	{ "flow ceiling", "forward " NEWBIT " connlimit drop" },
	{ "flow rate", "forward ct2 &08000000 =00000000 limit drop" },
	{ "to published ports", "forward ct2 &20000000 !=00000000 jump=pub" },
	{ "flows of the guest", "forward " TAP " meta7 =763000 ct19 "
	    "=ac100002 ct1 =00 jump=egress" },
	{ "answers to the guest", "forward " IN_VETH " meta7 =7461703000 "
	    "ct19 =ac100002 ct1 =01 jump=egress" },
	{ "no flow of either", "forward drop" },
	{ "dns by udp", "egress ct10 =11 ct20 =0a000035 ct12 =0035 accept" },
	{ "dns by tcp", "egress ct10 =06 ct20 =0a000035 ct12 =0035 accept" },
	{ "granted by the operator", "egress jump=granted" },
	{ "denied", "egress ct20 @denied drop" },
	{ "denied pool", "egress ct20 &ffff0000 =0ac80000 drop" },
	{ "denied host", "egress ct20 @host drop" },
	{ "to the list", "egress jump=allow" },
	{ "not listed", "egress drop" },
	{ "firewall is off", "allow accept" },
	{ "listed ports", "allow ct10 ct20 ct12 @allow_port accept" },
	{ "listed protocols", "allow ct10 ct20 @allow_proto accept" },
	{ "listed addresses", "allow ct20 @allow_addr accept" },
	{ "listed ranges", "allow jump=ranges" },
	{ "published ports", "pub ct20 =0ac80007 ct10 ct12 @ports accept" },
	{ "ports of localhost", "pub ct20 =0ac80007 ct19 =0ac80006 ct10 ct12 "
	    "@ports_local accept" },
	{ "no published port", "pub drop" },
};

#define FROM "meta6 =707374"
#define TO "meta7 =707374"
#define DNATTED "ct2 &20000000 !=00000000"

static const struct want host_want[] = {
	{ "ipv6 of a vm", "forward " FROM " drop" },
	{ "ipv6 to a vm", "forward " TO " drop" },
	{ "ipv6 of a vm to the host", "input " FROM " drop" },
	{ "ipv6 of the host to a vm", "output " TO " drop" },
	{ "spoofed by a vm", "pre " FROM " meta6 ip12+4 not@vm drop" },
	{ "vm to loopback", "pre " FROM " ip16+4 &ff000000 =7f000000 drop" },
	{ "of a vm", "pre " FROM " accept" },
	{ "spoofed pool", "pre meta6 !=6c6f00 ip12+4 &ffff0000 =0ac80000 "
	    "drop" },
	{ "spoofed loopback", "pre meta6 !=6c6f00 ip12+4 &ff000000 =7f000000 "
	    "drop" },
	{ "outside to the pool", "pre meta6 !=6c6f00 ip16+4 &ffff0000 "
	    "=0ac80000 drop" },
	{ "outside to loopback", "pre meta6 !=6c6f00 ip16+4 &ff000000 "
	    "=7f000000 drop" },
	{ "to this host", "pre_nat fib =02000000 jump=pubs" },
	{ "this host to itself", "out_nat fib =02000000 jump=pubs" },
	{ "ports of an address", "pubs ip16+4 meta16 th2+2 @pubaddr nat" },
	{ "ports of every address", "pubs meta16 th2+2 @pub nat" },
	{ "localhost to a port", "post_nat " TO " ip12+4 &ff000000 =7f000000 "
	    "masq" },
	{ "new flows of vms", "post_nat " FROM " meta7 !=707374 masq" },
	{ "not ours", "forward meta6 !=707374 meta7 !=707374 accept" },
	{ "not ours, and not routed before us", "forward meta6 !=707374 "
	    "meta7 !=707374 drop" },
	{ "invalid", "forward ct0 &01000000 !=00000000 drop" },
	{ "vm to a port it was granted", "forward " FROM " " TO " " DNATTED
	    " ct19 @granted accept" },
	{ "vm to vm", "forward " FROM " " TO " drop" },
	{ "vm to a published port", "forward " FROM " ct1 =00 " DNATTED
	    " drop" },
	{ "flow ceiling of a vm", "forward " FROM " " NEWBIT " ip12+4 dynset "
	    "drop" },
	{ "flow ceiling to a vm", "forward " TO " " NEWBIT " ip16+4 dynset "
	    "drop" },
	{ "vm to the world", "forward " FROM " accept" },
	{ "world to a port", "forward " DNATTED " accept" },
	{ "world's answers", "forward ct0 &06000000 !=00000000 accept" },
	{ "world to a vm", "forward drop" },
	{ "port's answers to the host", "input " FROM " ct1 =01 " DNATTED
	    " accept" },
	{ "dns here by udp", "input " FROM " ip16+4 =0a000035 meta16 =11 "
	    "th2+2 =0035 accept" },
	{ "dns here by tcp", "input " FROM " ip16+4 =0a000035 meta16 =06 "
	    "th2+2 =0035 accept" },
	{ "vm to the host", "input " FROM " drop" },
	{ "flow ceiling from the host", "output " TO " " NEWBIT " ip16+4 "
	    "dynset drop" },
	{ "host to a port", "output " TO " " DNATTED " accept" },
	{ "dns answers by udp", "output " TO " ip12+4 =0a000035 meta16 =11 "
	    "th0+2 =0035 ct0 &02000000 !=00000000 accept" },
	{ "dns answers by tcp", "output " TO " ip12+4 =0a000035 meta16 =06 "
	    "th0+2 =0035 ct0 &02000000 !=00000000 accept" },
	{ "path mtu", "output " TO " ct0 &04000000 !=00000000 meta16 =01 "
	    "th0+1 =03 accept" },
	{ "host to a vm", "output " TO " drop" },
};

/* Is the row in the text, counted, as it is wanted? */
static void
row(const struct rule *r, const struct want *w)
{
	char line[512], *space, *rest;

	ATF_REQUIRE_MSG(strcmp(r->name, w->name) == 0, "%s, not %s", r->name,
	    w->name);
	/* the counter stands before what is done */
	rest = strstr(w->rule, " to=");
	if (rest == NULL)
		rest = strrchr(w->rule, ' ');
	space = strchr(w->rule, ' ');
	(void)snprintf(line, sizeof(line), "%.*s \"%s\"%.*s counter%s\n",
	    (int)(space - w->rule), w->rule, w->name,
	    rest > space ? (int)(rest - space) : 0, space, rest);
	ATF_CHECK_MSG(strstr(text, line) != NULL, "no %s in:\n%s", line,
	    text);
}

CASE(vm_rows, "each row of a VM, in its chain, with what it compares")
{
	const struct rule *r = vm_rules.rules;
	unsigned i, off;

	ATF_REQUIRE_EQ(sizeof(vm_want) / sizeof(vm_want[0]), vm_rules.nrules);
	for (i = 0; i < vm_rules.nrules; i++) {
		off = strcmp(r[i].name, "firewall is off") == 0;
		fresh();
		conf.dns = 0x0a000035;
		if (off)
			conf.compose &= ~COMPOSE_FIREWALL;
		(void)vm_text();
		row(&r[i], &vm_want[i]);
	}
	/* and conditions */
	fresh();
	(void)vm_text();
	ATF_CHECK_EQ(0, count(text, "dns by"));
	ATF_CHECK_EQ(0, count(text, "firewall is off"));
	conf.compose &= ~COMPOSE_FIREWALL;
	(void)vm_text();
	ATF_CHECK_EQ(0, count(text, "allow \"listed"));
	ATF_CHECK_EQ(1, count(text, "egress \"denied\""));
}

CASE(host_rows, "each row of the host, on the prefix of the instance")
{
	const struct rule *r = host_rules.rules;
	unsigned i;

	ATF_REQUIRE_EQ(sizeof(host_want) / sizeof(host_want[0]),
	    host_rules.nrules);
	for (i = 0; i < host_rules.nrules; i++) {
		fresh();
		conf.dns = 0x0a000035;
		nft_begin(&t, &sock, buf, sizeof(buf));
		hostrules(&t, &conf,
		    strstr(r[i].name, "not routed") == NULL);
		(void)decode();
		row(&r[i], &host_want[i]);
	}
	HAS("table postern\ndelete table postern\ntable postern\n"
	    "delete table postern\n");
	ATF_CHECK_EQ(HOST_SETS, count(text, "\nset postern"));
	ATF_CHECK_EQ(0, count(text, "\"not ours, and"));
}

CASE(vm_chains, "every chain of a VM that others do not jump to drops")
{
	fresh();
	(void)vm_text();
	HAS("chain postern guard drop\n");
	HAS("chain postern pre drop\n");
	HAS("chain postern input drop\nchain postern output drop\n"
	    "chain postern forward drop\n");
	HAS("chain filter INPUT drop\nchain filter FORWARD drop\n"
	    "chain filter OUTPUT drop\n");
	ATF_CHECK_EQ(VM_SETS, count(text, "\nset postern"));
}

CASE(vm_lists, "exact addresses are elements, the rest are rules")
{
	fresh();
	rq.nports = 3;
	rq.ports[0] = (struct net_port){ .addr = 0x7f000001, .host = 8080,
		.guest = 80, .proto = IPPROTO_TCP };
	rq.ports[1] = (struct net_port){ .addr = 0x05060701, .host = 8080,
		.guest = 80, .proto = IPPROTO_TCP };
	rq.ports[2] = (struct net_port){ .addr = 0x7f000001, .host = 8080,
		.guest = 80, .proto = IPPROTO_UDP };
	rq.nallow = 6;
	rq.allow[0] = (struct net_allow){ .addr = 0x01020304, .prefix = 32,
		.proto = IPPROTO_TCP, .port_lo = 443, .port_hi = 443 };
	rq.allow[1] = (struct net_allow){ .addr = 0x01020304, .prefix = 32,
		.proto = IPPROTO_ICMP };
	rq.allow[2] = (struct net_allow){ .addr = 0x01020304, .prefix = 32 };
	rq.allow[3] = (struct net_allow){ .addr = 0x01020304, .prefix = 32,
		.proto = IPPROTO_TCP, .port_lo = 80, .port_hi = 90 };
	rq.allow[4] = (struct net_allow){ .addr = 0x01020300, .prefix = 24 };
	rq.allow[5] = (struct net_allow){ .proto = IPPROTO_UDP, .port_lo = 53,
		.port_hi = 53 };
	(void)vm_text();
	HAS("element postern allow_port\nelement postern allow_proto\n"
	    "element postern allow_addr\n");
	HAS("ranges \"allow tcp:1.2.3.4/32:80-90\" ct10 =06 ct20 =01020304 "
	    "ct12 >=0050 <=005a counter accept\n"
	    "ranges \"allow any:1.2.3.0/24\" ct20 &ffffff00 =01020300 "
	    "counter accept\n"
	    "ranges \"allow udp:0.0.0.0/0:53-53\" ct10 =11 ct12 >=0035 "
	    "<=0035 counter accept\n");
	ATF_CHECK_EQ(3, count(text, "ranges \"allow"));
	/* tcp 80 from elsewhere too, udp 80 from here alone */
	HAS("element postern ports\nelement postern ports_local\n");
}

CASE(vm_swap, "another list: only what it is about is touched")
{
	struct vmrules v = { .c = &conf, .slot = 3, .rq = &rq };

	fresh();
	rq.nallow = 1;
	rq.allow[0] = (struct net_allow){ .addr = 0x01020300, .prefix = 24 };
	nft_begin(&t, &sock, buf, sizeof(buf));
	vmrules_lists(&t, &v, 0);
	ATF_CHECK_STREQ("empty postern granted\nempty postern ranges\n"
	    "delete element postern allow_port\n"
	    "delete element postern allow_proto\n"
	    "delete element postern allow_addr\n"
	    "ranges \"allow any:1.2.3.0/24\" ct20 &ffffff00 =01020300 "
	    "counter accept\n", decode());
	nft_begin(&t, &sock, buf, sizeof(buf));
	vmrules_lists(&t, &v, 1);
	(void)decode();
	HAS("delete element postern ports\n"
	    "delete element postern ports_local\n");
}

CASE(vm_none, "without a network: chains that drop, and no rule")
{
	fresh();
	rq.mode = NET_NONE;
	(void)vm_text();
	ATF_CHECK_EQ(7, count(text, " drop\n"));
	ATF_CHECK_EQ(0, count(text, "\""));
	ATF_CHECK_EQ(0, count(text, "guard"));
	ATF_CHECK_EQ(0, count(text, "\nset"));
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
			.prefix = 24, .proto = IPPROTO_TCP, .port_lo = 10000,
			.port_hi = 65535 };
	(void)vm_text();
	ATF_CHECK_EQ(NET_ALLOW_MAX, count(text, "ranges \"allow"));
	nft_begin(&t, &sock, buf, 8192);
	vmrules(&t, &(struct vmrules){ .c = &conf, .rq = &rq });
	ATF_CHECK(t.b.full);
	ATF_CHECK(t.b.used <= 8192);
	ATF_CHECK_EQ(-1, nft_commit(&t, NULL));
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
	ATF_CHECK_STREQ("element postern vm\nelement postern pub\n"
	    "element postern pubaddr\ndelete element postern vm\n"
	    "delete element postern pub\ndelete element postern pubaddr\n",
	    decode());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vm_rows);
	ATF_TP_ADD_TC(tp, host_rows);
	ATF_TP_ADD_TC(tp, vm_chains);
	ATF_TP_ADD_TC(tp, vm_lists);
	ATF_TP_ADD_TC(tp, vm_swap);
	ATF_TP_ADD_TC(tp, vm_none);
	ATF_TP_ADD_TC(tp, vm_largest);
	ATF_TP_ADD_TC(tp, host_elements);
	return atf_no_error();
}
