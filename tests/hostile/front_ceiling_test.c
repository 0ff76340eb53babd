/* SPDX-License-Identifier: ISC */
/*
 * A ctld that lies, asks too fast or too much, at the real front: ceilings are
 * the owner's whom the kernel names, whatever the request says.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/bucket.h"
#include "common/fdutil.h"
#include "policy/steps.h"
#include "tests/hostile/front_bench.h"

/* The same front with another configuration. */
static void
again(struct bench *b, const char *prog)
{
	bench_kill(b);
	bench_start(b, prog);
	bench_boot(b);
}

/* How many of n starts are not refused for their pace. */
static unsigned
passed(struct bench *b, uint32_t peer, uint32_t owner, unsigned n)
{
	struct rep_reserve r;
	unsigned i, good = 0;
	int code;

	for (i = 0; i < n; i++) {
		code = bench_reserve(b, peer, owner, &r);
		if (code == EDQUOT && r.r.step == STEP_START_RATE)
			continue;
		good++;
		ATF_CHECK(code == 0 || r.r.step == STEP_QUOTA_VMS);
	}
	return good;
}

AS_ROOT(start_rate)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct rep_reserve r;
	unsigned i;

	/* control: fast enough for anybody, only the ceiling on VMs holds */
	ATF_CHECK_EQ(40, passed(b, ALICE, UINT32_MAX, 40));
	b->conf.fallback.start_rate = 1;
	again(b, prog);
	/* what nobody gets is counted too: she asks, that is the load */
	i = passed(b, ALICE, UINT32_MAX, 3);
	i += passed(b, ALICE, ALICE, 10);
	/* and asked by somebody else it is still hers */
	i += passed(b, ADMIN, ALICE, 10);
	ATF_CHECK_MSG(i >= BUCKET_SECONDS && i < 2 * BUCKET_SECONDS + 4,
	    "%u starts at once", i);
	/* a lie about the owner takes nobody's */
	for (i = 0; i < 20; i++)
		ATF_CHECK_EQ(EPERM, bench_reserve(b, ALICE, BOB, &r));
	ATF_CHECK_EQ(0, bench_reserve(b, BOB, UINT32_MAX, &r));
	ATF_CHECK_EQ(BOB, r.owner);
	ATF_CHECK(bench_alive(b));
	bench_kill(b);
}

/* From a reservation with so many entries to a network with `asked`. */
static int
net_up(struct bench *b, struct rep_reserve *r, uint32_t reserved,
    uint16_t asked)
{
	struct req_reserve req = { .cpus = 1, .memory_mib = 64,
		.owner = UINT32_MAX, .nallow = reserved };
	struct req_net_up up = { .mode = NET_NAT, .nallow = asked };
	struct req_ns_make ns = { .mode = NET_NAT };
	int fd CLEANUP_FD = bench_client(b, ALICE), code, i;

	code = bench_call(b, PRIVOP_RESERVE, 0, 0, &req, &fd, 1);
	if (code != 0)
		return code;
	memcpy(r, b->m.body, sizeof(*r));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_NS_MAKE, r->slot,
	    r->generation, &ns, NULL, 0));
	for (i = 0; i < asked; i++)
		up.allow[i] = (struct net_allow){ .addr = 0x01010100u +
			(uint32_t)i, .prefix = 32, .proto = 6 };
	return bench_call(b, PRIVOP_NET_UP, r->slot, r->generation, &up,
	    NULL, 0);
}

AS_ROOT(entries)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct rep_reserve r;

	b->conf.fallback.entries = 10;
	again(b, prog);
	/* one more than was reserved, than the ceiling, than a list has */
	ATF_CHECK_EQ(EDQUOT, net_up(b, &r, 5, 6));
	ATF_CHECK_EQ(STEP_QUOTA_ENTRIES, bench_step(b));
	ATF_CHECK_EQ(EDQUOT, net_up(b, &r, 6, 6));
	ATF_CHECK_EQ(STEP_QUOTA_ENTRIES, bench_step(b));
	ATF_CHECK_EQ(EINVAL, net_up(b, &r, NET_ALLOW_MAX + 1, 0));
	/* control */
	ATF_CHECK_EQ(0, net_up(b, &r, 5, 5));
	bench_kill(b);
}

AS_ROOT(host_memory)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct rep_reserve r;

	b->conf.memory_reserve_mib = 1u << 26;
	again(b, prog);
	ATF_CHECK_EQ(ENOMEM, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(STEP_HOST_MEM, r.r.step);
	ATF_CHECK(r.available_mib > 0 && r.available_mib < r.need_mib);
	ATF_CHECK_EQ((1u << 26) + 64 + 64, r.need_mib);
	b->conf.memory_reserve_mib = 1;
	again(b, prog);
	ATF_CHECK_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	ATF_CHECK_EQ(0, r.need_mib);
	bench_kill(b);
}

#define STARTS 10u	/* two more than one op-server gets at a time */

/* The next request at jail. */
static uint16_t
at_jail(struct bench *b)
{
	return bench_asked(b, 5000) == 'j' ? b->m.h.type : 0;
}

AS_ROOT(ends_before_starts)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct req_ns_make ns = { .mode = NET_NAT };
	struct req_kill all = { .how = KILL_ALL };
	struct rep_reserve vm[STARTS], old;
	struct wire_msg held[STARTS];
	unsigned i;
	int fd;

	b->conf.fallback.vms = STARTS + 1;
	again(b, prog);
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &old));
	bench_run(b, &old);
	fd = bench_client(b, ALICE);
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_STOP, old.slot,
	    old.generation, NULL, &fd, 1));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_KILL, old.slot,
	    old.generation, &all, NULL, 0));
	for (i = 0; i < STARTS; i++)
		ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX,
		    &vm[i]));
	for (i = 0; i < STARTS; i++)
		bench_ask(b, PRIVOP_NS_MAKE, vm[i].slot, vm[i].generation,
		    &ns, NULL, 0);
	for (i = 0; i < STARTS - 2; i++) {
		ATF_REQUIRE_EQ(PRIVOP_NS_MAKE, at_jail(b));
		held[i] = b->m;
	}
	ATF_REQUIRE_EQ(0, bench_asked(b, 100)); /* two wait */
	/* what comes last goes next: it ends a VM */
	bench_ask(b, PRIVOP_REAP, old.slot, old.generation, NULL, NULL, 0);
	ATF_REQUIRE_EQ(0, bench_asked(b, 100));
	b->m = held[0];
	bench_answer(b, 'j', 0);
	ATF_CHECK_EQ(PRIVOP_REAP, at_jail(b));
	bench_answer(b, 'j', 0);
	/* and those that wait go on in their order */
	for (i = STARTS - 2; i < STARTS; i++) {
		ATF_CHECK_EQ(PRIVOP_NS_MAKE, at_jail(b));
		ATF_CHECK_EQ(vm[i].slot, b->m.h.slot);
		b->m = held[i - STARTS + 3];
		bench_answer(b, 'j', 0);
	}
	bench_kill(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, start_rate);
	ATF_TP_ADD_TC(tp, entries);
	ATF_TP_ADD_TC(tp, host_memory);
	ATF_TP_ADD_TC(tp, ends_before_starts);
	return atf_no_error();
}
