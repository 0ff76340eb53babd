/* SPDX-License-Identifier: ISC */
/*
 * The VMs that ctld knows, in memory: what clients see of each, its
 * definition, and what is going on with it. Found by owner and name, by id,
 * or by slot.
 */
#ifndef CTLD_VM_H
#define CTLD_VM_H

#include <stdint.h>
#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "common/sysconf.h"
#include "ctld/api.h"
#include "ctld/priv_client.h"
#include "policy/clientops.h"
#include "policy/supops.h"

struct ctld;
struct netjob;
TAILQ_HEAD(netjobs, netjob);
struct event;
struct start;
struct sup;

enum vm_phase {
	PH_IDLE = 0,	/* holds nothing; a record only */
	PH_START,	/* vm_start.c: until the guest runs */
	PH_LIVE,	/* the guest runs */
	PH_STOP,	/* vm_stop.c: a stop was accepted or is being asked */
	PH_END,		/* vm_end.c: being taken apart */
};

enum stop_step { STOP_ASKED = 1, STOP_GRACE, STOP_TERM, STOP_KILLED };

struct vm {
	RB_ENTRY(vm) by_name, by_id;
	struct ctld *ctld;
	enum vm_phase phase;
	struct cl_vm pub;
	struct clreq_start spec;
	struct vm_handle h;	/* meaningful unless pub.slot is UINT32_MAX */
	char boot_id[40];	/* the boot that h belongs to */
	int forget;		/* no record stays when it is gone */
	int dirty;		/* its file is older than this */
	int dying;		/* front let it be killed */
	uint32_t front_state;	/* vm_reconcile.c: as front said, 0: unknown */

	struct sup *sup;
	int ring_console, ring_log;
	int pidfd;		/* of vmsup; -1 */
	struct event *ev_pidfd;
	struct event *timer;	/* of the phase it is in */
	void (*timer_fn)(struct vm *);

	struct start *start;	/* unanswered start, or NULL */
	struct tickets waiters;	/* answered when nothing of it is left */
	struct tickets watchers; /* the same, and told how it ended */
	struct tickets pausers;	/* answered when it stands still, or runs */
	struct netjobs netjobs;	/* vm_net.c: the first is being done */
	uint16_t pausing;	/* SUPOP_PAUSE or SUPOP_RESUME under way, 0 */

	enum stop_step stop_step;
	uint32_t stop_ms;	/* grace of this stop */
	int stop_kill;		/* no grace, no SIGTERM */
	int by_force;		/* killed by us */
	int ended;		/* the VMM's end was seen and recorded */
	uint8_t rung;		/* vm_end.c: where taking apart is */
	unsigned tries;		/* of that rung */
};

RB_HEAD(vm_names, vm);
RB_HEAD(vm_ids, vm);
struct vmtab {
	struct vm_names names;
	struct vm_ids ids;
	unsigned n;
};

struct vmtab *vmtab_new(void);
/* A new VM in the table, with a fresh id; NULL with EEXIST when this owner
 * has one of that name. */
struct vm *vm_new(struct ctld *c, uint32_t owner, const char *name);
/* The same with an id already given (a loaded record). */
struct vm *vm_new_id(struct ctld *c, uint32_t owner, const char *name,
    const char *id);
void vm_free(struct vm *vm);	/* also out of the table */
struct vm *vm_by_name(struct vmtab *t, uint32_t owner, const char *name);
struct vm *vm_by_id(struct vmtab *t, const char *id);
struct vm *vm_by_slot(struct vmtab *t, const struct vm_handle *h);
unsigned vm_count(struct vmtab *t, uint32_t owner);
unsigned vm_live(struct vmtab *t);	/* more than a record */
/* What such a VM takes of a ceiling that front counts; and what all those take
 * that run and start: an owner's, or OWNER_ALL. For people: front decides. */
uint32_t spec_takes(const struct ctld *c, const struct clreq_start *s,
    enum ceiling i);
#define OWNER_ALL UINT32_MAX
uint32_t vm_usage(const struct ctld *c, uint32_t owner, enum ceiling i);
int vm_is_id(const char *s);	/* "vm-" and 16 hex digits */

/* One timer a VM: fn after ms, replacing what was set; ms < 0: none. */
void vm_timer(struct vm *vm, int ms, void (*fn)(struct vm *));
int vm_timer_pending(const struct vm *vm);
/* Take vmsup's pidfd; its end comes to vm_sup_gone() of vm_end.h. */
int vm_watch(struct vm *vm, int pidfd);
void vm_set_status(struct vm *vm, enum vm_status s, const char *reason);
/* Fill what clients see from the definition. */
void vm_describe(struct vm *vm);
/* Close all it holds open: supervisor, rings, pidfd, timer. */
void vm_close(struct vm *vm);

int vm_name_cmp(struct vm *a, struct vm *b);
int vm_id_cmp(struct vm *a, struct vm *b);
RB_PROTOTYPE(vm_names, vm, by_name, vm_name_cmp)
RB_PROTOTYPE(vm_ids, vm, by_id, vm_id_cmp)

#endif
