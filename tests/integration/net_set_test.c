/* SPDX-License-Identifier: ISC */
/*
 * Another list, other ports, for a VM that runs (PRIVOP_NET_SET and
 * PRIVOP_NET_SHOW of the real privd-net), judged by packets. As root, in private namespaces. Each
 * protection has its negative control.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "policy/steps.h"
#include "tests/integration/netharness.h"

#define FLOOD 40000
#define OTHER_PORT 9000

static struct nh h;
static int owner;	/* a socket of the VMs' owner */

static void
setup(const atf_tc_t *tc)
{
	nh_setup(&h, tc);
	rh_run_dir(&h.conf);
	nh_run(&h);
	nh_commit(&h);
	owner = rh_client(&h.conf, RH_TENANT);
}

static void
end(void)
{
	rh_run_clean(&h.conf);
}

static void
list(struct nh_vm *v, int with_other)
{
	memset(v->req.allow, 0, sizeof(v->req.allow));
	v->req.nallow = 0;
	nh_allow(v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	if (with_other)
		nh_allow(v, IPPROTO_UDP, LAB_OTHER, 32, OTHER_PORT);
}

static int
set(const struct nh_vm *v)
{
	return nh_set(&h, v, v->fds[NSFD_NS], owner);
}

/* Everything that waits there; how many. */
static unsigned
drain(int fd)
{
	char buf[64];
	unsigned n = 0;

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static void
room(int fd)
{
	int size = 256 << 20;

	RH(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)));
}

/* A guest that writes to both places without end: FLOOD frames each. */
static pid_t
flood(int tap)
{
	struct frame a = lab_udp_frame(GUEST_ADDR, LAB_ALLOWED, 4000, 53,
	    "allowed");
	struct frame b = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 4001,
	    OTHER_PORT, "other");
	pid_t pid = RH(fork());
	int i;

	if (pid != 0)
		return pid;
	for (i = 0; i < FLOOD; i++) {
		lab_tap_send(tap, &a);
		lab_tap_send(tap, &b);
	}
	_exit(0);
}

NH_CASE(swap, "while the list flips nothing allowed is lost, nothing "
	"forbidden passes")
{
	unsigned other = 0, late = 0, flips = 0, n;
	struct nh_vm v;
	int tap, sock, bad, st;
	pid_t pid;

	setup(tc);
	nh_vm(&v, 3, 77);
	list(&v, 1);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	bad = lab_udp(h.lab.world, LAB_OTHER, OTHER_PORT);
	room(sock);
	room(bad);
	ATF_REQUIRE(lab_reaches(tap, LAB_OTHER, OTHER_PORT, bad, SOON));
	pid = flood(tap);
	do {
		list(&v, 0);
		ATF_REQUIRE_EQ(0, set(&v));
		/* one that was judged before may still be on its way */
		(void)poll(NULL, 0, 1);
		other += drain(bad);
		(void)poll(NULL, 0, 2);
		late += drain(bad);
		list(&v, 1);
		ATF_REQUIRE_EQ(0, set(&v));
		flips += 2;
		(void)poll(NULL, 0, 2);
	} while (waitpid(pid, &st, WNOHANG) == 0);
	other += drain(bad);
	n = drain(sock);
	printf("%u flips; of %d allowed packets %u came; forbidden ones "
	       "%u while allowed, %u after\n", flips, FLOOD, n, other, late);
	ATF_CHECK_EQ(FLOOD, n);
	ATF_CHECK_EQ(0, late);
	ATF_CHECK(flips > 20);
	ATF_CHECK(other > 0 && other < FLOOD); /* both lists were tried */
	end();
}

NH_CASE(cut, "a flow that a new list forbids ends at once, both ways")
{
	struct nh_vm v;
	struct frame f;
	uint32_t from = 0;
	uint16_t port = 0;
	int tap, sock, k;

	setup(tc);
	nh_vm(&v, 3, 77);
	list(&v, 1);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, OTHER_PORT);
	f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 4001, OTHER_PORT, "one");
	lab_tap_send(tap, &f);
	ATF_REQUIRE(lab_heard(sock, "one", SOON, &from, &port));
	lab_send(sock, from, port, "back");
	ATF_REQUIRE(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	/* the same list again: the flow goes on */
	ATF_REQUIRE_EQ(0, set(&v));
	lab_send(sock, from, port, "back");
	ATF_CHECK(lab_tap_recv(tap, IPPROTO_UDP, SOON, &f));
	list(&v, 0);
	ATF_REQUIRE_EQ(0, set(&v));
	/* the second time with the shortcut that we do without */
	for (k = 0; k < 2; k++) {
		int ms = k == 0 ? NEVER : SOON;

		lab_send(sock, from, port, "back");
		ATF_CHECK_EQ(k, lab_tap_recv(tap, IPPROTO_UDP, ms, &f));
		f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 4001, OTHER_PORT,
		    "two");
		lab_tap_send(tap, &f);
		ATF_CHECK_EQ(k, lab_heard(sock, "two", ms, NULL, NULL));
		ATF_REQUIRE_EQ(0, lab_run(v.fds[NSFD_NS],
		    "nft insert rule ip postern forward ct state established "
		    "accept"));
	}
	end();
}

NH_CASE(bad_entry, "one bad entry among ten: named, nothing changed")
{
	char before[16384], after[16384];
	struct nh_vm v;
	int i;

	setup(tc);
	nh_vm(&v, 3, 77);
	list(&v, 1);
	(void)nh_start(&h, &v);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], before, sizeof(before),
	    "nft list table ip postern"));
	v.req.nallow = 0;
	for (i = 0; i < 10; i++)
		nh_allow(&v, IPPROTO_TCP, 0x01020300u + (uint32_t)i, 32, 443);
	v.req.allow[6].addr = 0x0a000001;
	ATF_CHECK_EQ(EACCES, set(&v));
	ATF_CHECK_EQ(STEP_ALLOW, h.step);
	ATF_CHECK_EQ(128 + 6, h.bad);
	v.req.allow[6].addr = 0x01020306;
	v.req.allow[9].prefix = 24;
	ATF_CHECK_EQ(EINVAL, set(&v));
	ATF_CHECK_EQ(128 + 9, h.bad);
	v.req.allow[9].prefix = 32;
	nh_port(&v, 0, 80, 80, IPPROTO_TCP); /* not granted */
	ATF_CHECK_EQ(EACCES, set(&v));
	ATF_CHECK_EQ(STEP_PORT, h.step);
	ATF_CHECK_EQ(1, h.bad);
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], after, sizeof(after),
	    "nft list table ip postern"));
	ATF_CHECK_STREQ(before, after);
	/* the control: without the faults it is another list */
	v.req.nports = 0;
	ATF_CHECK_EQ(0, set(&v));
	ATF_REQUIRE_EQ(0, lab_output(v.fds[NSFD_NS], after, sizeof(after),
	    "nft list table ip postern"));
	ATF_CHECK(strcmp(before, after) != 0);
	end();
}

NH_CASE(asker, "only the owner's and an admin's own sockets count")
{
	struct nh_vm v, w;
	int foreign, fake, root;

	setup(tc);
	foreign = rh_client(&h.conf, RH_TENANT2);
	fake = rh_false_client(RH_TENANT);
	root = rh_client(&h.conf, 0);
	nh_vm(&v, 3, 77);
	nh_vm(&w, 4, 78);
	list(&v, 1);
	(void)nh_start(&h, &v);
	(void)nh_start(&h, &w);
	ATF_CHECK_EQ(EPERM, nh_set(&h, &v, v.fds[NSFD_NS], foreign));
	ATF_CHECK_EQ(STEP_PEER, h.step);
	ATF_CHECK(nh_set(&h, &v, v.fds[NSFD_NS], fake) != 0);
	ATF_CHECK_EQ(STEP_PEER, h.step);
	ATF_CHECK_EQ(0, nh_set(&h, &v, v.fds[NSFD_NS], root));
	ATF_CHECK_EQ(0, nh_set(&h, &v, v.fds[NSFD_NS], owner));
	/* what was handed over serves once */
	ATF_CHECK_EQ(ENOENT, nh_set(&h, &v, -1, owner));
	ATF_CHECK_EQ(STEP_NET_FDS, h.step);
	/* another VM's namespace, the host's, and after a restart too */
	ATF_CHECK_EQ(ENOENT, nh_set(&h, &v, w.fds[NSFD_NS], owner));
	ATF_CHECK_EQ(ENOENT, nh_set(&h, &v, h.lab.host, owner));
	ATF_CHECK_EQ(ENOENT, nh_set(&h, &v, h.lab.world, owner));
	nh_kill(&h);
	nh_run(&h);
	ATF_CHECK_EQ(0, nh_restore(&h, &v));
	ATF_CHECK_EQ(0, nh_restore(&h, &w));
	nh_commit(&h);
	ATF_CHECK_EQ(ENOENT, nh_set(&h, &v, w.fds[NSFD_NS], owner));
	ATF_CHECK_EQ(0, nh_set(&h, &v, v.fds[NSFD_NS], owner));
	end();
}

static int
hears(int tap, int near, uint16_t port, int ms)
{
	struct frame f;

	while (lab_tap_recv(tap, IPPROTO_UDP, 0, &f))
		;
	lab_send(near, 0x7f000001, port, "hello");
	return lab_tap_recv(tap, IPPROTO_UDP, ms, &f);
}

NH_CASE(ports, "ports come and go while the VM runs, with their flows")
{
	struct nh_vm v;
	int tap, near, taken;
	char buf[8192];

	setup(tc);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	near = lab_udp(h.lab.host, 0, 0);
	ATF_CHECK(!hears(tap, near, 8081, NEVER));
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	nh_port(&v, 0, 8082, 81, IPPROTO_UDP);
	ATF_REQUIRE_EQ(0, set(&v));
	ATF_CHECK(hears(tap, near, 8081, SOON));
	ATF_CHECK(hears(tap, near, 8082, SOON));
	/* reserved on the host */
	ATF_CHECK(lab_run(-1, "bash -c 'exec 3<>/dev/udp/127.0.0.1/1' && "
	    "ss -Hulpn | grep -q 127.0.0.1:8081") == 0);
	/* one is taken back: its flow ends, the other's goes on */
	v.req.ports[0] = v.req.ports[1];
	v.req.nports = 1;
	ATF_REQUIRE_EQ(0, set(&v));
	ATF_CHECK(!hears(tap, near, 8081, NEVER));
	ATF_CHECK(hears(tap, near, 8082, SOON));
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "conntrack -L -p udp 2>/dev/null | grep 10.200 || :"));
	ATF_CHECK(strstr(buf, "dport=8081") == NULL);
	ATF_CHECK(strstr(buf, "dport=8082") != NULL);
	/* somebody listens there: refused, all as before */
	taken = lab_udp(h.lab.host, 0x7f000001, 8083);
	nh_port(&v, 0, 8084, 84, IPPROTO_UDP);
	nh_port(&v, 0, 8083, 83, IPPROTO_UDP);
	ATF_CHECK_EQ(EADDRINUSE, set(&v));
	ATF_CHECK_EQ(3, h.bad);
	ATF_CHECK(!hears(tap, near, 8084, NEVER));
	ATF_CHECK(hears(tap, near, 8082, SOON));
	fd_close(&taken);
	ATF_CHECK_EQ(0, set(&v));
	ATF_CHECK(hears(tap, near, 8083, SOON));
	/* the same host port to another guest port */
	v.req.ports[0].guest = 85;
	ATF_CHECK_EQ(0, set(&v));
	ATF_CHECK(hears(tap, near, 8082, SOON));
	/* none is left: loopback is shut again */
	v.req.nports = 0;
	ATF_CHECK_EQ(0, set(&v));
	ATF_CHECK(!hears(tap, near, 8082, NEVER));
	ATF_CHECK_EQ(0, lab_run(-1, "grep -qx 0 "
	    "/proc/sys/net/ipv4/conf/pnt3/route_localnet"));
	ATF_CHECK(lab_run(-1, "ss -Hulpn | grep -q 127.0.0.1:808") != 0);
	ATF_CHECK_EQ(0, nh_net_down(&h, &v));
	end();
}

NH_CASE(other_vms_port, "another VM's port is refused, whatever its range")
{
	struct nh_vm v, w;

	setup(tc);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	(void)nh_start(&h, &v);
	nh_vm(&w, 4, 78);
	(void)nh_start(&h, &w);
	nh_port(&w, 0, 8080, 80, IPPROTO_UDP);
	nh_port(&w, 0, 8081, 81, IPPROTO_UDP);
	ATF_CHECK_EQ(EADDRINUSE, nh_set(&h, &w, w.fds[NSFD_NS], owner));
	ATF_CHECK_EQ(2, h.bad);
	w.req.nports = 1;
	ATF_CHECK_EQ(0, nh_set(&h, &w, w.fds[NSFD_NS], owner));
	end();
}

static const struct net_rule_count *
rule(const struct rep_net_show *rp, const char *name)
{
	unsigned i;

	for (i = 0; i < rp->nrules; i++)
		if (strcmp(rp->rules[i].name, name) == 0)
			return &rp->rules[i];
	atf_tc_fail("no rule is called \"%s\"", name);
}

NH_CASE(show, "counters of each entry, port and standing rule")
{
	struct rep_net_show rp;
	struct nh_vm v;
	struct frame f;
	int tap, sock, near;
	unsigned i;

	setup(tc);
	nh_vm(&v, 3, 77);
	list(&v, 1);
	nh_allow(&v, 0, 0x05060800, 24, 0);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, OTHER_PORT);
	near = lab_udp(h.lab.host, 0, 0);
	for (i = 0; i < 3; i++)
		ATF_CHECK(lab_reaches(tap, LAB_OTHER, OTHER_PORT, sock, SOON));
	ATF_CHECK(hears(tap, near, 8081, SOON));
	f = lab_udp_frame(GUEST_ADDR, LAB_OTHER, 1, 1, "not listed");
	lab_tap_send(tap, &f);
	f = lab_udp_frame(GUEST_ADDR, LAB_METADATA, 1, 80, "denied");
	lab_tap_send(tap, &f);
	lab_tap_send(tap, &f);
	f = lab_udp_frame(GUEST_ADDR + 1, LAB_OTHER, 1, 1, "spoofed");
	lab_tap_send(tap, &f);
	ATF_REQUIRE_EQ(0, nh_show(&h, &v, v.fds[NSFD_NS], &rp));
	for (i = 0; i < rp.nrules; i++)
		printf("%-28s %llu\n", rp.rules[i].name,
		    (unsigned long long)rp.rules[i].packets);
	ATF_REQUIRE_EQ(3, rp.nallow);
	ATF_CHECK_EQ(0, rp.allow[0].packets);
	ATF_CHECK_EQ(3, rp.allow[1].packets);
	ATF_CHECK(rp.allow[1].bytes > 3 * 28);
	ATF_CHECK(memcmp(&rp.allow[2].allow, &v.req.allow[2],
	    sizeof(v.req.allow[2])) == 0);
	ATF_REQUIRE_EQ(1, rp.nports);
	ATF_CHECK_EQ(8081, rp.ports[0].port.host);
	ATF_CHECK_EQ(1, rp.ports[0].packets);
	ATF_CHECK_EQ(1, rule(&rp, "not listed")->packets);
	ATF_CHECK_EQ(2, rule(&rp, "denied 169.254.0.0/16")->packets);
	ATF_CHECK_EQ(1, rule(&rp, "guard: other frames")->packets);
	ATF_CHECK_EQ(0, rule(&rp, "no published port")->packets);
	ATF_CHECK_EQ(0, rule(&rp, "policy of ip6 filter INPUT")->packets);
	/* after a restart, from the kernel again */
	nh_kill(&h);
	nh_run(&h);
	ATF_CHECK_EQ(0, nh_restore(&h, &v));
	nh_commit(&h);
	ATF_REQUIRE_EQ(0, nh_show(&h, &v, v.fds[NSFD_NS], &rp));
	ATF_CHECK_EQ(3, rp.allow[1].packets);
	ATF_CHECK_EQ(ENOENT, nh_show(&h, &v, -1, &rp));
	end();
}

/* A thousand entries: n exact ones, the others networks. The last exact one
 * and the last network are LAB_ALLOWED and LAB_OTHER's. */
static void
thousand(struct nh_vm *v, unsigned n)
{
	uint32_t i;

	memset(v->req.allow, 0, sizeof(v->req.allow));
	v->req.nallow = 0;
	for (i = 1; i < n; i++)
		nh_allow(v, i % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		    0x08000000u + i, 32, (uint16_t)(i % 3 ? 443 : 0));
	nh_allow(v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	for (i = n + 1; i < NET_ALLOW_MAX; i++)
		nh_allow(v, i % 2 ? IPPROTO_TCP : 0, 0x08100000u + (i << 8),
		    24, 0);
	nh_allow(v, IPPROTO_UDP, LAB_OTHER & ~0xfu, 28, 0);
}

NH_CASE(thousand_entries, "a list of a thousand, changed and shown")
{
	static struct rep_net_show rp;
	struct nh_vm v;
	int tap, sock, other, nets;
	unsigned i;

	setup(tc);
	nh_vm(&v, 3, 77);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	other = lab_udp(h.lab.world, LAB_OTHER, OTHER_PORT);
	for (nets = 0; nets < 2; nets++) {
		ATF_CHECK(!lab_reaches(tap, LAB_ALLOWED, 53, sock, NEVER));
		thousand(&v, nets ? 500 : NET_ALLOW_MAX - 1);
		ATF_REQUIRE_EQ(NET_ALLOW_MAX, v.req.nallow);
		ATF_REQUIRE_EQ(0, set(&v));
		ATF_CHECK(lab_reaches(tap, LAB_ALLOWED, 53, sock, SOON));
		ATF_CHECK(lab_reaches(tap, LAB_OTHER, OTHER_PORT, other,
		    SOON));
		ATF_REQUIRE_EQ(0, nh_show(&h, &v, v.fds[NSFD_NS], &rp));
		ATF_REQUIRE_EQ(NET_ALLOW_MAX, rp.nallow);
		for (i = 0; i < NET_ALLOW_MAX; i++)
			ATF_CHECK_EQ_MSG(i == NET_ALLOW_MAX - 1 ||
			    rp.allow[i].allow.addr == LAB_ALLOWED,
			    rp.allow[i].packets, "entry %u", i);
		v.req.nallow = 0;
		ATF_REQUIRE_EQ(0, set(&v));
	}
	/* named twice is named once */
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	ATF_REQUIRE_EQ(0, set(&v));
	ATF_REQUIRE_EQ(0, nh_show(&h, &v, v.fds[NSFD_NS], &rp));
	ATF_CHECK_EQ(1, rp.nallow);
	end();
}

NH_CASE(overlaps, "entries that overlap are taken as they are")
{
	struct nh_vm v;
	int tap, sock;

	setup(tc);
	nh_vm(&v, 3, 77);
	nh_allow(&v, IPPROTO_UDP, LAB_OTHER & ~0xffu, 24, 100);
	nh_allow(&v, IPPROTO_UDP, LAB_OTHER & ~0xffffu, 16, 8999);
	v.req.allow[1].port_hi = 9001;
	nh_allow(&v, 0, LAB_OTHER & ~0xffu, 24, 0);
	nh_allow(&v, IPPROTO_UDP, LAB_OTHER, 32, OTHER_PORT);
	tap = nh_start(&h, &v);
	sock = lab_udp(h.lab.world, LAB_OTHER, OTHER_PORT);
	while (v.req.nallow > 0) {
		ATF_CHECK(lab_reaches(tap, LAB_OTHER, OTHER_PORT, sock, SOON));
		v.req.nallow--;
		if (v.req.nallow == 1)
			break;
		ATF_REQUIRE_EQ(0, set(&v));
	}
	ATF_REQUIRE_EQ(0, set(&v));
	ATF_CHECK(!lab_reaches(tap, LAB_OTHER, OTHER_PORT, sock, NEVER));
	end();
}

static double
us_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* What privd-net spent on a CPU: other work of this machine not counted. */
static double
cpu_us(void)
{
	char path[64], buf[128];

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)h.pid);
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	return (double)strtoull(buf, NULL, 10) / 1e3;
}

#define TIMED 100

NH_CASE(timing, "prints what a change costs; asserts nothing")
{
	double t, ten, least = 1e9, port, cpu;
	struct nh_vm v;
	uint32_t i;

	setup(tc);
	nh_vm(&v, 3, 77);
	(void)nh_start(&h, &v);
	for (i = 0; i < 10; i++)
		nh_allow(&v, IPPROTO_TCP, 0x01020300u + i, 32, 443);
	ten = cpu_us();
	for (i = 0; i < TIMED; i++) {
		t = us_now();
		ATF_REQUIRE_EQ(0, set(&v));
		t = us_now() - t;
		least = t < least ? t : least;
	}
	cpu = cpu_us();
	ten = cpu - ten;
	for (i = 0; i < TIMED; i++) {
		v.req.nports = 0;
		if (i % 2 == 0)
			nh_port(&v, 0, 8080, 80, IPPROTO_TCP);
		ATF_REQUIRE_EQ(0, set(&v));
	}
	port = cpu_us() - cpu;
	thousand(&v, NET_ALLOW_MAX - 1);
	cpu = cpu_us();
	for (i = 0; i < 10; i++)
		ATF_REQUIRE_EQ(0, set(&v));
	printf("list of a thousand: on the CPU %.0f us\n",
	    (cpu_us() - cpu) / 10);
	printf("list of 10: least %.0f us, on the CPU %.0f us; a port more or "
	       "less: on the CPU %.0f us\n", least, ten / TIMED,
	    port / TIMED);
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, swap);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, bad_entry);
	ATF_TP_ADD_TC(tp, asker);
	ATF_TP_ADD_TC(tp, ports);
	ATF_TP_ADD_TC(tp, other_vms_port);
	ATF_TP_ADD_TC(tp, show);
	ATF_TP_ADD_TC(tp, thousand_entries);
	ATF_TP_ADD_TC(tp, overlaps);
	ATF_TP_ADD_TC(tp, timing);
	return atf_no_error();
}
