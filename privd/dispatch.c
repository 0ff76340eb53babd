/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. Generated from policy/privops.def: from a request's number
 * to the typed function of its row. The frame (length, descriptors, asker)
 * was checked before; a row that ctld may not ask never comes here.
 */
#include "privd/front.h"

enum verdict
dispatch_check(const struct front *f, const struct slot *s, uint16_t type,
    const void *body, struct rep_hdr *no)
{
	switch (type) {
#define CHECK_CTLD(NAME, name)  \
	case PRIVOP_##NAME:     \
		return check_##name(f, s, body, no);
#define CHECK_FRONT(NAME, name)
#define CHECK_JAIL(NAME, name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	CHECK_##ask(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
	default:
		return V_MALFORMED;
	}
}

enum verdict
dispatch_op(struct front *f, struct slot *s, struct call *c, void *rep)
{
	const void *body = c->body;

	switch (c->type) {
#define OP_FRONT(NAME, name)    \
	case PRIVOP_##NAME:     \
		return op_##name(f, s, c, body, rep);
#define OP_NET(NAME, name)
#define OP_JAIL(NAME, name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	OP_##srv(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
	default:
		return V_MALFORMED;
	}
}
