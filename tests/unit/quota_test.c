/* SPDX-License-Identifier: ISC */
/*
 * Ceilings and ownership: one below, at, and one above each of them, with an
 * owner of its own numbers, the fallback, another tenant's use and the node's.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/steps.h"
#include "privd/front.h"

#define ALICE 1001u
#define BOB 1002u
#define ADMIN 1003u
#define STRANGER 1004u

static struct front *
front(void)
{
	struct front *f = calloc(1, sizeof(*f));
	struct sysconf *c;

	ATF_REQUIRE(f != NULL);
	c = &f->conf;
	sysconf_default(c);
	c->slots = 16;
	c->members[0] = ALICE;
	c->members[1] = BOB;
	c->members[2] = ADMIN;
	c->nmembers = 3;
	c->admins[0] = ADMIN;
	c->nadmins = 1;
	c->fallback.vms = 2;
	c->fallback.cpus = 4;
	c->fallback.memory_mib = 1000;
	c->fallback.ports = 3;
	c->owners[0] = c->fallback;
	c->owners[0].uid = BOB;
	c->owners[0].vms = 5;
	c->nowners = 1;
	c->max_vms = 4;
	c->max_cpus = 6;
	c->max_memory_mib = 1500;
	f->slots = calloc(c->slots, sizeof(*f->slots));
	ATF_REQUIRE(f->slots != NULL);
	return f;
}

static void
use(struct front *f, unsigned slot, uint32_t owner, uint32_t cpus,
    uint32_t mem, uint32_t ports)
{
	f->slots[slot].taken = 1;
	f->slots[slot].rec = (struct ledger_slot){ .owner = owner,
		.cpus = cpus, .memory_mib = mem, .nports = ports,
		.state = ST_RUNNING };
}

/* The step that refuses, or 0; code: EDQUOT or ENOSPC. */
static unsigned
refused(const struct front *f, uint32_t owner, const struct req_reserve *r,
    int code)
{
	struct rep_hdr no = { 0 };

	if (quota_check(f, owner, r, &no) == 0)
		return 0;
	ATF_CHECK_EQ(code, no.code);
	return no.step;
}

static unsigned
ask(const struct front *f, uint32_t owner, uint32_t cpus, uint32_t mem,
    uint32_t ports)
{
	struct req_reserve r = { .cpus = cpus, .memory_mib = mem,
		.nports = ports };

	return refused(f, owner, &r, EDQUOT);
}

static unsigned
ask_node(const struct front *f, uint32_t owner, uint32_t cpus, uint32_t mem)
{
	struct req_reserve r = { .cpus = cpus, .memory_mib = mem };

	return refused(f, owner, &r, ENOSPC);
}

ATF_TC_WITHOUT_HEAD(owner);
ATF_TC_BODY(owner, tc)
{
	struct front *f = front();

	(void)tc;
	ATF_CHECK_EQ(0, ask(f, ALICE, 4, 1000, 3));
	ATF_CHECK_EQ(STEP_QUOTA_CPUS, ask(f, ALICE, 5, 1, 0));
	ATF_CHECK_EQ(STEP_QUOTA_MEM, ask(f, ALICE, 1, 1001, 0));
	ATF_CHECK_EQ(STEP_QUOTA_PORTS, ask(f, ALICE, 1, 1, 4));
	use(f, 0, ALICE, 1, 100, 1);
	ATF_CHECK_EQ(0, ask(f, ALICE, 3, 900, 2));
	ATF_CHECK_EQ(STEP_QUOTA_CPUS, ask(f, ALICE, 4, 1, 0));
	ATF_CHECK_EQ(STEP_QUOTA_MEM, ask(f, ALICE, 1, 901, 0));
	ATF_CHECK_EQ(STEP_QUOTA_PORTS, ask(f, ALICE, 1, 1, 3));
	use(f, 5, ALICE, 1, 1, 0);
	ATF_CHECK_EQ(STEP_QUOTA_VMS, ask(f, ALICE, 1, 1, 0));
	/* whatever Alice has, Bob has his own */
	ATF_CHECK_EQ(0, ask(f, BOB, 4, 1000, 3));
	/* what is given back counts no more */
	f->slots[0].taken = 0;
	ATF_CHECK_EQ(0, ask(f, ALICE, 1, 1, 0));
}

ATF_TC_WITHOUT_HEAD(node);
ATF_TC_BODY(node, tc)
{
	struct front *f = front();

	(void)tc;
	use(f, 0, ALICE, 3, 800, 0);
	ATF_CHECK_EQ(0, ask(f, BOB, 3, 700, 0));
	ATF_CHECK_EQ(STEP_QUOTA_CPUS, ask_node(f, BOB, 4, 1));
	ATF_CHECK_EQ(STEP_QUOTA_MEM, ask_node(f, BOB, 1, 701));
	use(f, 1, BOB, 1, 1, 0);
	use(f, 2, BOB, 1, 1, 0);
	use(f, 3, BOB, 0, 1, 0);
	ATF_CHECK_EQ(STEP_QUOTA_VMS, ask_node(f, BOB, 1, 1));
}

/* Entries of allow lists and flows, of RESERVE and of NET_SET. */
ATF_TC_WITHOUT_HEAD(lists);
ATF_TC_BODY(lists, tc)
{
	struct front *f = front();
	struct req_reserve r = { .cpus = 1, .memory_mib = 1, .nallow = 5 };
	struct req_net_up up = { .nports = 1, .nallow = 3 };
	struct rep_hdr no = { 0 };

	(void)tc;
	f->conf.fallback.entries = 5;
	f->conf.fallback.vms = 10;
	f->conf.max_vms = 10;
	f->conf.flows = 100;
	f->conf.fallback.flows = 300;
	ATF_CHECK_EQ(0, refused(f, ALICE, &r, EDQUOT));
	use(f, 0, ALICE, 1, 1, 1);
	f->slots[0].rec.nallow = 2;
	ATF_CHECK_EQ(STEP_QUOTA_ENTRIES, refused(f, ALICE, &r, EDQUOT));
	ATF_CHECK_EQ(0, refused(f, BOB, &r, EDQUOT));
	r.nallow = 3;
	ATF_CHECK_EQ(0, refused(f, ALICE, &r, EDQUOT));
	use(f, 1, ALICE, 1, 1, 1);
	f->slots[1].rec.nallow = 2;
	/* one entry more of the second one's, and then one too many */
	ATF_CHECK_EQ(0, quota_lists(f, &f->slots[1], &up, &no));
	up.nallow = 4;
	ATF_CHECK_EQ(-1, quota_lists(f, &f->slots[1], &up, &no));
	ATF_CHECK_EQ(STEP_QUOTA_ENTRIES, no.step);
	up.nallow = 0;
	up.nports = 2;
	ATF_CHECK_EQ(0, quota_lists(f, &f->slots[1], &up, &no));
	up.nports = 3;
	ATF_CHECK_EQ(-1, quota_lists(f, &f->slots[1], &up, &no));
	ATF_CHECK_EQ(STEP_QUOTA_PORTS, no.step);
	/* a list that does not grow passes, whatever the ceiling is by now */
	f->conf.fallback.entries = f->conf.fallback.ports = 0;
	f->conf.fallback.vms = 1;
	up.nports = 1;
	up.nallow = 2;
	ATF_CHECK_EQ(0, quota_lists(f, &f->slots[1], &up, &no));
	/* three times a hundred flows, not four */
	f->conf.fallback.vms = 10;
	r.nallow = 0;
	ATF_CHECK_EQ(0, refused(f, ALICE, &r, EDQUOT));
	use(f, 2, ALICE, 0, 0, 0);
	ATF_CHECK_EQ(STEP_QUOTA_FLOWS, refused(f, ALICE, &r, EDQUOT));
	f->conf.max_flows = 350;
	ATF_CHECK_EQ(STEP_QUOTA_FLOWS, refused(f, BOB, &r, ENOSPC));
}

/* The host's memory: what runs has touched its own, what starts has not. */
ATF_TC_WITHOUT_HEAD(host);
ATF_TC_BODY(host, tc)
{
	struct front *f = front();
	struct rep_reserve rep = { .need_mib = 0 };

	(void)tc;
	f->conf.memory_reserve_mib = 200;
	ATF_CHECK_EQ(0, quota_host(f, 1000, 1200 + VMM_MIB, &rep));
	ATF_CHECK_EQ(-1, quota_host(f, 1000, 1199 + VMM_MIB, &rep));
	ATF_CHECK_EQ(ENOMEM, rep.r.code);
	ATF_CHECK_EQ(STEP_HOST_MEM, rep.r.step);
	ATF_CHECK_EQ(1200 + VMM_MIB, rep.need_mib);
	ATF_CHECK_EQ(1199 + VMM_MIB, rep.available_mib);
	use(f, 0, ALICE, 1, 500, 0);
	ATF_CHECK_EQ(0, quota_host(f, 1000, 1200 + VMM_MIB, &rep));
	f->slots[0].rec.state = ST_LIMITED;
	ATF_CHECK_EQ(-1, quota_host(f, 1000, 1699 + 2 * VMM_MIB, &rep));
	ATF_CHECK_EQ(0, quota_host(f, 1000, 1700 + 2 * VMM_MIB, &rep));
	/* a kernel that does not tell, and numbers that would wrap */
	ATF_CHECK_EQ(0, quota_host(f, 1000, 0, &rep));
	use(f, 1, ALICE, 1, UINT32_MAX, 0);
	f->slots[1].rec.state = ST_FREE;
	ATF_CHECK_EQ(-1, quota_host(f, UINT32_MAX, UINT32_MAX, &rep));
	ATF_CHECK_EQ(UINT32_MAX, rep.need_mib);
}

ATF_TC_WITHOUT_HEAD(overflow);
ATF_TC_BODY(overflow, tc)
{
	struct front *f = front();

	(void)tc;
	use(f, 0, ALICE, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	ATF_CHECK(ask(f, ALICE, UINT32_MAX, 1, 0) != 0);
	ATF_CHECK(ask(f, ALICE, 1, UINT32_MAX, 0) != 0);
	ATF_CHECK(ask(f, BOB, UINT32_MAX, UINT32_MAX, UINT32_MAX) != 0);
}

/* uid of the owner, or 0 for a refusal */
static uint32_t
who(const struct front *f, uint32_t peer, uint32_t claim)
{
	struct rep_hdr no = { 0 };
	uint32_t owner = 0;

	if (owner_of(&f->conf, peer, claim, &owner, &no) == 0)
		return owner;
	ATF_CHECK_EQ(EPERM, no.code);
	ATF_CHECK_EQ(STEP_PEER, no.step);
	return UINT32_MAX;
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	struct front *f = front();

	(void)tc;
	ATF_CHECK_EQ(ALICE, who(f, ALICE, UINT32_MAX));
	ATF_CHECK_EQ(ALICE, who(f, ALICE, ALICE));
	ATF_CHECK_EQ(UINT32_MAX, who(f, ALICE, BOB));
	ATF_CHECK_EQ(UINT32_MAX, who(f, ALICE, 0));
	ATF_CHECK_EQ(UINT32_MAX, who(f, ALICE, ADMIN));
	ATF_CHECK_EQ(UINT32_MAX, who(f, STRANGER, UINT32_MAX));
	ATF_CHECK_EQ(UINT32_MAX, who(f, STRANGER, ALICE));
	ATF_CHECK_EQ(ALICE, who(f, ADMIN, ALICE));
	ATF_CHECK_EQ(ALICE, who(f, 0, ALICE));
	ATF_CHECK_EQ(0, who(f, 0, UINT32_MAX));
	/* no one, and the uid of some VM, own nothing */
	ATF_CHECK_EQ(UINT32_MAX, who(f, ADMIN, STRANGER));
	ATF_CHECK_EQ(UINT32_MAX, who(f, 0, f->conf.vm_id_base + 3));
	ATF_CHECK_EQ(UINT32_MAX, who(f, UINT32_MAX, UINT32_MAX));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, owner);
	ATF_TP_ADD_TC(tp, node);
	ATF_TP_ADD_TC(tp, lists);
	ATF_TP_ADD_TC(tp, host);
	ATF_TP_ADD_TC(tp, overflow);
	ATF_TP_ADD_TC(tp, claims);
	return atf_no_error();
}
