/* SPDX-License-Identifier: ISC */
/*
 * privd-net as the starter runs it, judged by packets. As root, in private
 * namespaces. Each protection has its negative control: with the rules taken
 * away the same packet does get through.
 */
#include <atf-c.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/vmfd.h"
#include "tests/integration/netharness.h"

static struct nh h;

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

NH_CASE(egress, "what the list names is reached, and answers come back")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from = 0;
	uint16_t port = 0;
	int tap, sock;

	nh_setup_run(&h, tc);
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
	ATF_CHECK(!lab_reaches(tap, LAB_ALLOWED, 54, sock, NEVER));
}

NH_CASE(denied, "nothing private, of the host or of metadata is reached")
{
	struct nh_vm v;
	int tap, sock[NPLACES], open;
	size_t i;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	for (i = 0; i < NPLACES; i++)
		sock[i] = lab_udp(places[i].host ? h.lab.host : h.lab.world,
		    places[i].addr, 9000);
	open = lab_udp(h.lab.world, LAB_OTHER, 9000);
	ATF_CHECK(lab_reaches(tap, LAB_OTHER, 9000, open, SOON));
	for (i = 0; i < NPLACES; i++)
		ATF_CHECK_MSG(!lab_reaches(tap, places[i].addr, 9000, sock[i],
		    NEVER), "%s", places[i].name);
	/* without the VM's rules, the host still guards itself */
	ATF_REQUIRE_EQ(0, lab_run(v.fds[NSFD_NS], "nft flush ruleset;"
	    "nft add table ip t; nft 'add chain ip t p { type nat hook"
	    " postrouting priority 100; }'; nft add rule ip t p oifname v0"
	    " masquerade"));
	ATF_CHECK(!lab_reaches(tap, LAB_HOST, 9000, sock[4], NEVER));
	/* the control: without the host's too, all of it is reached */
	nh_kill(&h); /* it would put the table back */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	for (i = 0; i < NPLACES; i++)
		ATF_CHECK_MSG(lab_reaches(tap, places[i].addr, 9000, sock[i],
		    SOON), "control: %s", places[i].name);
}

NH_CASE(spoof, "foreign sources, MACs, VLAN tags and IP options are dropped")
{
	struct nh_vm v;
	struct frame f, g;
	int tap, sock, k;

	nh_setup_run(&h, tc);
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

NH_CASE(neighbour, "another VM is not reached, nor its published port")
{
	struct nh_vm v, w;
	struct frame f;
	int tap, tap2;

	nh_setup_run(&h, tc);
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
	nh_kill(&h); /* it would put the table back */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	f = lab_udp_frame(GUEST_ADDR, nh_vm_addr(&h, &w), 1, 80, "direct");
	lab_tap_send(tap, &f);
	ATF_CHECK(lab_tap_recv(tap2, IPPROTO_UDP, SOON, &f));
}

NH_CASE(ipv6, "a guest's IPv6 goes nowhere and is not answered")
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

	nh_setup_run(&h, tc);
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

NH_CASE(forwarding, "what is not ours is forwarded only if it was before us")
{
	int other, from, to, k;

	nh_setup(&h, tc);
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

NH_CASE(dns, "the operator's resolver is reached on port 53 and no other")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from = 0;
	uint16_t port = 0;
	int tap, there, other, on_host;

	nh_setup(&h, tc);
	h.conf.dns = LAB_PRIVATE10;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	there = lab_udp(h.lab.world, LAB_PRIVATE10, 53);
	other = lab_udp(h.lab.world, LAB_PRIVATE10, 54);
	ATF_CHECK(lab_reaches(tap, LAB_PRIVATE10, 53, there, SOON));
	ATF_CHECK(!lab_reaches(tap, LAB_PRIVATE10, 54, other, NEVER));
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
	ATF_CHECK(!lab_reaches(tap, LAB_HOST, 54, other, NEVER));
}

NH_CASE(firewall_off, "the toggle opens the list, not the denials")
{
	struct nh_vm v;
	int tap, sock, meta;

	nh_setup(&h, tc);
	h.conf.compose &= ~COMPOSE_FIREWALL;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, 9000);
	meta = lab_udp(h.lab.world, LAB_METADATA, 9000);
	ATF_CHECK(lab_reaches(tap, LAB_OTHER, 9000, sock, SOON));
	ATF_CHECK(!lab_reaches(tap, LAB_METADATA, 9000, meta, NEVER));
}

NH_CASE(flow_cap, "a guest's flows are capped")
{
	struct nh_vm v;
	struct frame f;
	int tap, sock, i, n = 0;
	uint32_t from = 0;
	uint16_t port = 0;
	char text[16];

	nh_setup(&h, tc);
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

NH_CASE(granted, "what the operator granted an owner, and the list names, is "
	"reached within a denied range; nothing beside it")
{
	struct owner_conf *o = &h.conf.fallback;
	struct nh_vm v, w;
	int tap, tap2, sock, other, home, meta;

	nh_setup(&h, tc);
	o->nprivate = 2;
	o->private[0] = (struct conf_net){ .addr = LAB_PRIVATE10,
		.prefix = 32, .proto = IPPROTO_UDP, .port_lo = 5000,
		.port_hi = 5009 };
	o->private[1] = (struct conf_net){ .addr = LAB_PRIVATE192 & ~0xffu,
		.prefix = 24 };
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_allow(&v, IPPROTO_UDP, LAB_PRIVATE10, 32, 5001);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_PRIVATE10, 5001);
	other = lab_udp(h.lab.world, LAB_PRIVATE10, 5002);
	home = lab_udp(h.lab.world, LAB_PRIVATE192, 9000);
	meta = lab_udp(h.lab.world, LAB_METADATA, 9000);
	ATF_CHECK(lab_reaches(tap, LAB_PRIVATE10, 5001, sock, SOON));
	/* granted, but not in the list: any:0.0.0.0/0 does not mean it */
	ATF_CHECK(!lab_reaches(tap, LAB_PRIVATE10, 5002, other, NEVER));
	ATF_CHECK(!lab_reaches(tap, LAB_PRIVATE192, 9000, home, NEVER));
	ATF_CHECK(!lab_reaches(tap, LAB_METADATA, 9000, meta, NEVER));
	/* the list names more than the grant */
	nh_vm(&w, 4, 78);
	nh_allow(&w, IPPROTO_UDP, LAB_PRIVATE10, 32, 5010);
	nh_fds(&h, &w);
	ATF_CHECK_EQ(EACCES, nh_up(&h, &w));
	nh_vm(&w, 4, 79);
	nh_allow(&w, IPPROTO_UDP, LAB_PRIVATE192 & ~0xffu, 24, 9000);
	tap2 = nh_start(&h, &w);
	ATF_CHECK(lab_reaches(tap2, LAB_PRIVATE192, 9000, home, SOON));
	ATF_CHECK(!lab_reaches(tap2, LAB_PRIVATE10, 5001, sock, NEVER));
}

NH_CASE(hairpin, "another VM's published port is reached by who was granted "
	"it and lists it, and by nobody else")
{
	struct owner_conf *o = &h.conf.fallback;
	struct nh_vm v, w;
	struct frame f, g;
	int tap, tap2, k;

	nh_setup(&h, tc);
	rh_run_dir(&h.conf);
	o->binds[0] = INADDR_ANY;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&w, 4, 78);
	nh_port(&w, NET_ADDR_ANY, 8080, 80, IPPROTO_UDP);
	nh_port(&w, NET_ADDR_ANY, 8081, 81, IPPROTO_UDP);
	tap2 = nh_start(&h, &w);
	f = lab_udp_frame(GUEST_ADDR, LAB_HOST, 1, 8080, "round");
	for (k = 0; k < 2; k++) {
		/* listed, but not granted; then granted too */
		nh_vm(&v, (uint32_t)(6 + k), (uint64_t)(80 + k));
		nh_allow(&v, IPPROTO_UDP, LAB_HOST, 32, 8080);
		tap = nh_start(&h, &v);
		lab_tap_send(tap, &f);
		ATF_CHECK_EQ(k, lab_tap_recv(tap2, IPPROTO_UDP,
		    k ? SOON : NEVER, &g));
		if (k == 1)
			break;
		nh_kill(&h);
		o->nprivate = 1;
		o->private[0] = (struct conf_net){ .addr = LAB_HOST,
			.prefix = 32, .proto = IPPROTO_UDP };
		nh_run(&h);
		ATF_REQUIRE_EQ(0, nh_restore(&h, &w));
		nh_commit(&h);
	}
	/* it sees who asks, and its answer comes back */
	ATF_CHECK_EQ(nh_vm_addr(&h, &v), frame_src(&g));
	f = lab_udp_frame(GUEST_ADDR, frame_src(&g), 80, 1, "answer");
	lab_tap_send(tap2, &f);
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &g));
	ATF_CHECK_EQ(LAB_HOST, frame_src(&g));
	ATF_CHECK_EQ(8080, frame_sport(&g));
	/* not listed: its neighbour port, the VM itself, the host */
	f = lab_udp_frame(GUEST_ADDR, LAB_HOST, 1, 8081, "other");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &g));
	f = lab_udp_frame(GUEST_ADDR, nh_vm_addr(&h, &w), 1, 80, "direct");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &g));
	/* taken off the list: cut on the host too */
	v.req.nallow = 0;
	ATF_REQUIRE_EQ(0, nh_set(&h, &v, v.fds[NSFD_NS],
	    rh_client(&h.conf, RH_TENANT)));
	f = lab_udp_frame(GUEST_ADDR, LAB_HOST, 1, 8080, "again");
	lab_tap_send(tap, &f);
	ATF_CHECK(!lab_tap_recv(tap2, IPPROTO_UDP, NEVER, &g));
	ATF_CHECK_EQ(0, lab_run(-1, "! nft list set ip pnt granted | "
	    "grep -q elements"));
	rh_run_clean(&h.conf);
}

NH_CASE(flow_rate, "a guest's new flows of a second are capped")
{
	struct nh_vm v;
	struct frame f;
	int tap, sock, i, n = 0;
	char text[16];

	nh_setup(&h, tc);
	h.conf.flow_rate = 10;
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, 9000);
	for (i = 0; i < 1000; i++) {
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, (uint16_t)(2000 + i),
		    9000, "new");
		lab_tap_send(tap, &f);
	}
	while (lab_heard(sock, "new", NEVER, NULL, NULL))
		n++;
	/* a burst of 20, and 10 for each second that this took */
	ATF_CHECK_MSG(n >= 20 && n < 500, "%d of 1000 flows passed", n);
	/* what is not new is not counted, though nobody answers it */
	for (i = 0; i < 50; i++) {
		(void)snprintf(text, sizeof(text), "old %d", i);
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 2000, 9000, text);
		lab_tap_send(tap, &f);
		ATF_CHECK(lab_heard(sock, text, SOON, NULL, NULL));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, egress);
	ATF_TP_ADD_TC(tp, denied);
	ATF_TP_ADD_TC(tp, spoof);
	ATF_TP_ADD_TC(tp, neighbour);
	ATF_TP_ADD_TC(tp, ipv6);
	ATF_TP_ADD_TC(tp, forwarding);
	ATF_TP_ADD_TC(tp, dns);
	ATF_TP_ADD_TC(tp, firewall_off);
	ATF_TP_ADD_TC(tp, flow_cap);
	ATF_TP_ADD_TC(tp, granted);
	ATF_TP_ADD_TC(tp, hairpin);
	ATF_TP_ADD_TC(tp, flow_rate);
	return atf_no_error();
}
