/* SPDX-License-Identifier: ISC */
/*
 * privd-net as the starter runs it, judged by packets. As root, in private
 * namespaces. Each protection has its negative control: with the rules taken
 * away the same packet does get through.
 */
#include <atf-c.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "tests/integration/netharness.h"

#define SOON 2000	/* ms: what must come */
#define NEVER 60	/* ms: what must not */

static struct nh h;

#define CASE(name, what)                                        \
	ATF_TC(name);                                           \
	ATF_TC_HEAD(name, tc)                                   \
	{                                                       \
		atf_tc_set_md_var(tc, "descr", what);           \
		atf_tc_set_md_var(tc, "require.user", "root");  \
		atf_tc_set_md_var(tc, "timeout", "60");         \
	}                                                       \
	ATF_TC_BODY(name, tc)

static void
setup(const atf_tc_t *tc)
{
	nh_init(&h, atf_tc_get_config_var_wd(tc, "srcdir", ".."));
	(void)snprintf(h.program, sizeof(h.program), "%s/../../privd-net",
	    atf_tc_get_config_var(tc, "srcdir"));
}

static void
setup_run(const atf_tc_t *tc)
{
	setup(tc);
	nh_run(&h);
	nh_commit(&h);
}

/* Does a UDP packet of the guest arrive at this socket of the world? */
static int
reaches(int tap, uint32_t dst, uint16_t port, int sock, int ms)
{
	static unsigned nth;
	char text[32];
	struct frame f;

	(void)snprintf(text, sizeof(text), "probe %u", ++nth);
	f = lab_udp_frame(GUEST_ADDR, dst, 4000, port, text);
	lab_tap_send(tap, &f);
	return lab_heard(sock, text, ms, NULL, NULL);
}

CASE(egress, "what the list names is reached, and answers come back")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from = 0;
	uint16_t port = 0;
	int tap, sock;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	nh_allow(&v, IPPROTO_ICMP, LAB_ALLOWED, 32, 0);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	f = lab_udp_frame(GUEST_ADDR, LAB_ALLOWED, 4000, 53, "question");
	lab_tap_send(tap, &f);
	ATF_REQUIRE(lab_heard(sock, "question", SOON, &from, &port));
	ATF_CHECK_EQ(LAB_HOST, from);
	lab_send(sock, from, port, "answer");
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	ATF_CHECK_EQ(LAB_ALLOWED, frame_src(&f));
	ATF_CHECK_EQ(GUEST_ADDR, frame_dst(&f));
	ATF_CHECK_EQ(4000, frame_dport(&f));
	ATF_CHECK(memcmp(f.b, lab_guest_mac, 6) == 0);
	f = lab_ping_frame(LAB_ALLOWED);
	lab_tap_send(tap, &f);
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_ICMP, SOON, &f));
	/* the gateway answers ARP, with its own fixed address */
	f = lab_arp_frame(GUEST_ADDR, GUEST_GATEWAY);
	lab_tap_send(tap, &f);
	ATF_REQUIRE(lab_tap_recv(tap, 0x0806, SOON, &f));
	ATF_CHECK(memcmp(f.b + 6, lab_gateway_mac, 6) == 0);
	/* the rest is not named */
	ATF_CHECK(!reaches(tap, LAB_ALLOWED, 54, sock, NEVER));
}

struct place {
	const char *name;
	uint32_t addr;
	int host;	/* where it listens */
};
static const struct place places[] = {
	{ "metadata", LAB_METADATA, 0 },
	{ "10/8", LAB_PRIVATE10, 0 },
	{ "192.168/16", LAB_PRIVATE192, 0 },
	{ "100.64/10", LAB_CGNAT, 0 },
	{ "the host", LAB_HOST, 1 },
};
#define NPLACES (sizeof(places) / sizeof(places[0]))

CASE(denied, "nothing private, of the host or of metadata is reached")
{
	struct nh_vm v;
	int tap, sock[NPLACES], open;
	size_t i;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	for (i = 0; i < NPLACES; i++)
		sock[i] = lab_udp(places[i].host ? h.lab.host : h.lab.world,
		    places[i].addr, 9000);
	open = lab_udp(h.lab.world, LAB_OTHER, 9000);
	ATF_CHECK(reaches(tap, LAB_OTHER, 9000, open, SOON));
	for (i = 0; i < NPLACES; i++)
		ATF_CHECK_MSG(!reaches(tap, places[i].addr, 9000, sock[i],
		    NEVER), "%s", places[i].name);
	/* without the VM's rules, the host still guards itself */
	ATF_REQUIRE_EQ(0, lab_run(v.fds[NSFD_NS], "nft flush ruleset;"
	    "nft add table ip t; nft 'add chain ip t p { type nat hook"
	    " postrouting priority 100; }'; nft add rule ip t p oifname v0"
	    " masquerade"));
	ATF_CHECK(!reaches(tap, LAB_HOST, 9000, sock[4], NEVER));
	/* the control: without the host's too, all of it is reached */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	for (i = 0; i < NPLACES; i++)
		ATF_CHECK_MSG(reaches(tap, places[i].addr, 9000, sock[i],
		    SOON), "control: %s", places[i].name);
}

CASE(spoof, "foreign sources, MACs, VLAN tags and IP options are dropped")
{
	struct nh_vm v;
	struct frame f, g;
	int tap, sock, k;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, 9000);
	for (k = 0; k < 2; k++) {
		int ms = k == 0 ? NEVER : SOON;

		f = lab_udp_frame(GUEST_ADDR + 1, LAB_OTHER, 1, 9000, "ip");
		lab_tap_send(tap, &f);
		ATF_CHECK_EQ(k, lab_heard(sock, "ip", ms, NULL, NULL));
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 1, 9000, "mac");
		f.b[11] = 9;
		lab_tap_send(tap, &f);
		ATF_CHECK_EQ(k, lab_heard(sock, "mac", ms, NULL, NULL));
		/* VLAN 0: a priority tag, which the kernel just takes off */
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 1, 9000, "vlan");
		g = f;
		memcpy(g.b + 16, f.b + 12, f.n - 12);
		memcpy(g.b + 12, "\x81\x00\x00\x00", 4);
		g.n += 4;
		lab_tap_send(tap, &g);
		ATF_CHECK_EQ(k, lab_heard(sock, "vlan", ms, NULL, NULL));
		/* ARP for another address of the namespace */
		f = lab_arp_frame(GUEST_ADDR, nh_vm_addr(&h, &v));
		lab_tap_send(tap, &f);
		ATF_CHECK_EQ(k, lab_tap_recv(tap, 0x0806, ms, &g));
		if (k == 1)
			break;
		/* the control; reverse path and ARP settings are ours too */
		ATF_REQUIRE_EQ(0, lab_run(v.fds[NSFD_NS], "nft flush ruleset;"
		    "for i in all tap0 v0; do cd /proc/sys/net/ipv4/conf/$i;"
		    "echo 0 >rp_filter; echo 0 >arp_ignore;"
		    "echo 0 >arp_filter; done;"
		    "nft add table ip t; nft 'add chain ip t p { type nat hook"
		    " postrouting priority 100; }'; nft add rule ip t p"
		    " oifname v0 masquerade"));
	}
}

CASE(neighbour, "another VM is not reached, nor its published port")
{
	struct nh_vm v, w;
	struct frame f;
	int tap, tap2;

	setup_run(tc);
	h.conf.fallback.binds[0] = INADDR_ANY;
	nh_kill(&h);
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	nh_vm(&w, 4, 78);
	nh_port(&w, NET_ADDR_ANY, 8080, 80, IPPROTO_UDP);
	tap2 = nh_start(&h, &w);
	f = lab_udp_frame(GUEST_ADDR, nh_vm_addr(&h, &w), 1, 80, "direct");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &f));
	f = lab_udp_frame(GUEST_ADDR, LAB_HOST, 1, 8080, "round");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &f));
	/* without v's own rules, the host's table still stands between */
	ATF_REQUIRE_EQ(0, lab_run(v.fds[NSFD_NS], "nft flush ruleset;"
	    "nft add table ip t; nft 'add chain ip t p { type nat hook"
	    " postrouting priority 100; }'; nft add rule ip t p oifname v0"
	    " masquerade"));
	f = lab_udp_frame(GUEST_ADDR, nh_vm_addr(&h, &w), 1, 80, "direct");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &f));
	/* the control */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	f = lab_udp_frame(GUEST_ADDR, nh_vm_addr(&h, &w), 1, 80, "direct");
	lab_tap_send(tap, &f);
	ATF_CHECK(lab_tap_recv(tap2, IPPROTO_UDP, SOON, &f));
}

CASE(ipv6, "a guest's IPv6 goes nowhere and is not answered")
{
	static const unsigned char echo[] = {
		0x33, 0x33, 0, 0, 0, 1, 0x06, 0, 0xac, 0x10, 0, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 8, 58, 255,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 4, 0, 0xac, 0xff, 0xfe, 0x10, 0,
		2, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		128, 0, 0, 0, 0, 1, 0, 1 };
	struct nh_vm v;
	struct frame f = { .n = sizeof(echo) };
	char buf[4096];
	int tap;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	memcpy(f.b, echo, sizeof(echo));
	lab_tap_send(tap, &f);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "ip -6 addr show; nft list chain netdev postern guard"));
	ATF_CHECK(strstr(buf, "inet6") == NULL);
	/* the last rule of the guard counted it */
	ATF_CHECK(strstr(buf, "counter packets 1 bytes") != NULL);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "ip6tables -S"));
	ATF_CHECK(strstr(buf, "-P FORWARD DROP") != NULL &&
	    strstr(buf, "-P INPUT DROP") != NULL);
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "ip -6 addr show dev pnt3"));
	ATF_CHECK_STREQ("", buf);
}

/* A TCP connection to addr:port in ns, answered by the guest's frames. */
static int
connects(int ns, uint32_t addr, uint16_t port, int tap, int ms)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };
	struct pollfd p = { .events = POLLOUT };
	struct frame f;
	int fd, code = 0;
	socklen_t len = sizeof(code);

	lab_enter(ns);
	fd = RH(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	lab_enter(h.lab.host);
	ATF_REQUIRE(connect(fd, (const struct sockaddr *)&sin,
	    sizeof(sin)) < 0);
	if (errno != EINPROGRESS ||
	    !lab_tap_recv(tap, IPPROTO_TCP, ms, &f)) {
		(void)close(fd);
		return 0;
	}
	f = lab_tcp_frame(frame_dst(&f), frame_src(&f), frame_dport(&f),
	    frame_sport(&f), 0x12, 1000, frame_tcp_seq(&f) + 1);
	lab_tap_send(tap, &f);
	p.fd = fd;
	code = poll(&p, 1, SOON) == 1 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0 &&
	    code == 0;
	(void)close(fd);
	return code;
}

CASE(port_local, "a port on loopback answers there, and nowhere else")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from;
	uint16_t port;
	int tap, near, far;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_port(&v, 0x7f000001, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	ATF_CHECK(connects(h.lab.host, 0x7f000001, 8080, tap, SOON));
	near = lab_udp(h.lab.host, 0, 0);
	lab_send(near, 0x7f000001, 8081, "hello");
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	ATF_CHECK_EQ(81, frame_dport(&f));
	ATF_CHECK_EQ(slot_addr_host(&h.conf, 3), frame_src(&f));
	f = lab_udp_frame(GUEST_ADDR, frame_src(&f), 81, frame_sport(&f),
	    "welcome");
	lab_tap_send(tap, &f);
	ATF_CHECK(lab_heard(near, "welcome", SOON, &from, &port));
	ATF_CHECK_EQ(0x7f000001, from);
	ATF_CHECK_EQ(8081, port);
	/* from the host at its other addresses, and from the world */
	ATF_CHECK(!connects(h.lab.host, LAB_HOST, 8080, tap, NEVER));
	ATF_CHECK(!connects(h.lab.world, LAB_HOST, 8080, tap, NEVER));
	far = lab_udp(h.lab.world, 0, 0);
	lab_send(far, LAB_HOST, 8081, "x");
	lab_send(far, nh_vm_addr(&h, &v), 81, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
	/* CVE-2020-8558: to 127.0.0.1 from a neighbour on the link */
	ATF_REQUIRE_EQ(0, lab_run(h.lab.world, "ip addr del 127.0.0.1/8 dev lo;"
	    "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet;"
	    "ip route add 127.0.0.1/32 via 5.6.7.1;"
	    "ip route del local 127.0.0.0/8 table local; true"));
	lab_send(far, 0x7f000001, 8081, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
	/* the host's table flushed: the pool's address is in reach, but the
	 * VM's own rules let only localhost's flows to that port */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	lab_send(far, nh_vm_addr(&h, &v), 81, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
}

CASE(port_any, "a port on every address answers the world and localhost")
{
	struct nh_vm v;
	struct frame f;
	int tap, far;

	setup(tc);
	h.conf.fallback.nbinds = 2;
	h.conf.fallback.binds[1] = INADDR_ANY;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_port(&v, NET_ADDR_ANY, 8080, 80, IPPROTO_TCP);
	nh_port(&v, LAB_HOST, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	ATF_CHECK(connects(h.lab.world, LAB_HOST, 8080, tap, SOON));
	ATF_CHECK(connects(h.lab.host, LAB_HOST, 8080, tap, SOON));
	ATF_CHECK(connects(h.lab.host, 0x7f000001, 8080, tap, SOON));
	far = lab_udp(h.lab.world, LAB_OTHER, 0);
	lab_send(far, LAB_HOST, 8081, "x");
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	ATF_CHECK_EQ(LAB_OTHER, frame_src(&f));
	far = lab_udp(h.lab.host, 0, 0);
	lab_send(far, 0x7f000001, 8081, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
	/* the host's own programs reach a VM by its ports only */
	lab_send(far, nh_vm_addr(&h, &v), 81, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, egress);
	ATF_TP_ADD_TC(tp, denied);
	ATF_TP_ADD_TC(tp, spoof);
	ATF_TP_ADD_TC(tp, neighbour);
	ATF_TP_ADD_TC(tp, ipv6);
	ATF_TP_ADD_TC(tp, port_local);
	ATF_TP_ADD_TC(tp, port_any);
	return atf_no_error();
}
