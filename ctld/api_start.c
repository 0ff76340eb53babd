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
#include "ctld/startq.h"
#include "ctld/vm.h"
#include "ctld/vm_start.h"

#define LIVE_MAX 2800u		/* four descriptors each, of our 16384 */

/* May this owner have one more VM of that name? */
static int
may_define(struct ticket *t, const struct clreq_start *s, uint32_t owner,
    struct rep_cl *why)
{
	const struct owner_conf *o = sysconf_owner(&t->ctld->conf, owner);
	struct vmtab *vms = t->ctld->vms;
	uint32_t n = vm_count(vms, owner);

	if (vm_by_name(vms, owner, s->name) != NULL) {
		fault_set(why, CLE_EXISTS, "name", "%s", s->name);
		return -1;
	}
	if (n >= o->records + o->vms) {
		fault_quota(why, CEIL_RECORDS, 0, o->records + o->vms, n, 1);
		return -1;
	}
	return 0;
}

/* Is there room for one more that runs? front asks about the owner's. Those
 * who want much leave some places to those who have none yet. */
static int
may_run(const struct ticket *t, uint32_t owner, struct rep_cl *why)
{
	const struct sysconf *c = &t->ctld->conf;
	const struct startq *q = t->ctld->startq;
	uint32_t most = sysconf_owner(c, owner)->starts;
	unsigned held = startq_held(q, owner);
	struct vmtab *vms = t->ctld->vms;

	if (vms->n >= LIVE_MAX && vm_live(vms) >= LIVE_MAX)
		fault_quota(why, CEIL_VMS, 1, LIVE_MAX, LIVE_MAX, 1);
	else if (held >= most)
		fault_quota(why, CEIL_STARTS, 0, most, held, 1);
	else if (q->n >= STARTQ_MAX || (q->n >= c->max_starts && held > 0))
		fault_quota(why, CEIL_STARTS, 1, c->max_starts, q->n, 1);
	else
		return 0;
	return -1;
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
	if (may_run(t, owner, &why) < 0)
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
	if (boot_spec(t, vm, &rq, &s, &why) < 0 ||
	    may_run(t, vm->pub.owner, &why) < 0) {
		ticket_fault(t, &why);
		return 0;
	}
	if (images_take(&s, m, t->ctld->self_fd, t->uid, vm->pub.owner, &im,
		&e) < 0) {
		fault_err(&why, &e);
		ticket_fault(t, &why);
		return 0;
	}
	spec_copy(&vm->spec, &s);
	vm_start_again(t, vm, &im);
	images_close(&im);
	return 0;
}
