/* SPDX-License-Identifier: ISC */
/*
 * The end of a VM, however it came: recorded, its last output saved, then
 * taken apart by rungs (KILL, REAP, NET_DOWN, RELEASE), each repeated until
 * it holds.
 */
#ifndef CTLD_VM_END_H
#define CTLD_VM_END_H

#include "common/err.h"
#include "ctld/sup_client.h"

struct vm;

enum rung { RUNG_KILL = 1, RUNG_REAP, RUNG_NET, RUNG_RELEASE };

/* What the supervisor of any VM tells comes in here. */
extern const struct sup_ops vm_sup_ops;
/* The supervisor is dead (its pidfd said so). */
void vm_sup_gone(struct vm *vm);

/* The VMM ended: record it, save, acknowledge, take apart. */
void vm_ended(struct vm *vm, const struct supreq_state *st);
/* Take apart from this rung on; the record goes too if vm->forget. */
void vm_unwind(struct vm *vm, enum rung from);
/* Nothing of it is held any more: answer whoever waits. vm may be freed. */
void vm_gone(struct vm *vm);

/* Why a VMM ended, in words, and whether that is a failure. */
int end_reason(const struct supreq_state *st, char *buf, size_t size);
int end_exit_code(int wait_status);

#endif
