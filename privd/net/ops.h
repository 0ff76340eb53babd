/* SPDX-License-Identifier: ISC */
/*
 * The handlers of the rows of policy/privops.def that net serves; one file
 * each. 0, or -1 with *e: the dispatcher answers its code and step. EBADMSG
 * means that no honest peer sends this, and ends the process.
 */
#ifndef PRIVD_NET_OPS_H
#define PRIVD_NET_OPS_H

#include "privd/net/slot.h"

#define NET_OP_NET(name)                                               \
	int op_##name(struct net *n, struct wire_msg *m,               \
	    const struct req_##name *rq, struct rep_##name *rp,        \
	    struct err *e);
#define NET_OP_FRONT(name)
#define NET_OP_JAIL(name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) NET_OP_##srv(name)
#include "policy/privops.def"
#undef PRIVOP
#undef NET_OP_NET
#undef NET_OP_FRONT
#undef NET_OP_JAIL

/* Everything that op_net_up made and that does not go with the namespace.
 * Idempotent; errors are logged, not returned. */
void net_undo(struct net *n, uint32_t slot, struct vmnet *v);

/* The element by which the host lets a VM go to granted ports: there or not
 * (op_net_down.c). Idempotent; 0 or -1 with errno. */
int grant_set(struct net *n, uint32_t slot, struct vmnet *v, int on);

/* The host's tables with all elements, as one batch, read back. op_net_commit.c
 */
int host_commit(struct net *n, struct err *e);

/* Serve until a wire ends. Returns 0 then. */
int net_serve(struct net *n);

#endif
