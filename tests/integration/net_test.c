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
#include <stdlib.h>
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
	if (errno != EINPROGRESS)
		ms = 0;
	/* frames of earlier connections may still come */
	do {
		if (!lab_tap_recv(tap, IPPROTO_TCP, ms, &f)) {
			(void)close(fd);
			return 0;
		}
	} while (frame_tcp_flags(&f) != 0x02);
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
	    "ip route del local 127.0.0.0/8 table local 2>&1; true"));
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

CASE(readable, "iptables -S in the namespace shows every rule")
{
	static const char *const want[] = {
		"-P PREROUTING DROP",
		"-A PREROUTING -s 172.16.0.2/32 -i tap0 -m mac --mac-source "
		"06:00:ac:10:00:02 -j ACCEPT",
		"-A PREROUTING -i v0 -p tcp -m tcp --dport 80 -j DNAT "
		"--to-destination 172.16.0.2",
		"-A POSTROUTING -o v0 -j SNAT --to-source 10.200.0.7",
		"-P INPUT DROP", "-P FORWARD DROP", "-P OUTPUT DROP",
		"-m connlimit --connlimit-above 4096",
		"-A FORWARD -p icmp -m conntrack --ctstate NEW -m icmp ! "
		"--icmp-type 8 -j DROP",
		"-A FORWARD -m conntrack --ctstate DNAT -j PUB",
		"-A FORWARD -i tap0 -o v0 -m conntrack --ctorigsrc 172.16.0.2 "
		"--ctdir ORIGINAL -j EGRESS",
		"-A EGRESS -m conntrack --ctorigdst 169.254.0.0/16 -j DROP",
		"-A EGRESS -m conntrack --ctorigdst 10.200.0.0/16 -j DROP",
		"-A EGRESS -m conntrack --ctorigdst 5.6.7.1 -j DROP",
		"-A ALLOW -m conntrack --ctproto 6 --ctorigdst 1.2.3.0/24 "
		"--ctorigdstport 443 -j ACCEPT",
		"-A PUB -m conntrack --ctproto 6 --ctorigsrc 10.200.0.6 "
		"--ctorigdst 10.200.0.7 --ctorigdstport 80 -j ACCEPT",
		"-A PUB -j DROP",
	};
	struct nh_vm v;
	char buf[16384];
	size_t i;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_allow(&v, IPPROTO_TCP, 0x01020300, 24, 443);
	(void)nh_start(&h, &v);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "iptables -t raw -S && iptables -t nat -S && iptables -S"));
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ATF_CHECK_MSG(strstr(buf, want[i]) != NULL, "%s is not in:\n%s",
		    want[i], buf);
}

CASE(none, "without a network: no link, every chain drops, no port")
{
	struct nh_vm v;
	char buf[4096];

	setup_run(tc);
	nh_vm(&v, 3, 77);
	v.req.mode = NET_NONE;
	ATF_CHECK_EQ(-1, nh_start(&h, &v));
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "ip -o link | wc -l; iptables -S; iptables -t raw -S"));
	ATF_CHECK(buf[0] == '1' && buf[1] == '\n');
	ATF_CHECK(strstr(buf, "-P FORWARD DROP") != NULL &&
	    strstr(buf, "-P PREROUTING DROP") != NULL &&
	    strstr(buf, "ACCEPT") == NULL);
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	nh_vm(&v, 4, 78);
	v.req.mode = NET_NONE;
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EINVAL, nh_up(&h, &v));
	nh_vm(&v, 5, 79);
	v.req.mode = NET_BRIDGE;
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EOPNOTSUPP, nh_up(&h, &v));
}

CASE(conflicts, "a port in use is refused and named; nothing stays")
{
	struct nh_vm v, w;
	char buf[4096];
	int mine;

	setup_run(tc);
	mine = lab_udp(h.lab.host, 0x7f000001, 8081);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_port(&v, 0, 8081, 80, IPPROTO_UDP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &v));
	ATF_CHECK_EQ(2, h.bad);
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "ip link show pnt3 2>/dev/null; nft list set ip pnt vm;"
	    "nft list map ip pnt pubaddr"));
	ATF_CHECK_MSG(strstr(buf, "pnt3") == NULL &&
	    strstr(buf, "elements") == NULL, "%s", buf);
	(void)close(mine);
	/* free again: all of it was given back */
	nh_vm_close(&v);
	nh_vm(&v, 3, 78);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	(void)nh_start(&h, &v);
	nh_vm(&w, 4, 79);
	nh_port(&w, 0, 8080, 80, IPPROTO_TCP);
	nh_fds(&h, &w);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &w));
	ATF_CHECK_EQ(1, h.bad);
	/* the host's own programs cannot take it either */
	ATF_CHECK(lab_run(-1, "python3 -c 'import socket;"
	    "socket.socket().bind((\"127.0.0.1\",8080))' 2>/dev/null") != 0);
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	nh_fds(&h, &w);
	ATF_CHECK_EQ(0, nh_up(&h, &w));
	/* another's refusal did not take w's element away */
	nh_vm(&v, 5, 80);
	nh_port(&v, 0, 8080, 81, IPPROTO_TCP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &v));
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "nft list map ip pnt pubaddr"));
	ATF_CHECK(strstr(buf, "8080 : 10.200.0.9 . 80") != NULL);
}

CASE(policy, "ports and lists outside the operator's policy are refused")
{
	struct nh_vm v;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, NET_ADDR_ANY, 8080, 80, IPPROTO_TCP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	v.req.ports[0].addr = 0;
	v.req.ports[0].host = 80;
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	ATF_CHECK_EQ(1, h.bad);
	v.req.ports[0].host = 8080;
	nh_allow(&v, IPPROTO_TCP, 0x0a000000, 8, 443);
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	ATF_CHECK_EQ(128, h.bad);
	v.req.allow[0].addr = 0x08080800;
	ATF_CHECK_EQ(EINVAL, nh_up(&h, &v));
	v.req.allow[0].prefix = 24;
	ATF_CHECK_EQ(0, nh_up(&h, &v));
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &v));
}

CASE(restart, "packets pass while net is dead, and after it came back")
{
	struct nh_vm v, w;
	struct frame f;
	int tap, sock, near;

	setup_run(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	near = lab_udp(h.lab.host, 0, 0);
	ATF_CHECK(reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	nh_kill(&h);
	ATF_CHECK(reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	nh_run(&h);
	nh_vm(&w, 4, 78);
	nh_fds(&h, &w);
	ATF_CHECK_EQ(EAGAIN, nh_up(&h, &w));
	ATF_CHECK_EQ(0, nh_restore(&h, &v));
	nh_commit(&h);
	ATF_CHECK_EQ(EALREADY, nh_restore(&h, &v));
	ATF_CHECK(reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	lab_send(near, 0x7f000001, 8081, "hello");
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	/* the port is reserved again */
	nh_port(&w, 0, 8081, 81, IPPROTO_UDP);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &w));
	/* somebody flushes the host's rules; a commit puts them back */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft flush ruleset"));
	nh_commit(&h);
	ATF_CHECK(reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	ATF_CHECK(!reaches(tap, LAB_ALLOWED, 53, sock, NEVER));
}

/* What an operator would compare. */
#define SNAPSHOT "ip -o link | sed 's/.*: \\(.*\\): <.*/\\1/' | sort;" \
	"ip -o addr; ip route show table all; nft list ruleset;" \
	"conntrack -L 2>/dev/null | grep -c 10.200 || :"

CASE(down, "after NET_DOWN and `down` the host is as before")
{
	char before[8192], after[8192], with[8192];
	struct nh_vm v;
	int tap, i;

	setup(tc);
	ATF_REQUIRE_EQ(0, lab_output(-1, before, sizeof(before), SNAPSHOT));
	nh_run(&h);
	nh_commit(&h);
	ATF_REQUIRE_EQ(0, lab_output(-1, with, sizeof(with), SNAPSHOT));
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	ATF_CHECK(reaches(tap, LAB_OTHER, 9000, lab_udp(h.lab.world,
	    LAB_OTHER, 9000), SOON));
	(void)close(tap);
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	nh_vm_close(&v);
	/* the kernel takes the links away in its own time */
	for (i = 0; i < 100 && lab_run(-1,
	    "ip link show pnt3 >/dev/null 2>&1") == 0; i++)
		(void)poll(NULL, 0, 20);
	ATF_REQUIRE_EQ(0, lab_output(-1, after, sizeof(after),
	    "nft list set ip pnt vm; nft list map ip pnt pubaddr"));
	ATF_CHECK(strstr(after, "elements") == NULL);
	/* a link that stayed is `down`'s to remove, a foreign one is not */
	ATF_REQUIRE_EQ(0, lab_run(-1,
	    "ip link add pnt9 type veth peer name pntx"));
	fd_close(&h.front);
	ATF_CHECK_EQ(0, nh_exit(&h));
	ATF_CHECK_EQ(0, nh_down(&h));
	ATF_CHECK_EQ(0, nh_down(&h));
	ATF_REQUIRE_EQ(0, lab_output(-1, after, sizeof(after), SNAPSHOT));
	ATF_CHECK_STREQ(before, after);
}

/* A flow to a published port; then another VM at the same address. */
static int
old_flow_reaches_next(int flush)
{
	struct nh_vm v, w;
	struct frame f;
	int tap, far;

	nh_vm(&v, 3, 77);
	nh_port(&v, NET_ADDR_ANY, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	far = lab_udp(h.lab.world, LAB_OTHER, 0);
	lab_send(far, LAB_HOST, 8081, "one");
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	(void)close(tap);
	nh_vm_close(&v);
	if (flush) {
		ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	} else {
		nh_kill(&h);
		nh_run(&h);
		nh_commit(&h);
	}
	nh_vm(&w, 3, 78);
	nh_port(&w, NET_ADDR_ANY, 8082, 81, IPPROTO_UDP);
	tap = nh_start(&h, &w);
	lab_send(far, LAB_HOST, 8081, "two");
	flush = lab_tap_recv(tap, IPPROTO_UDP, 200, &f);
	(void)close(tap);
	(void)nh_net_down(&h, &w);
	nh_vm_close(&w);
	return flush;
}

CASE(flows, "a dead VM's flows do not reach the next one at its address")
{
	setup(tc);
	h.conf.fallback.nbinds = 2;
	h.conf.fallback.binds[1] = INADDR_ANY;
	nh_run(&h);
	nh_commit(&h);
	ATF_CHECK_EQ(0, old_flow_reaches_next(1));
	/* the control: net died before it could forget them */
	ATF_CHECK_EQ(1, old_flow_reaches_next(0));
}

CASE(flow_cap, "a guest's flows are capped")
{
	struct nh_vm v;
	struct frame f;
	int tap, sock, i, n = 0;
	uint32_t from = 0;
	uint16_t port = 0;
	char text[16];

	setup(tc);
	h.conf.flows = 64;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, 9000);
	/* one that is answered, before the flood */
	f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 1999, 9000, "first");
	lab_tap_send(tap, &f);
	ATF_REQUIRE(lab_heard(sock, "first", SOON, &from, &port));
	lab_send(sock, from, port, "answer");
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	for (i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text), "flow %d", i);
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, (uint16_t)(2000 + i),
		    9000, text);
		lab_tap_send(tap, &f);
		n += lab_heard(sock, text, 5, NULL, NULL);
	}
	ATF_CHECK_MSG(n >= 60 && n <= 66, "%d of 200 flows passed", n);
	/* the one that was there goes on */
	f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 1999, 9000, "more");
	lab_tap_send(tap, &f);
	ATF_CHECK(lab_heard(sock, "more", SOON, NULL, NULL));
}

CASE(forwarding, "what is not ours is forwarded only if it was before us")
{
	int other, from, to, k;

	setup(tc);
	other = lab_ns();
	ATF_REQUIRE_EQ(0, lab_run(-1, "ip link add eth1 type veth peer name o0"
	    " netns /proc/%d/fd/%d; ip addr add 7.7.7.1/24 dev eth1;"
	    "ip link set eth1 up", getpid(), other));
	ATF_REQUIRE_EQ(0, lab_run(other, "ip addr add 7.7.7.7/24 dev o0;"
	    "ip link set o0 up; ip route add default via 7.7.7.1"));
	ATF_REQUIRE_EQ(0, lab_run(h.lab.world,
	    "ip route add 7.7.7.0/24 via 5.6.7.1"));
	from = lab_udp(other, 0x07070707, 0);
	to = lab_udp(h.lab.world, LAB_OTHER, 9000);
	for (k = 0; k < 2; k++) {
		h.was_off = k;
		nh_run(&h);
		nh_commit(&h);
		lab_send(from, LAB_OTHER, 9000, k ? "off" : "on");
		ATF_CHECK_EQ(!k, lab_heard(to, k ? "off" : "on",
		    k ? NEVER : SOON, NULL, NULL));
		nh_kill(&h);
	}
}

CASE(dns, "the operator's resolver is reached on port 53 and no other")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from = 0;
	uint16_t port = 0;
	int tap, there, other, on_host;

	setup(tc);
	h.conf.dns = LAB_PRIVATE10;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	there = lab_udp(h.lab.world, LAB_PRIVATE10, 53);
	other = lab_udp(h.lab.world, LAB_PRIVATE10, 54);
	ATF_CHECK(reaches(tap, LAB_PRIVATE10, 53, there, SOON));
	ATF_CHECK(!reaches(tap, LAB_PRIVATE10, 54, other, NEVER));
	nh_kill(&h);
	/* and where it runs on the host itself */
	h.conf.dns = LAB_HOST;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 4, 78);
	tap = nh_start(&h, &v);
	on_host = lab_udp(h.lab.host, LAB_HOST, 53);
	other = lab_udp(h.lab.host, LAB_HOST, 54);
	f = lab_udp_frame(GUEST_ADDR, LAB_HOST, 4000, 53, "name?");
	lab_tap_send(tap, &f);
	ATF_REQUIRE(lab_heard(on_host, "name?", SOON, &from, &port));
	lab_send(on_host, from, port, "address");
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	ATF_CHECK(!reaches(tap, LAB_HOST, 54, other, NEVER));
}

CASE(firewall_off, "the toggle opens the list, not the denials")
{
	struct nh_vm v;
	int tap, sock, meta;

	setup(tc);
	h.conf.compose &= ~COMPOSE_FIREWALL;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, 9000);
	meta = lab_udp(h.lab.world, LAB_METADATA, 9000);
	ATF_CHECK(reaches(tap, LAB_OTHER, 9000, sock, SOON));
	ATF_CHECK(!reaches(tap, LAB_METADATA, 9000, meta, NEVER));
}

/* ---- hostile records */

#define SETTINGS "cd /proc/sys/net; grep . ipv4/ip_forward ipv4/conf/all/* " \
	"ipv4/conf/eth0/* ipv6/conf/all/disable_ipv6 " \
	"ipv6/conf/default/disable_ipv6; nft list set ip pnt vm"

CASE(wrong_fds, "descriptors of the host or of another VM are refused")
{
	struct nh_vm good, other, v;
	char before[8192], after[8192];
	int i, save;

	setup_run(tc);
	ATF_REQUIRE_EQ(0, lab_output(-1, before, sizeof(before), SETTINGS));
	nh_vm(&other, 4, 78);
	(void)nh_start(&h, &other);
	ATF_REQUIRE_EQ(0, nh_net_down(&h, &other));
	nh_vm(&good, 3, 77);
	v = good;
	v.fds[NSFD_NS] = h.lab.host;
	v.fds[NSFD_ROUTE] = RH(socket(AF_NETLINK, SOCK_RAW, 0));
	v.fds[NSFD_NFT] = RH(socket(AF_NETLINK, SOCK_RAW, 12));
	v.fds[NSFD_TUN] = RH(open("/dev/null", O_RDWR));
	v.fds[NSFD_SYS4] = RH(open("/proc/sys/net/ipv4", O_PATH));
	v.fds[NSFD_SYS6] = RH(open("/proc/sys/net/ipv6", O_PATH));
	/* all the host's, then one of the host's among the right ones */
	nh_fds(&h, &v);
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &v));
	for (i = 0; i < NSFD_N; i++) {
		save = good.fds[i];
		good.fds[i] = v.fds[i];
		nh_fds(&h, &good);
		ATF_CHECK_MSG(nh_up(&h, &good) != 0, "the host's fd %d", i);
		good.fds[i] = i == NSFD_TUN ? save : other.fds[i];
		nh_fds(&h, &good);
		ATF_CHECK_MSG(i == NSFD_TUN || nh_up(&h, &good) != 0,
		    "the other VM's fd %d", i);
		good.fds[i] = save;
	}
	/* the other VM's namespace as a whole */
	other.slot = 3;
	other.fds[NSFD_TUN] = good.fds[NSFD_TUN];
	nh_fds(&h, &other);
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &other));
	ATF_REQUIRE_EQ(0, lab_output(-1, after, sizeof(after), SETTINGS));
	ATF_CHECK_STREQ(before, after);
}

static void
malformed(uint16_t type, int on_jail, size_t len, uint32_t slot, uint64_t gen,
    const char *why)
{
	struct wire_hdr w = { .type = type, .seq = 1, .slot = slot,
		.generation = gen };
	static char body[WIRE_BODY_MAX];

	nh_run(&h);
	RH(wire_send(on_jail ? h.jail : h.front, &w, body, len, NULL, 0));
	ATF_CHECK_EQ_MSG(1, nh_exit(&h), "%s", why);
}

CASE(malformed_records, "what fits no row ends the process")
{
	setup(tc);
	malformed(PRIVOP_NET_UP, 1, sizeof(struct req_net_up), 3, 1,
	    "front's request on jail's wire");
	malformed(PRIVOP_NS_FDS, 0, sizeof(struct req_ns_fds), 3, 1,
	    "jail's request on front's wire");
	malformed(PRIVOP_SPAWN, 0, sizeof(struct req_spawn), 3, 1,
	    "another server's request");
	malformed(9999, 0, 8, 3, 1, "no such request");
	malformed(PRIVOP_NET_DOWN, 0, 16, 3, 1, "wrong length");
	malformed(PRIVOP_NET_DOWN, 0, sizeof(struct req_net_down), 1 << 20, 1,
	    "no such slot");
	malformed(PRIVOP_NET_DOWN, 0, sizeof(struct req_net_down), 3, 0,
	    "no generation");
	malformed(PRIVOP_NS_FDS, 1, sizeof(struct req_ns_fds), 3, 1,
	    "no descriptors");
}

static double
us_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* What a process spent on a CPU: other work of this machine not counted. */
static double
cpu_us(pid_t pid)
{
	char path[64], buf[128];
	unsigned long long ns = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	ns = strtoull(buf, NULL, 10);
	return (double)ns / 1e3;
}

#define TIMED 40

CASE(timing, "prints what NET_UP and NET_DOWN cost; asserts nothing")
{
	struct nh_vm v[TIMED];
	double t, up = 1e9, sum = 0, down = 0, cpu;
	uint32_t i;

	setup_run(tc);
	cpu = cpu_us(h.pid);
	for (i = 0; i < TIMED; i++) {
		nh_vm(&v[i], 10 + i, 100 + i);
		nh_port(&v[i], 0, (uint16_t)(9000 + i), 80, IPPROTO_TCP);
		nh_allow(&v[i], IPPROTO_TCP, LAB_ALLOWED, 32, 443);
		nh_fds(&h, &v[i]);
		(void)poll(NULL, 0, 2);
		t = us_now();
		ATF_REQUIRE_EQ(0, nh_up(&h, &v[i]));
		t = us_now() - t;
		up = t < up ? t : up;
		sum += t;
	}
	cpu = cpu_us(h.pid) - cpu;
	for (i = 0; i < TIMED; i++) {
		t = us_now();
		ATF_REQUIRE_EQ(0, nh_net_down(&h, &v[i]));
		down += us_now() - t;
		nh_vm_close(&v[i]);
	}
	printf("NET_UP: mean %.0f us, least %.0f us, on the CPU %.0f us; "
	       "NET_DOWN: mean %.0f us\n",
	    sum / TIMED, up, cpu / TIMED, down / TIMED);
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
	ATF_TP_ADD_TC(tp, readable);
	ATF_TP_ADD_TC(tp, none);
	ATF_TP_ADD_TC(tp, conflicts);
	ATF_TP_ADD_TC(tp, policy);
	ATF_TP_ADD_TC(tp, restart);
	ATF_TP_ADD_TC(tp, down);
	ATF_TP_ADD_TC(tp, flows);
	ATF_TP_ADD_TC(tp, flow_cap);
	ATF_TP_ADD_TC(tp, forwarding);
	ATF_TP_ADD_TC(tp, dns);
	ATF_TP_ADD_TC(tp, firewall_off);
	ATF_TP_ADD_TC(tp, wrong_fds);
	ATF_TP_ADD_TC(tp, malformed_records);
	ATF_TP_ADD_TC(tp, timing);
	return atf_no_error();
}
