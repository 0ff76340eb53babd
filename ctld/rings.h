/* SPDX-License-Identifier: ISC */
/* What a guest and its VMM printed: live in rings, then saved in files. */
#ifndef CTLD_RINGS_H
#define CTLD_RINGS_H

#include <stddef.h>

struct vm;

/* Make both rings of a VM. 0 or -1. */
int rings_make(struct vm *vm);
/* Say in both that no more will come, should vmsup not have had the time. */
void rings_end(struct vm *vm);
/* Save their last bytes beside the VM's state (ID.console, ID.log). */
int rings_save(struct vm *vm);
/* A read-only descriptor for a client: the live ring (*live 1) or the saved
 * file; an empty file when nothing was ever printed. The caller owns it. */
int rings_open(struct vm *vm, int hypervisor, int *live);
/* The last line that was printed, printable ASCII only, or "". */
void rings_last(struct vm *vm, char *buf, size_t size);

#endif
