/* SPDX-License-Identifier: ISC */
/*
 * NET_SET at the real front: whose wish it is, in which state, within which
 * ceiling, and what the ledger has of it at each moment front may die.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "policy/steps.h"
#include "tests/hostile/front_bench.h"

/* One published port more or less than the VM was started with. */
static struct req_net_set
wish(uint16_t host, uint16_t nports)
{
	struct req_net_set s = { .up = { .mode = NET_NAT,
		.nports = nports, .nallow = 1 } };
	unsigned i;

	for (i = 0; i < nports; i++)
		s.up.ports[i] = (struct net_port){ .guest = 80,
			.host = (uint16_t)(host + i), .proto = IPPROTO_TCP };
	s.up.allow[0] = (struct net_allow){ .addr = 0x01010101,
		.prefix = 32, .proto = IPPROTO_TCP };
	return s;
}

static int
set(struct bench *b, const struct rep_reserve *r, const struct req_net_set *s,
    int sock)
{
	return bench_call(b, PRIVOP_NET_SET, r->slot, r->generation, s, &sock,
	    1);
}

/* Front starts again and jail says that the VM lives: what is net told? */
static void
restored(struct bench *b, const char *prog, const struct rep_reserve *r,
    struct req_net_restore *up)
{
	struct rep_list_next rep = { .slot = r->slot, .owner = r->owner,
		.generation = r->generation, .alive = 1 };

	bench_kill(b);
	bench_start(b, prog);
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_LIST_NEXT, b->m.h.type);
	ATF_REQUIRE_EQ(0, wire_reply(b->jail, &b->m, &rep, sizeof(rep), NULL,
	    0));
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	bench_answer(b, 'j', ENOENT);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_RESTORE, b->m.h.type);
	memcpy(up, b->m.body, sizeof(*up));
	bench_answer(b, 'n', 0);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_COMMIT, b->m.h.type);
	bench_answer(b, 'n', 0);
}

AS_ROOT(whose_wish)
{
	struct bench *b = bench_new(bench_program(tc));
	struct req_net_set s = wish(8080, 1);
	struct rep_reserve r;
	int bob, alice, admin;

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	alice = bench_client(b, ALICE);
	/* not yet running: nothing to change */
	ATF_CHECK_EQ(ESTALE, set(b, &r, &s, alice));
	bench_run(b, &r);
	bob = bench_client(b, BOB);
	admin = bench_client(b, ADMIN);
	b->hold = 1; /* what is refused never reaches net */
	ATF_CHECK_EQ(EPERM, set(b, &r, &s, bob));
	ATF_CHECK_EQ(STEP_PEER, bench_step(b));
	ATF_CHECK(set(b, &r, &s, b->listen) != 0);
	ATF_CHECK_EQ(STEP_PEER, bench_step(b));
	ATF_CHECK_EQ(0, bench_asked(b, 100));
	s.up.mode = NET_NONE;
	ATF_CHECK_EQ(EINVAL, set(b, &r, &s, alice));
	s.up.mode = NET_NAT;
	b->hold = 0;
	ATF_CHECK_EQ(0, set(b, &r, &s, alice));
	ATF_CHECK_EQ(0, set(b, &r, &s, admin));
	/* a VM that is being stopped has no list to change */
	ATF_CHECK_EQ(0, bench_call(b, PRIVOP_STOP, r.slot, r.generation,
	    &(struct req_stop){ 0 }, &alice, 1));
	ATF_CHECK_EQ(ESTALE, set(b, &r, &s, alice));
	ATF_CHECK_EQ(STEP_STATE, bench_step(b));
	bench_kill(b);
}

AS_ROOT(port_ceiling)
{
	struct bench *b = bench_new(bench_program(tc));
	struct rep_reserve r, other, more;
	struct req_net_set s = wish(9000, NET_PORTS_MAX);
	int alice;

	ATF_REQUIRE_EQ(2 * NET_PORTS_MAX,
	    sysconf_owner(&b->conf, ALICE)->ports);
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &more));
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &other));
	bench_run(b, &other);
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	bench_run(b, &r);
	alice = bench_client(b, ALICE);
	ATF_CHECK_EQ(0, set(b, &other, &s, alice));
	/* her third VM has one of them */
	ATF_CHECK_EQ(EDQUOT, set(b, &r, &s, alice));
	ATF_CHECK_EQ(STEP_QUOTA_PORTS, bench_step(b));
	s = wish(9100, NET_PORTS_MAX - 1);
	ATF_CHECK_EQ(0, set(b, &r, &s, alice));
	/* they count until they are given back */
	s = wish(9000, NET_PORTS_MAX - 1);
	ATF_CHECK_EQ(0, set(b, &other, &s, alice));
	s = wish(9100, NET_PORTS_MAX);
	ATF_CHECK_EQ(0, set(b, &r, &s, alice));
	bench_kill(b);
}

AS_ROOT(ledger_has_it)
{
	const char *prog = bench_program(tc);
	struct bench *b = bench_new(prog);
	struct req_net_set s = wish(9000, 1);
	struct req_net_restore up;
	struct rep_reserve r;
	int alice;

	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	bench_run(b, &r);
	alice = bench_client(b, ALICE);
	ATF_CHECK_EQ(0, set(b, &r, &s, alice));
	restored(b, prog, &r, &up);
	ATF_CHECK_EQ(9000, up.up.ports[0].host);
	ATF_CHECK_EQ(1, up.up.nallow);
	/* net refuses: the old one is there again */
	s = wish(9100, 1);
	b->hold = 1;
	bench_ask(b, PRIVOP_NET_SET, r.slot, r.generation, &s, &alice, 1);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	bench_answer(b, 'n', EADDRINUSE);
	ATF_CHECK_EQ(EADDRINUSE, bench_heard(b));
	restored(b, prog, &r, &up);
	ATF_CHECK_EQ(9000, up.up.ports[0].host);
	/* dead before net's answer: intent comes before effect */
	bench_ask(b, PRIVOP_NET_SET, r.slot, r.generation, &s, &alice, 1);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_SET, b->m.h.type);
	wire_drop_fds(&b->m);
	restored(b, prog, &r, &up);
	ATF_CHECK_EQ(9100, up.up.ports[0].host);
	bench_kill(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, whose_wish);
	ATF_TP_ADD_TC(tp, port_ceiling);
	ATF_TP_ADD_TC(tp, ledger_has_it);
	return atf_no_error();
}
