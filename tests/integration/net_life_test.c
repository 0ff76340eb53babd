/* SPDX-License-Identifier: ISC */
/*
 * What the real privd-net leaves in a namespace and on the host, over its own
 * death (NET_RESTORE, PRIVOP_NET_COMMIT) and after the end. As root, in private
 * namespaces.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/integration/netharness.h"

static struct nh h;

NH_CASE(readable, "nft list ruleset shows every rule, and whose it is")
{
	static const char *const want[] = {
		"type filter hook ingress device \"tap0\" priority -500; "
		"policy drop;",
		"iifname \"tap0\" ether saddr 06:00:ac:10:00:02 ip saddr "
		"172.16.0.2 counter accept",
		"iifname \"v0\" counter dnat to 172.16.0.2",
		"oifname \"v0\" counter snat to 10.200.0.7",
		"hook forward priority filter; policy drop;",
		"ct count over 4096 counter drop",
		"limit rate over 1000/second burst 2000 packets counter drop",
		"ct state new icmp type != echo-request "
		"counter drop",
		"ct status dnat counter jump pub",
		"iifname \"tap0\" oifname \"v0\" ct original ip saddr "
		"172.16.0.2 ct direction original counter jump egress",
		"ct original ip daddr @denied counter drop",
		"ct original ip daddr 10.200.0.0/16 counter drop",
		"ct original ip daddr @host counter drop",
		"elements = { 5.6.7.1 }",
		"tcp . 1.2.3.4 . 443 counter",
		"ct protocol . ct original ip daddr . ct original proto-dst "
		"@allow_port counter accept",
		"ct protocol tcp ct original ip daddr 1.2.3.0/24 ct original "
		"proto-dst 80-90 counter accept",
		"ct original ip saddr 10.200.0.6 ct protocol . ct original "
		"proto-dst @ports_local counter accept",
	};
	struct nh_vm v;
	char buf[32768];
	size_t i;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_allow(&v, IPPROTO_TCP, LAB_ALLOWED, 32, 443);
	nh_allow(&v, IPPROTO_TCP, 0x01020300, 24, 80);
	v.req.allow[1].port_hi = 90;
	(void)nh_start(&h, &v);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "nft list ruleset >r; grep -c 'counter .* comment' r;"
	    "grep counter r | grep -vc 'comment \"postern vm 3: ';"
	    "sed 's/ packets [0-9]* bytes [0-9]*//' r; rm r"));
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ATF_CHECK_MSG(strstr(buf, want[i]) != NULL, "%s is not in:\n%s",
		    want[i], buf);
}

NH_CASE(none, "without a network: no link, every chain drops, no port")
{
	struct nh_vm v;
	char buf[4096];

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	v.req.mode = NET_NONE;
	ATF_CHECK_EQ(-1, nh_start(&h, &v));
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], buf, sizeof(buf),
	    "ip -o link | wc -l; nft list ruleset | grep -c 'policy drop';"
	    "nft list ruleset | grep -E 'counter| accept$' || :"));
	/* pre, input, output, forward; three of IPv6 */
	ATF_CHECK_STREQ("1\n7\n", buf);
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

NH_CASE(restart, "packets pass while net is dead, and after it came back")
{
	struct nh_vm v, w;
	struct frame f;
	int tap, sock, near;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	near = lab_udp(h.lab.host, 0, 0);
	ATF_CHECK(lab_reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	nh_kill(&h);
	ATF_CHECK(lab_reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	nh_run(&h);
	nh_vm(&w, 4, 78);
	nh_fds(&h, &w);
	ATF_CHECK_EQ(EAGAIN, nh_up(&h, &w));
	ATF_CHECK_EQ(0, nh_restore(&h, &v));
	nh_commit(&h);
	ATF_CHECK_EQ(EALREADY, nh_restore(&h, &v));
	ATF_CHECK(lab_reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	lab_send(near, 0x7f000001, 8081, "hello");
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	/* the port is reserved again */
	nh_port(&w, 0, 8081, 81, IPPROTO_UDP);
	ATF_CHECK_EQ(EADDRINUSE, nh_up(&h, &w));
	/* a commit writes them anew */
	nh_commit(&h);
	ATF_CHECK(lab_reaches(tap, LAB_ALLOWED, 53, sock, SOON));
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	ATF_CHECK(!lab_reaches(tap, LAB_ALLOWED, 53, sock, NEVER));
}

static int
published(const char *what)
{
	char buf[8192];

	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "(nft list map ip pnt pub; nft list map ip pnt pubaddr) |"
	    " sed 's/ comment \"pnt vm [0-9]*\"//g'"));
	return strstr(buf, what) != NULL;
}

NH_CASE(forged, "a record of ports that were never in force opens none")
{
	struct nh_vm v, lie;
	int taken;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	ATF_CHECK(nh_start(&h, &v) >= 0);
	ATF_CHECK(published("127.0.0.1 . udp . 8081 : "));
	nh_kill(&h);
	/* the operator lowers every grant meanwhile: what runs goes on */
	h.conf.fallback.port_lo = 9000;
	h.conf.fallback.ports = 1;
	nh_run(&h);
	taken = lab_udp(h.lab.host, 0x7f000001, 9001);
	lie = v;
	nh_port(&lie, 0, 22, 81, IPPROTO_TCP);		   /* not granted */
	nh_port(&lie, NET_ADDR_ANY, 9002, 81, IPPROTO_TCP); /* nor this */
	nh_port(&lie, 0, 9001, 81, IPPROTO_UDP);	   /* somebody's */
	nh_port(&lie, 0, 9003, 81, IPPROTO_UDP);	   /* granted, free */
	ATF_CHECK_EQ(0, nh_restore(&h, &lie));
	nh_commit(&h);
	ATF_CHECK(published("127.0.0.1 . udp . 8081 : "));
	ATF_CHECK(published("127.0.0.1 . udp . 9003 : "));
	ATF_CHECK(!published(" 22 : ") && !published("tcp"));
	ATF_CHECK(!published("9001"));
	(void)close(taken);
}

static int
is_back(int ms, const char *what)
{
	for (; ms > 0; ms -= 50) {
		if (lab_run(-1, "nft list table ip pnt 2>/dev/null | "
		    "grep -q '%s'", what) == 0)
			return 1;
		(void)poll(NULL, 0, 50);
	}
	return 0;
}

NH_CASE(stolen, "what another program takes from the host comes back")
{
	static const char *const how[] = { "nft flush ruleset",
		"nft delete table ip pnt", "nft flush chain ip pnt pubs",
		"nft flush map ip pnt pubaddr",
		"nft add table ip pnt '{ flags dormant; }'" };
	struct nh_vm v;
	int tap, near;
	size_t i;
	struct frame f;

	nh_setup_run(&h, tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	near = lab_udp(h.lab.host, 0, 0);
	for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		/* a rule of somebody else's is none of ours to remove */
		ATF_REQUIRE_EQ(0, lab_run(-1, "nft add table ip theirs; %s",
		    how[i]));
		(void)poll(NULL, 0, 1200);
		ATF_CHECK_MSG(is_back(1000, "127.0.0.1 . udp . 8081"), "%s",
		    how[i]);
		lab_send(near, 0x7f000001, 8081, "hello");
		ATF_CHECK_MSG(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f), "%s",
		    how[i]);
		fd_close(&near); /* its flow would not ask the rules again */
		near = lab_udp(h.lab.host, 0, 0);
	}
	ATF_CHECK_EQ(0, lab_run(-1, "nft list table ip theirs"));
	/* additions of others stay; our own changes are no theft */
	ATF_REQUIRE_EQ(0, lab_run(-1,
	    "nft add rule ip pnt output ip daddr 9.9.9.9 counter"));
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	(void)poll(NULL, 0, 1200);
	ATF_CHECK(is_back(1000, "9.9.9.9"));
	/* the control: without net it stays away */
	nh_kill(&h);
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft flush ruleset"));
	ATF_CHECK(!is_back(1500, "pubaddr"));
}

/* What an operator would compare. */
/* IPv6's own addresses come and settle in the kernel's time: not looked at */
#define SNAPSHOT "ip -o link | sed 's/.*: \\(.*\\): <.*/\\1/' | sort;" \
	"ip -4 -o addr; ip -4 route show table all; nft list ruleset;" \
	"conntrack -L 2>/dev/null | grep -c 10.200 || :"

NH_CASE(down, "after NET_DOWN and `down` the host is as before")
{
	char before[8192], after[8192], with[8192];
	struct nh_vm v;
	int tap, i;

	nh_setup(&h, tc);
	ATF_REQUIRE_EQ(0, lab_output(-1, before, sizeof(before), SNAPSHOT));
	nh_run(&h);
	nh_commit(&h);
	ATF_REQUIRE_EQ(0, lab_output(-1, with, sizeof(with), SNAPSHOT));
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
	nh_allow(&v, 0, 0, 0, 0);
	tap = nh_start(&h, &v);
	ATF_CHECK(lab_reaches(tap, LAB_OTHER, 9000, lab_udp(h.lab.world,
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

NH_CASE(timing, "prints what NET_UP and NET_DOWN cost; asserts nothing")
{
	struct nh_vm v[TIMED];
	double t, up = 1e9, sum = 0, down = 0, cpu;
	uint32_t i;

	nh_setup_run(&h, tc);
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
	ATF_TP_ADD_TC(tp, readable);
	ATF_TP_ADD_TC(tp, none);
	ATF_TP_ADD_TC(tp, restart);
	ATF_TP_ADD_TC(tp, stolen);
	ATF_TP_ADD_TC(tp, down);
	ATF_TP_ADD_TC(tp, forged);
	ATF_TP_ADD_TC(tp, timing);
	return atf_no_error();
}
