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
may_define(struct ticket *t, const struct clreq_start *s, uint32_t owner,
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
	return 0;
}

/* Is there room for one more that runs? front asks about the owner's. */
static int
may_run(const struct ticket *t, struct rep_cl *why)
{
	struct vmtab *vms = t->ctld->vms;

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

/* Take a StartConfig with its files. 1: *s, *owner and *im are good; 0: the
 * ticket was answered; -1: malformed. */
static int
take(struct ticket *t, struct wire_msg *m, struct clreq_start *s,
    uint32_t *owner, struct images *im)
{
	struct rep_cl why;
	struct err e;

	memcpy(s, m->body, sizeof(*s));
	if (spec_wellformed(s) < 0)
		return -1;
	memcpy(t->name, s->name, sizeof(t->name));
	*owner = s->owner == OWNER_SELF ? t->uid : s->owner;
	if (*owner != t->uid && !t->admin) {
		ticket_deny(t, CLE_DENIED, "owner",
		    "only root and admins start VMs for others");
		return 0;
	}
	s->flags &= ~CL_DEFINED;
	/* the owner's command opens what its definition names, with the
	 * owner's rights: somebody else does not choose that */
	if (*owner != t->uid)
		s->flags &= ~CL_PATHS;
	if (spec_check(&t->ctld->conf, s, &e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	if (may_define(t, s, *owner, &why) < 0) {
		ticket_fault(t, &why);
		return 0;
	}
	if (images_take(s, m, t->ctld->self_fd, t->uid, *owner, im, &e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	return 1;
}

int
api_start(struct ticket *t, struct wire_msg *m)
{
	struct clreq_start s;
	struct rep_cl why;
	struct images im;
	uint32_t owner;
	int k;

	if ((k = take(t, m, &s, &owner, &im)) <= 0)
		return k;
	if (may_run(t, &why) < 0)
		ticket_fault(t, &why);
	else
		vm_start(t, &s, owner, &im);
	images_close(&im);
	return 0;
}

int
api_create(struct ticket *t, struct wire_msg *m)
{
	struct clreq_create s;
	struct images im;
	uint32_t owner;
	int k;

	if ((k = take(t, m, &s, &owner, &im)) <= 0)
		return k;
	images_close(&im);
	if (owner != t->uid)
		ticket_deny(t, CLE_DENIED, "owner", "only its owner defines a "
		    "VM, whose files are opened when it starts");
	else if ((s.flags & CL_PATHS) == 0)
		ticket_deny(t, CLE_INVALID, "kernel_path", "each file's "
		    "absolute path is needed, of at most 255 plain bytes");
	else
		vm_define(t, &s, owner);
	return 0;
}

/* Do the files that came suit the definition? NULL, or the field. */
static const char *
unlike(const struct clreq_boot *b, const struct clreq_start *s)
{
	unsigned i;

	if (((b->flags ^ s->flags) & CL_HAS_INITRD) != 0)
		return "initrd_fd";
	if (((b->flags ^ s->flags) & (CL_HAS_ROOTFS | CL_ROOTFS_RO)) != 0)
		return "rootfs_fd";
	if (b->nvolumes != s->nvolumes)
		return "volumes";
	for (i = 0; i < s->nvolumes; i++)
		if ((b->volumes_ro >> i & 1) != s->volumes[i].readonly)
			return "volumes";
	return NULL;
}

static int
boot_wellformed(const struct clreq_boot *b)
{
	return b->zero == 0 &&
	    (b->flags & ~(CL_HAS_INITRD | CL_HAS_ROOTFS | CL_ROOTFS_RO)) ==
		0 &&
	    b->nvolumes <= CL_VOLUMES_MAX && b->volumes_ro >> b->nvolumes ==
		0 &&
	    b->ready <= READY_AGENT &&
	    wire_str_ok(b->ready_text, sizeof(b->ready_text));
}

/* The definition with this start's own wishes; it must still hold today. */
static int
boot_spec(const struct ticket *t, const struct vm *vm,
    const struct clreq_boot *b, struct clreq_start *s, struct rep_cl *why)
{
	const char *field = unlike(b, &vm->spec);
	struct err e;

	if (vm->phase != PH_IDLE) {
		fault_set(why, CLE_STATE, "name", "%s",
		    vm_status_name(vm->pub.status));
		return -1;
	}
	if (field != NULL) {
		fault_set(why, CLE_INVALID, field, "the definition wants other "
		    "files; ask for it with Definition");
		return -1;
	}
	*s = vm->spec;
	if (b->ready != READY_NONE) {
		s->ready = b->ready;
		memcpy(s->ready_text, b->ready_text, sizeof(s->ready_text));
		spec_agent(s);
	}
	s->ready_timeout_ms = b->ready_timeout_ms;
	if (spec_check(&t->ctld->conf, s, &e) < 0) {
		fault_err(why, &e);
		return -1;
	}
	return 0;
}

int
api_boot(struct ticket *t, struct wire_msg *m)
{
	struct clreq_start s;
	struct clreq_boot rq;
	struct images im;
	struct rep_cl why;
	struct vm *vm = t->vm;
	struct err e;

	memcpy(&rq, m->body, sizeof(rq));
	if (!boot_wellformed(&rq))
		return -1;
	if (boot_spec(t, vm, &rq, &s, &why) < 0 || may_run(t, &why) < 0) {
		ticket_fault(t, &why);
		return 0;
	}
	if (images_take(&s, m, t->ctld->self_fd, t->uid, vm->pub.owner, &im,
		&e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	vm->spec = s;
	vm_start_again(t, vm, &im);
	images_close(&im);
	return 0;
}
