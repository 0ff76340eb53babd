/* SPDX-License-Identifier: ISC */
/* Runs in ctld. The table of VMs; knows nothing of how they live. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <event2/event.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/ctld.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"
#include "ctld/vm_end.h"

int
vm_name_cmp(struct vm *a, struct vm *b)
{
	if (a->pub.owner != b->pub.owner)
		return a->pub.owner < b->pub.owner ? -1 : 1;
	return strcmp(a->pub.name, b->pub.name);
}

int
vm_id_cmp(struct vm *a, struct vm *b)
{
	return strcmp(a->pub.id, b->pub.id);
}

RB_GENERATE(vm_names, vm, by_name, vm_name_cmp)
RB_GENERATE(vm_ids, vm, by_id, vm_id_cmp)

int64_t
wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct vmtab *
vmtab_new(void)
{
	struct vmtab *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	RB_INIT(&t->names);
	RB_INIT(&t->ids);
	return t;
}

int
vm_is_id(const char *s)
{
	return strlen(s) == 19 && strncmp(s, "vm-", 3) == 0 &&
	    strspn(s + 3, "0123456789abcdef") == 16;
}

struct vm *
vm_new_id(struct ctld *c, uint32_t owner, const char *name, const char *id)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (vm == NULL)
		return NULL;
	vm->ctld = c;
	vm->pub.owner = owner;
	vm->pub.slot = UINT32_MAX;
	vm->pub.exit_code = -1;
	vm->ring_console = vm->ring_log = vm->pidfd = -1;
	TAILQ_INIT(&vm->waiters);
	TAILQ_INIT(&vm->watchers);
	TAILQ_INIT(&vm->pausers);
	TAILQ_INIT(&vm->netjobs);
	(void)strlcpy(vm->pub.name, name, sizeof(vm->pub.name));
	(void)strlcpy(vm->pub.id, id, sizeof(vm->pub.id));
	if (RB_INSERT(vm_names, &c->vms->names, vm) != NULL) {
		free(vm);
		errno = EEXIST;
		return NULL;
	}
	if (RB_INSERT(vm_ids, &c->vms->ids, vm) != NULL) {
		(void)RB_REMOVE(vm_names, &c->vms->names, vm);
		free(vm);
		errno = EEXIST;
		return NULL;
	}
	c->vms->n++;
	return vm;
}

struct vm *
vm_new(struct ctld *c, uint32_t owner, const char *name)
{
	char id[sizeof(((struct vm *)0)->pub.id)];

	do
		(void)snprintf(id, sizeof(id), "vm-%08x%08x", arc4random(),
		    arc4random());
	while (vm_by_id(c->vms, id) != NULL);
	return vm_new_id(c, owner, name, id);
}

struct vm *
vm_by_name(struct vmtab *t, uint32_t owner, const char *name)
{
	struct vm key;

	key.pub.owner = owner;
	(void)strlcpy(key.pub.name, name, sizeof(key.pub.name));
	return RB_FIND(vm_names, &t->names, &key);
}

struct vm *
vm_by_id(struct vmtab *t, const char *id)
{
	struct vm key;

	(void)strlcpy(key.pub.id, id, sizeof(key.pub.id));
	return RB_FIND(vm_ids, &t->ids, &key);
}

struct vm *
vm_by_slot(struct vmtab *t, const struct vm_handle *h)
{
	struct vm *vm;

	RB_FOREACH(vm, vm_ids, &t->ids)
		if (vm->pub.slot == h->slot &&
		    vm->h.generation == h->generation)
			return vm;
	return NULL;
}

unsigned
vm_count(struct vmtab *t, uint32_t owner)
{
	struct vm key, *vm;
	unsigned n = 0;

	key.pub.owner = owner;
	key.pub.name[0] = '\0';
	/* an owner's stand together, whoever else has how many */
	for (vm = RB_NFIND(vm_names, &t->names, &key);
	     vm != NULL && vm->pub.owner == owner;
	     vm = RB_NEXT(vm_names, &t->names, vm))
		n++;
	return n;
}

uint32_t
spec_takes(const struct ctld *c, const struct clreq_start *s, enum ceiling i)
{
	const uint32_t of[CEIL_N] = { [CEIL_VMS] = 1, [CEIL_CPUS] = s->cpus,
		[CEIL_MEMORY] = s->memory_mib,
		[CEIL_PORTS] = s->net_up.nports,
		[CEIL_ENTRIES] = s->net_up.nallow,
		[CEIL_FLOWS] = c->conf.flows };

	return of[i];
}

uint32_t
vm_usage(const struct ctld *c, uint32_t owner, enum ceiling i)
{
	uint64_t n = 0;
	struct vm *vm;

	RB_FOREACH(vm, vm_ids, &c->vms->ids)
		if (vm->pub.slot != UINT32_MAX &&
		    (owner == OWNER_ALL || vm->pub.owner == owner))
			n += spec_takes(c, &vm->spec, i);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
}

unsigned
vm_live(struct vmtab *t)
{
	struct vm *vm;
	unsigned n = 0;

	RB_FOREACH(vm, vm_ids, &t->ids)
		n += vm->phase != PH_IDLE;
	return n;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;

	(void)fd;
	(void)what;
	vm->timer_fn(vm);
}

void
vm_timer(struct vm *vm, int ms, void (*fn)(struct vm *))
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (vm->timer != NULL)
		(void)evtimer_del(vm->timer);
	if (ms < 0)
		return;
	vm->timer_fn = fn;
	if (vm->timer == NULL)
		vm->timer = evtimer_new(vm->ctld->base, on_timer, vm);
	if (vm->timer == NULL || evtimer_add(vm->timer, &tv) < 0)
		fatal("timer"); /* out of memory: start anew, VMs live on */
}

int
vm_timer_pending(const struct vm *vm)
{
	return vm->timer != NULL && evtimer_pending(vm->timer, NULL);
}

static void
on_pidfd(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vm_sup_gone(arg);
}

int
vm_watch(struct vm *vm, int pidfd)
{
	vm->pidfd = pidfd;
	vm->ev_pidfd = event_new(vm->ctld->base, pidfd, EV_READ, on_pidfd, vm);
	if (vm->ev_pidfd == NULL)
		return -1;
	return event_add(vm->ev_pidfd, NULL);
}

void
vm_set_status(struct vm *vm, enum vm_status s, const char *reason)
{
	vm->pub.status = (uint32_t)s;
	memset(vm->pub.reason, 0, sizeof(vm->pub.reason));
	(void)strlcpy(vm->pub.reason, reason, sizeof(vm->pub.reason));
}

void
vm_describe(struct vm *vm)
{
	const struct clreq_start *s = &vm->spec;
	struct cl_vm *p = &vm->pub;

	p->cpus = s->cpus;
	p->memory_mib = s->memory_mib;
	p->net = s->net;
	p->nports = s->net_up.nports;
	p->nallow = s->net_up.nallow;
	memcpy(p->ports, s->net_up.ports, sizeof(p->ports));
	(void)strlcpy(p->profile, s->profile, sizeof(p->profile));
	(void)strlcpy(p->revision, s->revision, sizeof(p->revision));
	(void)strlcpy(p->flake_ref, s->flake_ref, sizeof(p->flake_ref));
}

void
vm_close(struct vm *vm)
{
	if (vm->timer != NULL)
		event_free(vm->timer);
	vm->timer = NULL;
	if (vm->ev_pidfd != NULL)
		event_free(vm->ev_pidfd);
	vm->ev_pidfd = NULL;
	sup_close(vm->sup);
	vm->sup = NULL;
	fd_close(&vm->pidfd);
	fd_close(&vm->ring_console);
	fd_close(&vm->ring_log);
}

void
vm_free(struct vm *vm)
{
	struct vmtab *t = vm->ctld->vms;

	vm_close(vm);
	(void)RB_REMOVE(vm_names, &t->names, vm);
	(void)RB_REMOVE(vm_ids, &t->ids, vm);
	t->n--;
	free(vm);
}
