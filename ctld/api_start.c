/* SPDX-License-Identifier: ISC */
/*
 * START: runs in ctld. Everything that can be refused without touching the
 * host is refused here, before anything is made.
 */
#include <string.h>

#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/image.h"
#include "ctld/spec.h"
#include "ctld/vm.h"
#include "ctld/vm_start.h"

#define STARTS_MAX 128u		/* in flight: their files are our descriptors */
#define LIVE_MAX 2800u		/* four descriptors each, of our 16384 */
#define RECORDS_MIN 16u		/* stopped VMs an owner may always keep */
#define RECORDS_PER_VM 4u

/* May this owner have one more VM of that name? */
static int
may_start(struct ticket *t, const struct clreq_start *s, uint32_t owner,
    struct rep_cl *why)
{
	const struct owner_conf *o = sysconf_owner(&t->ctld->conf, owner);
	struct vmtab *vms = t->ctld->vms;
	uint64_t records = RECORDS_MIN + (uint64_t)RECORDS_PER_VM * o->vms;

	if (vm_by_name(vms, owner, s->name) != NULL) {
		fault_set(why, CLE_EXISTS, "name", "%s", s->name);
		return -1;
	}
	if (vm_count(vms, owner) >= records) {
		fault_set(why, CLE_QUOTA, "records", "%llu stopped and running "
		    "VMs are kept; remove some with postern rm",
		    (unsigned long long)records);
		why->limit = records;
		return -1;
	}
	if (vms->n >= LIVE_MAX && vm_live(vms) >= LIVE_MAX) {
		fault_set(why, CLE_QUOTA, "vms",
		    "%u VMs run on this node, which is all it can watch",
		    LIVE_MAX);
		why->limit = LIVE_MAX;
		return -1;
	}
	if (vms->starting >= STARTS_MAX) {
		fault_set(why, CLE_QUOTA, "starts", "%u starts are in flight "
		    "on this node; try again", STARTS_MAX);
		why->limit = STARTS_MAX;
		return -1;
	}
	return 0;
}

int
api_start(struct ticket *t, struct wire_msg *m)
{
	struct clreq_start s;
	struct images im;
	struct rep_cl why;
	struct err e;
	uint32_t owner;

	memcpy(&s, m->body, sizeof(s));
	if (spec_wellformed(&s) < 0)
		return -1;
	owner = s.owner == OWNER_SELF ? t->uid : s.owner;
	if (owner != t->uid && !t->admin) {
		ticket_deny(t, CLE_DENIED, "owner",
		    "only root and admins start VMs for others");
		return 0;
	}
	if (spec_check(&t->ctld->conf, &s, &e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	if (may_start(t, &s, owner, &why) < 0) {
		ticket_fault(t, &why);
		return 0;
	}
	if (images_take(&s, m, t->uid, owner, &im, &e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	vm_start(t, &s, owner, &im);
	images_close(&im);
	return 0;
}
