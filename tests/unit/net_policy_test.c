/* SPDX-License-Identifier: ISC */
/*
 * The policy on published ports and on allow lists: what is granted passes,
 * everything beside it does not. Runs as anybody.
 */
#include <atf-c.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "privd/net/ports.h"

#define OWNER 1000u
#define LO 0x7f000001u
#define PUBLIC 0x05060701u

static struct sysconf conf;
static struct req_net_up rq;
static uint8_t bad;
static struct err e;

#define CASE(name, what)                              \
	ATF_TC(name);                                 \
	ATF_TC_HEAD(name, tc)                         \
	{                                             \
		atf_tc_set_md_var(tc, "descr", what); \
	}                                             \
	ATF_TC_BODY(name, tc)

static void
fresh(void)
{
	sysconf_default(&conf);
	memset(&rq, 0, sizeof(rq));
	rq.mode = NET_NAT;
	bad = 0;
}

static struct net_port *
port(uint32_t addr, uint16_t host, uint16_t guest, uint8_t proto)
{
	struct net_port *p = &rq.ports[rq.nports++];

	p->addr = addr;
	p->host = host;
	p->guest = guest;
	p->proto = proto;
	return p;
}

/* 0, or the errno of the refusal. */
static int
ports(void)
{
	return ports_check(&conf, OWNER, &rq, &bad, &e) == 0 ? 0 : e.code;
}

static int
one(uint32_t addr, uint16_t host, uint16_t guest, uint8_t proto)
{
	rq.nports = 0;
	(void)port(addr, host, guest, proto);
	return ports();
}

CASE(port_range, "the owner's range, its ends included, and no further")
{
	fresh();
	conf.fallback.port_lo = 2000;
	conf.fallback.port_hi = 2010;
	ATF_CHECK_EQ(0, one(0, 2000, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(0, one(0, 2010, 80, IPPROTO_UDP));
	ATF_CHECK_EQ(EACCES, one(0, 1999, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(1, bad);
	ATF_CHECK_EQ(EACCES, one(0, 2011, 80, IPPROTO_TCP));
	ATF_CHECK_STREQ("ports", e.field);
	ATF_CHECK_EQ(EINVAL, one(0, 0, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(EINVAL, one(0, 2000, 0, IPPROTO_TCP));
	ATF_CHECK_EQ(EINVAL, one(0, 2000, 80, IPPROTO_ICMP));
	ATF_CHECK_EQ(EINVAL, one(0, 2000, 80, 0));
}

CASE(port_bind, "only granted addresses; 0 means the first of them")
{
	fresh();
	ATF_CHECK_EQ(0, one(0, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(LO, rq.ports[0].addr);
	ATF_CHECK_EQ(0, one(LO, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(EACCES, one(LO + 1, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(EACCES, one(PUBLIC, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(EACCES, one(NET_ADDR_ANY, 8080, 80, IPPROTO_TCP));
	conf.fallback.binds[1] = PUBLIC;
	conf.fallback.nbinds = 2;
	ATF_CHECK_EQ(0, one(PUBLIC, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(EACCES, one(NET_ADDR_ANY, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(0, one(0, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(LO, rq.ports[0].addr);
	conf.fallback.binds[1] = INADDR_ANY;
	ATF_CHECK_EQ(0, one(NET_ADDR_ANY, 8080, 80, IPPROTO_TCP));
	ATF_CHECK_EQ(INADDR_ANY, rq.ports[0].addr);
	ATF_CHECK_EQ(0, one(PUBLIC + 5, 8080, 80, IPPROTO_TCP));
	/* even then: no multicast, no 0/8, nothing of the pool */
	ATF_CHECK_EQ(EINVAL, one(0xe0000001, 8080, 80, IPPROTO_UDP));
	ATF_CHECK_EQ(EINVAL, one(0x00000001, 8080, 80, IPPROTO_UDP));
	ATF_CHECK_EQ(EINVAL, one(conf.pool_addr + 6, 8080, 80, IPPROTO_TCP));
}

CASE(port_lists, "duplicates, too many, dirt in the padding")
{
	unsigned i;

	fresh();
	conf.fallback.binds[0] = INADDR_ANY;
	(void)port(LO, 8080, 80, IPPROTO_TCP);
	(void)port(LO, 8080, 81, IPPROTO_UDP);
	(void)port(PUBLIC, 8080, 82, IPPROTO_TCP);
	ATF_CHECK_EQ(0, ports());
	(void)port(NET_ADDR_ANY, 8080, 80, IPPROTO_TCP);
	ATF_CHECK_EQ(EINVAL, ports());
	ATF_CHECK_EQ(4, bad);
	rq.nports = 1;
	(void)port(LO, 8080, 90, IPPROTO_TCP);
	ATF_CHECK_EQ(EINVAL, ports());
	rq.nports = 0;
	for (i = 0; i < 3; i++)
		(void)port(LO, (uint16_t)(8080 + i), 80, IPPROTO_TCP);
	conf.fallback.ports = 2;
	ATF_CHECK_EQ(EACCES, ports());
	rq.nports = NET_PORTS_MAX + 1;
	ATF_CHECK_EQ(EBADMSG, ports());
	rq.nports = 0;
	port(LO, 8080, 80, IPPROTO_TCP)->zero[2] = 1;
	ATF_CHECK_EQ(EBADMSG, ports());
}

CASE(port_owner, "one owner's grant is not another's")
{
	fresh();
	conf.nowners = 1;
	conf.owners[0] = conf.fallback;
	conf.owners[0].uid = OWNER + 1;
	conf.owners[0].port_lo = 80;
	ATF_CHECK_EQ(EACCES, one(0, 80, 80, IPPROTO_TCP));
	conf.owners[0].uid = OWNER;
	ATF_CHECK_EQ(0, one(0, 80, 80, IPPROTO_TCP));
}

CASE(port_local, "which requests need loopback on the veth")
{
	fresh();
	ATF_CHECK_EQ(0, ports_local(&rq));
	(void)port(PUBLIC, 8080, 80, IPPROTO_TCP);
	ATF_CHECK_EQ(0, ports_local(&rq));
	(void)port(LO, 8081, 80, IPPROTO_TCP);
	ATF_CHECK_EQ(1, ports_local(&rq));
	rq.ports[1].addr = INADDR_ANY;
	ATF_CHECK_EQ(1, ports_local(&rq));
}

static int
allow(uint8_t proto, uint32_t addr, uint8_t prefix, uint16_t lo, uint16_t hi)
{
	rq.nallow = 1;
	rq.allow[0] = (struct net_allow){ .addr = addr, .port_lo = lo,
		.port_hi = hi, .proto = proto, .prefix = prefix };
	return allow_check(&conf, OWNER, &rq, &bad, &e) == 0 ? 0 : e.code;
}

CASE(allow_form, "host bits, prefixes, protocols, port ranges")
{
	fresh();
	ATF_CHECK_EQ(0, allow(IPPROTO_TCP, 0x01020304, 32, 443, 443));
	ATF_CHECK_EQ(0, allow(IPPROTO_UDP, 0x01020300, 24, 1, 65535));
	ATF_CHECK_EQ(0, allow(0, 0, 0, 0, 0));
	ATF_CHECK_EQ(0, allow(IPPROTO_ICMP, 0x08000000, 8, 0, 0));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x01020304, 33, 443, 443));
	ATF_CHECK_EQ(0, allow(IPPROTO_TCP, 0x01020304, 31, 443, 443));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x01020305, 31, 443, 443));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x80000000, 0, 443, 443));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x01020304, 32, 0, 443));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x01020304, 32, 443, 0));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_TCP, 0x01020304, 32, 444, 443));
	ATF_CHECK_EQ(EINVAL, allow(IPPROTO_ICMP, 0x01020304, 32, 1, 1));
	ATF_CHECK_EQ(EINVAL, allow(0, 0x01020304, 32, 1, 1));
	ATF_CHECK_EQ(EINVAL, allow(47, 0x01020304, 32, 0, 0));
	rq.nallow = NET_ALLOW_MAX + 1;
	ATF_CHECK_EQ(-1, allow_check(&conf, OWNER, &rq, &bad, &e));
	ATF_CHECK_EQ(EBADMSG, e.code);
}

CASE(allow_denied, "nothing inside a denied range; around one is fine")
{
	const struct cidr *d;
	unsigned i;

	fresh();
	for (i = 0; (d = vmrules_denied(i)) != NULL; i++) {
		ATF_CHECK_EQ(EACCES, allow(IPPROTO_TCP, d->addr, d->prefix, 0,
		    0));
		ATF_CHECK_EQ(EACCES, allow(IPPROTO_TCP, d->addr, 32, 0, 0));
		ATF_CHECK_EQ(128, bad);
	}
	ATF_CHECK(i >= 14);
	conf.pool_addr = 0x02000000;
	ATF_CHECK_EQ(EACCES, allow(IPPROTO_TCP, 0x02000100, 24, 0, 0));
	ATF_CHECK_EQ(0, allow(IPPROTO_TCP, 0x02000000, 8, 0, 0));
	/* the last of a full list is named as 255 */
	rq.nallow = NET_ALLOW_MAX;
	for (i = 0; i < NET_ALLOW_MAX; i++)
		rq.allow[i] = (struct net_allow){ .addr = 0x01020304,
			.prefix = 32 };
	rq.allow[NET_ALLOW_MAX - 1].prefix = 40;
	ATF_CHECK_EQ(-1, allow_check(&conf, OWNER, &rq, &bad, &e));
	ATF_CHECK_EQ(255, bad);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, port_range);
	ATF_TP_ADD_TC(tp, port_bind);
	ATF_TP_ADD_TC(tp, port_lists);
	ATF_TP_ADD_TC(tp, port_owner);
	ATF_TP_ADD_TC(tp, port_local);
	ATF_TP_ADD_TC(tp, allow_form);
	ATF_TP_ADD_TC(tp, allow_denied);
	return atf_no_error();
}
