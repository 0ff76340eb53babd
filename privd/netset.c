/* SPDX-License-Identifier: ISC */
/*
 * Runs in front: what NET_SET needs beside its row. The owner's decision, by
 * the client's own socket; the ceilings on lists; and the ledger, which has
 * the new lists before net hears of them and the old ones again when net
 * refused. Whichever is there when front dies, net restores only what the
 * kernel still lets through inside the VM's namespace.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/front.h"

int
netset_admit(const struct front *f, const struct slot *s,
    const struct call *c, struct rep_hdr *no)
{
	const struct req_net_set *rq = (const void *)c->body;

	if (owner_asks(f, s, c->fds[0], no) < 0)
		return -1;
	return quota_lists(f, s, &rq->up, no);
}

static int
write_counts(struct front *f, struct slot *s, uint32_t nports,
    uint32_t nallow)
{
	const struct ledger_slot was = s->rec;

	if (was.nports == nports && was.nallow == nallow)
		return 0;
	s->rec.nports = nports;
	s->rec.nallow = nallow;
	if (slot_set_state(f, s, s->rec.state) == 0)
		return 0;
	s->rec = was;
	return -1;
}

static uint32_t
more(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

int
netset_intent(struct front *f, struct slot *s, struct call *c)
{
	const struct req_net_set *rq = (const void *)c->body;
	uint32_t n = slot_number(f, s);

	if (c->was != NULL)
		return 0; /* written; net had no room for it then */
	c->was = calloc(1, sizeof(*c->was));
	if (c->was == NULL)
		return -1;
	/* a record that is damaged cannot come back either */
	if (ledger_read_net(&f->ledger, n, s->rec.generation, c->was) < 0)
		*c->was = rq->up;
	if (write_counts(f, s, more(rq->up.nports, s->rec.nports),
		more(rq->up.nallow, s->rec.nallow)) == 0 &&
	    ledger_write_net(&f->ledger, n, s->rec.generation, &rq->up) == 0)
		return 0;
	netset_done(f, s, c, EIO);
	return -1;
}

void
netset_done(struct front *f, struct slot *s, const struct call *c, int code)
{
	const struct req_net_set *rq = (const void *)c->body;
	const struct req_net_up *now = code == 0 ? &rq->up : c->was;
	uint32_t n = slot_number(f, s);

	if ((code != 0 && ledger_write_net(&f->ledger, n, s->rec.generation,
	    now) < 0) || write_counts(f, s, now->nports,
	    now->nallow) < 0)
		log_err("slot=%u: its lists are not in the ledger (%s)", n,
		    strerror(errno));
}
