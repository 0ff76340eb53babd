/* SPDX-License-Identifier: ISC */
/*
 * Runs in front; pure. Ceilings are summed over the slots at each RESERVE,
 * so no counter can drift from the ledger.
 */
#include <errno.h>

#include "common/peer.h"
#include "policy/steps.h"
#include "privd/front.h"

struct use {
	uint64_t vms, cpus, memory_mib, ports;
};

static void
add(struct use *u, const struct ledger_slot *r)
{
	u->vms++;
	u->cpus += r->cpus;
	u->memory_mib += r->memory_mib;
	u->ports += r->nports;
}

static int
over(const struct use *u, const struct use *most, struct rep_hdr *no)
{
	uint16_t step = STEP_NONE;

	if (u->vms > most->vms)
		step = STEP_QUOTA_VMS;
	else if (u->cpus > most->cpus)
		step = STEP_QUOTA_CPUS;
	else if (u->memory_mib > most->memory_mib)
		step = STEP_QUOTA_MEM;
	else if (u->ports > most->ports)
		step = STEP_QUOTA_PORTS;
	if (step == STEP_NONE)
		return 0;
	*no = rep_no(EDQUOT, step);
	return 1;
}

/* What is in use, and `want` of this owner more. */
static int
fits(const struct front *f, uint32_t owner, const struct use *want,
    struct rep_hdr *no)
{
	const struct owner_conf *o = sysconf_owner(&f->conf, owner);
	const struct use his = { o->vms, o->cpus, o->memory_mib, o->ports };
	const struct use all = { f->conf.max_vms, f->conf.max_cpus,
		f->conf.max_memory_mib, UINT64_MAX };
	struct use mine = *want, node = *want;
	uint32_t i;

	for (i = 0; i < f->conf.slots; i++) {
		if (!f->slots[i].taken)
			continue;
		add(&node, &f->slots[i].rec);
		if (f->slots[i].rec.owner == owner)
			add(&mine, &f->slots[i].rec);
	}
	return over(&mine, &his, no) || over(&node, &all, no) ? -1 : 0;
}

int
quota_check(const struct front *f, uint32_t owner,
    const struct req_reserve *req, struct rep_hdr *no)
{
	const struct use want = { 1, req->cpus, req->memory_mib,
		req->nports };

	return fits(f, owner, &want, no);
}

int
quota_ports(const struct front *f, uint32_t owner, uint32_t more,
    struct rep_hdr *no)
{
	const struct use want = { .ports = more };

	return fits(f, owner, &want, no);
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
