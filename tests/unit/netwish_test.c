/* SPDX-License-Identifier: ISC */
/* What a wish makes of a VM's lists: ctld/netwish.c. */
#include <atf-c.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "ctld/vm_net.h"

#define CASE(name, what)                                \
	ATF_TC(name);                                   \
	ATF_TC_HEAD(name, tc)                           \
	{                                               \
		atf_tc_set_md_var(tc, "descr", what);   \
	}                                               \
	ATF_TC_BODY(name, tc)

static struct req_net_up up;
static struct netwish w;
static struct err e;

static struct net_allow
entry(uint32_t addr)
{
	return (struct net_allow){ .addr = addr, .prefix = 32,
		.proto = IPPROTO_TCP, .port_lo = 443, .port_hi = 443 };
}

static int
lists(enum fw_what what, uint32_t n, uint32_t first)
{
	uint32_t i;

	memset(&w, 0, sizeof(w));
	w.what = (uint32_t)what;
	w.n = n;
	for (i = 0; i < n; i++)
		w.allow[i] = entry(first + i);
	return netwish_apply(&w, &up, &e);
}

CASE(allow, "entries come once, go by name, and fit")
{
	memset(&up, 0, sizeof(up));
	ATF_REQUIRE_EQ(0, lists(FW_ADD, 2, 100));
	ATF_REQUIRE_EQ(0, lists(FW_ADD, 3, 100));
	ATF_CHECK_EQ(3, up.nallow);
	ATF_REQUIRE_EQ(0, lists(FW_REMOVE, 1, 101));
	ATF_CHECK_EQ(2, up.nallow);
	ATF_CHECK_EQ(100, up.allow[0].addr);
	ATF_CHECK_EQ(102, up.allow[1].addr);
	ATF_CHECK_EQ(0, up.allow[2].addr);
	ATF_CHECK_EQ(-1, lists(FW_REMOVE, 3, 100));
	ATF_CHECK_STREQ("allow", e.field);
	ATF_CHECK(strstr(e.msg, "entry 2, 0.0.0.101/32") != NULL);
	ATF_REQUIRE_EQ(0, lists(FW_SET, NET_ALLOW_MAX, 500));
	ATF_CHECK_EQ(NET_ALLOW_MAX, up.nallow);
	ATF_CHECK_EQ(500, up.allow[0].addr);
	ATF_CHECK_EQ(-1, lists(FW_ADD, 1, 1));
	ATF_CHECK_EQ(EINVAL, e.code);
	ATF_REQUIRE_EQ(0, lists(FW_SET, 0, 0));
	ATF_CHECK_EQ(0, up.nallow);
	/* the same place with other ports is another entry */
	ATF_REQUIRE_EQ(0, lists(FW_SET, 1, 7));
	memset(&w, 0, sizeof(w));
	w.what = FW_ADD;
	w.n = 1;
	w.allow[0] = entry(7);
	w.allow[0].port_hi = 444;
	ATF_REQUIRE_EQ(0, netwish_apply(&w, &up, &e));
	ATF_CHECK_EQ(2, up.nallow);
}

static int
ports(enum fw_what what, uint16_t host, uint16_t guest, uint8_t proto)
{
	memset(&w, 0, sizeof(w));
	w.of_ports = 1;
	w.what = (uint32_t)what;
	w.n = 1;
	w.ports[0] = (struct net_port){ .host = host, .guest = guest,
		.proto = proto };
	return netwish_apply(&w, &up, &e);
}

CASE(port, "a port is published once and taken back as it was")
{
	uint16_t i;

	memset(&up, 0, sizeof(up));
	ATF_REQUIRE_EQ(0, ports(FW_ADD, 8080, 80, IPPROTO_TCP));
	ATF_REQUIRE_EQ(0, ports(FW_ADD, 8080, 80, IPPROTO_UDP));
	ATF_CHECK_EQ(-1, ports(FW_ADD, 8080, 81, IPPROTO_TCP));
	ATF_CHECK(strstr(e.msg, "published already") != NULL);
	ATF_CHECK_EQ(-1, ports(FW_REMOVE, 8080, 81, IPPROTO_TCP));
	ATF_CHECK_EQ(-1, ports(FW_REMOVE, 8081, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(2, up.nports);
	ATF_REQUIRE_EQ(0, ports(FW_REMOVE, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(1, up.nports);
	ATF_CHECK_EQ(IPPROTO_UDP, up.ports[0].proto);
	ATF_CHECK_EQ(0, up.ports[1].host);
	for (i = 1; i < NET_PORTS_MAX; i++)
		ATF_REQUIRE_EQ(0, ports(FW_ADD, i, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(-1, ports(FW_ADD, 9999, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(NET_PORTS_MAX, up.nports);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, allow);
	ATF_TP_ADD_TC(tp, port);
	return atf_no_error();
}
