/* SPDX-License-Identifier: ISC */
/*
 * A VM's allow list and published ports while the record of it exists. Each
 * wish is carried out against what is in force when its turn comes, so two
 * additions at once are both there.
 */
#ifndef CTLD_VM_NET_H
#define CTLD_VM_NET_H

#include "ctld/vm.h"

struct netwish {
	int of_ports;		/* else of the allow list */
	uint32_t what;		/* enum fw_what */
	uint32_t n;
	struct net_allow allow[NET_ALLOW_MAX];
	struct net_port ports[NET_PORTS_MAX];
};

/* Takes the ticket; it is answered when the change is in force and on disk,
 * or is not. */
void vm_net(struct vm *vm, struct ticket *t, const struct netwish *w);

/* The lists that a wish makes of *up. Pure. -1 with *e: the field, the entry,
 * the remedy. */
int netwish_apply(const struct netwish *w, struct req_net_up *up,
    struct err *e);

#endif
