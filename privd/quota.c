/* SPDX-License-Identifier: ISC */
/*
 * Runs in front; pure. Ceilings are summed over the slots at each RESERVE,
 * so no counter can drift from the ledger.
 */
#include <errno.h>

#include "common/peer.h"
#include "policy/steps.h"
#include "privd/front.h"

#define QUOTA_N (CEIL_FLOWS + 1)	/* the first rows of ceilings.def */

struct use {
	uint64_t of[QUOTA_N];
};

static void
add(struct use *u, const struct sysconf *c, const struct ledger_slot *r)
{
	u->of[CEIL_VMS]++;
	u->of[CEIL_CPUS] += r->cpus;
	u->of[CEIL_MEMORY] += r->memory_mib;
	u->of[CEIL_PORTS] += r->nports;
	u->of[CEIL_ENTRIES] += r->nallow;
	u->of[CEIL_FLOWS] += c->flows; /* what net lets each VM have */
}

/* Is `want` more than there is? o: the owner's ceilings, NULL: the node's. */
static int
over(const struct front *f, const struct owner_conf *o, const struct use *u,
    const struct use *want, struct rep_hdr *no)
{
	static const uint16_t steps[QUOTA_N] = { STEP_QUOTA_VMS,
		STEP_QUOTA_CPUS, STEP_QUOTA_MEM, STEP_QUOTA_PORTS,
		STEP_QUOTA_ENTRIES, STEP_QUOTA_FLOWS };
	uint32_t most;
	unsigned i;

	for (i = 0; i < QUOTA_N; i++) {
		most = o != NULL ? ceiling_owner(o, i) :
				   ceiling_node(&f->conf, i);
		if (want->of[i] == 0 || u->of[i] + want->of[i] <= most)
			continue;
		*no = rep_no(o != NULL ? EDQUOT : ENOSPC, steps[i]);
		return 1;
	}
	return 0;
}

/* What is in use, and `want` of this owner more. */
static int
fits(const struct front *f, uint32_t owner, const struct use *want,
    struct rep_hdr *no)
{
	struct use mine = { { 0 } }, node = { { 0 } };
	uint32_t i;

	for (i = 0; i < f->conf.slots; i++) {
		if (!f->slots[i].taken)
			continue;
		add(&node, &f->conf, &f->slots[i].rec);
		if (f->slots[i].rec.owner == owner)
			add(&mine, &f->conf, &f->slots[i].rec);
	}
	return over(f, sysconf_owner(&f->conf, owner), &mine, want, no) ||
	    over(f, NULL, &node, want, no) ? -1 : 0;
}

int
quota_check(const struct front *f, uint32_t owner,
    const struct req_reserve *req, struct rep_hdr *no)
{
	const struct ledger_slot as = { .cpus = req->cpus,
		.memory_mib = req->memory_mib, .nports = req->nports,
		.nallow = req->nallow };
	struct use want = { { 0 } };

	add(&want, &f->conf, &as);
	return fits(f, owner, &want, no);
}

int
quota_lists(const struct front *f, const struct slot *s,
    const struct req_net_up *up, struct rep_hdr *no)
{
	struct use want = { { 0 } };

	if (up->nports > s->rec.nports)
		want.of[CEIL_PORTS] = up->nports - s->rec.nports;
	if (up->nallow > s->rec.nallow)
		want.of[CEIL_ENTRIES] = up->nallow - s->rec.nallow;
	return fits(f, s->rec.owner, &want, no);
}

int
quota_host(const struct front *f, uint32_t memory_mib, uint32_t available,
    struct rep_reserve *rep)
{
	uint64_t need = (uint64_t)memory_mib + VMM_MIB +
	    f->conf.memory_reserve_mib;
	uint32_t i;

	/* the kernel counts as free what those have not touched yet */
	for (i = 0; i < f->conf.slots; i++)
		if (f->slots[i].taken &&
		    (f->slots[i].rec.state & (ST_FREE | ST_HALF)) != 0)
			need += f->slots[i].rec.memory_mib + VMM_MIB;
	if (available == 0 || need <= available)
		return 0; /* not told: the node's ceiling stands alone */
	rep->r = rep_no(ENOMEM, STEP_HOST_MEM);
	rep->need_mib = need < UINT32_MAX ? (uint32_t)need : UINT32_MAX;
	rep->available_mib = available;
	return -1;
}

int
owner_asks(const struct front *f, const struct slot *s, int sock,
    struct rep_hdr *no)
{
	uint32_t peer;

	if (peer_client(sock, &f->conf, &peer) < 0) {
		*no = rep_no(errno, STEP_PEER);
		return -1;
	}
	if (!sysconf_member(&f->conf, peer) ||
	    (peer != s->rec.owner && !sysconf_admin(&f->conf, peer))) {
		*no = rep_no(EPERM, STEP_PEER);
		return -1;
	}
	return 0;
}

int
owner_of(const struct sysconf *c, uint32_t peer, uint32_t claim,
    uint32_t *owner, struct rep_hdr *no)
{
	*owner = claim == UINT32_MAX ? peer : claim;
	if (!sysconf_member(c, peer) || !sysconf_member(c, *owner) ||
	    (*owner != peer && !sysconf_admin(c, peer))) {
		*no = rep_no(EPERM, STEP_PEER);
		return -1;
	}
	return 0;
}
