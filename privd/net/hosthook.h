/* SPDX-License-Identifier: ISC */
/*
 * Our one hook among other programs' rules. An accept in our table does not
 * undo a drop in theirs: where iptables (its nf_tables variant) has a FORWARD
 * chain with rules or a policy of DROP, a chain of ours, named like the
 * instance in capitals, is jumped to from DOCKER-USER where that exists, else
 * from FORWARD. It accepts what comes from or goes to our interfaces; which
 * of that passes at all, our own table has said before.
 */
#ifndef PRIVD_NET_HOSTHOOK_H
#define PRIVD_NET_HOSTHOOK_H

#include "privd/net/slot.h"

/* Put it in where it is wanted and not there. Idempotent; where it stands
 * among others' rules is left as it is. 0 or -1 with *e. */
int hosthook_put(struct net *n, struct err *e);
/* Take it out. Idempotent. */
int hosthook_del(struct net *n, struct err *e);
/* Does an event of this table concern it? */
int hosthook_concerns(uint8_t family, const char *table);

#endif
