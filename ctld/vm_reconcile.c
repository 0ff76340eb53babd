/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld, before any client is heard. Believes front about slots and
 * its own files about names; where they disagree, what lives is kept and what
 * does not is cleaned up. Nothing is killed that front did not already allow
 * to be killed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/channel.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/reason.h"
#include "ctld/state.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"
#include "ctld/vm_end.h"
#include "ctld/vm_reconcile.h"
#include "ctld/vm_stop.h"

struct reconcile { struct ctld *ctld; unsigned adopting; };

static void
serve(struct reconcile *rc)
{
	struct ctld *c = rc->ctld;

	free(rc);
	c->rec = NULL;
	log_info("%u VMs known", c->vms->n);
	if (conns_serve(c->conns) < 0)
		fatal("client listener");
}

/* Its files say it ran; nothing of it is left. */
static void
vanished(struct vm *vm)
{
	int other_boot = strcmp(vm->boot_id, vm->ctld->boot_id) != 0;

	if (vm->pub.status == VM_STOPPING)
		vm_set_status(vm, VM_STOPPED, REASON_STOPPED);
	else
		vm_set_status(vm, VM_FAILED, other_boot ? REASON_REBOOT :
			REASON_UNSEEN);
	vm->pub.ended_ms = wall_ms();
	events_vm(vm, vm->pub.status == VM_FAILED ? EVENT_FAILED :
		EVENT_STOPPED, vm->pub.reason);
	vm->forget |= (vm->spec.flags & CL_RM) != 0;
}

static int
was_alive(const struct vm *vm)
{
	return vm->pub.status == VM_RUNNING || vm->pub.status == VM_PAUSED ||
	    vm->pub.status == VM_STOPPING;
}

/* Alive: watch it and talk to its supervisor again. */
static void
adopt(struct vm *vm, int pidfd)
{
	vm->phase = PH_LIVE;
	vm->sup = sup_open(vm->ctld, &vm->h, vm->pub.owner, 1, &vm_sup_ops, vm);
	if (vm->sup == NULL || vm_watch(vm, pidfd) < 0)
		fatal("adopt");
	log_info("vm=%s slot=%u name=%s adopted", vm->pub.id, vm->h.slot,
	    vm->pub.name);
	if (vm->front_state == ST_DYING)
		vm_stop_resume(vm);
}

static void
on_adopt(void *arg, const struct priv_reply *r)
{
	struct vm *vm = arg;
	struct reconcile *rc = vm->ctld->rec;

	if (r->code == 0) {
		adopt(vm, fd_steal(&r->fds[0]));
	} else {
		log_info("vm=%s slot=%u not adopted: %s", vm->pub.id,
		    vm->h.slot, strerror(r->code));
		if (was_alive(vm) || vm->pub.status == VM_STARTING)
			vanished(vm);
		vm_unwind(vm, vm->front_state == ST_DYING ? RUNG_KILL :
							    RUNG_REAP);
	}
	if (--rc->adopting == 0)
		serve(rc);
}

static void
settle_live(struct reconcile *rc, struct vm *vm)
{
	struct req_adopt rq = { 0 };

	rc->adopting++;
	priv_adopt(rc->ctld->priv, &vm->h, &rq, NULL, 0, on_adopt, vm);
}

/* It never ran, and nobody was told it did. */
static void
half_started(struct vm *vm)
{
	if ((vm->spec.flags & CL_DEFINED) == 0)
		vm->forget = 1;
	else
		vm_set_status(vm, VM_STOPPED, REASON_BROKEN_OFF);
}

/* Half made, or half taken apart. */
static void
settle_rest(struct vm *vm)
{
	if (vm->pub.status == VM_STARTING)
		half_started(vm);
	else if (was_alive(vm))
		vanished(vm);
	if (vm->front_state == ST_CLOSED)
		vm_unwind(vm, RUNG_RELEASE);
	else if (vm->front_state == ST_REAPED)
		vm_unwind(vm, RUNG_NET);
	else
		vm_unwind(vm, RUNG_KILL);
}

/* Sockets of VMs that are no more. */
static void
sweep_sockets(struct ctld *c)
{
	struct vm_handle h;
	struct dirent *d;
	DIR *dir = opendir(".");

	if (dir == NULL)
		fatal("run directory");
	while ((d = readdir(dir)) != NULL)
		if (sup_socket_name(d->d_name, &h) == 0 &&
		    vm_by_slot(c->vms, &h) == NULL)
			sup_unlink(&h);
	(void)closedir(dir);
}

static void
settle_all(struct reconcile *rc)
{
	struct vm *vm, *next;

	sweep_sockets(rc->ctld);
	channel_sweep(rc->ctld);
	rc->adopting = 1; /* ours, so that answers cannot finish too soon */
	RB_FOREACH_SAFE(vm, vm_ids, &rc->ctld->vms->ids, next) {
		if (vm->front_state == ST_RUNNING ||
		    vm->front_state == ST_DYING) {
			settle_live(rc, vm);
		} else if (vm->front_state != 0) {
			settle_rest(vm);
		} else if (vm->pub.status == VM_STARTING) {
			half_started(vm);
			vm_gone(vm);
		} else if (was_alive(vm)) {
			vanished(vm);
			vm_gone(vm);
		} else if (vm->pub.slot != UINT32_MAX) {
			vm_gone(vm);
		}
	}
	if (--rc->adopting == 0)
		serve(rc);
}

/* A slot that no file knows: kept under a name that says so. */
static struct vm *
recovered(struct ctld *c, const struct rep_slot_next *rep)
{
	char name[64];
	struct vm *vm;

	(void)snprintf(name, sizeof(name), "recovered-%u", rep->slot);
	vm = vm_new(c, rep->owner, name);
	if (vm == NULL && errno == EEXIST) {
		(void)snprintf(name, sizeof(name), "recovered-%u-%llx",
		    rep->slot, (unsigned long long)rep->generation);
		vm = vm_new(c, rep->owner, name);
	}
	if (vm == NULL)
		fatal("recovered slot %u", rep->slot);
	(void)strlcpy(vm->spec.name, name, sizeof(vm->spec.name));
	vm->spec.owner = rep->owner;
	vm->spec.net = vm->spec.net_up.mode = NET_NONE;
	vm->spec.grace_ms = UINT32_MAX;
	vm->pub.created_ms = wall_ms();
	vm_set_status(vm, (rep->state & (ST_RUNNING | ST_DYING)) != 0 ?
		VM_RUNNING : VM_STARTING, "");
	vm_describe(vm);
	log_warn("slot=%u owner=%u has no state file; kept as %s", rep->slot,
	    rep->owner, name);
	return vm;
}

static void
meet(struct ctld *c, const struct rep_slot_next *rep)
{
	struct vm_handle h = { rep->slot, rep->generation };
	struct vm *vm = vm_by_slot(c->vms, &h);

	if (vm != NULL && (vm->pub.owner != rep->owner ||
	    strcmp(vm->boot_id, c->boot_id) != 0))
		vm = NULL; /* an older boot's slot of that number */
	if (vm == NULL)
		vm = recovered(c, rep);
	vm->h = h;
	vm->pub.slot = rep->slot;
	vm->pub.vm_addr = rep->vm_addr;
	(void)strlcpy(vm->boot_id, c->boot_id, sizeof(vm->boot_id));
	vm->front_state = rep->state;
	vm->dying = rep->state == ST_DYING;
	if ((rep->state & (ST_RUNNING | ST_DYING)) != 0 &&
	    state_save(vm, 0) < 0)
		vm->dirty = 1;
}

static void
on_slot(void *arg, const struct priv_reply *r)
{
	struct reconcile *rc = arg;
	const struct rep_slot_next *rep = r->body;
	struct req_slot_next rq = { 0 };

	if (r->code == ENOENT) {
		settle_all(rc);
		return;
	}
	if (r->code != 0)
		fatalx("front's slots: %s", strerror(r->code));
	meet(rc->ctld, rep);
	rq.after = rep->slot;
	priv_slot_next(rc->ctld->priv, NULL, &rq, NULL, 0, on_slot, rc);
}

void
vm_reconcile(struct ctld *c)
{
	struct req_slot_next rq = { .after = UINT32_MAX };
	struct reconcile *rc = calloc(1, sizeof(*rc));

	if (rc == NULL || state_load_all(c) < 0)
		fatal("state directory");
	rc->ctld = c;
	c->rec = rc;
	priv_slot_next(c->priv, NULL, &rq, NULL, 0, on_slot, rc);
}
