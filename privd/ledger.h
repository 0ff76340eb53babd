/* SPDX-License-Identifier: ISC */
/*
 * What front has promised, in a preallocated file of fixed records: one page
 * for the whole, then for each slot two copies of its state and one of its
 * network. It lives in run_dir and is stamped with the boot id, so it needs
 * to survive any kill of ours but no loss of power: nothing is synced.
 */
#ifndef PRIVD_LEDGER_H
#define PRIVD_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "policy/privops.h"

struct ledger {
	int fd;		   /* the caller's */
	uint32_t slots;
};

struct ledger_slot {
	uint64_t generation;	/* kept after the release: never reused */
	uint32_t owner, cpus, memory_mib, nports;
	uint32_t state;		/* enum slot_state; 0 only in an empty file */
	uint32_t net_mode;	/* enum net_mode, 0: not asked for yet */
	uint32_t stop;		/* an owner's stop was accepted */
	uint32_t nallow;
};

/* Bytes to preallocate. */
size_t ledger_size(uint32_t slots);

/* Begin with this file; records of another boot (boot: 16 bytes) are wiped,
 * for nothing of that boot lives. 0, or -1 with *e. */
int ledger_open(struct ledger *l, int fd, uint32_t slots,
    const unsigned char *boot, struct err *e);

/* 1: *out is what was recorded last; 0: nothing ever was; -1: both copies
 * are damaged (EBADMSG) or cannot be read. */
int ledger_read(const struct ledger *l, uint32_t slot,
    struct ledger_slot *out);

/* Both copies, one after the other, so that a kill at any instruction leaves
 * the old or the new one whole. 0, or -1 with errno. */
int ledger_write(const struct ledger *l, uint32_t slot,
    const struct ledger_slot *in);

/* The network that was asked for in this generation of the slot; written
 * before net hears of it. Read: 0, or -1 with EBADMSG when it is damaged or
 * another generation's. */
int ledger_write_net(const struct ledger *l, uint32_t slot,
    uint64_t generation, const struct req_net_up *up);
int ledger_read_net(const struct ledger *l, uint32_t slot,
    uint64_t generation, struct req_net_up *up);

#endif
