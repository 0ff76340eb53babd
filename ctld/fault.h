/* SPDX-License-Identifier: ISC */
/*
 * From what failed (a step of privd, a check of ours) to the typed error that
 * the client is told.
 */
#ifndef CTLD_FAULT_H
#define CTLD_FAULT_H

#include "common/err.h"
#include "ctld/priv_client.h"
#include "policy/clientops.h"

struct ctld;

void fault_set(struct rep_cl *f, enum cl_error error, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A failed check: a field was named, or it is the host's failure. */
void fault_err(struct rep_cl *f, const struct err *e);
void fault_host(struct rep_cl *f, uint16_t step, int code, const char *what);
/* A failed privileged request. req: what was asked for, or NULL; field: the
 * member behind an IMAGE request, or NULL; owner: whose ceilings. */
void fault_priv(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r, const struct clreq_start *req,
    const char *field);

#endif
