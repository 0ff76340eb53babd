/* SPDX-License-Identifier: ISC */
/*
 * Does each row of the VM's rules do something? Every one is taken out of the
 * kernel by itself, in a fresh VM, and its witness must see it: a packet that
 * passed before and does not now, or one that now passes. A row without a
 * witness of its own names what stands behind it, and why. As root, in
 * private namespaces.
 */
#include <atf-c.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/vmfd.h"
#include "privd/net/vmrules.h"
#include "tests/integration/netharness.h"

#define GRANTED LAB_PRIVATE192

static struct nh h;
static struct nh_vm v;
static int tap, world, other, any, ranged, dns, granted, denied, near;
static uint16_t port_local, port_any;

static int
reply(const struct frame *f, unsigned proto, int ms)
{
	struct frame g;

	while (lab_tap_recv(tap, proto, 0, &g))
		;
	lab_tap_send(tap, f);
	return lab_tap_recv(tap, proto, ms, &g);
}

/* A new flow each time: what is tracked already is translated already. */
static int
listed_port(int ms)
{
	static uint16_t sport = 5000;
	struct frame f = lab_udp_frame(GUEST_ADDR, LAB_ALLOWED, ++sport, 53,
	    "new");

	lab_tap_send(tap, &f);
	return lab_heard(world, "new", ms, NULL, NULL);
}

static int
answered(int ms)
{
	struct frame f = lab_udp_frame(GUEST_ADDR, LAB_ALLOWED, 4000, 53,
	    "question");
	uint32_t from = 0;
	uint16_t port = 0;

	while (lab_tap_recv(tap, IPPROTO_UDP, 0, &f))
		;
	f = lab_udp_frame(GUEST_ADDR, LAB_ALLOWED, 4000, 53, "question");
	lab_tap_send(tap, &f);
	if (!lab_heard(world, "question", ms, &from, &port))
		return 0;
	lab_send(world, from, port, "answer");
	return lab_tap_recv(tap, IPPROTO_UDP, ms, &f);
}

static int
ping(int ms)
{
	struct frame f = lab_ping_frame(LAB_ALLOWED);

	return reply(&f, IPPROTO_ICMP, ms);
}

/* ICMP's question for the time, which begins a flow as an echo does. */
static int
timestamp(int ms)
{
	struct frame f = lab_ping_frame(LAB_ALLOWED);
	unsigned char *i = f.b + 34;

	f.n += 4;
	f.b[17] = 40;
	f.b[24] = f.b[25] = 0;	/* the header's sum, one's complement */
	for (unsigned k = 0, s = 0; k <= 20; k += 2) {
		if (k < 20) {
			s += (unsigned)(f.b[14 + k] << 8 | f.b[15 + k]);
			continue;
		}
		s = (s & 0xffff) + (s >> 16);
		f.b[24] = (unsigned char)(~s >> 8);
		f.b[25] = (unsigned char)~s;
	}
	i[0] = 13;
	i[2] = 0xf2;	/* ~(0x0d00 + 7) */
	i[3] = 0xf8;
	return reply(&f, IPPROTO_ICMP, ms);
}

static int
tcp_ack(int ms)
{
	struct frame f = lab_tcp_frame(GUEST_ADDR, LAB_ALLOWED, 4001, 80,
	    0x10, 1, 1);

	return reply(&f, IPPROTO_TCP, ms);
}

static int
dns_tcp(int ms)
{
	struct frame f = lab_tcp_frame(GUEST_ADDR, LAB_PRIVATE10, 4002, 53,
	    0x02, 1, 0);

	return reply(&f, IPPROTO_TCP, ms);
}

static int
dns_udp(int ms)
{
	return lab_reaches(tap, LAB_PRIVATE10, 53, dns, ms);
}

static int
listed_address(int ms)
{
	return lab_reaches(tap, LAB_OTHER, 9000, any, ms);
}

static int
listed_range(int ms)
{
	return lab_reaches(tap, LAB_ALLOWED, 7001, ranged, ms);
}

static int
private(int ms)
{
	return lab_reaches(tap, GRANTED, 9000, granted, ms);
}

static int
not_private(int ms)
{
	return lab_reaches(tap, LAB_CGNAT, 7000, denied, ms);
}

static int
unlisted(int ms)
{
	return lab_reaches(tap, LAB_ALLOWED, 55, other, ms);
}

static int
arp(int ms)
{
	struct frame f = lab_arp_frame(GUEST_ADDR, GUEST_GATEWAY);

	return reply(&f, 0x0806, ms);
}

static int
from(int sock, uint32_t addr, uint16_t port, int ms)
{
	struct frame f;

	while (lab_tap_recv(tap, IPPROTO_UDP, 0, &f))
		;
	lab_send(sock, addr, port, "hello");
	return lab_tap_recv(tap, IPPROTO_UDP, ms, &f);
}

static int
local_port(int ms)
{
	return from(near, 0x7f000001, port_local, ms);
}

static int
open_port(int ms)
{
	int far = lab_udp(h.lab.world, LAB_ALLOWED, 0);
	int seen = from(far, LAB_HOST, port_any, ms);

	(void)close(far);
	return seen;
}

/* passes: the row lets it through, else it keeps it out. No witness: behind
 * stands another row, or "policy": the chain drops. */
static const struct witness {
	const char *row;
	int passes;
	int (*see)(int ms);
	const char *behind;
} witness[] = {
	{ "guard: foreign mac", 0, NULL, "from guest" },
	{ "guard: vlan tag", 0, NULL, "guard: other frames" },
	{ "guard: arp", 1, arp, NULL },
	{ "guard: ipv4", 1, listed_port, NULL },
	{ "guard: other frames", 0, NULL, "policy" },
	{ "from guest", 1, listed_port, NULL },
	{ "to guest", 1, open_port, NULL },
	{ "foreign packet", 0, NULL, "policy" },
	{ "new flows to guest", 1, open_port, NULL },
	{ "new flows of guest", 1, listed_port, NULL },
	{ "to the namespace", 0, NULL, "policy" },
	{ "of the namespace", 0, NULL, "policy" },
	{ "invalid", 0, NULL, "tcp without syn" },
	{ "tcp without syn", 0, tcp_ack, NULL },
	{ "icmp but echo", 0, timestamp, NULL },
	/* net_test's flow_cap and flow_rate see those two */
	{ "flow ceiling", 0, NULL, "flow rate" },
	{ "flow rate", 0, NULL, "flow ceiling" },
	{ "to published ports", 1, open_port, NULL },
	{ "flows of the guest", 1, listed_port, NULL },
	{ "answers to the guest", 1, answered, NULL },
	{ "no flow of either", 0, NULL, "policy" },
	{ "dns by udp", 1, dns_udp, NULL },
	{ "dns by tcp", 1, dns_tcp, NULL },
	{ "granted by the operator", 1, private, NULL },
	{ "denied", 0, not_private, NULL },
	{ "denied pool", 0, NULL, "denied" },
	/* and the host's own "vm to the host" */
	{ "denied host", 0, NULL, "not listed" },
	{ "to the list", 1, listed_port, NULL },
	{ "not listed", 0, NULL, "no flow of either" },
	{ "firewall is off", 1, unlisted, NULL },
	{ "listed ports", 1, listed_port, NULL },
	{ "listed protocols", 1, ping, NULL },
	{ "listed addresses", 1, listed_address, NULL },
	{ "listed ranges", 1, listed_range, NULL },
	{ "published ports", 1, open_port, NULL },
	{ "ports of localhost", 1, local_port, NULL },
	{ "no published port", 0, NULL, "no flow of either" },
};
#define ROWS (sizeof(witness) / sizeof(witness[0]))

static void
listen_all(void)
{
	world = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	other = lab_udp(h.lab.world, LAB_ALLOWED, 55);
	any = lab_udp(h.lab.world, LAB_OTHER, 9000);
	ranged = lab_udp(h.lab.world, LAB_ALLOWED, 7001);
	dns = lab_udp(h.lab.world, LAB_PRIVATE10, 53);
	granted = lab_udp(h.lab.world, GRANTED, 9000);
	denied = lab_udp(h.lab.world, LAB_CGNAT, 7000);
	near = lab_udp(h.lab.host, 0, 0);
}

static void
configure(const atf_tc_t *tc)
{
	struct owner_conf *o = &h.conf.fallback;

	nh_setup(&h, tc);
	h.conf.dns = LAB_PRIVATE10;
	o->binds[0] = INADDR_ANY;
	o->nprivate = 1;
	o->private[0] = (struct conf_net){ .addr = GRANTED, .prefix = 32 };
}

static void
start(uint32_t i)
{
	nh_vm(&v, 2 + i, 77 + i);
	port_local = (uint16_t)(9000 + i);
	port_any = (uint16_t)(8000 + i);
	nh_port(&v, 0x7f000001, port_local, 80, IPPROTO_UDP);
	nh_port(&v, NET_ADDR_ANY, port_any, 81, IPPROTO_UDP);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	nh_allow(&v, IPPROTO_ICMP, LAB_ALLOWED, 32, 0);
	nh_allow(&v, IPPROTO_TCP, LAB_ALLOWED, 32, 0);
	nh_allow(&v, 0, LAB_OTHER, 32, 0);
	nh_allow(&v, IPPROTO_UDP, GRANTED, 32, 9000);
	/* both the range's witness and what only the denials keep out */
	nh_allow(&v, IPPROTO_UDP, 0, 0, 7000);
	v.req.allow[v.req.nallow - 1].port_hi = 7001;
	tap = nh_start(&h, &v);
}

static void
take_out(const struct rule *r)
{
	const struct chain *c = &vm_rules.chains[r->chain];
	const char *fam = c->family == NFPROTO_NETDEV ? "netdev" : "ip";

	ATF_REQUIRE_EQ_MSG(0, lab_run(v.fds[NSFD_NS], "h=$(nft -a list chain "
	    "%s %s %s | sed -n 's/.*comment \"[^\"]*: %s\".*handle "
	    "\\([0-9]*\\)$/\\1/p'); [ -n \"$h\" ] && nft delete rule %s %s %s "
	    "handle $h", fam, c->table, c->name, r->name, fam, c->table,
	    c->name), "%s", r->name);
}

NH_CASE(each_row, "no single row of a VM can be missing without a witness")
{
	const struct witness *w;
	const struct rule *r;
	unsigned i, k;

	configure(tc);
	nh_run(&h);
	nh_commit(&h);
	listen_all();
	ATF_REQUIRE_EQ(ROWS, vm_rules.nrules);
	for (i = 0; i < ROWS; i++) {
		w = &witness[i];
		r = &vm_rules.rules[i];
		ATF_REQUIRE_STREQ(w->row, r->name);
		for (k = 0; w->see == NULL && k < ROWS; k++)
			if (strcmp(w->behind, witness[k].row) == 0)
				break;
		ATF_CHECK_MSG(k < ROWS || strcmp(w->behind, "policy") == 0,
		    "%s: nothing is called %s", w->row, w->behind);
		if (w->see == NULL || strcmp(w->row, "firewall is off") == 0)
			continue;
		start(i);
		ATF_CHECK_EQ_MSG(w->passes, w->see(w->passes ? SOON : NEVER),
		    "%s: before", w->row);
		take_out(r);
		ATF_CHECK_EQ_MSG(!w->passes, w->see(w->passes ? NEVER : SOON),
		    "%s: its witness does not miss it", w->row);
		(void)close(tap);
		nh_vm_close(&v);
	}
}

NH_CASE(open_row, "the row of a firewall that is off")
{
	unsigned i;

	configure(tc);
	h.conf.compose &= ~COMPOSE_FIREWALL;
	nh_run(&h);
	nh_commit(&h);
	listen_all();
	start(0);
	for (i = 0; strcmp(vm_rules.rules[i].name, "firewall is off") != 0; i++)
		;
	ATF_CHECK(unlisted(SOON));
	take_out(&vm_rules.rules[i]);
	ATF_CHECK(!unlisted(NEVER));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_row);
	ATF_TP_ADD_TC(tp, open_row);
	return atf_no_error();
}
