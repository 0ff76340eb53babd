/* SPDX-License-Identifier: ISC */
/*
 * Starts: what the real ctld, confined as in service, asks a scripted front
 * end for, in which order, and what it undoes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/ctldrun.h"

CASE(start_stop, "a start asks in order, a stop leaves nothing")
{
	static const uint16_t up[] = { PRIVOP_RESERVE, PRIVOP_NS_MAKE,
		PRIVOP_NET_UP, PRIVOP_LIMITS, PRIVOP_IMAGE, PRIVOP_IMAGE,
		PRIVOP_SPAWN };
	static const uint16_t down[] = { PRIVOP_STOP, PRIVOP_KILL,
		PRIVOP_REAP, PRIVOP_NET_DOWN, PRIVOP_RELEASE };
	struct setup s;
	struct cl_vm vm;
	char name[64];
	unsigned from;

	ct_begin(&s);
	from = s.f.nlog;
	ATF_CHECK_EQ(CLE_NONE, ct_start_web(&s).error);
	ct_check_log(&s.f, from, up, 7);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_RUNNING, vm.status);
	ATF_CHECK_EQ(FAKE_UID, vm.owner);
	ATF_CHECK(vm.started_ms >= vm.created_ms && vm.created_ms > 0);
	ATF_CHECK_EQ(1, ct_state_files(".json", name));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ct_check_tail(&s.f, down, 5);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(1, s.f.slots[0].seen_stop);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("stopped", vm.reason);
	ATF_CHECK_EQ(UINT32_MAX, vm.slot);
	ATF_CHECK_EQ(CLE_STATE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(CLE_EXISTS, ct_start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 0).error);
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s.f, s.wire, "web", NULL));
	ATF_CHECK_EQ(0, ct_state_files(".json", name));
	ATF_CHECK_EQ(0, ct_state_files(".console", name));
	fake_end(&s.f);
}

CASE(pipeline, "every request of a start is sent before any is answered")
{
	struct wire_msg m;
	struct setup s;

	ct_begin(&s);
	s.f.hold = PRIVOP_NS_MAKE;
	ct_start_begin(&s, s.wire, "web");
	ATF_CHECK_EQ(1, fake_count(&s.f, PRIVOP_SPAWN));
	ATF_CHECK_EQ(6, s.f.nheld);
	fake_release(&s.f);
	ATF_CHECK_EQ(1, fake_answer(&s.f, s.wire, &m, 5000));
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	fake_end(&s.f);
}

CASE(fail_each, "a failure of any step is undone in reverse and told")
{
	struct setup s;

	ct_begin(&s);
	ct_fails(&s, PRIVOP_RESERVE, EIO, STEP_LEDGER, CLE_HOST);
	ct_fails(&s, PRIVOP_NS_MAKE, ENOSPC, STEP_NETNS, CLE_HOST);
	ct_fails(&s, PRIVOP_NET_UP, EBUSY, STEP_VETH, CLE_HOST);
	ct_fails(&s, PRIVOP_LIMITS, ENOSPC, STEP_CGROUP, CLE_HOST);
	ct_fails(&s, PRIVOP_IMAGE, EPERM, STEP_IMAGE, CLE_INVALID);
	ct_fails(&s, PRIVOP_SPAWN, ENOMEM, STEP_CLONE, CLE_HOST);
	ATF_CHECK_EQ(CLE_NONE, ct_start_web(&s).error);
	fake_end(&s.f);
}

CASE(quotas, "ceilings and ports come back as typed errors")
{
	struct setup s;
	struct rep_cl r;

	ct_begin(&s);
	ct_fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_VMS, CLE_QUOTA);
	ct_fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_CPUS, CLE_QUOTA);
	ct_fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_MEM, CLE_QUOTA);
	ct_fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_PORTS, CLE_QUOTA);
	ct_fails(&s, PRIVOP_NET_UP, EADDRINUSE, STEP_PORT, CLE_INVALID);
	ct_fails(&s, PRIVOP_NET_UP, EACCES, STEP_PORT, CLE_DENIED);
	ct_fails(&s, PRIVOP_NET_UP, EACCES, STEP_ALLOW, CLE_DENIED);
	s.f.fail[PRIVOP_RESERVE] = EDQUOT;
	s.f.fail_step[PRIVOP_RESERVE] = STEP_QUOTA_VMS;
	r = ct_start_web(&s);
	ATF_CHECK_STREQ("vms", r.field);
	ATF_CHECK_EQ(20, r.limit);
	fake_end(&s.f);
}

CASE(port_named, "the port in use is named")
{
	struct clreq_start rq;
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;

	ct_begin(&s);
	fake_spec(&rq, "web");
	rq.net_up.nports = 2;
	rq.net_up.ports[0] = (struct net_port){ 0, 8080, 80, 6, { 0 } };
	rq.net_up.ports[1] = (struct net_port){ 0, 8443, 443, 6, { 0 } };
	s.f.fail[PRIVOP_NET_UP] = EADDRINUSE;
	s.f.fail_step[PRIVOP_NET_UP] = STEP_PORT;
	s.f.bad = 2;
	r = ct_start(&s, s.wire, &rq, &m);
	ATF_CHECK_EQ(CLE_INVALID, r.error);
	ATF_CHECK_STREQ("ports", r.field);
	ATF_CHECK_MSG(strstr(r.reason, "8443/tcp") != NULL, "%s", r.reason);
	fake_end(&s.f);
}

CASE(two_starts, "of two starts of one name, one wins")
{
	struct wire_msg a, b;
	struct rep_cl ra, rb;
	struct setup s;
	int keep, other;

	ct_begin(&s);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	s.f.hold = PRIVOP_RESERVE;
	ct_start_begin(&s, s.wire, "web");
	ct_start_begin(&s, other, "web");
	fake_release(&s.f);
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, s.wire, &a, 5000));
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, other, &b, 5000));
	memcpy(&ra, a.body, sizeof(ra));
	memcpy(&rb, b.body, sizeof(rb));
	ATF_CHECK_EQ(CLE_NONE, ra.error);
	ATF_CHECK_EQ(CLE_EXISTS, rb.error);
	ATF_CHECK_EQ(1, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(stop_in_start, "a stop during a start: one outcome, nothing left")
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.ref.name = "web", .grace_ms = UINT32_MAX };
	static const uint16_t at[] = { PRIVOP_RESERVE, PRIVOP_NS_MAKE,
		PRIVOP_SPAWN };
	struct rep_cl r;
	struct wire_msg m;
	struct setup s;
	int keep, other;
	unsigned i;

	ct_begin(&s);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	for (i = 0; i < 3; i++) {
		s.f.hold = at[i];
		ct_start_begin(&s, s.wire, "web");
		fake_send(&s.f, other, CLIENTOP_STOP, &rq, NULL, 0);
		fake_pump(&s.f, 50);
		fake_release(&s.f);
		ATF_REQUIRE_EQ(1, fake_answer(&s.f, s.wire, &m, 5000));
		memcpy(&r, m.body, sizeof(r));
		ATF_CHECK_EQ(CLE_STATE, r.error);
		ATF_REQUIRE_EQ(1, fake_answer(&s.f, other, &m, 5000));
		memcpy(&r, m.body, sizeof(r));
		ATF_CHECK_EQ(CLE_NONE, r.error);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(CLE_NOT_FOUND,
		    fake_get(&s.f, s.wire, "web", NULL));
	}
	fake_end(&s.f);
}

CASE(client_dies, "a client that dies in the middle leaves nothing")
{
	static const uint16_t at[] = { PRIVOP_RESERVE, PRIVOP_LIMITS,
		PRIVOP_SPAWN };
	struct setup s;
	char name[64];
	unsigned i;
	int keep, other;

	ct_begin(&s);
	for (i = 0; i < 3; i++) {
		other = fake_client(&s.f, FAKE_UID, &keep, NULL);
		s.f.hold = at[i];
		ct_start_begin(&s, other, "web");
		(void)close(other);
		(void)close(keep);
		fake_pump(&s.f, 50);
		fake_release(&s.f);
		fake_until_used(&s.f, 0);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(0, ct_state_files(".json", name));
		ATF_CHECK_EQ(CLE_NOT_FOUND,
		    fake_get(&s.f, s.wire, "web", NULL));
	}
	fake_end(&s.f);
}

CASE(disk_full, "a full disk: start refused, state intact, stop works")
{
	struct setup s;
	struct rep_cl r;
	struct cl_vm vm;
	char name[64], buf[4096] = { 0 };
	int fd;

	ATF_REQUIRE_EQ(0, unshare(CLONE_NEWNS));
	ATF_REQUIRE_EQ(0, mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ATF_REQUIRE_EQ(0, mkdir("state", 0700));
	ATF_REQUIRE_EQ(0, mount("tmpfs", "state", "tmpfs", 0, "size=256k"));
	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_REQUIRE((fd = open("state/fill", O_WRONLY | O_CREAT, 0600)) >= 0);
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	{
		struct clreq_start rq;
		struct wire_msg m;

		fake_spec(&rq, "db");
		r = ct_start(&s, s.wire, &rq, &m);
	}
	ATF_CHECK_EQ(CLE_HOST, r.error);
	ATF_CHECK_EQ(STEP_CTLD_STATE, r.step);
	ATF_CHECK_EQ(ENOSPC, r.code);
	ATF_CHECK_EQ(1, fake_used(&s.f));
	ATF_CHECK_EQ(1, ct_state_files(".json", name));
	ATF_CHECK_EQ(0, ct_state_files(".tmp", name));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_REQUIRE_EQ(0, ftruncate(fd, 0));
	fake_pump(&s.f, 6000); /* it is written when it can be */
	ct_again(&s);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("stopped", vm.reason);
	fake_end(&s.f);
}

CASE(silent_front, "a step that is never answered fails at its deadline")
{
	struct setup s;
	struct rep_cl r;

	ct_begin(&s);
	s.f.silent[PRIVOP_LIMITS] = 1;
	r = ct_start_web(&s);
	ATF_CHECK_EQ(CLE_HOST, r.error);
	ATF_CHECK_EQ(ETIMEDOUT, r.code);
	ATF_CHECK_EQ(STEP_LIMIT, r.step);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(bad_input, "what is wrong with a request is named")
{
	struct clreq_start rq;
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;
	unsigned from;

	ct_begin(&s);
	from = s.f.nlog;
	fake_spec(&rq, "../x");
	ATF_CHECK_STREQ("name", ct_start(&s, s.wire, &rq, &m).field);
	fake_spec(&rq, "web");
	rq.cpus = 0;
	ATF_CHECK_STREQ("cpus", ct_start(&s, s.wire, &rq, &m).field);
	fake_spec(&rq, "web");
	rq.memory_mib = 1;
	r = ct_start(&s, s.wire, &rq, &m);
	ATF_CHECK_EQ(CLE_INVALID, r.error);
	ATF_CHECK_STREQ("memory_mib", r.field);
	fake_spec(&rq, "web");
	rq.owner = FAKE_UID2;
	ATF_CHECK_EQ(CLE_DENIED, ct_start(&s, s.wire, &rq, &m).error);
	ATF_CHECK_EQ(from, s.f.nlog); /* front was not asked anything */
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, start_stop);
	ATF_TP_ADD_TC(tp, pipeline);
	ATF_TP_ADD_TC(tp, fail_each);
	ATF_TP_ADD_TC(tp, quotas);
	ATF_TP_ADD_TC(tp, port_named);
	ATF_TP_ADD_TC(tp, two_starts);
	ATF_TP_ADD_TC(tp, stop_in_start);
	ATF_TP_ADD_TC(tp, client_dies);
	ATF_TP_ADD_TC(tp, disk_full);
	ATF_TP_ADD_TC(tp, silent_front);
	ATF_TP_ADD_TC(tp, bad_input);
	return atf_no_error();
}
