/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. Believes of front only what a record's frame says; the
 * handlers check every field against what jail knows itself.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/rolefd.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"

#define SEND_MS 1000
#define WATCHDOG_S 10	/* no request may hold jail up for longer */

typedef int (*handler)(struct jail *, struct op *, const void *, void *);

#define JAIL_OP_JAIL(NAME, name)                                        \
	static int                                                      \
	call_##name(struct jail *j, struct op *o, const void *q, void *r) \
	{                                                               \
		return op_##name(j, o, q, r);                           \
	}
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx)            \
	JAIL_OP_##srv(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
#undef JAIL_OP_JAIL

static const handler handlers[PRIVOP_END] = {
#define JAIL_OP_JAIL(NAME, name) [PRIVOP_##NAME] = call_##name,
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx)            \
	JAIL_OP_##srv(NAME, name)
#include "policy/privops.def"
#undef PRIVOP
#undef JAIL_OP_JAIL
};

int
send_wait(int wire, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	struct pollfd p = { .fd = wire, .events = POLLOUT };

	while (wire_send(wire, h, body, n, fds, nfds) < 0) {
		if (errno != EAGAIN)
			return -1;
		if (poll(&p, 1, SEND_MS) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

void
reply_front(const struct wire_hdr *req, const void *body, size_t n, int fd)
{
	struct wire_hdr h = { .type = req->type | WIRE_REPLY,
		.seq = req->seq, .slot = req->slot,
		.generation = req->generation };

	if (send_wait(JAIL_FD_FRONT, &h, body, n, &fd, fd >= 0) < 0)
		fatal("cannot answer front");
}

/* The end of a list and "not yet dead" are answers, not trouble. */
static void
log_refusal(const struct privop_row *row, const struct wire_hdr *h,
    const struct err *e)
{
	if ((h->type == PRIVOP_LIST_NEXT && e->code == ENOENT) ||
	    (h->type == PRIVOP_REAP && e->code == EBUSY))
		return;
	log_warn("op=%s vm=%u.%llu step=%s err=%s: %s", row->w.name, h->slot,
	    (unsigned long long)h->generation, step_name(e->step),
	    strerror(e->code), e->msg);
}

void
dispatch(struct jail *j, struct wire_msg *m)
{
	_Alignas(8) unsigned char rep[WIRE_BODY_MAX];
	const struct privop_row *row = privop_row(m->h.type);
	struct op o = { .m = m, .out = -1 };
	struct rep_hdr r = { 0 };
	int k;

	if (row == NULL || handlers[m->h.type] == NULL)
		fatalx("front sent request %u, which is not jail's",
		    m->h.type);
	if (wire_check_request(m, &row->w) < 0)
		fatalx("malformed request %s from front", row->w.name);
	memset(rep, 0, row->w.rep_len);
	(void)alarm(WATCHDOG_S);
	k = handlers[m->h.type](j, &o, m->body, rep);
	wire_drop_fds(m);
	(void)alarm(0);
	if (k == OP_LATER)
		return;
	if (k < 0) {
		memset(rep, 0, row->w.rep_len);
		r.code = o.e.code;
		r.step = o.e.step;
		log_refusal(row, &m->h, &o.e);
	}
	memcpy(rep, &r, sizeof(r));
	reply_front(&m->h, rep, row->w.rep_len, k < 0 ? -1 : o.out);
}
