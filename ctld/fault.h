/* SPDX-License-Identifier: ISC */
/*
 * From what failed (a step of privd, a check of ours) to the typed error that
 * the client is told.
 */
#ifndef CTLD_FAULT_H
#define CTLD_FAULT_H

#include "common/err.h"
#include "common/sysconf.h"
#include "ctld/priv_client.h"
#include "policy/clientops.h"

struct ctld;

void fault_set(struct rep_cl *f, enum cl_error error, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A failed check: a field was named, or it is the host's failure. */
void fault_err(struct rep_cl *f, const struct err *e);
void fault_host(struct rep_cl *f, uint16_t step, int code, const char *what);
/* A ceiling is reached: with so many in use (UINT32_MAX: not counted), so many
 * more were asked for. */
void fault_quota(struct rep_cl *f, enum ceiling i, int node, uint32_t limit,
    uint32_t used, uint32_t more);
/* A failed privileged request. req: what was asked for, or NULL; field: the
 * member behind an IMAGE request, or NULL; owner: whose ceilings. */
void fault_priv(struct rep_cl *f, const struct ctld *c, uint32_t owner,
    const struct priv_reply *r, const struct clreq_start *req,
    const char *field);

#endif
