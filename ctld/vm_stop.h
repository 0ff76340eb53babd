/* SPDX-License-Identifier: ISC */
/*
 * An owner's stop: attested by front with the client's socket, the guest is
 * asked, then told, then killed. Each VM by its own timer: a hundred stop in
 * the time of one.
 */
#ifndef CTLD_VM_STOP_H
#define CTLD_VM_STOP_H

#include "ctld/api.h"

struct vm;

/* Stop vm for t, which is answered when nothing of it is left. grace_ms
 * UINT32_MAX: the VM's own. now: kill without asking. */
void vm_stop(struct vm *vm, struct ticket *t, uint32_t grace_ms, int now);
/* Go on with a stop that front had accepted before ctld was restarted. */
void vm_stop_resume(struct vm *vm);

#endif
