/* SPDX-License-Identifier: ISC */
/*
 * Clients' connections and their requests. A ticket is one request on its way
 * to an answer; it is answered exactly once, or vanishes with its connection.
 */
#ifndef CTLD_API_H
#define CTLD_API_H

#include <stddef.h>
#include <stdint.h>
#include <bsd/sys/queue.h>

#include "common/err.h"
#include "policy/clientops.h"

struct attach;
struct ctld;
struct conn;
struct vm;

TAILQ_HEAD(tickets, ticket);
struct ticket {
	TAILQ_ENTRY(ticket) of_conn, of_list;
	struct ctld *ctld;
	struct conn *conn;
	struct tickets *among;	/* the list that it waits in, or NULL */
	struct vm *vm;		/* ABOUT_VM: found for the handler, which may
				   free it; the caller's to touch */
	struct vm *starting;	/* whose start it is, or NULL */
	int streams;		/* its connection was a stream before it */
	uint64_t after;		/* EVENTS: the last one that it knows */
	char name[64];		/* the VM that it is about, as far as known */
	struct attach *attach;	/* its stream on the way, or NULL */
	struct wire_hdr h;
	uint32_t uid;		/* of the client's socket, by the kernel */
	int admin;
};

/* Handlers: api_NAME() for each row of clientops.def. They answer now or
 * later; -1: the record was malformed, the wire is closed. */
#define CLIENTOP(NAME, name, about, i0, i1, o0, o1) \
	int api_##name(struct ticket *t, struct wire_msg *m);
#include "policy/clientops.def"
#undef CLIENTOP

/* Answer; the ticket is freed. body is the row's struct clrep_NAME. */
void ticket_reply(struct ticket *t, const void *body, const int *fds,
    unsigned nfds);
void ticket_ok(struct ticket *t);		/* all zero: done */
void ticket_fault(struct ticket *t, const struct rep_cl *why);
void ticket_deny(struct ticket *t, enum cl_error error, const char *field,
    const char *reason);
/* Let it wait in a list; whoever answers it takes it out. */
void ticket_wait(struct ticket *t, struct tickets *list);
/* It holds its connection from now on, until the connection's next request:
 * one of its owner's streams. 0, or -1: one too many, and answered. */
int ticket_stream(struct ticket *t);
/* All that wait there: done, or why not. */
void tickets_ok(struct tickets *list);
void tickets_fault(struct tickets *list, const struct rep_cl *why);
/* The client's own accepted socket: ours to lend, not to close. */
int ticket_sock(const struct ticket *t);

/* The client is gone: so is the stream that it asked for. */
void attach_cancel(struct attach *a);

/* Hear the listener; owns fd. Reads nothing before conns_serve(). */
struct conns *conns_new(struct ctld *c, int fd);
int conns_serve(struct conns *cs);

#endif
