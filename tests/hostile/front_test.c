/* SPDX-License-Identifier: ISC */
/*
 * A hostile ctld, and hostile op-servers, against a real privd-front. After
 * each refusal it must still serve; after each malformed record it must have
 * ended by itself, with status 1, never by a signal.
 */
#include "config.h"

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "tests/hostile/front_bench.h"

#define AS_ROOT(name)                                                \
	ATF_TC(name);                                                \
	ATF_TC_HEAD(name, tc)                                        \
	{                                                            \
		atf_tc_set_md_var(tc, "require.user", "root");       \
		atf_tc_set_md_var(tc, "timeout", "120");             \
	}                                                            \
	ATF_TC_BODY(name, tc)

static const char *
program(const atf_tc_t *tc)
{
	static char path[512];

#ifdef WITH_SANITIZERS
	atf_tc_skip("a confined role does not run with sanitizers");
#endif
	(void)snprintf(path, sizeof(path), "%s/../../privd-front",
	    atf_tc_get_config_var_wd(tc, "srcdir", "."));
	return path;
}

static int
alive(struct bench *b)
{
	struct req_slot_next req = { .after = UINT32_MAX };
	int code = bench_call(b, PRIVOP_SLOT_NEXT, 0, 0, &req, NULL, 0);

	return code == 0 || code == ENOENT;
}

static unsigned
step(const struct bench *b)
{
	struct rep_hdr r;

	memcpy(&r, b->m.body, sizeof(r));
	return r.step;
}

AS_ROOT(confined)
{
	struct bench *b = bench_new(program(tc));
	char path[64], buf[4096];
	const char *const want[] = { "Uid:\t61001\t61001\t61001\t61001",
		"Gid:\t61001\t61001\t61001\t61001",
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
		"NoNewPrivs:\t1", "Seccomp:\t2" };
	unsigned i;

	ATF_REQUIRE(alive(b));
	(void)snprintf(path, sizeof(path), "/proc/%d/status", b->pid);
	ATF_REQUIRE(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) > 0);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ATF_CHECK_MSG(strstr(buf, want[i]) != NULL, "%s", want[i]);
	bench_kill(b);
}

/* Bytes on ctld's wire that are no record. */
struct raw {
	const char *what;
	size_t n;		/* bytes to send */
	struct wire_hdr h;
	unsigned nfds;
	unsigned char first;	/* of the body */
};

#define HDR(ty, ln) { .magic = WIRE_MAGIC, .version = WIRE_VERSION, \
    .type = (ty), .len = (ln), .seq = 1 }
#define LEN(name) (sizeof(struct req_##name))
#define ALL(name) (32 + sizeof(struct req_##name))

static void
send_raw(struct bench *b, const struct raw *r)
{
	static unsigned char buf[20000];
	union { struct cmsghdr h; char buf[CMSG_SPACE(4 * sizeof(int))]; } c;
	struct iovec iov = { buf, r->n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[4] = { 0, 0, 0, 0 };

	memset(buf, 0, sizeof(buf));
	memcpy(buf, &r->h, sizeof(r->h));
	buf[32] = r->first;
	if (r->nfds > 0) {
		memset(&c, 0, sizeof(c));
		m.msg_control = c.buf;
		m.msg_controllen = CMSG_SPACE(r->nfds * sizeof(int));
		c.h.cmsg_level = SOL_SOCKET;
		c.h.cmsg_type = SCM_RIGHTS;
		c.h.cmsg_len = CMSG_LEN(r->nfds * sizeof(int));
		memcpy(CMSG_DATA(&c.h), fds, r->nfds * sizeof(int));
	}
	ATF_REQUIRE(sendmsg(b->ctld, &m, MSG_NOSIGNAL) >= 0);
}

static const struct raw malformed[] = {
	{ "one byte", 1, HDR(PRIVOP_SLOT_NEXT, 0), 0, 0 },
	{ "nothing", 0, HDR(PRIVOP_SLOT_NEXT, 0), 0, 0 },
	{ "half a header", 16, HDR(PRIVOP_SLOT_NEXT, 0), 0, 0 },
	{ "header only", 32, HDR(PRIVOP_SLOT_NEXT, 0), 0, 0 },
	{ "header only, with a length", 32,
	    HDR(PRIVOP_SLOT_NEXT, LEN(slot_next)), 0, 0 },
	{ "length 2^31", ALL(slot_next), HDR(PRIVOP_SLOT_NEXT, 1u << 31), 0,
	    0 },
	{ "length 2^32 - 1", ALL(slot_next), HDR(PRIVOP_SLOT_NEXT, ~0u), 0,
	    0 },
	{ "one byte more", ALL(slot_next) + 1,
	    HDR(PRIVOP_SLOT_NEXT, LEN(slot_next) + 1), 0, 0 },
	{ "longer than any", 20000, HDR(PRIVOP_SLOT_NEXT, 19968), 0, 0 },
	{ "type 0", 40, HDR(0, 8), 0, 0 },
	{ "type beyond the table", 40, HDR(PRIVOP_END, 8), 0, 0 },
	{ "a reply", ALL(slot_next),
	    HDR(PRIVOP_SLOT_NEXT | WIRE_REPLY, LEN(slot_next)), 0, 0 },
	{ "front's own request", ALL(attest), HDR(PRIVOP_ATTEST, LEN(attest)),
	    1, 0 },
	{ "front's list", ALL(list_next),
	    HDR(PRIVOP_LIST_NEXT, LEN(list_next)), 0, 0 },
	{ "front's commit", ALL(net_commit),
	    HDR(PRIVOP_NET_COMMIT, LEN(net_commit)), 0, 0 },
	{ "jail's record for net", ALL(ns_fds), HDR(PRIVOP_NS_FDS,
	    LEN(ns_fds)), 0, 0 },
	{ "a descriptor too many", ALL(slot_next),
	    HDR(PRIVOP_SLOT_NEXT, LEN(slot_next)), 1, 0 },
	{ "a descriptor too few", ALL(reserve),
	    HDR(PRIVOP_RESERVE, LEN(reserve)), 0, 1 },
	{ "two where one is due", ALL(reserve),
	    HDR(PRIVOP_RESERVE, LEN(reserve)), 2, 1 },
	{ "reserved bytes", ALL(reap), HDR(PRIVOP_REAP, LEN(reap)), 0, 1 },
	{ "wrong magic", ALL(slot_next), { .magic = 1,
	    .version = WIRE_VERSION, .type = PRIVOP_SLOT_NEXT,
	    .len = LEN(slot_next) }, 0, 0 },
	{ "wrong version", ALL(slot_next), { .magic = WIRE_MAGIC,
	    .version = 2, .type = PRIVOP_SLOT_NEXT, .len = LEN(slot_next) },
	    0, 0 },
	{ "reserved in the header", ALL(slot_next), { .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION, .type = PRIVOP_SLOT_NEXT,
	    .len = LEN(slot_next), .zero = 1 }, 0, 0 },
	{ "a slot where there is none", ALL(slot_next), { .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION, .type = PRIVOP_SLOT_NEXT,
	    .len = LEN(slot_next), .generation = 1 }, 0, 0 },
};
static const struct raw control = { "well-formed", ALL(slot_next),
	HDR(PRIVOP_SLOT_NEXT, LEN(slot_next)), 0, 0 };

AS_ROOT(malformed_record_ends_it)
{
	const char *prog = program(tc);
	struct bench *b = bench_new(prog);
	unsigned i;

	/* negative control: the same bytes, well-formed, are answered */
	send_raw(b, &control);
	ATF_REQUIRE_EQ(ENOENT, bench_heard(b));
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		send_raw(b, &malformed[i]);
		ATF_CHECK_EQ_MSG(1, bench_wait(b), "%s", malformed[i].what);
		bench_start(b, prog);
		bench_boot(b);
	}
	bench_kill(b);
}

AS_ROOT(random_frames)
{
	const char *prog = program(tc);
	struct bench *b = bench_new(prog);
	unsigned char buf[300];
	unsigned i, k;
	ssize_t n;
	int st;

	srandom(1);
	for (i = 0; i < 200; i++) {
		size_t len = (size_t)random() % sizeof(buf);
		uint16_t type = (uint16_t)(random() % 32);

		for (k = 0; k < sizeof(buf); k++)
			buf[k] = (unsigned char)random();
		/* a good header, to come past the first checks; LIMITS is the
		 * one struct that any bytes fit */
		if (i % 2 && len >= 32 && type != PRIVOP_LIMITS)
			memcpy(buf, &(struct wire_hdr)HDR(type,
			    (uint32_t)(len - 32)), 32);
		n = send(b->ctld, buf, len, MSG_NOSIGNAL);
		ATF_REQUIRE(n >= 0);
		st = bench_wait(b);
		ATF_CHECK_EQ_MSG(1, st, "frame %u: %d", i, st);
		bench_start(b, prog);
		bench_boot(b);
	}
	bench_kill(b);
}

/* Every shape right, every value random: all are answered, nothing stays. */
AS_ROOT(random_requests)
{
	static const uint16_t ops[] = { PRIVOP_NS_MAKE, PRIVOP_NET_UP,
		PRIVOP_LIMITS, PRIVOP_IMAGE, PRIVOP_SPAWN, PRIVOP_KILL,
		PRIVOP_REAP, PRIVOP_NET_DOWN, PRIVOP_RELEASE, PRIVOP_ADOPT,
		PRIVOP_STOP, PRIVOP_SLOT_NEXT };
	struct bench *b = bench_new(program(tc));
	uint64_t body[WIRE_BODY_MAX / 8];
	const struct privop_row *row;
	struct rep_reserve vm[3];
	unsigned i, k, before;
	int fds[4];

	srandom(2);
	for (i = 0; i < 4; i++)
		fds[i] = memfd_create("x", MFD_CLOEXEC);
	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &vm[i]));
	before = bench_fds(b);
	for (i = 0; i < 100000; i++) {
		uint16_t op = ops[(size_t)random() % 12];
		unsigned v = (unsigned)random() % 3;
		uint64_t gen = vm[v].generation +
		    (random() % 16 == 0 ? (uint64_t)random() % 3 : 0);

		row = privop_row(op);
		memset(body, 0, sizeof(body));
		for (k = 0; k < 2 && op != PRIVOP_NET_UP &&
		    row->w.req_len >= 16; k++)
			body[k] = (uint64_t)random() % 3 |
			    (uint64_t)(random() % 2000) << 32;
		if (op == PRIVOP_NS_MAKE || op == PRIVOP_KILL ||
		    op == PRIVOP_NET_UP)
			body[0] = (uint64_t)random() % 5;
		if (op == PRIVOP_SPAWN)
			body[0] = (uint64_t)random() % 4 |
			    (uint64_t)(random() % 8) << 32;
		ATF_REQUIRE_MSG(bench_call(b, op,
		    op == PRIVOP_SLOT_NEXT ? 0 : vm[v].slot,
		    op == PRIVOP_SLOT_NEXT ? 0 : gen, body, fds,
		    row->w.in_min) >= 0, "%u: %s", i, privop_name(op));
		if (op == PRIVOP_RELEASE && step(b) == 0) {
			ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX,
			    &vm[v]));
		}
	}
	ATF_CHECK(alive(b)); /* it answers before it closes */
	ATF_CHECK_EQ(before, bench_fds(b));
	bench_kill(b);
}

AS_ROOT(owner_is_the_kernels_word)
{
	struct bench *b = bench_new(program(tc));
	struct rep_reserve r;
	struct req_stop stop = { 0 };
	int bob, alice, admin;

	/* ctld claims that Alice's request was Bob's */
	ATF_CHECK_EQ(EPERM, bench_reserve(b, ALICE, BOB, &r));
	ATF_CHECK_EQ(STEP_PEER, step(b));
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
	ATF_CHECK_EQ(STEP_STATE, step(b));
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
	struct bench *b = bench_new(program(tc));
	struct req_reserve req = { 1, 64, 0, UINT32_MAX };
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
		ATF_CHECK_EQ(STEP_PEER, step(b));
	}
	/* negative control: root's own connection */
	ATF_CHECK_EQ(0, bench_reserve(b, 0, ALICE, &r));
	bench_kill(b);
}

AS_ROOT(replay_and_order)
{
	struct bench *b = bench_new(program(tc));
	struct req_kill all = { .how = KILL_ALL };
	struct req_spawn sp = { .vmm = VMM_QEMU };
	struct rep_reserve r, again;
	int fds[4] = { b->listen, b->listen, b->listen, b->listen };

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_SPAWN, r.slot,
	    r.generation, &sp, fds, 4));
	ATF_CHECK_EQ(STEP_STATE, step(b));
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
	ATF_CHECK_EQ(STEP_SLOT, step(b));
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
	struct bench *b = bench_new(program(tc));
	struct rep_reserve r;
	unsigned i;

	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(EDQUOT, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(STEP_QUOTA_VMS, step(b));
	/* another owner is not concerned */
	ATF_CHECK_EQ(0, bench_reserve(b, BOB, UINT32_MAX, &r));
	bench_kill(b);
}

AS_ROOT(queue_is_bounded)
{
	struct bench *b = bench_new(program(tc));
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
		ATF_CHECK_EQ(STEP_STATE, step(b));
	}
	ATF_CHECK_EQ(15, full); /* 1 on its way, 24 wait */
	ATF_CHECK(alive(b));
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
	struct bench *b = bench_new(program(tc));
	struct wire_hdr h = HDR(PRIVOP_SLOT_NEXT, 8);
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
	ATF_CHECK(alive(b));
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
	const char *prog = program(tc);
	struct bench *b = bench_new(prog);
	int i;

	for (i = 0; i < 9; i++)
		op_server(b, prog, what[i], i);
	ATF_CHECK(alive(b));
	bench_kill(b);
}

AS_ROOT(one_fate)
{
	const char *prog = program(tc);
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
	const char *prog = program(tc);
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
	bench_kill(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, confined);
	ATF_TP_ADD_TC(tp, malformed_record_ends_it);
	ATF_TP_ADD_TC(tp, random_frames);
	ATF_TP_ADD_TC(tp, random_requests);
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
