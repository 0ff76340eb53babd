/* SPDX-License-Identifier: ISC */
/*
 * A hostile ctld, and hostile op-servers, against a real privd-front: who may
 * do what, in which state, how much of it. After each refusal it must still
 * serve.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "tests/hostile/front_bench.h"

AS_ROOT(confined)
{
	struct bench *b = bench_new(bench_program(tc));
	char path[64], buf[4096];
	const char *const want[] = { "Uid:\t61001\t61001\t61001\t61001",
		"Gid:\t61001\t61001\t61001\t61001",
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
		"NoNewPrivs:\t1", "Seccomp:\t2" };
	unsigned i;

	ATF_REQUIRE(bench_alive(b));
	(void)snprintf(path, sizeof(path), "/proc/%d/status", b->pid);
	ATF_REQUIRE(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) > 0);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ATF_CHECK_MSG(strstr(buf, want[i]) != NULL, "%s", want[i]);
	bench_kill(b);
}

AS_ROOT(owner_is_the_kernels_word)
{
	struct bench *b = bench_new(bench_program(tc));
	struct rep_reserve r;
	struct req_stop stop = { 0 };
	int bob, alice, admin;

	/* ctld claims that Alice's request was Bob's */
	ATF_CHECK_EQ(EPERM, bench_reserve(b, ALICE, BOB, &r));
	ATF_CHECK_EQ(STEP_PEER, bench_step(b));
	ATF_CHECK_EQ(EPERM, bench_reserve(b, ALICE, 0, &r));
	ATF_CHECK_EQ(EPERM, bench_reserve(b, STRANGER, UINT32_MAX, &r));
	ATF_CHECK_EQ(EPERM, bench_reserve(b, STRANGER, STRANGER, &r));
	/* negative controls */
	ATF_REQUIRE_EQ(0, bench_reserve(b, ADMIN, BOB, &r));
	ATF_CHECK_EQ(BOB, r.owner);
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(ALICE, r.owner);
	bench_run(b, &r);
	bob = bench_client(b, BOB);
	alice = bench_client(b, ALICE);
	admin = bench_client(b, ADMIN);
	ATF_CHECK_EQ(EPERM, bench_call(b, PRIVOP_STOP, r.slot, r.generation,
	    &stop, &bob, 1));
	/* nothing but the owner's stop lets a running VM be killed */
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_KILL, r.slot, r.generation,
	    &(struct req_kill){ .how = KILL_ALL }, NULL, 0));
	ATF_CHECK_EQ(STEP_STATE, bench_step(b));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_STOP, r.slot, r.generation,
	    &stop, &alice, 1));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_STOP, r.slot, r.generation,
	    &stop, &admin, 1));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_KILL, r.slot, r.generation,
	    &(struct req_kill){ .how = KILL_ALL }, NULL, 0));
	bench_kill(b);
}

/* SO_PEERCRED of all these says root, and none of them is a client. */
AS_ROOT(sockets_that_are_no_client)
{
	struct bench *b = bench_new(bench_program(tc));
	struct req_reserve req = { .cpus = 1, .memory_mib = 64,
		.owner = UINT32_MAX };
	int sv[2], seq[2], fds[6], null, i;
	struct rep_reserve r;
	uint32_t uid, gid;

	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ATF_REQUIRE_EQ(0, wire_pair(seq));
	null = open("/dev/null", O_RDWR);
	fds[0] = sv[0];
	fds[1] = seq[0];
	fds[2] = b->listen;
	fds[3] = b->ctld;
	fds[4] = socket(AF_INET, SOCK_STREAM, 0);
	fds[5] = null;
	for (i = 0; i < 4; i++) { /* the attack is real */
		ATF_REQUIRE_EQ(0, wire_peer(fds[i], &uid, &gid));
		ATF_CHECK_EQ(0, uid);
	}
	for (i = 0; i < 6; i++) {
		ATF_CHECK_MSG(bench_call(b, PRIVOP_RESERVE, 0, 0, &req,
		    &fds[i], 1) != 0, "socket %d", i);
		ATF_CHECK_EQ(STEP_PEER, bench_step(b));
	}
	/* negative control: root's own connection */
	ATF_CHECK_EQ(0, bench_reserve(b, 0, ALICE, &r));
	bench_kill(b);
}

AS_ROOT(replay_and_order)
{
	struct bench *b = bench_new(bench_program(tc));
	struct req_kill all = { .how = KILL_ALL };
	struct req_spawn sp = { .vmm = VMM_QEMU };
	struct rep_reserve r, again;
	int fds[4] = { b->listen, b->listen, b->listen, b->listen };

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_SPAWN, r.slot,
	    r.generation, &sp, fds, 4));
	ATF_CHECK_EQ(STEP_STATE, bench_step(b));
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_RELEASE, r.slot,
	    r.generation, NULL, NULL, 0));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_KILL, r.slot, r.generation,
	    &all, NULL, 0));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_REAP, r.slot, r.generation,
	    NULL, NULL, 0));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_NET_DOWN, r.slot, r.generation,
	    NULL, NULL, 0));
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_RELEASE, r.slot, r.generation,
	    NULL, NULL, 0));
	/* the same again */
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_RELEASE, r.slot,
	    r.generation, NULL, NULL, 0));
	ATF_CHECK_EQ(STEP_SLOT, bench_step(b));
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &again));
	ATF_CHECK(again.generation > r.generation);
	ATF_CHECK(again.slot != r.slot);
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_KILL, again.slot,
	    r.generation, &all, NULL, 0));
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_KILL, 4000000000u,
	    again.generation, &all, NULL, 0));
	bench_kill(b);
}

AS_ROOT(ceilings)
{
	struct bench *b = bench_new(bench_program(tc));
	struct rep_reserve r;
	unsigned i;

	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(EDQUOT, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(STEP_QUOTA_VMS, bench_step(b));
	/* another owner is not concerned */
	ATF_CHECK_EQ(0, bench_reserve(b, BOB, UINT32_MAX, &r));
	bench_kill(b);
}

AS_ROOT(queue_is_bounded)
{
	struct bench *b = bench_new(bench_program(tc));
	struct req_ns_make ns = { .mode = NET_NAT };
	struct rep_reserve r;
	unsigned i, full = 0;

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	b->hold = 1;
	for (i = 0; i < 40; i++)
		bench_ask(b, PRIVOP_NS_MAKE, r.slot, r.generation, &ns, NULL,
		    0);
	for (i = 0; i < 15; i++) {
		full += bench_heard(b) == ENOBUFS;
		ATF_CHECK_EQ(STEP_STATE, bench_step(b));
	}
	ATF_CHECK_EQ(15, full); /* 1 on its way, 24 wait */
	ATF_CHECK(bench_alive(b));
	/* a kill still gets through, and throws them out */
	bench_ask(b, PRIVOP_KILL, r.slot, r.generation,
	    &(struct req_kill){ .how = KILL_ALL }, NULL, 0);
	for (i = 0; i < 24; i++)
		ATF_CHECK_EQ(ECANCELED, bench_heard(b));
	b->hold = 0;
	ATF_CHECK_EQ(0, bench_heard(b));
	ATF_CHECK_EQ(PRIVOP_NS_MAKE | WIRE_REPLY, b->m.h.type);
	ATF_CHECK_EQ(0, bench_heard(b));
	ATF_CHECK_EQ(PRIVOP_KILL | WIRE_REPLY, b->m.h.type);
	bench_kill(b);
}

/* ctld asks and asks and never reads; front neither dies nor grows. */
AS_ROOT(answers_never_read)
{
	struct bench *b = bench_new(bench_program(tc));
	struct wire_hdr h = { .magic = WIRE_MAGIC,
		.version = WIRE_VERSION, .type = PRIVOP_SLOT_NEXT, .len = 8 };
	struct req_slot_next req = { .after = UINT32_MAX };
	struct pollfd p = { .fd = b->ctld, .events = POLLOUT };
	unsigned sent = 0, heard = 0;

	while (sent < 100000 && poll(&p, 1, 300) == 1) {
		h.seq = sent;
		if (wire_send(b->ctld, &h, &req, sizeof(req), NULL, 0) == 0)
			sent++;
	}
	ATF_CHECK_MSG(sent < 100000, "front takes without end");
	while (heard < sent && bench_heard(b) == ENOENT)
		heard++;
	ATF_CHECK_EQ(sent, heard);
	ATF_CHECK(bench_alive(b));
	bench_kill(b);
}

static void
op_server(struct bench *b, const char *prog, const char *what, int kind)
{
	struct req_ns_make ns = { .mode = NET_NAT };
	struct rep_ns_make rep = { { 0, 0, 0 } };
	struct rep_reserve r;
	struct wire_hdr h;
	int fd = b->listen;

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	bench_ask(b, PRIVOP_NS_MAKE, r.slot, r.generation, &ns, NULL, 0);
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	h = b->m.h;
	h.type |= WIRE_REPLY;
	switch (kind) {
	case 0: h.seq++; break;
	case 1: h.slot++; break;
	case 2: h.generation++; break;
	case 3: h.type = PRIVOP_NS_MAKE; break;
	case 4: h.type = PRIVOP_REAP | WIRE_REPLY; break;
	case 5: rep.r.zero = 1; break;
	case 6: rep.r.code = -1; break;
	default: break;
	}
	ATF_REQUIRE_EQ(0, wire_send(kind == 8 ? b->net : b->jail, &h, &rep,
	    sizeof(rep), &fd, kind == 7));
	ATF_CHECK_EQ_MSG(1, bench_wait(b), "%s", what);
	/* the next one finds the half-made VM and undoes it */
	bench_start(b, prog);
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	bench_answer(b, 'j', ENOENT);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	bench_answer(b, 'n', 0);
	while (bench_asked(b, 200) != 0)
		bench_answer(b, b->m.h.type == PRIVOP_NET_DOWN ? 'n' : 'j', 0);
}

AS_ROOT(op_servers_are_not_believed)
{
	static const char *const what[] = { "answer to nothing", "other slot",
		"other generation", "no answer", "answer of another kind",
		"reserved bytes", "negative code", "a descriptor",
		"the other one answers" };
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	int i;

	for (i = 0; i < 9; i++)
		op_server(b, prog, what[i], i);
	ATF_CHECK(bench_alive(b));
	bench_kill(b);
}

AS_ROOT(one_fate)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	int i;

	for (i = 0; i < 3; i++) {
		int *end = i == 0 ? &b->ctld : i == 1 ? &b->net : &b->jail;

		fd_close(end);
		ATF_CHECK_EQ(1, bench_wait(b));
		bench_start(b, prog);
		bench_boot(b);
	}
	bench_kill(b);
}

/* One of jail's VMs, as LIST_NEXT tells it. */
static void
list_one(struct bench *b, const struct rep_reserve *r, uint32_t alive_now)
{
	struct rep_list_next rep = { .slot = r->slot, .owner = r->owner,
		.generation = r->generation, .alive = alive_now };

	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_LIST_NEXT, b->m.h.type);
	ATF_REQUIRE_EQ(0, wire_reply(b->jail, &b->m, &rep, sizeof(rep), NULL,
	    0));
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	bench_answer(b, 'j', ENOENT);
}

AS_ROOT(killed_and_started_again)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct req_slot_next next = { .after = UINT32_MAX };
	struct req_net_restore up;
	struct rep_reserve run, half, more;
	struct rep_slot_next got;

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &run));
	bench_run(b, &run);
	ATF_REQUIRE_EQ(0, bench_reserve(b, BOB, UINT32_MAX, &half));
	bench_kill(b);
	bench_start(b, prog);
	list_one(b, &run, 1);
	/* what lives comes back as it was asked for */
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_RESTORE, b->m.h.type);
	memcpy(&up, b->m.body, sizeof(up));
	ATF_CHECK_EQ(run.slot, b->m.h.slot);
	ATF_CHECK_EQ(ALICE, up.owner);
	ATF_CHECK_EQ(1, up.up.nports);
	ATF_CHECK_EQ(8080, up.up.ports[0].host);
	bench_answer(b, 'n', 0);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_COMMIT, b->m.h.type);
	bench_answer(b, 'n', 0);
	/* what was half-made is undone */
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	ATF_CHECK_EQ(PRIVOP_KILL, b->m.h.type);
	ATF_CHECK_EQ(half.generation, b->m.h.generation);
	bench_answer(b, 'j', 0);
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	ATF_CHECK_EQ(PRIVOP_REAP, b->m.h.type);
	bench_answer(b, 'j', 0);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_CHECK_EQ(PRIVOP_NET_DOWN, b->m.h.type);
	bench_answer(b, 'n', 0);
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_SLOT_NEXT, 0, 0, &next, NULL,
	    0));
	memcpy(&got, b->m.body, sizeof(got));
	ATF_CHECK_EQ(run.slot, got.slot);
	ATF_CHECK_EQ(run.generation, got.generation);
	ATF_CHECK_EQ(ST_RUNNING, got.state);
	next.after = got.slot;
	ATF_CHECK_EQ(ENOENT, bench_call(b, PRIVOP_SLOT_NEXT, 0, 0, &next,
	    NULL, 0));
	ATF_REQUIRE_EQ(0, bench_reserve(b, BOB, UINT32_MAX, &more));
	ATF_CHECK(more.generation > half.generation);
	/* its uids may still be a dead process's that init has not reaped */
	ATF_CHECK(more.slot != half.slot);
	bench_kill(b);
}

static struct rep_reserve
to_spawn(struct bench *b, uint32_t uid)
{
	struct req_ns_make ns = { .mode = NET_NAT };
	struct req_net_up up = { .mode = NET_NAT };
	struct req_limits lim = { 1000, 100, 64, 64 };
	struct rep_reserve r;

	ATF_REQUIRE_EQ(0, bench_reserve(b, uid, UINT32_MAX, &r));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_NS_MAKE, r.slot,
	    r.generation, &ns, NULL, 0));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_NET_UP, r.slot, r.generation,
	    &up, NULL, 0));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_LIMITS, r.slot, r.generation,
	    &lim, NULL, 0));
	return r;
}

/* How many starts jail is asked for; *m: the last of them. */
static unsigned
spawns(struct bench *b, struct wire_msg *m)
{
	unsigned n;

	for (n = 0; bench_asked(b, 300) == 'j'; n++) {
		ATF_REQUIRE_EQ(PRIVOP_SPAWN, b->m.h.type);
		wire_drop_fds(&b->m);
		*m = b->m;
	}
	return n;
}

AS_ROOT(slow_starts)
{
	static const uint32_t who[] = { ALICE, BOB, ADMIN };
	struct bench *b = bench_new(bench_program(tc));
	struct req_spawn sp = { .vmm = VMM_QEMU };
	struct req_kill kill = { .how = KILL_ALL };
	struct rep_reserve vm[12];
	struct wire_msg last;
	int fds[4];
	unsigned i;

	for (i = 0; i < 4; i++)
		fds[i] = fd_sealed("x", "", 0);
	b->conf.fallback.vms = 4;
	bench_kill(b);
	bench_start(b, bench_program(tc));
	bench_boot(b);
	for (i = 0; i < 12; i++)
		vm[i] = to_spawn(b, who[i / 4]);
	b->hold = 1;
	/* jail answers none of them: an owner has three on their way... */
	for (i = 0; i < 4; i++)
		bench_ask(b, PRIVOP_SPAWN, vm[i].slot, vm[i].generation, &sp,
		    fds, 4);
	ATF_CHECK_EQ(3, spawns(b, &last));
	/* ...all together six... */
	for (; i < 12; i++)
		bench_ask(b, PRIVOP_SPAWN, vm[i].slot, vm[i].generation, &sp,
		    fds, 4);
	ATF_CHECK_EQ(3, spawns(b, &last));
	ATF_CHECK_EQ(vm[6].slot, last.h.slot);
	/* ...and a stop does not wait for any */
	bench_ask(b, PRIVOP_KILL, vm[11].slot, vm[11].generation, &kill, NULL,
	    0);
	ATF_CHECK_EQ('j', bench_asked(b, 1000));
	ATF_CHECK_EQ(PRIVOP_KILL, b->m.h.type);
	/* one of Bob's is done: the next in the line that may go */
	b->m = last;
	bench_answer(b, 'j', EIO);
	ATF_CHECK_EQ(1, spawns(b, &last));
	ATF_CHECK_EQ(vm[7].slot, last.h.slot);
	bench_kill(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, slow_starts);
	ATF_TP_ADD_TC(tp, confined);
	ATF_TP_ADD_TC(tp, owner_is_the_kernels_word);
	ATF_TP_ADD_TC(tp, sockets_that_are_no_client);
	ATF_TP_ADD_TC(tp, replay_and_order);
	ATF_TP_ADD_TC(tp, ceilings);
	ATF_TP_ADD_TC(tp, queue_is_bounded);
	ATF_TP_ADD_TC(tp, answers_never_read);
	ATF_TP_ADD_TC(tp, op_servers_are_not_believed);
	ATF_TP_ADD_TC(tp, one_fate);
	ATF_TP_ADD_TC(tp, killed_and_started_again);
	return atf_no_error();
}
