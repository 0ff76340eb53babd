/* SPDX-License-Identifier: ISC */
/*
 * Ends of VMs and of ctld itself: what the real ctld, confined as in service,
 * records, takes apart and adopts.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "tests/lib/ctldrun.h"

CASE(panic_at_once, "a guest that panics at once: Failed, with its console")
{
	struct clreq_logs rq = { .ref.owner = OWNER_SELF, .ref.name = "web" };
	struct clrep_logs rep;
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;
	struct cl_vm vm;

	ct_begin(&s);
	s.f.sup_state = SUP_ENDED;
	s.f.sup_end = END_PANIC;
	s.f.sup_wait = 0;
	r = ct_start_web(&s);
	ATF_CHECK_EQ(CLE_HOST, r.error);
	ATF_CHECK_EQ(STEP_BOOT, r.step);
	ATF_CHECK_MSG(strstr(r.reason, "panic") != NULL, "%s", r.reason);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_FAILED, vm.status);
	ATF_CHECK_STREQ("panic", vm.reason);
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_LOGS, &rq,
	    NULL, 0, &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(0, rep.flags);
	ATF_CHECK_EQ(O_RDONLY, fcntl(m.fds[0], F_GETFL) & O_ACCMODE);
	fake_end(&s.f);
}

CASE(reasons, "how a VM ended is told, with oom and a killed supervisor")
{
	static const struct {
		uint32_t end;
		int32_t ws;
		uint32_t oom, status;
		const char *reason;
	} t[] = {
		{ END_SHUTDOWN, 0, 0, VM_STOPPED, "guest powered off" },
		{ END_REBOOT, 0, 0, VM_STOPPED, "guest reset itself" },
		{ END_PANIC, 0, 0, VM_FAILED, "panic" },
		{ END_SIGNAL, SIGKILL, 0, VM_FAILED, "killed by signal 9" },
		{ END_SIGNAL, SIGKILL, 1, VM_FAILED, "oom" },
		{ END_VMM_ERROR, 1 << 8, 0, VM_FAILED, "vmm exited 1" },
	};
	struct setup s;
	struct cl_vm vm;
	unsigned i;
	int ring;

	ct_begin(&s);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
		s.f.oom = t[i].oom;
		fake_sup_tell(&s.f, 0, SUP_ENDED, t[i].end, t[i].ws);
		fake_until_used(&s.f, 0);
		ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
		ATF_CHECK_EQ(t[i].status, vm.status);
		ATF_CHECK_STREQ(t[i].reason, vm.reason);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 0).error);
	}
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ring = fcntl(s.f.slots[0].rings[0], F_DUPFD_CLOEXEC, 3);
	ATF_CHECK_EQ(0, ring_closed(ring));
	ATF_REQUIRE_EQ(0, kill(s.f.slots[0].pid, SIGKILL));
	fd_close(&s.f.slots[0].conn);
	fake_until_used(&s.f, 0);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_FAILED, vm.status);
	ATF_CHECK_STREQ("its supervisor was killed", vm.reason);
	ATF_CHECK_EQ(1, ring_closed(ring));
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(deaf_guest, "a guest that ignores the stop is terminated, then killed")
{
	struct setup s;
	struct cl_vm vm;
	unsigned i, n = 0;
	uint32_t how[8];

	ct_begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	for (i = 0; i < s.f.nlog && n < 8; i++)
		if (s.f.log[i] == PRIVOP_KILL)
			how[n++] = s.f.how[i];
	ATF_REQUIRE_EQ(3, n);
	ATF_CHECK_EQ(KILL_TERM_VMM, how[0]);
	ATF_CHECK_EQ(KILL_VMM, how[1]);
	ATF_CHECK_EQ(KILL_ALL, how[2]);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("killed", vm.reason);
	fake_end(&s.f);
}

CASE(kill_and_force, "kill asks nobody; rm -f stops, then forgets")
{
	struct clreq_kill rq = { .ref.owner = OWNER_SELF, .ref.name = "web" };
	struct wire_msg m;
	struct setup s;
	char name[64];

	ct_begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_CHECK_EQ(CLE_STATE, ct_removal(&s, s.wire, "web", 0).error);
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_KILL, &rq,
	    NULL, 0, &m).error);
	ATF_CHECK_EQ(VM_STOPPED, ct_status(&s, "web"));
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 0).error);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 1).error);
	ATF_CHECK_EQ(0, ct_status(&s, "web"));
	ATF_CHECK_EQ(0, ct_state_files(".json", name));
	ATF_CHECK_EQ(0, ct_state_files(".console", name));
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(rm_flag, "a VM started with --rm is forgotten when it ends")
{
	struct clreq_start rq;
	struct wire_msg m;
	struct setup s;
	char name[64];

	ct_begin(&s);
	fake_spec(&rq, "web");
	rq.flags |= CL_RM;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start(&s, s.wire, &rq, &m).error);
	fake_sup_tell(&s.f, 0, SUP_ENDED, END_SHUTDOWN, 0);
	fake_until_used(&s.f, 0);
	ATF_CHECK_EQ(0, ct_status(&s, "web"));
	ATF_CHECK_EQ(0, ct_state_files(".json", name));
	fake_end(&s.f);
}

CASE(parallel, "many stop in the time of one")
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.grace_ms = 500 };
	int keep, wire[10], i;
	struct clreq_start sp;
	struct wire_msg m;
	struct setup s;
	int64_t t0;

	ct_begin(&s);
	s.f.deaf = 1;
	for (i = 0; i < 10; i++) {
		wire[i] = fake_client(&s.f, FAKE_UID, &keep, NULL);
		fake_spec(&sp, "web-0");
		sp.name[4] = (char)('0' + i);
		ATF_REQUIRE_EQ(CLE_NONE, ct_start(&s, wire[i], &sp, &m).error);
	}
	t0 = now_ms();
	for (i = 0; i < 10; i++) {
		(void)strlcpy(rq.ref.name, "web-0", sizeof(rq.ref.name));
		rq.ref.name[4] = (char)('0' + i);
		fake_send(&s.f, wire[i], CLIENTOP_STOP, &rq, NULL, 0);
	}
	for (i = 0; i < 10; i++)
		ATF_REQUIRE_EQ(1, fake_answer(&s.f, wire[i], &m, 10000));
	ATF_CHECK(now_ms() - t0 < 5000); /* one by one: 7 seconds */
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(restart_adopts, "kill -9 of ctld: its VMs are adopted, logs and all")
{
	struct clreq_logs rq = { .ref.owner = OWNER_SELF, .ref.name = "web" };
	struct clrep_logs rep;
	struct wire_msg m;
	struct ring ring;
	struct setup s;
	char buf[64];
	uint64_t pos = 0;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_REQUIRE_EQ(0, ring_map(&ring, s.f.slots[0].rings[0]));
	ring_put(&ring, "hello\n", 6);
	ct_again(&s);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	ATF_CHECK_EQ(1, fake_count(&s.f, PRIVOP_ADOPT));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_LOGS, &rq,
	    NULL, 0, &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(CL_LOGS_RING, rep.flags);
	ATF_CHECK_EQ(O_RDONLY, fcntl(m.fds[0], F_GETFL) & O_ACCMODE);
	ATF_CHECK_EQ(6, ring_read(m.fds[0], &pos, buf, sizeof(buf), NULL));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_LOGS, &rq,
	    NULL, 0, &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(0, rep.flags);
	ATF_CHECK_EQ(6, read(m.fds[0], buf, sizeof(buf)));
	ct_again(&s);
	ATF_CHECK_EQ(VM_STOPPED, ct_status(&s, "web"));
	fake_end(&s.f);
}

CASE(restart_half, "what was half made is undone after a restart")
{
	static const uint16_t at[] = { PRIVOP_NS_MAKE, PRIVOP_LIMITS,
		PRIVOP_SPAWN };
	struct setup s;
	char name[64];
	unsigned i;

	ct_begin(&s);
	for (i = 0; i < 3; i++) {
		s.f.hold = at[i];
		ct_start_begin(&s, s.wire, "web");
		ATF_CHECK_EQ(1, fake_used(&s.f));
		ct_again(&s);
		fake_until_used(&s.f, 0);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(0, ct_status(&s, "web"));
		ATF_CHECK_EQ(0, ct_state_files(".json", name));
	}
	fake_end(&s.f);
}

CASE(restart_stopping, "an accepted stop goes on after a restart")
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.ref.name = "web", .grace_ms = 60000 };
	struct setup s;
	unsigned i;

	ct_begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	fake_send(&s.f, s.wire, CLIENTOP_STOP, &rq, NULL, 0);
	for (i = 0; i < 100 && s.f.slots[0].state != ST_DYING; i++)
		fake_pump(&s.f, 50);
	ATF_CHECK_EQ(ST_DYING, s.f.slots[0].state);
	ct_again(&s);
	fake_until_used(&s.f, 0);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(VM_STOPPED, ct_status(&s, "web"));
	fake_end(&s.f);
}

CASE(restart_ended, "a VM that ended meanwhile is said to have ended")
{
	struct setup s;
	struct cl_vm vm;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	fake_kill_ctld(&s.f);
	s.f.slots[0].sup_state = SUP_ENDED;
	s.f.slots[0].end = END_PANIC;
	s.f.slots[0].wait_status = 0;
	fd_close(&s.f.slots[0].conn);
	fake_ctld(&s.f);
	fake_until_used(&s.f, 0);
	s.wire = fake_client(&s.f, FAKE_UID, &s.keep, NULL);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_FAILED, vm.status);
	ATF_CHECK_STREQ("panic", vm.reason);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(restart_reboot, "a host that was restarted: Failed, and why")
{
	struct setup s;
	struct cl_vm vm;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	fake_kill_ctld(&s.f);
	(void)kill(s.f.slots[0].pid, SIGKILL);
	(void)waitpid(s.f.slots[0].pid, NULL, 0);
	s.f.slots[0].pid = 0;
	s.f.slots[0].state = ST_FREE;
	fd_close(&s.f.slots[0].conn);
	fd_close(&s.f.slots[0].listener);
	fake_ctld(&s.f);
	fake_pump(&s.f, 200);
	s.wire = fake_client(&s.f, FAKE_UID, &s.keep, NULL);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_FAILED, vm.status);
	ATF_CHECK_STREQ("ended while the daemon was down", vm.reason);
	ATF_CHECK_EQ(UINT32_MAX, vm.slot);
	fake_end(&s.f);
}

CASE(state_damaged, "a damaged file is set aside; its VM lives on by slot")
{
	struct setup s;
	char name[64], path[128];
	int fd;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_REQUIRE_EQ(1, ct_state_files(".json", name));
	(void)snprintf(path, sizeof(path), "state/%s", name);
	ATF_REQUIRE((fd = open(path, O_WRONLY | O_TRUNC)) >= 0);
	ATF_REQUIRE_EQ(5, write(fd, "{\"id\"", 5));
	(void)close(fd);
	ct_again(&s);
	ATF_CHECK_EQ(1, ct_state_files(".damaged", name));
	ATF_CHECK_EQ(0, ct_status(&s, "web"));
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "recovered-0"));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "recovered-0").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, panic_at_once);
	ATF_TP_ADD_TC(tp, reasons);
	ATF_TP_ADD_TC(tp, deaf_guest);
	ATF_TP_ADD_TC(tp, kill_and_force);
	ATF_TP_ADD_TC(tp, rm_flag);
	ATF_TP_ADD_TC(tp, parallel);
	ATF_TP_ADD_TC(tp, restart_adopts);
	ATF_TP_ADD_TC(tp, restart_half);
	ATF_TP_ADD_TC(tp, restart_stopping);
	ATF_TP_ADD_TC(tp, restart_ended);
	ATF_TP_ADD_TC(tp, restart_reboot);
	ATF_TP_ADD_TC(tp, state_damaged);
	return atf_no_error();
}
