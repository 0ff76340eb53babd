/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. Counts a start against its owner and takes a slot for the owner that the kernel names at the
 * client's own socket; what ctld says of the owner counts only where that
 * peer is root or an admin. Jail reads the same socket (ATTEST) before ctld
 * is answered, so neither believes the other.
 */
#include <errno.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/meminfo.h"
#include "common/peer.h"
#include "policy/steps.h"
#include "privd/front.h"

static enum verdict
refuse(struct rep_reserve *rep, struct rep_hdr no)
{
	rep->r = no;
	return V_DONE;
}

enum verdict
op_reserve(struct front *f, struct slot *s, struct call *c,
    const struct req_reserve *req, struct rep_reserve *rep)
{
	struct req_attest ask = { .owner = req->owner };
	struct rep_hdr no;
	uint32_t peer, owner, rate;

	if (peer_client(c->fds[0], &f->conf, &peer) < 0)
		return refuse(rep, rep_no(errno, STEP_PEER));
	if (owner_of(&f->conf, peer, req->owner, &owner, &no) < 0)
		return refuse(rep, no);
	rate = sysconf_owner(&f->conf, owner)->start_rate;
	if (bucket_take(&f->starts, owner, rate, rate * BUCKET_SECONDS,
		now_ms()) > 0)
		return refuse(rep, rep_no(EDQUOT, STEP_START_RATE));
	if (quota_check(f, owner, req, &no) < 0)
		return refuse(rep, no);
	if (quota_host(f, req->memory_mib, meminfo_mib(f->meminfo,
		"MemAvailable"), rep) < 0)
		return V_DONE;
	s = slot_choose(f);
	if (s == NULL)
		return refuse(rep, errno == EUCLEAN ?
			rep_no(ENOSPC, STEP_LEDGER) :
			rep_no(ENOSPC, STEP_SLOT));
	s->rec = (struct ledger_slot){ .generation = f->generation,
		.owner = owner, .cpus = req->cpus,
		.memory_mib = req->memory_mib, .nports = req->nports,
		.nallow = req->nallow, .state = ST_FREE };
	if (slot_set_state(f, s, ST_RESERVED) < 0) {
		s->quarantined = 1;
		return refuse(rep, rep_no(EIO, STEP_LEDGER));
	}
	f->generation++;
	s->taken = 1;
	/* in memory it is reserved once jail has agreed */
	s->rec.state = ST_FREE;
	c->type = PRIVOP_ATTEST;
	memcpy(c->body, &ask, sizeof(ask));
	s->head = s->tail = c;
	s->nqueued = 1;
	route_pump(f, s);
	return V_LATER;
}
