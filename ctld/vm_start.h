/* SPDX-License-Identifier: ISC */
/*
 * From an accepted request to a guest that runs: intent on disk, RESERVE,
 * then every further request at once, then the supervisor's word. Whatever
 * fails, is cancelled or loses its client is undone in reverse before it is
 * answered.
 */
#ifndef CTLD_VM_START_H
#define CTLD_VM_START_H

#include "ctld/api.h"
#include "ctld/image.h"

struct ctld;
struct supreq_state;
struct vm;

/* Before the first of them. 0 or -1. */
int starts_init(struct ctld *c);

/* Begin when its owner's turn comes. The request was checked; the images are taken over. Answers t. */
void vm_start(struct ticket *t, const struct clreq_start *s, uint32_t owner,
    struct images *im);

/* The same for a VM that is defined and idle: it stays, whatever becomes of
 * the start. */
void vm_start_again(struct ticket *t, struct vm *vm, struct images *im);
/* A new VM that is only defined. Answers t. */
void vm_define(struct ticket *t, const struct clreq_start *s, uint32_t owner);

/* Its client is gone: undone, unless the guest already runs. */
void start_forget(struct vm *vm);
/* A stop came: the start ends as cancelled. */
void start_cancel(struct vm *vm);
/* The supervisor's word while the start is unanswered. */
void start_told(struct vm *vm, const struct supreq_state *st);
/* The VMM ended (vm->pub says how) while the start is unanswered. */
void start_ended(struct vm *vm);
/* Nothing is left of it, or it cannot be undone now (why): answer. */
void start_gone(struct vm *vm, const struct rep_cl *why);

#endif
