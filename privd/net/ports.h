/* SPDX-License-Identifier: ISC */
/*
 * The operator's policy on published ports and on allow lists, and the
 * reservation of ports on the host. The checks are pure.
 */
#ifndef PRIVD_NET_PORTS_H
#define PRIVD_NET_PORTS_H

#include <netinet/in.h>

#include "privd/net/slot.h"

/* Check what an owner wants to publish, against what the operator grants; put
 * the default into ports[].addr where it says 0, and 0 (INADDR_ANY) where it
 * says NET_ADDR_ANY. -1 with *e and *bad as in rep_net_up: EBADMSG for what
 * no honest ctld sends, EACCES for policy, EINVAL for nonsense. */
int ports_check(const struct sysconf *c, uint32_t owner,
    struct req_net_up *rq, uint8_t *bad, struct err *e);

/* The same for a running VM: what it has already needs no grant any more. */
int ports_check_change(const struct sysconf *c, uint32_t owner,
    const struct vmnet *v, struct req_net_up *rq, uint8_t *bad,
    struct err *e);
/* The VM's port of this protocol, number and (resolved) address, or NULL. */
const struct held_port *ports_find(const struct vmnet *v,
    const struct net_port *p);

/* Check an allow list: ranges, host bits, nothing that is denied anyway and
 * not granted to this owner. */
int allow_check(const struct sysconf *c, uint32_t owner,
    const struct req_net_up *rq, uint8_t *bad, struct err *e);

/* Does an entry of the list in force need a grant of its owner's? */
int allow_any_granted(const struct sysconf *c, const struct vmnet *v);
/* What is named twice, once: a set has it once, and readset.c counts. */
void allow_unique(struct req_net_up *rq);

/* ---- addresses */
int in_net(uint32_t addr, uint32_t net, unsigned prefix);
const char *ip_text(uint32_t addr, char text[INET_ADDRSTRLEN]);

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
 * another VM has is dropped and logged, and so is one that the kernel's table
 * does not lead to slot's VM and that is not granted or not free. -1 only
 * without memory. */
int ports_hold_again(struct net *n, struct vmnet *v, uint32_t slot,
    struct req_net_up *rq, struct err *e);

/* One port: as asked for, not reserved; its reservation (0, or -1 with
 * errno); the words for a failed one (-1). */
struct held_port port_of(const struct net_port *from);
int port_hold(struct net *n, struct held_port *p);
int port_refused(const struct held_port *p, struct err *e);

/* ---- portset.c: another set of ports for a running VM. */
/* Those that v has keep their reservation, the others get one. *out: as many
 * as rq has, NULL for none. -1 with *e and *bad, nothing changed. */
int ports_rehold(struct net *n, const struct vmnet *v,
    const struct req_net_up *rq, struct held_port **out, uint8_t *bad,
    struct err *e);
/* Give up what is reserved in a, but not in b. */
void ports_leave(struct net *n, const struct held_port *a, unsigned na,
    const struct held_port *b, unsigned nb);
/* Is a's port i, guest port included, in b? */
int ports_same(const struct held_port *p, const struct held_port *b,
    unsigned nb);

#endif
