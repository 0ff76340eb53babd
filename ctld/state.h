/* SPDX-License-Identifier: ISC */
/*
 * ctld's durable memory: one JSON file a VM (ID.json) in its own directory,
 * always replaced whole; beside it what it printed last (ID.console, ID.log).
 */
#ifndef CTLD_STATE_H
#define CTLD_STATE_H

#include <stddef.h>

struct ctld;
struct vm;

/* Write vm's file: temporary, (fsync), rename, (fsync of the directory).
 * durable 0: survives our death, not the host's. 0, or -1 with errno and the
 * old file intact. */
int state_save(struct vm *vm, int durable);
/* What it printed and its file. 0, or -1 with errno: the VM is still one. */
int state_remove(struct vm *vm);
/* All files into the table, each VM in PH_IDLE; a damaged one is set aside as
 * ID.damaged with a line in the log and blocks no other. -1: the directory
 * cannot be read. */
int state_load_all(struct ctld *c);

/* Save what could not be saved when it happened (a full disk). */
void state_retry(struct ctld *c);

/* Small files beside: suffix is "console" or "log". */
int state_put_blob(int dir, const char *id, const char *suffix,
    const void *buf, size_t n);
int state_open_blob(int dir, const char *id, const char *suffix);

#endif
