/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, ATTEST: who owns a new VM. The answer is the kernel's
 * (SO_PEERCRED of the client's own socket); front's word is not asked. Only
 * root and admins may name another member.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/peer.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"

int
op_attest(struct jail *j, struct op *o, const struct req_attest *req,
    struct rep_attest *rep)
{
	uint32_t uid, owner;

	(void)rep;
	errno = EINVAL;
	if (req->zero != 0 ||
	    peer_client(o->m->fds[0], &j->conf, &uid) < 0)
		return err_step(&o->e, STEP_PEER, errno,
		    "no client's socket came along");
	owner = req->owner == UINT32_MAX ? uid : req->owner;
	if (!sysconf_member(&j->conf, uid) ||
	    !sysconf_member(&j->conf, owner) ||
	    (owner != uid && !sysconf_admin(&j->conf, uid)))
		return err_step(&o->e, STEP_PEER, EPERM, "uid %" PRIu32
		    " may not make a VM of uid %" PRIu32, uid, owner);
	return slot_take(&j->slots, o->m->h.slot, o->m->h.generation, owner,
	    &o->e) != NULL ? OP_DONE : -1;
}
