/* SPDX-License-Identifier: ISC */
/*
 * readback() against the real kernel, as root in a private namespace: it is
 * content with what was sent, and notices each way in which the rules can
 * differ from that: any row that is missing, among others.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "privd/net/readback.h"
#include "privd/net/vmrules.h"
#include "tests/integration/netharness.h"

static const char *const changes[] = {
	"nft add rule ip postern forward accept",
	"nft insert rule ip postern egress accept",
	"nft add chain ip postern forward '{ policy accept; }'",
	"nft add chain ip postern more",
	"nft flush chain ip postern pre",
	"nft flush chain ip postern ranges",
	"nft add chain ip6 filter INPUT '{ policy accept; }'",
	"nft flush chain netdev postern guard",
	"nft delete table ip6 filter",
	"nft add element ip postern allow_port '{ tcp . 1.2.3.5 . 443 }'",
	"nft delete element ip postern allow_port '{ tcp . 1.2.3.4 . 443 }'",
	"nft add element ip postern ports '{ tcp . 81 }'",
	"nft flush set ip postern denied",
	"nft delete element ip postern denied '{ 10.0.0.0/8 }'",
};
static const char foreign[] = "nft add table ip other;"
    "nft add chain ip other c '{ type filter hook forward priority"
    " -9; }'; nft add rule ip other c accept";

static struct sysconf conf;
static struct req_net_up rq;
static struct vmrules v = { .c = &conf, .vm = 0x0ac80007,
	.host = 0x0ac80006, .rq = &rq };
static unsigned char buf[256 << 10];

static void
setup(struct nlsock *s)
{
	static struct lab l;

	sysconf_default(&conf);
	rq.mode = NET_NAT;
	rq.nallow = 2;
	rq.allow[0] = (struct net_allow){ .addr = 0x01020304, .prefix = 32,
		.proto = IPPROTO_TCP, .port_lo = 443, .port_hi = 443 };
	rq.allow[1] = (struct net_allow){ .addr = 0x01020000, .prefix = 16,
		.proto = IPPROTO_TCP, .port_lo = 80, .port_hi = 90 };
	lab_open(&l);
	ATF_REQUIRE_EQ(0, lab_run(-1, "ip link add tap0 type veth peer v0"));
	ATF_REQUIRE_EQ(0, nlsock_init(s, RH(socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER))));
}

static void
put(struct nft *t, struct nlsock *s)
{
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft flush ruleset"));
	nft_begin(t, s, buf, sizeof(buf));
	vmrules(t, &v);
	ATF_REQUIRE_EQ_MSG(0, nft_commit(t, NULL), "%s", strerror(errno));
}

static void
notices(struct nft *t, struct nlsock *s, const char *what)
{
	struct err e;

	memset(&e, 0, sizeof(e));
	ATF_CHECK_EQ_MSG(-1, readback(s, t, 1, &e), "%s", what);
	ATF_CHECK_EQ_MSG(EBADMSG, e.code, "%s: %d", what, e.code);
}

NH_CASE(differences, "missing, changed and extra rules, chains, elements")
{
	struct nlsock s;
	struct nft t;
	struct err e;
	size_t i;

	(void)tc;
	setup(&s);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		put(&t, &s);
		ATF_CHECK_EQ_MSG(0, readback(&s, &t, 1, &e), "%s", e.msg);
		ATF_REQUIRE_EQ_MSG(0, lab_run(-1, "%s", changes[i]), "%s",
		    changes[i]);
		notices(&t, &s, changes[i]);
	}
	/* another's table is no matter on the host, but is in a VM's */
	put(&t, &s);
	ATF_REQUIRE_EQ(0, lab_run(-1, "%s", foreign));
	ATF_CHECK_EQ(0, readback(&s, &t, 0, &e));
	ATF_CHECK_EQ(-1, readback(&s, &t, 1, &e));
}

NH_CASE(each_row, "no single row can be missing unnoticed")
{
	const struct rule *r;
	struct nlsock s;
	struct nft t;
	unsigned i;

	(void)tc;
	setup(&s);
	conf.dns = 0x08080808;
	for (i = 0; i < vm_rules.nrules; i++) {
		const struct chain *c;

		r = &vm_rules.rules[i];
		if (strcmp(r->name, "firewall is off") == 0)
			continue;
		c = &vm_rules.chains[r->chain];
		put(&t, &s);
		ATF_REQUIRE_EQ_MSG(0, lab_run(-1, "f=%s; h=$(nft -a list chain"
		    " $f %s %s | sed -n 's/.*comment \"[^\"]*: %s\".*handle"
		    " \\([0-9]*\\)$/\\1/p'); [ -n \"$h\" ] &&"
		    " nft delete rule $f %s %s handle $h",
		    c->family == NFPROTO_NETDEV ? "netdev" : "ip", c->table,
		    c->name, r->name, c->table, c->name), "%s", r->name);
		notices(&t, &s, r->name);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, differences);
	ATF_TP_ADD_TC(tp, each_row);
	return atf_no_error();
}
