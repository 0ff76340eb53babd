/* SPDX-License-Identifier: ISC */
/*
 * The host's tables, named by the instance: constant rules on the interface
 * prefix. A VM is one element of a set, a published port one of a map, so
 * that a VM costs the same whether 10 or 5,000 are there.
 */
#ifndef PRIVD_NET_HOSTRULES_H
#define PRIVD_NET_HOSTRULES_H

#include "privd/net/rules.h"
#include "privd/net/slot.h"

enum { HOST_SET_VM, HOST_SET_PUB, HOST_SET_PUBADDR, HOST_SET_GRANTED,
	HOST_SET_FLOWS, HOST_SETS };
extern const struct ruleset host_rules;

/* Delete what is there of this instance and write it anew, empty; elements
 * may follow. */
void hostrules(struct nft *t, const struct sysconf *c, int was_routing);
/* Delete both tables, whether they exist or not. */
void hostrules_del(struct nft *t, const struct sysconf *c);

/* The elements of one VM; one message for the VM, one a port. */
void hostelems(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned nports, int del);
/* Element i alone: 0 the VM, 1.. the ports. */
void hostelem(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned i, int del);
/* The VM may go to ports of others that its list and a grant name. */
void hostelem_granted(struct nft *t, const struct sysconf *c, uint32_t slot,
    int del);
/* nft_commit() to the host's table. Whether an element is in it must be
 * known: without an answer this net ends, and the next one writes the table
 * anew, as the ledger has it. */
int hostelems_commit(struct nft *t, unsigned *bad);
/* Does the kernel's table, of this net or the one before, lead this port to
 * that slot's VM? 1 or 0 (also when it cannot be asked). */
int hostelem_there(struct net *n, uint32_t slot, const struct held_port *p);

#endif
