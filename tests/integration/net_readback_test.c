/* SPDX-License-Identifier: ISC */
/*
 * readback() against the real kernel, as root in a private namespace: it is
 * content with what was sent, and notices each way in which the rules can
 * differ from that.
 */
#include <atf-c.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "privd/net/readback.h"
#include "privd/net/vmrules.h"
#include "tests/integration/netharness.h"

static const char *const changes[] = {
	"iptables -D EGRESS 2",
	"iptables -A FORWARD -j ACCEPT",
	"iptables -I EGRESS -j ACCEPT",
	"iptables -P FORWARD ACCEPT",
	"iptables -N MORE",
	"iptables -t raw -F PREROUTING",
	"iptables -R PUB 1 -j ACCEPT",
	"iptables -t raw -R PREROUTING 1 -s 172.16.0.2/32 -i tap0"
	" -m mac --mac-source 06:00:ac:10:00:03 -j ACCEPT",
	"iptables -t nat -R POSTROUTING 1 -o v0 -j SNAT"
	" --to-source 10.200.0.8",
	"ip6tables -P INPUT ACCEPT",
	"nft flush chain netdev postern guard",
	"nft delete table ip raw",
};
static const char foreign[] = "nft add table ip other;"
    "nft add chain ip other c '{ type filter hook forward priority"
    " -9; }'; nft add rule ip other c accept";

ATF_TC(differences);
ATF_TC_HEAD(differences, tc)
{
	atf_tc_set_md_var(tc, "descr", "missing, changed and extra rules");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(differences, tc)
{
	static unsigned char buf[128 << 10];
	static struct sysconf conf;
	static struct req_net_up rq;
	struct vmrules v = { .c = &conf, .vm = 0x0ac80007, .host = 0x0ac80006,
		.rq = &rq };
	struct nlsock s;
	struct lab l;
	struct nft t;
	struct err e;
	size_t i;

	sysconf_default(&conf);
	rq.mode = NET_NAT;
	lab_open(&l);
	ATF_REQUIRE_EQ(0, lab_run(-1, "ip link add tap0 type veth peer v0"));
	ATF_REQUIRE_EQ(0, nlsock_init(&s, RH(socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER))));
	for (i = 0; i < 2 * sizeof(changes) / sizeof(changes[0]); i++) {
		const char *change = changes[i / 2];
		int alone = i % 2;

		nft_begin(&t, &s, buf, sizeof(buf));
		vmrules(&t, &v);
		vmguard(&t, &v);
		ATF_REQUIRE_EQ(0, nft_commit(&t, NULL));
		ATF_CHECK_EQ_MSG(0, readback(&s, &t, alone, &e), "%s", e.msg);
		ATF_REQUIRE_EQ_MSG(0, lab_run(-1, "%s", change), "%s",
		    change);
		memset(&e, 0, sizeof(e));
		ATF_CHECK_EQ_MSG(-1, readback(&s, &t, alone, &e), "%s", change);
		ATF_CHECK_EQ_MSG(EBADMSG, e.code, "%s: %d", change,
		    e.code);
		ATF_REQUIRE_EQ(0, lab_run(-1, "nft flush ruleset"));
	}
	/* another's table is no matter on the host, but is in a VM's */
	nft_begin(&t, &s, buf, sizeof(buf));
	vmrules(&t, &v);
	ATF_REQUIRE_EQ(0, nft_commit(&t, NULL));
	ATF_REQUIRE_EQ(0, lab_run(-1, "%s", foreign));
	ATF_CHECK_EQ(0, readback(&s, &t, 0, &e));
	ATF_CHECK_EQ(-1, readback(&s, &t, 1, &e));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, differences);
	return atf_no_error();
}
