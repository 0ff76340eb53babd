/* SPDX-License-Identifier: ISC */
/*
 * Beside the rules of others (the real privd-net): what Docker, ufw and plain
 * iptables put into FORWARD, from their published rules. Judged by packets,
 * each time with the control that the same rules stop them without our hook.
 * As root, in private namespaces.
 */
#include <atf-c.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "tests/integration/netharness.h"

#define HOOK_MS 8000	/* well beyond its second, on a busy machine */

static struct nh h;
static struct nh_vm v;
static int tap, world, near;

/* The layouts; what each leaves in FORWARD besides, for iptables -S. */
static const char plain[] = "iptables -P FORWARD DROP";
static const char docker[] =
    "iptables -P FORWARD DROP; iptables -N DOCKER;"
    "iptables -N DOCKER-ISOLATION-STAGE-1; iptables -N DOCKER-USER;"
    "iptables -N DOCKER-ISOLATION-STAGE-2;"
    "iptables -A FORWARD -j DOCKER-USER;"
    "iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1;"
    "iptables -A FORWARD -o docker0 -m conntrack --ctstate"
    " RELATED,ESTABLISHED -j ACCEPT;"
    "iptables -A FORWARD -o docker0 -j DOCKER;"
    "iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT;"
    "iptables -A FORWARD -i docker0 -o docker0 -j ACCEPT;"
    "iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j"
    " DOCKER-ISOLATION-STAGE-2;"
    "iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN;"
    "iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP;"
    "iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN;"
    "iptables -A DOCKER-USER -j RETURN";
static const char ufw[] =
    "iptables -P FORWARD DROP; iptables -P INPUT DROP;"
    "iptables -N ufw-before-forward; iptables -N ufw-user-forward;"
    "iptables -N ufw-reject-forward; iptables -N ufw-track-forward;"
    "iptables -A INPUT -i lo -j ACCEPT;"
    "iptables -A FORWARD -j ufw-before-forward;"
    "iptables -A FORWARD -j ufw-reject-forward;"
    "iptables -A FORWARD -j ufw-track-forward;"
    "iptables -A ufw-before-forward -m conntrack --ctstate"
    " RELATED,ESTABLISHED -j ACCEPT;"
    "iptables -A ufw-before-forward -p icmp --icmp-type 8 -j ACCEPT;"
    "iptables -A ufw-before-forward -j ufw-user-forward;"
    "iptables -A ufw-reject-forward -j REJECT";
static const char reject[] = "iptables -A FORWARD -j REJECT";

static void
setup(const atf_tc_t *tc, const char *layout)
{
	nh_setup(&h, tc);
	ATF_REQUIRE_EQ(0, lab_run(-1, "%s", layout));
	nh_run(&h);
	nh_commit(&h);
	nh_vm(&v, 3, 77);
	nh_port(&v, 0, 8081, 81, IPPROTO_UDP);
	nh_allow(&v, IPPROTO_UDP, LAB_ALLOWED, 32, 53);
	tap = nh_start(&h, &v);
	world = lab_udp(h.lab.world, LAB_ALLOWED, 53);
	near = lab_udp(h.lab.host, 0, 0);
}

static int
egress(int ms)
{
	return lab_reaches(tap, LAB_ALLOWED, 53, world, ms);
}

static int
port(int ms)
{
	struct frame f;

	while (lab_tap_recv(tap, IPPROTO_UDP, 0, &f))
		;
	lab_send(near, 0x7f000001, 8081, "hello");
	return lab_tap_recv(tap, IPPROTO_UDP, ms, &f);
}

/* What iptables shows, without our hook's lines. */
static void
theirs(char *buf, size_t size)
{
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, size,
	    "iptables -S 2>&1 | grep -v PNT"));
}

static int
hooked(const char *parent)
{
	char buf[65536], line[64];

	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf), "iptables -S"));
	(void)snprintf(line, sizeof(line), 
	    "-A %s -m comment --comment \"postern: vms\" -j PNT\n", parent);
	return strstr(buf, line) != NULL &&
	    strstr(buf, "-A PNT -i pnt+ -m comment --comment "
	    "\"postern: from vms\" -j ACCEPT\n") != NULL &&
	    strstr(buf, "-A PNT -o pnt+ -m comment --comment "
	    "\"postern: to vms\" -j ACCEPT\n") != NULL;
}

#define UNHOOK "iptables -D %s $(iptables -L %s -n --line-numbers |" \
	" awk '$2 == \"PNT\" { print $1 }')"

static void
unhook(const char *parent)
{
	ATF_REQUIRE_EQ(0, lab_run(-1, UNHOOK, parent, parent));
}

static int
hooked_soon(const char *parent)
{
	int64_t end = now_ms() + HOOK_MS;

	while (!hooked(parent)) {
		if (now_ms() > end)
			return 0;
		(void)poll(NULL, 0, 50);
	}
	return 1;
}

static void
layout(const atf_tc_t *tc, const char *rules, const char *parent)
{
	char before[65536], after[65536];

	setup(tc, rules);
	ATF_CHECK(hooked(parent));
	ATF_CHECK(egress(SOON));
	ATF_CHECK(port(SOON));
	theirs(before, sizeof(before));
	/* somebody takes it out: nothing more is open, and it comes back */
	unhook(parent);
	ATF_CHECK(hooked_soon(parent));
	ATF_CHECK(egress(SOON));
	ATF_REQUIRE_EQ(0, lab_run(-1, "iptables -F PNT"));
	ATF_CHECK(hooked_soon(parent));
	ATF_CHECK(egress(SOON));
	theirs(after, sizeof(after));
	ATF_CHECK_STREQ(before, after);
	/* the control: without it their rules stop both */
	nh_kill(&h);
	unhook(parent);
	ATF_CHECK(!egress(NEVER));
	/* the end takes all of it out, and nothing of theirs */
	ATF_REQUIRE_EQ(0, lab_run(-1, "iptables -I %s -j PNT", parent));
	ATF_CHECK_EQ(0, nh_down(&h));
	ATF_REQUIRE_EQ(0, lab_output(-1, after, sizeof(after),
	    "iptables -S"));
	ATF_CHECK_STREQ(before, after);
	ATF_CHECK_EQ(0, nh_down(&h));
}

NH_CASE(policy_drop, "iptables -P FORWARD DROP")
{
	layout(tc, plain, "FORWARD");
}

NH_CASE(docker_layout, "Docker's chains: ours is asked from DOCKER-USER")
{
	layout(tc, docker, "DOCKER-USER");
}

NH_CASE(ufw_layout, "ufw's chains, which end with a reject")
{
	layout(tc, ufw, "FORWARD");
}

NH_CASE(reject_all, "a reject at the end of FORWARD")
{
	layout(tc, reject, "FORWARD");
}

NH_CASE(later, "iptables rules that come while VMs run; none, no hook")
{
	char buf[8192];

	setup(tc, "iptables -S >/dev/null");
	ATF_CHECK(egress(SOON));
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf), "iptables -S"));
	ATF_CHECK_STREQ("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n"
	    "-P OUTPUT ACCEPT\n", buf);
	ATF_REQUIRE_EQ(0, lab_run(-1, "%s", docker));
	ATF_CHECK(hooked_soon("DOCKER-USER"));
	ATF_CHECK(egress(SOON));
	ATF_CHECK(port(SOON));
	/* where an operator moves it to, it stays */
	ATF_REQUIRE_EQ(0, lab_run(-1, "iptables -I DOCKER-USER -i pnt+ -d "
	    "1.2.3.4 -j DROP"));
	(void)poll(NULL, 0, 1500);
	ATF_CHECK(!egress(NEVER));
	ATF_CHECK(port(SOON));
	ATF_REQUIRE_EQ(0, lab_output(-1, buf, sizeof(buf),
	    "iptables -S DOCKER-USER"));
	ATF_CHECK_STREQ("-N DOCKER-USER\n"
	    "-A DOCKER-USER -d 1.2.3.4/32 -i pnt+ -j DROP\n"
	    "-A DOCKER-USER -m comment --comment \"postern: vms\" -j PNT\n"
	    "-A DOCKER-USER -j RETURN\n", buf);
}

NH_CASE(flushed, "nft flush ruleset, packets on their way: nothing opens, "
	"all comes back")
{
	int64_t end;
	int meta;

	setup(tc, docker);
	meta = lab_udp(h.lab.world, LAB_METADATA, 9000);
	ATF_CHECK(egress(SOON));
	ATF_CHECK(port(SOON));
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft flush ruleset"));
	ATF_CHECK(!lab_reaches(tap, LAB_METADATA, 9000, meta, NEVER));
	ATF_CHECK(!lab_reaches(tap, LAB_ALLOWED, 54, world, 1));
	end = now_ms() + HOOK_MS;
	while (!port(NEVER) && now_ms() < end)
		;
	ATF_CHECK(port(SOON));
	ATF_CHECK(egress(SOON));
	ATF_CHECK(!lab_reaches(tap, LAB_METADATA, 9000, meta, NEVER));
	/* theirs come again, as their programs would bring them */
	ATF_REQUIRE_EQ(0, lab_run(-1, "%s", docker));
	ATF_CHECK(hooked_soon("DOCKER-USER"));
	ATF_CHECK(egress(SOON));
}

NH_CASE(lost_events, "events that the kernel dropped: everything is read "
	"again")
{
	int i;

	setup(tc, plain);
	ATF_CHECK(hooked("FORWARD"));
	/* net stands still while more happens than its socket holds, the
	 * theft among it */
	RH(kill(h.pid, SIGSTOP));
	unhook("FORWARD");
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft add table ip x;"
	    "for i in 1 2 3 4 5 6 7 8; do"
	    " (echo 'add set ip x s { type ipv4_addr; };'; seq 1 4000 | awk "
	    "'{ printf \"add element ip x s { 9.9.%%d.%%d };\\n\","
	    " $1/250, $1%%250 }'; echo 'delete set ip x s;') | nft -f -;"
	    " done"));
	ATF_REQUIRE_EQ(0, lab_run(-1, "nft delete table ip pnt"));
	RH(kill(h.pid, SIGCONT));
	ATF_CHECK(hooked_soon("FORWARD"));
	for (i = 0; i < HOOK_MS / SOON && !port(SOON); i++)
		;
	ATF_CHECK(port(SOON));
	ATF_CHECK(egress(SOON));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, policy_drop);
	ATF_TP_ADD_TC(tp, docker_layout);
	ATF_TP_ADD_TC(tp, ufw_layout);
	ATF_TP_ADD_TC(tp, reject_all);
	ATF_TP_ADD_TC(tp, later);
	ATF_TP_ADD_TC(tp, flushed);
	ATF_TP_ADD_TC(tp, lost_events);
	return atf_no_error();
}
