/* SPDX-License-Identifier: ISC */
/*
 * The rows of policy/privops.def that privd-jail performs, as typed handlers
 * that the table generates.
 */
#ifndef JAIL_DISPATCH_H
#define JAIL_DISPATCH_H

#include <stddef.h>

#include "common/err.h"
#include "policy/privops.h"
#include "privd/jail/jail.h"

enum { OP_DONE = 0, OP_LATER = 1 };

/* A request being served. */
struct op {
	struct wire_msg *m;	/* descriptors left in it are closed after */
	int out;		/* sent with a good reply, not closed; -1 */
	struct err e;		/* of a refused one */
};

/* Handlers: OP_DONE with *rep filled (its rep_hdr is the dispatcher's), -1
 * with o->e, or OP_LATER when the answer comes by itself. */
#define JAIL_OP_FRONT(NAME, name)
#define JAIL_OP_NET(NAME, name)
#define JAIL_OP_JAIL(NAME, name)                                        \
	int op_##name(struct jail *j, struct op *o,                     \
	    const struct req_##name *req, struct rep_##name *rep);
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx)            \
	JAIL_OP_##srv(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
#undef JAIL_OP_JAIL

/* Serve one well-framed record from front. Anything malformed is fatal: it
 * can only come from a broken or hostile front. */
void dispatch(struct jail *j, struct wire_msg *m);

/* Answer req on front's wire, with descriptor fd unless negative (it stays
 * the caller's). Fatal when front is gone or does not read for long. */
void reply_front(const struct wire_hdr *req, const void *body, size_t n,
    int fd);

/* Send on a wire of jail, waiting up to a second for room. 0 or -1. */
int send_wait(int wire, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds);

#endif
