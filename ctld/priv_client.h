/* SPDX-License-Identifier: ISC */
/*
 * Requests to front, one typed stub priv_NAME() for each row of privops.def
 * whose asker is ctld. Asynchronous: the answer, an error or the deadline
 * (10 s) comes by the callback, always from the event loop, exactly once.
 */
#ifndef CTLD_PRIV_CLIENT_H
#define CTLD_PRIV_CLIENT_H

#include "policy/privops.h"
#include "policy/steps.h"

#define PRIV_DEADLINE_MS 10000

struct ctld;
struct priv;

struct vm_handle { uint32_t slot; uint64_t generation; };

struct priv_reply {
	uint16_t op;		/* enum privop */
	uint16_t step;		/* enum step at fault */
	int code;		/* 0 or errno */
	const void *body;	/* struct rep_NAME; NULL if none came */
	int *fds;		/* steal what is to be kept */
	unsigned nfds;
};
typedef void priv_fn(void *arg, const struct priv_reply *r);

/* fds are the caller's; they were sent or duplicated on return. */
#define PRIV_STUB_CTLD(NAME, name)                                         \
	void priv_##name(struct priv *p, const struct vm_handle *h,        \
	    const struct req_##name *req, const int *fds, unsigned nfds,   \
	    priv_fn *fn, void *arg);
#define PRIV_STUB_FRONT(NAME, name)
#define PRIV_STUB_JAIL(NAME, name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	PRIV_STUB_##ask(NAME, name)
#include "policy/privops.def"
#undef PRIVOP

/* Owns the wire. A malformed answer or its end is fatal: one fate. */
struct priv *priv_new(struct ctld *c, int fd);

#endif
