/* SPDX-License-Identifier: ISC */
/*
 * Definitions, pause, wait and events of the real ctld, confined as in
 * service, with a scripted front end and supervisors.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "tests/lib/ctldrun.h"

/* A request with the usual files. */
static struct rep_cl
with_files(struct setup *s, int wire, uint16_t op, const void *rq)
{
	struct wire_msg m;
	struct rep_cl r;
	int fds[16];
	unsigned i, n = fake_files(fds);

	r = fake_ask(&s->f, wire, op, rq, fds, n, &m);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	return r;
}

static struct rep_cl
create(struct setup *s, int wire, const char *name, uint32_t owner)
{
	struct clreq_create rq;

	fake_spec(&rq, name);
	rq.owner = owner;
	rq.flags |= CL_PATHS;
	return with_files(s, wire, CLIENTOP_CREATE, &rq);
}

static void
boot_spec(struct clreq_boot *rq, const char *name)
{
	memset(rq, 0, sizeof(*rq));
	rq->ref.owner = OWNER_SELF;
	(void)strlcpy(rq->ref.name, name, sizeof(rq->ref.name));
	rq->flags = CL_HAS_ROOTFS;
}

static struct rep_cl
boot(struct setup *s, const char *name)
{
	struct clreq_boot rq;

	boot_spec(&rq, name);
	return with_files(s, s->wire, CLIENTOP_BOOT, &rq);
}

/* Sent, not waited for. */
static void
boot_begin(struct setup *s, const char *name)
{
	struct clreq_boot rq;
	int fds[16];
	unsigned i, n = fake_files(fds);

	boot_spec(&rq, name);
	fake_send(&s->f, s->wire, CLIENTOP_BOOT, &rq, fds, n);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	fake_pump(&s->f, 200);
}

static void
ref(struct cl_ref *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	r->owner = OWNER_SELF;
	(void)strlcpy(r->name, name, sizeof(r->name));
}

static struct rep_cl
named(struct setup *s, int wire, uint16_t op, const char *name,
    struct wire_msg *m)
{
	struct cl_ref r;

	ref(&r, name);
	return fake_ask(&s->f, wire, op, &r, NULL, 0, m);
}

CASE(create_boot, "a definition makes nothing; starts and stops keep it")
{
	static const uint16_t up[] = { PRIVOP_RESERVE, PRIVOP_NS_MAKE,
		PRIVOP_NET_UP, PRIVOP_LIMITS, PRIVOP_IMAGE, PRIVOP_IMAGE,
		PRIVOP_SPAWN };
	struct cl_vm vm, again;
	struct setup s;
	char name[64];
	unsigned from;

	ct_begin(&s);
	from = s.f.nlog;
	ATF_CHECK_EQ(CLE_NONE, create(&s, s.wire, "web", OWNER_SELF).error);
	ATF_CHECK_EQ(from, s.f.nlog);
	ATF_CHECK_EQ(1, ct_state_files(".json", name));
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("never started", vm.reason);
	ATF_CHECK_EQ(CLE_EXISTS,
	    create(&s, s.wire, "web", OWNER_SELF).error);
	ATF_CHECK_EQ(CLE_NONE, boot(&s, "web").error);
	ct_check_log(&s.f, from, up, 7);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	ATF_CHECK_EQ(CLE_STATE, boot(&s, "web").error);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ct_again(&s); /* the definition outlives the daemon */
	ATF_CHECK_EQ(CLE_NONE, boot(&s, "web").error);
	ATF_CHECK_EQ(0, fake_get(&s.f, s.wire, "web", &again));
	ATF_CHECK_STREQ(vm.id, again.id);
	ATF_CHECK_EQ(vm.created_ms, again.created_ms);
	ATF_CHECK_EQ(0, again.ended_ms);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 0).error);
	ATF_CHECK_EQ(0, ct_state_files(".json", name));
	ATF_CHECK_EQ(CLE_NOT_FOUND, boot(&s, "web").error);
	fake_end(&s.f);
}

CASE(boot_fails, "a start that fails leaves the definition as it was")
{
	struct setup s;
	struct cl_vm vm;

	ct_begin(&s);
	ATF_CHECK_EQ(CLE_NONE, create(&s, s.wire, "web", OWNER_SELF).error);
	s.f.fail[PRIVOP_NET_UP] = EBUSY;
	s.f.fail_step[PRIVOP_NET_UP] = STEP_VETH;
	ATF_CHECK_EQ(CLE_HOST, boot(&s, "web").error);
	s.f.fail[PRIVOP_NET_UP] = 0;
	s.f.fail[PRIVOP_RESERVE] = EDQUOT;
	s.f.fail_step[PRIVOP_RESERVE] = STEP_QUOTA_VMS;
	ATF_CHECK_EQ(CLE_QUOTA, boot(&s, "web").error);
	s.f.fail[PRIVOP_RESERVE] = 0;
	ATF_CHECK_EQ(0, fake_used(&s.f));
	ATF_REQUIRE_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_STREQ("not started", vm.reason);
	/* ctld killed in the middle: as if it had failed */
	s.f.hold = PRIVOP_RESERVE;
	boot_begin(&s, "web");
	ATF_CHECK_EQ(1, s.f.nheld);
	s.f.nheld = 0;
	s.f.hold = 0;
	s.f.holding = 0;
	ct_again(&s);
	ATF_REQUIRE_EQ(0, fake_get(&s.f, s.wire, "web", &vm));
	ATF_CHECK_EQ(VM_STOPPED, vm.status);
	ATF_CHECK_EQ(CLE_NONE, boot(&s, "web").error);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	fake_end(&s.f);
}

CASE(boot_wrong, "files that the definition does not want are refused")
{
	struct clreq_boot rq;
	struct wire_msg m;
	struct setup s;
	struct rep_cl r;

	ct_begin(&s);
	ATF_CHECK_EQ(CLE_NONE, create(&s, s.wire, "web", OWNER_SELF).error);
	boot_spec(&rq, "web");
	rq.flags |= CL_ROOTFS_RO;
	r = with_files(&s, s.wire, CLIENTOP_BOOT, &rq);
	ATF_CHECK_EQ(CLE_INVALID, r.error);
	ATF_CHECK_STREQ("rootfs_fd", r.field);
	boot_spec(&rq, "web");
	rq.flags |= CL_HAS_INITRD;
	ATF_CHECK_STREQ("initrd_fd",
	    with_files(&s, s.wire, CLIENTOP_BOOT, &rq).field);
	boot_spec(&rq, "web");
	rq.nvolumes = 1;
	ATF_CHECK_STREQ("volumes",
	    with_files(&s, s.wire, CLIENTOP_BOOT, &rq).field);
	/* right words, no files */
	boot_spec(&rq, "web");
	ATF_CHECK_EQ(CLE_INVALID, fake_ask(&s.f, s.wire, CLIENTOP_BOOT, &rq,
	    NULL, 0, &m).error);
	ATF_CHECK_EQ(0, fake_count(&s.f, PRIVOP_RESERVE));
	ATF_CHECK_EQ(CLE_NONE, boot(&s, "web").error); /* control */
	fake_end(&s.f);
}

/* Does web's definition say that its files may be opened again by path? */
static int
startable(struct setup *s)
{
	struct clrep_definition rep;
	struct wire_msg m;

	ATF_CHECK_EQ(CLE_NONE,
	    named(s, s->wire, CLIENTOP_DEFINITION, "web", &m).error);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_STREQ("kernel", rep.spec.kernel_path);
	return (rep.spec.flags & CL_PATHS) != 0;
}

CASE(whose_paths, "only its owner says which files a start opens as the owner")
{
	struct clreq_start rq;
	struct setup s;
	int keep, admin;

	ct_begin(&s);
	admin = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	ATF_CHECK_EQ(CLE_DENIED, create(&s, admin, "web", FAKE_UID).error);
	fake_spec(&rq, "web");
	ATF_CHECK_EQ(CLE_INVALID,
	    with_files(&s, s.wire, CLIENTOP_CREATE, &rq).error);
	rq.owner = FAKE_UID;
	rq.flags |= CL_PATHS;
	ATF_CHECK_EQ(CLE_NONE,
	    with_files(&s, admin, CLIENTOP_START, &rq).error);
	ATF_CHECK_EQ(0, startable(&s));
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 1).error);
	/* control */
	ATF_CHECK_EQ(CLE_NONE,
	    with_files(&s, s.wire, CLIENTOP_START, &rq).error);
	ATF_CHECK_EQ(1, startable(&s));
	fake_end(&s.f);
}

CASE(pause_resume, "a guest stands still and goes on, or says why not")
{
	struct wire_msg m;
	struct setup s;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	ATF_CHECK_EQ(CLE_STATE,
	    named(&s, s.wire, CLIENTOP_RESUME, "web", &m).error);
	ATF_CHECK_EQ(CLE_NONE,
	    named(&s, s.wire, CLIENTOP_PAUSE, "web", &m).error);
	ATF_CHECK_EQ(VM_PAUSED, ct_status(&s, "web"));
	ATF_CHECK_EQ(CLE_STATE,
	    named(&s, s.wire, CLIENTOP_PAUSE, "web", &m).error);
	ct_again(&s); /* it is still so */
	ATF_CHECK_EQ(VM_PAUSED, ct_status(&s, "web"));
	ATF_CHECK_EQ(CLE_NONE,
	    named(&s, s.wire, CLIENTOP_RESUME, "web", &m).error);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	s.f.sup_code = EIO;
	ATF_CHECK_EQ(CLE_HOST,
	    named(&s, s.wire, CLIENTOP_PAUSE, "web", &m).error);
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	s.f.sup_code = -1;
	ATF_CHECK_EQ(CLE_HOST,
	    named(&s, s.wire, CLIENTOP_PAUSE, "web", &m).error);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_CHECK_EQ(CLE_STATE,
	    named(&s, s.wire, CLIENTOP_PAUSE, "web", &m).error);
	fake_end(&s.f);
}

CASE(pause_stopped, "a stop ends a pause that is under way")
{
	struct clreq_pause rq;
	struct wire_msg m;
	struct rep_cl r;
	struct setup s;
	int keep, other;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	s.f.sup_code = -1;
	ref(&rq.ref, "web");
	fake_send(&s.f, other, CLIENTOP_PAUSE, &rq, NULL, 0);
	fake_pump(&s.f, 100);
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	ATF_REQUIRE_EQ(1, fake_answer(&s.f, other, &m, 1000));
	memcpy(&r, m.body, sizeof(r));
	ATF_CHECK_EQ(CLE_STATE, r.error);
	ATF_CHECK_STREQ("Stopping", r.reason);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	fake_end(&s.f);
}

/* The answer to a WAIT that is due. */
static struct clrep_wait
ended(struct setup *s, int wire)
{
	struct clrep_wait rep;
	struct wire_msg m;

	ATF_REQUIRE_EQ(1, fake_answer(&s->f, wire, &m, 5000));
	memcpy(&rep, m.body, sizeof(rep));
	ATF_CHECK_EQ(CLE_NONE, rep.r.error);
	return rep;
}

CASE(waiting, "who waits hears the end, also of a VM that is removed")
{
	struct clrep_wait rep;
	struct clreq_wait rq;
	struct wire_msg m;
	struct setup s;
	int keep, other, gone, keep2;

	ct_begin(&s);
	ATF_CHECK_EQ(CLE_NOT_FOUND,
	    named(&s, s.wire, CLIENTOP_WAIT, "web", &m).error);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	gone = fake_client(&s.f, FAKE_UID, &keep2, NULL);
	ref(&rq.ref, "web");
	fake_send(&s.f, other, CLIENTOP_WAIT, &rq, NULL, 0);
	fake_send(&s.f, gone, CLIENTOP_WAIT, &rq, NULL, 0);
	ATF_CHECK_EQ(-1, fake_answer(&s.f, other, &m, 200));
	(void)close(gone); /* nobody has to hear it */
	(void)close(keep2);
	fake_sup_tell(&s.f, 0, SUP_ENDED, END_PANIC, 0);
	rep = ended(&s, other);
	ATF_CHECK_EQ(VM_FAILED, rep.vm.status);
	ATF_CHECK_STREQ("panic", rep.vm.reason);
	ATF_CHECK_EQ(0, rep.removed);
	ATF_CHECK_EQ(0, fake_used(&s.f));
	/* at once, for one that does not run */
	ATF_CHECK_EQ(CLE_NONE,
	    named(&s, other, CLIENTOP_WAIT, "web", &m).error);
	ATF_CHECK_EQ(CLE_NONE, boot(&s, "web").error);
	fake_send(&s.f, other, CLIENTOP_WAIT, &rq, NULL, 0);
	fake_pump(&s.f, 50);
	ATF_CHECK_EQ(CLE_NONE, ct_removal(&s, s.wire, "web", 1).error);
	rep = ended(&s, other);
	ATF_CHECK_EQ(1, rep.removed);
	ATF_CHECK_EQ(VM_STOPPED, rep.vm.status);
	fake_end(&s.f);
}

static unsigned
events(struct setup *s, int wire, uint64_t after, struct clrep_events *rep)
{
	struct clreq_events rq = { .after = after };
	struct wire_msg m;

	ATF_CHECK_EQ(CLE_NONE, fake_ask(&s->f, wire, CLIENTOP_EVENTS, &rq,
	    NULL, 0, &m).error);
	memcpy(rep, m.body, sizeof(*rep));
	return rep->n;
}

CASE(what_happened, "events in order, to whom they belong")
{
	static const uint32_t want[] = { EVENT_CREATED, EVENT_NOT_STARTED,
		EVENT_STARTED, EVENT_PAUSED, EVENT_RESUMED, EVENT_STOPPED,
		EVENT_REMOVED };
	struct clrep_events rep;
	struct wire_msg m;
	struct setup s;
	int keep, other, admin;
	unsigned i;

	ct_begin(&s);
	other = fake_client(&s.f, FAKE_UID2, &keep, NULL);
	admin = fake_client(&s.f, FAKE_ADMIN, &keep, NULL);
	(void)create(&s, s.wire, "web", OWNER_SELF);
	s.f.fail[PRIVOP_RESERVE] = EIO;
	(void)boot(&s, "web");
	s.f.fail[PRIVOP_RESERVE] = 0;
	(void)boot(&s, "web");
	(void)named(&s, s.wire, CLIENTOP_PAUSE, "web", &m);
	(void)named(&s, s.wire, CLIENTOP_RESUME, "web", &m);
	(void)ct_stop(&s, s.wire, "web");
	(void)ct_removal(&s, s.wire, "web", 0);
	ATF_REQUIRE_EQ(7, events(&s, s.wire, 0, &rep));
	for (i = 0; i < 7; i++) {
		ATF_CHECK_EQ_MSG(want[i], rep.ev[i].kind, "%u: %s", i,
		    event_name(rep.ev[i].kind));
		ATF_CHECK_STREQ("web", rep.ev[i].name);
	}
	ATF_CHECK_STREQ("stopped", rep.ev[5].reason);
	ATF_CHECK_EQ(0, events(&s, other, 0, &rep));
	/* and that the daemon started */
	ATF_CHECK_EQ(8, events(&s, admin, 0, &rep));
	ATF_CHECK_EQ(CLE_DENIED, create(&s, other, "x", FAKE_UID).error);
	ATF_CHECK_EQ(1, events(&s, other, 0, &rep));
	ATF_CHECK_EQ(EVENT_REFUSED, rep.ev[0].kind);
	ATF_CHECK_EQ(7, events(&s, s.wire, 0, &rep));
	fake_end(&s.f);
}

CASE(stalled, "who follows hears it at once; who does not read delays nobody")
{
	struct clreq_events rq = { .after = 0, .flags = CL_EVENTS_FOLLOW };
	struct clrep_events rep;
	struct wire_msg m;
	struct setup s;
	int keep, other, stalled;
	unsigned i;

	ct_begin(&s);
	other = fake_client(&s.f, FAKE_UID, &keep, NULL);
	stalled = fake_client(&s.f, FAKE_UID, &keep, NULL);
	for (i = 0; i < 4; i++)
		fake_send(&s.f, stalled, CLIENTOP_EVENTS, &rq, NULL, 0);
	fake_send(&s.f, other, CLIENTOP_EVENTS, &rq, NULL, 0);
	ATF_CHECK_EQ(-1, fake_answer(&s.f, other, &m, 100));
	for (i = 0; i < 20; i++) {
		(void)create(&s, s.wire, "web", OWNER_SELF);
		ATF_REQUIRE_EQ(1, fake_answer(&s.f, other, &m, 1000));
		memcpy(&rep, m.body, sizeof(rep));
		ATF_CHECK_EQ(1, rep.n);
		ATF_CHECK_EQ(EVENT_CREATED, rep.ev[0].kind);
		(void)ct_removal(&s, s.wire, "web", 0);
		rq.after = rep.ev[0].seq + 1; /* the removal */
		fake_send(&s.f, other, CLIENTOP_EVENTS, &rq, NULL, 0);
		if (i % 2 == 0)
			(void)wire_send(stalled, &(struct wire_hdr){
			    .type = CLIENTOP_EVENTS, .seq = 1000 + i }, &rq,
			    sizeof(rq), NULL, 0);
	}
	fake_end(&s.f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, create_boot);
	ATF_TP_ADD_TC(tp, boot_fails);
	ATF_TP_ADD_TC(tp, boot_wrong);
	ATF_TP_ADD_TC(tp, whose_paths);
	ATF_TP_ADD_TC(tp, pause_resume);
	ATF_TP_ADD_TC(tp, pause_stopped);
	ATF_TP_ADD_TC(tp, waiting);
	ATF_TP_ADD_TC(tp, what_happened);
	ATF_TP_ADD_TC(tp, stalled);
	return atf_no_error();
}
