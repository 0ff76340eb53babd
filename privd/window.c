/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. What an op-server has to do at a time is bounded; slots whose
 * request found no room wait in a line of the op-server's. Starts that hang,
 * and one owner's all the more, leave room for stops and for other owners'
 * starts.
 */
#include "privd/front.h"

void
window_leave(struct server *srv, struct slot *s)
{
	struct slot **p = &srv->wait_head, *last = NULL;

	while (*p != NULL) {
		if (*p == s) {
			*p = s->wait_next;
			s->wait_next = NULL;
			s->waiting = 0;
		} else {
			last = *p;
			p = &last->wait_next;
		}
	}
	srv->wait_tail = last;
}

/* What ends a VM goes before what starts one, whoever came first. */
static int
ends(const struct slot *s)
{
	return s->head->accepted ||
	    (s->rec.state & (ST_DYING | ST_REAPED)) != 0;
}

void
window_wait(struct server *srv, struct slot *s)
{
	struct slot **p = &srv->wait_head;

	while (*p != NULL && (!ends(s) || ends(*p)))
		p = &(*p)->wait_next;
	s->waiting = 1;
	s->wait_next = *p;
	*p = s;
	if (s->wait_next == NULL)
		srv->wait_tail = s;
}

int
window_room(const struct server *srv, const struct slot *s)
{
	unsigned i, all = 0, his = 0;

	if (srv->used == SERVER_WINDOW || s->head->type != PRIVOP_SPAWN)
		return srv->used < SERVER_WINDOW;
	for (i = 0; i < srv->used; i++) {
		if (srv->flights[i]->flight->type != PRIVOP_SPAWN)
			continue;
		all++;
		his += srv->flights[i]->rec.owner == s->rec.owner;
	}
	return all < SPAWN_WINDOW && his < SPAWN_OWNER;
}
