/* SPDX-License-Identifier: ISC */
/*
 * Published ports of the real privd-net, judged by packets; the policy on
 * them; what becomes of flows. As root, in private namespaces.
 */
#include <atf-c.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/vmfd.h"
#include "policy/steps.h"
#include "tests/integration/netharness.h"

static struct nh h;

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

NH_CASE(port_local, "a port on loopback answers there, and nowhere else")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from;
	uint16_t port;
	int tap, near, far;

	nh_setup_run(&h, tc);
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
	nh_kill(&h); /* it would put the table back */
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	lab_send(far, nh_vm_addr(&h, &v), 81, "x");
	ATF_CHECK(!lab_tap_recv(tap, IPPROTO_UDP, NEVER, &f));
}

NH_CASE(port_any, "a port on every address answers the world and localhost")
{
	struct nh_vm v;
	struct frame f;
	int tap, far;

	nh_setup(&h, tc);
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

NH_CASE(conflicts, "a port in use is refused and named; nothing stays")
{
	struct nh_vm v, w;
	char buf[4096];
	const struct sockaddr_in taken = { .sin_family = AF_INET,
		.sin_port = htons(8080),
		.sin_addr.s_addr = htonl(0x7f000001) };
	int mine;

	nh_setup_run(&h, tc);
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
	ATF_CHECK_EQ(-1, bind(RH(socket(AF_INET, SOCK_STREAM, 0)),
	    (const struct sockaddr *)&taken, sizeof(taken)));
	ATF_CHECK_EQ(EADDRINUSE, errno);
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
	ATF_CHECK(strstr(buf,
	    "8080 comment \"pnt vm 4\" : 10.200.0.9 . 80") != NULL);
}

/* A TCP listener on every address of IPv6, and so of IPv4. */
static int
listener6(uint16_t port)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	int fd = RH(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));

	RH(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)));
	RH(listen(fd, 1));
	return fd;
}

NH_CASE(privileged, "below 1024, where net cannot bind, it asks the kernel")
{
	struct nh_vm v, w;
	int udp, tcp;

	nh_setup(&h, tc);
	h.conf.fallback.port_lo = 1;
	nh_run(&h);
	nh_commit(&h);
	udp = lab_udp(h.lab.host, 0x7f000001, 53);
	tcp = listener6(80);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 443, 443, IPPROTO_TCP);
	nh_port(&v, 0, 53, 53, IPPROTO_UDP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &v));
	ATF_CHECK_EQ(2, h.bad);
	(void)close(udp);
	v.req.ports[1].host = 80;
	v.req.ports[1].proto = IPPROTO_TCP;
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &v));
	(void)close(tcp);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(0, nh_up(&h, &v));
	nh_vm(&w, 4, 78);
	nh_port(&w, 0, 80, 80, IPPROTO_TCP);
	nh_fds(&h, &w);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &w));
}

NH_CASE(policy, "ports and lists outside the operator's policy are refused")
{
	struct nh_vm v;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, NET_ADDR_ANY, 8080, 80, IPPROTO_TCP);
	nh_fds(&h, &v);
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	v.req.ports[0].addr = 0;
	v.req.ports[0].host = 80;
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	ATF_CHECK_EQ(1, h.bad);
	ATF_CHECK_EQ(STEP_PORT, h.step);
	v.req.ports[0].host = 8080;
	nh_allow(&v, IPPROTO_TCP, 0x0a000000, 8, 443);
	ATF_CHECK_EQ(EACCES, nh_up(&h, &v));
	ATF_CHECK_EQ(128, h.bad);
	ATF_CHECK_EQ(STEP_ALLOW, h.step);
	v.req.allow[0].addr = 0x08080800;
	ATF_CHECK_EQ(EINVAL, nh_up(&h, &v));
	v.req.allow[0].prefix = 24;
	ATF_CHECK_EQ(0, nh_up(&h, &v));
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &v));
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
	flush = lab_tap_recv(tap, IPPROTO_UDP, flush ? 200 : SOON, &f);
	(void)close(tap);
	(void)nh_net_down(&h, &w);
	nh_vm_close(&w);
	return flush;
}

NH_CASE(flows, "a dead VM's flows do not reach the next one at its address")
{
	nh_setup(&h, tc);
	h.conf.fallback.nbinds = 2;
	h.conf.fallback.binds[1] = INADDR_ANY;
	nh_run(&h);
	nh_commit(&h);
	ATF_CHECK_EQ(0, old_flow_reaches_next(1));
	/* the control: net died before it could forget them */
	ATF_CHECK_EQ(1, old_flow_reaches_next(0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, port_local);
	ATF_TP_ADD_TC(tp, port_any);
	ATF_TP_ADD_TC(tp, conflicts);
	ATF_TP_ADD_TC(tp, privileged);
	ATF_TP_ADD_TC(tp, policy);
	ATF_TP_ADD_TC(tp, flows);
	return atf_no_error();
}
