/* SPDX-License-Identifier: ISC */
/*
 * One client's connection: messages (JSON, ended by a NUL byte) in with
 * their descriptors, text out. All sizes and waits are bounded; a client that
 * breaks a bound is told so where that is possible, and loses its connection.
 */
#ifndef CTLD_CLIENT_CONN_H
#define CTLD_CLIENT_CONN_H

#include <stddef.h>
#include <stdint.h>

#define CONN_MESSAGE_MAX (64u << 10)	/* bytes, the NUL included */
#define CONN_FDS_MAX 28u		/* descriptors of one message */
#define CONN_HALF_MS 5000		/* first byte to NUL of a message */
#define CONN_STUCK_MS 10000		/* a reader that does not read */
#define CONN_OUT 16384u

struct conn {
	int sock;		/* client's, non-blocking */
	int wire;		/* to ctld; watched for its end */
	int dead;		/* nothing more can be sent */
	size_t n;		/* bytes of the message in `in` */
	unsigned nfds;
	int fds[CONN_FDS_MAX];	/* of this message; -1: taken */
	int pass;		/* goes with the next byte sent, or -1 */
	size_t nout;
	char out[CONN_OUT];
	char in[CONN_MESSAGE_MAX];
};

enum conn_end {
	CONN_MESSAGE = 1,	/* c->in holds c->n bytes, without the NUL */
	CONN_EOF = 0,		/* client or ctld gone, orderly or not */
	CONN_TOO_LONG = -1,
	CONN_HALF = -2,		/* silence in the middle of a message */
	CONN_FDS = -3,		/* more descriptors than CONN_FDS_MAX */
};

void conn_init(struct conn *c, int sock, int wire);

/* Wait for one whole message; pipelined ones stay in the socket. */
enum conn_end conn_next(struct conn *c);

/* Queue text; sent when the buffer is full and by conn_flush(). After a
 * failure (reader gone or stuck) c->dead is set and all is dropped. */
void conn_put(struct conn *c, const char *text, size_t n);
void conn_flush(struct conn *c);
/* A descriptor (the caller's) to go with the message at hand; flushed by the
 * caller before it is closed. */
void conn_pass(struct conn *c, int fd);

/* Wait at most ms for input on c->wire (fd -1: on nothing), or the end of
 * either peer: 1 input, 0 time is over, -1 an end. */
int conn_wait(struct conn *c, int fd, int ms);

#endif
