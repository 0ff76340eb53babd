/* SPDX-License-Identifier: ISC */
/*
 * Where programs of the host find a VM's guest channel: a listening socket in
 * <run_dir>/channel under the VM's id, which vmsup gets with SPAWN. It is
 * bound as long as the VM holds a slot; who may use it is judged by vmsup.
 */
#ifndef CTLD_CHANNEL_H
#define CTLD_CHANNEL_H

#include <stddef.h>

struct ctld;
struct sup;
struct vm;

/* The VM's listening socket; the caller owns it. -1 with errno. */
int channel_listen(const struct vm *vm);
void channel_unlink(const struct vm *vm);
/* Its path for people. */
void channel_path(const struct vm *vm, char *buf, size_t size);
/* Remove the sockets of VMs that hold no slot. */
void channel_sweep(struct ctld *c);

/* To a supervisor that was just connected: whose the ports are, and what an
 * unanswered start waits for. */
void channel_greet(const struct vm *vm, struct sup *s);

#endif
