/* SPDX-License-Identifier: ISC */
/*
 * What happened to whose VM: the newest of it, in memory and in a file of
 * fixed size, so that it costs the same whatever happens and however slow its
 * readers are. Readers ask; one that does not is never waited for, and learns
 * that it missed some.
 */
#ifndef CTLD_EVENTS_H
#define CTLD_EVENTS_H

#include "policy/clientops.h"

#define EVENTS_MAX 1024u	/* kept; who has the most loses first */

struct events;
struct ticket;
struct vm;

struct events *events_new(void);
/* Take over what is in dir/events, and write there from now on, each event at
 * its place (the file survives our death; not every event the host's). To be
 * called before the first is added. 0; -1 with errno: only memory then. */
int events_keep(struct events *ev, int dir);

/* Note it of a VM, and tell who waits. */
void events_vm(const struct vm *vm, enum event_kind kind, const char *reason);
/* Of ctld itself, for admins. */
void events_daemon(struct events *ev, enum event_kind kind,
    const char *reason);
/* Did the life before this one end in order, as far as is known? */
int events_ended_well(const struct events *ev);
/* A request was refused. */
void events_refused(const struct ticket *t, const struct rep_cl *why);

/* For those two, and for tests: *e needs no seq. */
void events_add(struct events *ev, const struct cl_event *e);
/* Those after `after` that owner (everybody: any) may see, oldest first. */
void events_after(const struct events *ev, uint32_t owner, int everybody,
    uint64_t after, struct clrep_events *out);

#endif
