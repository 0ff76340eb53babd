/* SPDX-License-Identifier: ISC */
/*
 * The operator's policy on published ports and on allow lists, and the
 * reservation of ports on the host. The checks are pure.
 */
#ifndef PRIVD_NET_PORTS_H
#define PRIVD_NET_PORTS_H

#include "privd/net/slot.h"

/* Check what an owner wants to publish, against what the operator grants; put
 * the default into ports[].addr where it says 0, and 0 (INADDR_ANY) where it
 * says NET_ADDR_ANY. -1 with *e and *bad as in rep_net_up: EBADMSG for what
 * no honest ctld sends, EACCES for policy, EINVAL for nonsense. */
int ports_check(const struct sysconf *c, uint32_t owner,
    struct req_net_up *rq, uint8_t *bad, struct err *e);

/* Check an allow list: ranges, host bits, nothing that is denied anyway. */
int allow_check(const struct sysconf *c, const struct req_net_up *rq,
    uint8_t *bad, struct err *e);

/* Does any port of the request listen on loopback? */
int ports_local(const struct req_net_up *rq);

/* Reserve the ports for slot's VM in v->ports: by a bound socket that never
 * listens, for ports from 1024 up. -1 with *e and *bad: EADDRINUSE,
 * EADDRNOTAVAIL (not an address of this host). What was reserved is given
 * back by vmnet_clear(). */
int ports_hold(struct net *n, struct vmnet *v, const struct req_net_up *rq,
    uint8_t *bad, struct err *e);

/* After a restart: a port that another program took meanwhile stays the
 * VM's (its packets went there before and still do) but is logged; one that
 * another VM has is dropped and logged. -1 only without memory. */
int ports_hold_again(struct net *n, struct vmnet *v,
    const struct req_net_up *rq, struct err *e);

#endif
