/* SPDX-License-Identifier: ISC */
/*
 * The real ctld, confined as in service, between a scripted front end and
 * scripted clients: what it asks for, in which order, and what it undoes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "tests/lib/fake_privd.h"

#define CASE(name, about)                                        \
	ATF_TC(name);                                            \
	ATF_TC_HEAD(name, tc)                                    \
	{                                                        \
		atf_tc_set_md_var(tc, "descr", about);           \
		atf_tc_set_md_var(tc, "require.user", "root");   \
	}                                                        \
	ATF_TC_BODY(name, tc)

struct setup { struct fake f; int wire, keep; };

static void
begin(struct setup *s)
{
	fake_start(&s->f);
	s->wire = fake_client(&s->f, FAKE_UID, &s->keep, NULL);
}

static struct rep_cl
start(struct setup *s, int wire, const struct clreq_start *rq,
    struct wire_msg *m)
{
	struct rep_cl r;
	int fds[16];
	unsigned i, n = fake_files(fds);

	r = fake_ask(&s->f, wire, CLIENTOP_START, rq, fds, n, m);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	return r;
}

static struct rep_cl
start_web(struct setup *s)
{
	struct clreq_start rq;
	struct wire_msg m;

	fake_spec(&rq, "web");
	return start(s, s->wire, &rq, &m);
}

/* Sent, not waited for. */
static void
start_begin(struct setup *s, int wire, const char *name)
{
	struct clreq_start rq;
	int fds[16];
	unsigned i, n = fake_files(fds);

	fake_spec(&rq, name);
	fake_send(&s->f, wire, CLIENTOP_START, &rq, fds, n);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	fake_pump(&s->f, 50);
}

static struct rep_cl
stop(struct setup *s, int wire, const char *name)
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.grace_ms = UINT32_MAX };
	struct wire_msg m;

	(void)strlcpy(rq.ref.name, name, sizeof(rq.ref.name));
	return fake_ask(&s->f, wire, CLIENTOP_STOP, &rq, NULL, 0, &m);
}

static struct rep_cl
removal(struct setup *s, int wire, const char *name, int force)
{
	struct clreq_remove rq = { .ref.owner = OWNER_SELF,
		.force = (uint32_t)force };
	struct wire_msg m;

	(void)strlcpy(rq.ref.name, name, sizeof(rq.ref.name));
	return fake_ask(&s->f, wire, CLIENTOP_REMOVE, &rq, NULL, 0, &m);
}

/* Files in the state directory whose name ends so; *name: the last. */
static unsigned
state_files(const char *end, char name[64])
{
	size_t n, m = strlen(end);
	struct dirent *d;
	DIR *dir = opendir("state");
	unsigned count = 0;

	ATF_REQUIRE(dir != NULL);
	while ((d = readdir(dir)) != NULL) {
		n = strlen(d->d_name);
		if (n > m && strcmp(d->d_name + n - m, end) == 0) {
			count++;
			(void)strlcpy(name, d->d_name, 64);
		}
	}
	(void)closedir(dir);
	return count;
}

static uint32_t
status(struct setup *s, const char *name)
{
	struct cl_vm vm;

	return fake_get(&s->f, s->wire, name, &vm) == 0 ? vm.status : 0;
}

/* The log must hold these requests, in this order, from `from` on. */
static void
check_log(const struct fake *f, unsigned from, const uint16_t *want,
    unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		ATF_REQUIRE_MSG(from + i < f->nlog, "only %u requests",
		    f->nlog);
		ATF_CHECK_EQ_MSG(want[i], f->log[from + i],
		    "%u: want %s, got %s", i, privop_name(want[i]),
		    privop_name(f->log[from + i]));
	}
}

/* The same without REAPs that came too early. */
static void
check_tail(const struct fake *f, const uint16_t *want, unsigned n)
{
	unsigned i = f->nlog, k = n;

	while (k > 0) {
		ATF_REQUIRE(i > 0);
		i--;
		if (f->log[i] == PRIVOP_REAP && k < n && want[k] == PRIVOP_REAP)
			continue;
		ATF_CHECK_EQ_MSG(want[k - 1], f->log[i], "want %s, got %s",
		    privop_name(want[k - 1]), privop_name(f->log[i]));
		k--;
	}
}

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

	begin(&s);
	from = s.f.nlog;
	ATF_CHECK_EQ(CLE_NONE, start_web(&s).error);
	check_log(&s.f, from, up, 7);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_RUNNING, vm.status);
	ATF_CHECK_EQ(FAKE_UID, vm.owner);
	ATF_CHECK(vm.started_ms >= vm.created_ms && vm.created_ms > 0);
	ATF_CHECK_EQ(1, state_files(".json", name));
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "web").error);
	check_tail(&s.f, down, 5);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(1, s.f.slots[0].seen_stop);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("stopped", vm.reason);
	ATF_CHECK_EQ(UINT32_MAX, vm.slot);
	ATF_CHECK_EQ(CLE_STATE, stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(CLE_EXISTS, start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, removal(&s, s.wire, "web", 0).error);
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s.f, s.wire, "web", NULL));
	ATF_CHECK_EQ(0, state_files(".json", name));
	ATF_CHECK_EQ(0, state_files(".console", name));
	fake_end(&s.f);
}

CASE(pipeline, "every request of a start is sent before any is answered")
{
	struct wire_msg m;
	struct setup s;

	begin(&s);
	s.f.hold = PRIVOP_NS_MAKE;
	start_begin(&s, s.wire, "web");
	ATF_CHECK_EQ(1, fake_count(&s.f, PRIVOP_SPAWN));
	ATF_CHECK_EQ(6, s.f.nheld);
	fake_release(&s.f);
	ATF_CHECK_EQ(1, fake_answer(&s.f, s.wire, &m, 5000));
	ATF_CHECK_EQ(VM_RUNNING, status(&s, "web"));
	fake_end(&s.f);
}

static void
fails(struct setup *s, uint16_t op, int code, uint16_t step, uint16_t error)
{
	static const uint16_t down[] = { PRIVOP_KILL, PRIVOP_REAP,
		PRIVOP_NET_DOWN, PRIVOP_RELEASE };
	struct rep_cl r;
	char name[64];

	s->f.fail[op] = code;
	s->f.fail_step[op] = step;
	r = start_web(s);
	s->f.fail[op] = 0;
	ATF_CHECK_EQ_MSG(error, r.error, "%s: error %u", privop_name(op),
	    (unsigned)r.error);
	ATF_CHECK_EQ(step, r.step);
	ATF_CHECK_EQ(0, fake_used(&s->f));
	if (op != PRIVOP_RESERVE)
		check_tail(&s->f, down, 4);
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s->f, s->wire, "web", NULL));
	ATF_CHECK_EQ(0, state_files(".json", name));
}

CASE(fail_each, "a failure of any step is undone in reverse and told")
{
	struct setup s;

	begin(&s);
	fails(&s, PRIVOP_RESERVE, EIO, STEP_LEDGER, CLE_HOST);
	fails(&s, PRIVOP_NS_MAKE, ENOSPC, STEP_NETNS, CLE_HOST);
	fails(&s, PRIVOP_NET_UP, EBUSY, STEP_VETH, CLE_HOST);
	fails(&s, PRIVOP_LIMITS, ENOSPC, STEP_CGROUP, CLE_HOST);
	fails(&s, PRIVOP_IMAGE, EPERM, STEP_IMAGE, CLE_INVALID);
	fails(&s, PRIVOP_SPAWN, ENOMEM, STEP_CLONE, CLE_HOST);
	ATF_CHECK_EQ(CLE_NONE, start_web(&s).error);
	fake_end(&s.f);
}

CASE(quotas, "ceilings and ports come back as typed errors")
{
	struct setup s;
	struct rep_cl r;

	begin(&s);
	fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_VMS, CLE_QUOTA);
	fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_CPUS, CLE_QUOTA);
	fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_MEM, CLE_QUOTA);
	fails(&s, PRIVOP_RESERVE, EDQUOT, STEP_QUOTA_PORTS, CLE_QUOTA);
	fails(&s, PRIVOP_NET_UP, EADDRINUSE, STEP_PORT, CLE_INVALID);
	fails(&s, PRIVOP_NET_UP, EACCES, STEP_PORT, CLE_DENIED);
	fails(&s, PRIVOP_NET_UP, EACCES, STEP_ALLOW, CLE_DENIED);
	s.f.fail[PRIVOP_RESERVE] = EDQUOT;
	s.f.fail_step[PRIVOP_RESERVE] = STEP_QUOTA_VMS;
	r = start_web(&s);
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

	begin(&s);
	fake_spec(&rq, "web");
	rq.net_up.nports = 2;
	rq.net_up.ports[0] = (struct net_port){ 0, 8080, 80, 6, { 0 } };
	rq.net_up.ports[1] = (struct net_port){ 0, 8443, 443, 6, { 0 } };
	s.f.fail[PRIVOP_NET_UP] = EADDRINUSE;
	s.f.fail_step[PRIVOP_NET_UP] = STEP_PORT;
	s.f.bad = 2;
	r = start(&s, s.wire, &rq, &m);
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

	begin(&s);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	s.f.hold = PRIVOP_RESERVE;
	start_begin(&s, s.wire, "web");
	start_begin(&s, other, "web");
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

	begin(&s);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	for (i = 0; i < 3; i++) {
		s.f.hold = at[i];
		start_begin(&s, s.wire, "web");
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

	begin(&s);
	for (i = 0; i < 3; i++) {
		other = fake_client(&s.f, FAKE_UID, &keep, NULL);
		s.f.hold = at[i];
		start_begin(&s, other, "web");
		(void)close(other);
		(void)close(keep);
		fake_pump(&s.f, 50);
		fake_release(&s.f);
		fake_pump(&s.f, 100);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(0, state_files(".json", name));
		ATF_CHECK_EQ(CLE_NOT_FOUND,
		    fake_get(&s.f, s.wire, "web", NULL));
	}
	fake_end(&s.f);
}

CASE(panic_at_once, "a guest that panics at once: Failed, with its console")
{
	struct clreq_logs rq = { .ref.owner = OWNER_SELF, .ref.name = "web" };
	struct clrep_logs rep;
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;
	struct cl_vm vm;

	begin(&s);
	s.f.sup_state = SUP_ENDED;
	s.f.sup_end = END_PANIC;
	s.f.sup_wait = 0;
	r = start_web(&s);
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

	begin(&s);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
		s.f.oom = t[i].oom;
		fake_sup_tell(&s.f, 0, SUP_ENDED, t[i].end, t[i].ws);
		fake_pump(&s.f, 200);
		ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
		ATF_CHECK_EQ(t[i].status, vm.status);
		ATF_CHECK_STREQ(t[i].reason, vm.reason);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(CLE_NONE, removal(&s, s.wire, "web", 0).error);
	}
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_REQUIRE_EQ(0, kill(s.f.slots[0].pid, SIGKILL));
	fd_close(&s.f.slots[0].conn);
	fake_pump(&s.f, 200);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_FAILED, vm.status);
	ATF_CHECK_STREQ("its supervisor was killed", vm.reason);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(deaf_guest, "a guest that ignores the stop is terminated, then killed")
{
	struct setup s;
	struct cl_vm vm;
	unsigned i, n = 0;
	uint32_t how[8];

	begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "web").error);
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

	begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_CHECK_EQ(CLE_STATE, removal(&s, s.wire, "web", 0).error);
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_KILL, &rq,
	    NULL, 0, &m).error);
	ATF_CHECK_EQ(VM_STOPPED, status(&s, "web"));
	ATF_CHECK_EQ(CLE_NONE, removal(&s, s.wire, "web", 0).error);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_CHECK_EQ(CLE_NONE, removal(&s, s.wire, "web", 1).error);
	ATF_CHECK_EQ(0, status(&s, "web"));
	ATF_CHECK_EQ(0, state_files(".json", name));
	ATF_CHECK_EQ(0, state_files(".console", name));
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(rm_flag, "a VM started with --rm is forgotten when it ends")
{
	struct clreq_start rq;
	struct wire_msg m;
	struct setup s;
	char name[64];

	begin(&s);
	fake_spec(&rq, "web");
	rq.flags |= CL_RM;
	ATF_REQUIRE_EQ(CLE_NONE, start(&s, s.wire, &rq, &m).error);
	fake_sup_tell(&s.f, 0, SUP_ENDED, END_SHUTDOWN, 0);
	fake_pump(&s.f, 200);
	ATF_CHECK_EQ(0, status(&s, "web"));
	ATF_CHECK_EQ(0, state_files(".json", name));
	fake_end(&s.f);
}

/* A client again, after ctld was started anew. */
static void
again(struct setup *s)
{
	fake_kill_ctld(&s->f);
	(void)close(s->wire);
	(void)close(s->keep);
	fake_ctld(&s->f);
	fake_pump(&s->f, 200);
	s->wire = fake_client(&s->f, FAKE_UID, &s->keep, NULL);
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

	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_REQUIRE_EQ(0, ring_map(&ring, s.f.slots[0].rings[0]));
	ring_put(&ring, "hello\n", 6);
	again(&s);
	ATF_CHECK_EQ(VM_RUNNING, status(&s, "web"));
	ATF_CHECK_EQ(1, fake_count(&s.f, PRIVOP_ADOPT));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_LOGS, &rq,
	    NULL, 0, &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(CL_LOGS_RING, rep.flags);
	ATF_CHECK_EQ(O_RDONLY, fcntl(m.fds[0], F_GETFL) & O_ACCMODE);
	ATF_CHECK_EQ(6, ring_read(m.fds[0], &pos, buf, sizeof(buf), NULL));
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.wire, CLIENTOP_LOGS, &rq,
	    NULL, 0, &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(0, rep.flags);
	ATF_CHECK_EQ(6, read(m.fds[0], buf, sizeof(buf)));
	again(&s);
	ATF_CHECK_EQ(VM_STOPPED, status(&s, "web"));
	fake_end(&s.f);
}

CASE(restart_half, "what was half made is undone after a restart")
{
	static const uint16_t at[] = { PRIVOP_NS_MAKE, PRIVOP_LIMITS,
		PRIVOP_SPAWN };
	struct setup s;
	char name[64];
	unsigned i;

	begin(&s);
	for (i = 0; i < 3; i++) {
		s.f.hold = at[i];
		start_begin(&s, s.wire, "web");
		ATF_CHECK_EQ(1, fake_used(&s.f));
		again(&s);
		fake_pump(&s.f, 100);
		ATF_CHECK_EQ(0, fake_used(&s.f));
		ATF_CHECK_EQ(0, status(&s, "web"));
		ATF_CHECK_EQ(0, state_files(".json", name));
	}
	fake_end(&s.f);
}

CASE(restart_stopping, "an accepted stop goes on after a restart")
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.ref.name = "web", .grace_ms = 60000 };
	struct setup s;

	begin(&s);
	s.f.deaf = 1;
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	fake_send(&s.f, s.wire, CLIENTOP_STOP, &rq, NULL, 0);
	fake_pump(&s.f, 100);
	ATF_CHECK_EQ(ST_DYING, s.f.slots[0].state);
	again(&s);
	fake_pump(&s.f, 300);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(VM_STOPPED, status(&s, "web"));
	fake_end(&s.f);
}

CASE(restart_ended, "a VM that ended meanwhile is said to have ended")
{
	struct setup s;
	struct cl_vm vm;

	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	fake_kill_ctld(&s.f);
	s.f.slots[0].sup_state = SUP_ENDED;
	s.f.slots[0].end = END_PANIC;
	s.f.slots[0].wait_status = 0;
	fd_close(&s.f.slots[0].conn);
	fake_ctld(&s.f);
	fake_pump(&s.f, 300);
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

	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
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

	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_REQUIRE_EQ(1, state_files(".json", name));
	(void)snprintf(path, sizeof(path), "state/%s", name);
	ATF_REQUIRE((fd = open(path, O_WRONLY | O_TRUNC)) >= 0);
	ATF_REQUIRE_EQ(5, write(fd, "{\"id\"", 5));
	(void)close(fd);
	again(&s);
	ATF_CHECK_EQ(1, state_files(".damaged", name));
	ATF_CHECK_EQ(0, status(&s, "web"));
	ATF_CHECK_EQ(VM_RUNNING, status(&s, "recovered-0"));
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "recovered-0").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

CASE(foreign, "a foreign and an absent VM answer alike")
{
	static const uint16_t ops[] = { CLIENTOP_GET, CLIENTOP_STOP,
		CLIENTOP_KILL, CLIENTOP_REMOVE, CLIENTOP_LOGS };
	unsigned char body[WIRE_BODY_MAX] = { 0 };
	struct wire_msg mine, none;
	struct cl_ref ref = { .owner = FAKE_UID };
	struct setup s;
	struct cl_vm vm;
	int keep, other;
	unsigned i;

	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_REQUIRE_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	for (i = 0; i < 5; i++) {
		(void)strlcpy(ref.name, "web", sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		ATF_CHECK_EQ(CLE_NOT_FOUND, fake_ask(&s.f, other, ops[i],
		    body, NULL, 0, &mine).error);
		memset(ref.name, 0, sizeof(ref.name));
		(void)strlcpy(ref.name, vm.id, sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		ATF_CHECK_EQ(CLE_NOT_FOUND, fake_ask(&s.f, other, ops[i],
		    body, NULL, 0, &mine).error);
		/* the same question of a VM that nobody has */
		(void)strlcpy(ref.name, "vm-0000000000000000",
		    sizeof(ref.name));
		memcpy(body, &ref, sizeof(ref));
		(void)fake_ask(&s.f, other, ops[i], body, NULL, 0, &none);
		ATF_CHECK_EQ(mine.h.len, none.h.len);
		ATF_CHECK_EQ(0, memcmp(mine.body, none.body, 40));
		memset(ref.name, 0, sizeof(ref.name));
	}
	ATF_CHECK_EQ(VM_RUNNING, status(&s, "web"));
	ATF_CHECK_EQ(0, s.f.slots[0].seen_stop);
	/* control: an admin does reach it */
	other = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	(void)strlcpy(ref.name, "web", sizeof(ref.name));
	memset(body, 0, sizeof(body));
	memcpy(body, &ref, sizeof(ref));
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, other, CLIENTOP_STOP, body,
	    NULL, 0, &mine).error);
	fake_end(&s.f);
}

static uint32_t
list(struct setup *s, int wire, uint32_t flags, struct cl_vm *vms)
{
	struct clreq_list rq = { .flags = flags };
	struct clrep_list rep;
	struct wire_msg m;

	(void)fake_ask(&s->f, wire, CLIENTOP_LIST, &rq, NULL, 0, &m);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_REQUIRE(rep.n <= 4);
	ATF_CHECK_EQ(0, fd_unseal(m.fds[0], vms, rep.n * sizeof(*vms)));
	wire_drop_fds(&m);
	return rep.n;
}

CASE(lists, "a list is a sealed file of what the caller may see")
{
	struct cl_vm vms[4];
	struct setup s;
	int keep, other, admin;

	begin(&s);
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	admin = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	ATF_CHECK_EQ(0, list(&s, s.wire, 0, vms));
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_CHECK_EQ(1, list(&s, s.wire, 0, vms));
	ATF_CHECK_STREQ("web", vms[0].name);
	ATF_CHECK_EQ(0, list(&s, other, CL_LIST_ALL, vms));
	ATF_CHECK_EQ(0, list(&s, admin, 0, vms));
	ATF_CHECK_EQ(1, list(&s, admin, CL_LIST_ALL, vms));
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, list(&s, s.wire, 0, vms));
	ATF_CHECK_EQ(1, list(&s, s.wire, CL_LIST_ALL, vms));
	fake_end(&s.f);
}

CASE(malformed, "a malformed record ends that wire and no other")
{
	struct clreq_get rq = { .ref.owner = OWNER_SELF };
	struct clreq_start sp;
	struct wire_hdr h;
	struct wire_msg m;
	struct setup s;
	int keep, bad;
	unsigned i;

	begin(&s);
	for (i = 0; i < 7; i++) {
		bad = fake_client(&s.f, FAKE_UID, &keep, NULL);
		h = (struct wire_hdr){ .type = CLIENTOP_GET, .seq = 1 };
		memset(&rq, 0, sizeof(rq));
		if (i == 0) /* too long */
			(void)wire_send(bad, &h, &sp, sizeof(rq) + 8, NULL, 0);
		else if (i == 1) /* unknown */
			h.type = CLIENTOP_END;
		else if (i == 2) /* the listener's */
			h.type = CLIENTOP_CONN;
		else if (i == 3) /* a handle */
			h.slot = 1;
		else if (i == 4) /* no terminator */
			memset(rq.ref.name, 'a', sizeof(rq.ref.name));
		else if (i == 5) /* something after it */
			rq.ref.name[5] = 'x';
		else /* a reply */
			h.type |= WIRE_REPLY;
		if (i != 0)
			(void)wire_send(bad, &h, &rq, sizeof(rq), NULL, 0);
		ATF_CHECK_EQ_MSG(0, fake_answer(&s.f, bad, &m, 2000), "%u", i);
		(void)close(bad);
		(void)close(keep);
		ATF_CHECK_EQ(CLE_NOT_FOUND,
		    fake_get(&s.f, s.wire, "web", NULL));
	}
	fake_end(&s.f);
}

CASE(admission, "who is served is what the kernel says")
{
	struct rep_cl r;
	struct setup s;
	int keep[40], wire[40], i, served = 0;

	begin(&s);
	(void)fake_client(&s.f, 61099, &keep[0], &r); /* no member */
	ATF_CHECK_EQ(CLE_DENIED, r.error);
	for (i = 0; i < 40; i++) {
		wire[i] = fake_client(&s.f, FAKE_UID2, &keep[i], &r);
		served += r.error == CLE_NONE;
	}
	ATF_CHECK_EQ(32, served);
	ATF_CHECK_EQ(CLE_QUOTA, r.error);
	/* another owner is not concerned; one that goes makes room */
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s.f, s.wire, "web", NULL));
	(void)close(wire[0]);
	fake_pump(&s.f, 50);
	(void)fake_client(&s.f, FAKE_UID2, &keep[0], &r);
	ATF_CHECK_EQ(CLE_NONE, r.error);
	fake_end(&s.f);
}

CASE(liar, "a listener that names another uid is not believed")
{
	struct clreq_conn rq = { .uid = FAKE_UID2 };
	int wire[2], sock[2], fds[2];
	struct wire_msg m;
	struct setup s;

	begin(&s);
	ATF_REQUIRE_EQ(0, wire_pair(wire));
	ATF_REQUIRE_EQ(0, seteuid(FAKE_UID));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	ATF_REQUIRE_EQ(0, seteuid(0));
	fds[0] = wire[1];
	fds[1] = sock[1];
	ATF_CHECK_EQ(CLE_DENIED, fake_ask(&s.f, s.f.listener, CLIENTOP_CONN,
	    &rq, fds, 2, &m).error);
	rq.uid = FAKE_UID; /* control */
	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s.f, s.f.listener, CLIENTOP_CONN,
	    &rq, fds, 2, &m).error);
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
	begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, start_web(&s).error);
	ATF_REQUIRE((fd = open("state/fill", O_WRONLY | O_CREAT, 0600)) >= 0);
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	{
		struct clreq_start rq;
		struct wire_msg m;

		fake_spec(&rq, "db");
		r = start(&s, s.wire, &rq, &m);
	}
	ATF_CHECK_EQ(CLE_HOST, r.error);
	ATF_CHECK_EQ(STEP_CTLD_STATE, r.step);
	ATF_CHECK_EQ(ENOSPC, r.code);
	ATF_CHECK_EQ(1, fake_used(&s.f));
	ATF_CHECK_EQ(1, state_files(".json", name));
	ATF_CHECK_EQ(0, state_files(".tmp", name));
	ATF_CHECK_EQ(CLE_NONE, stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_REQUIRE_EQ(0, ftruncate(fd, 0));
	fake_pump(&s.f, 6000); /* it is written when it can be */
	again(&s);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("stopped", vm.reason);
	fake_end(&s.f);
}

CASE(silent_front, "a step that is never answered fails at its deadline")
{
	struct setup s;
	struct rep_cl r;

	begin(&s);
	s.f.silent[PRIVOP_LIMITS] = 1;
	r = start_web(&s);
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

	begin(&s);
	from = s.f.nlog;
	fake_spec(&rq, "../x");
	ATF_CHECK_STREQ("name", start(&s, s.wire, &rq, &m).field);
	fake_spec(&rq, "web");
	rq.cpus = 0;
	ATF_CHECK_STREQ("cpus", start(&s, s.wire, &rq, &m).field);
	fake_spec(&rq, "web");
	rq.memory_mib = 1;
	r = start(&s, s.wire, &rq, &m);
	ATF_CHECK_EQ(CLE_INVALID, r.error);
	ATF_CHECK_STREQ("memory_mib", r.field);
	fake_spec(&rq, "web");
	rq.owner = FAKE_UID2;
	ATF_CHECK_EQ(CLE_DENIED, start(&s, s.wire, &rq, &m).error);
	ATF_CHECK_EQ(from, s.f.nlog); /* front was not asked anything */
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

	begin(&s);
	s.f.deaf = 1;
	for (i = 0; i < 10; i++) {
		wire[i] = fake_client(&s.f, FAKE_UID, &keep, NULL);
		fake_spec(&sp, "web-0");
		sp.name[4] = (char)('0' + i);
		ATF_REQUIRE_EQ(CLE_NONE, start(&s, wire[i], &sp, &m).error);
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
	ATF_TP_ADD_TC(tp, panic_at_once);
	ATF_TP_ADD_TC(tp, reasons);
	ATF_TP_ADD_TC(tp, deaf_guest);
	ATF_TP_ADD_TC(tp, kill_and_force);
	ATF_TP_ADD_TC(tp, rm_flag);
	ATF_TP_ADD_TC(tp, restart_adopts);
	ATF_TP_ADD_TC(tp, restart_half);
	ATF_TP_ADD_TC(tp, restart_stopping);
	ATF_TP_ADD_TC(tp, restart_ended);
	ATF_TP_ADD_TC(tp, restart_reboot);
	ATF_TP_ADD_TC(tp, state_damaged);
	ATF_TP_ADD_TC(tp, foreign);
	ATF_TP_ADD_TC(tp, lists);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, admission);
	ATF_TP_ADD_TC(tp, liar);
	ATF_TP_ADD_TC(tp, disk_full);
	ATF_TP_ADD_TC(tp, silent_front);
	ATF_TP_ADD_TC(tp, bad_input);
	ATF_TP_ADD_TC(tp, parallel);
	return atf_no_error();
}
