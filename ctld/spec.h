/* SPDX-License-Identifier: ISC */
/* Is a start request sane? Pure functions, unit-tested; run in ctld. */
#ifndef CTLD_SPEC_H
#define CTLD_SPEC_H

#include "common/err.h"
#include "common/sysconf.h"
#include "policy/clientops.h"

/* Every member, in the order people write them. -1: *e names the field (as in
 * JSON), the value and the remedy. */
int spec_check(const struct sysconf *c, const struct clreq_start *s,
    struct err *e);
/* Mode, ports and allow list alone. */
int spec_net(const struct sysconf *c, const struct clreq_start *s,
    struct err *e);
/* READY_AGENT declares its channel port, if it is not and there is room. */
void spec_agent(struct clreq_start *s);
/* Strings NUL-terminated with zeros after, counts within their arrays, zeros
 * zero: what no honest client process gets wrong. -1 with EBADMSG. */
int spec_wellformed(const struct clreq_start *s);
/* [a-z0-9][a-z0-9-]{0,62}, and not like an id. */
int spec_name(const char *name, struct err *e);
/* Files that this request must bring. */
unsigned spec_nfds(const struct clreq_start *s);

/* As an assignment, but what the list has not is not touched: there is room
 * for a thousand entries, and most VMs have a few. Both are well-formed. */
void spec_copy(struct clreq_start *to, const struct clreq_start *from);

#endif
