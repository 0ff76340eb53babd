/* SPDX-License-Identifier: ISC */
/* Holding a guest still, and letting it go on. */
#ifndef CTLD_VM_PAUSE_H
#define CTLD_VM_PAUSE_H

#include <stdint.h>

struct ticket;
struct vm;

/* op: SUPOP_PAUSE or SUPOP_RESUME. Answered when the VMM has done it. */
void vm_pause(struct vm *vm, struct ticket *t, uint16_t op);
/* vmsup answered such a request: code 0 or an errno. */
void vm_pause_answer(struct vm *vm, uint16_t op, int code);
/* The guest stands still (1) or runs (0), whoever made it so. */
void vm_pause_state(struct vm *vm, int paused);
/* It will not be done any more: the VM is on its way out. */
void vm_pause_abort(struct vm *vm);

#endif
