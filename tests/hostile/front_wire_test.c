/* SPDX-License-Identifier: ISC */
/*
 * What a hostile ctld may put on its wire to a real privd-front: after each
 * malformed record it must have ended by itself, with status 1, never by a
 * signal; what is well-formed is answered, whatever its values.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/vmfd.h"
#include "policy/steps.h"
#include "tests/hostile/front_bench.h"

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
	const char *prog = bench_program(tc);
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
	const char *prog = bench_program(tc);
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
		PRIVOP_STOP, PRIVOP_SLOT_NEXT, PRIVOP_STATS };
	struct bench *b = bench_new(bench_program(tc));
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
		uint16_t op = ops[(size_t)random() % 13];
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
		if (op == PRIVOP_SPAWN) {
			body[0] = (uint64_t)random() % 4 |
			    (uint64_t)(random() % 8) << 32;
			body[1] = (uint64_t)random() % (CHANNELS_MAX + 1);
		}
		ATF_REQUIRE_MSG(bench_call(b, op,
		    op == PRIVOP_SLOT_NEXT ? 0 : vm[v].slot,
		    op == PRIVOP_SLOT_NEXT ? 0 : gen, body, fds,
		    row->w.in_min) >= 0, "%u: %s", i, privop_name(op));
		if (op == PRIVOP_RELEASE && bench_step(b) == 0) {
			ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX,
			    &vm[v]));
		}
	}
	ATF_CHECK(bench_alive(b)); /* it answers before it closes */
	ATF_CHECK_EQ(before, bench_fds(b));
	bench_kill(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, malformed_record_ends_it);
	ATF_TP_ADD_TC(tp, random_frames);
	ATF_TP_ADD_TC(tp, random_requests);
	return atf_no_error();
}
