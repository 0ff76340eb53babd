/* SPDX-License-Identifier: ISC */
/*
 * Guest channels: up to CHANNELS_MAX byte streams between the guest and one
 * program of the host each. A port is a line without an end: who connects
 * gets what the guest writes from then on, and what the guest writes while
 * nobody is connected is lost. Within a connection nothing is lost: who does
 * not read holds up that port of the guest and nothing else.
 */
#ifndef CTLD_SUP_CHANNEL_H
#define CTLD_SUP_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/vmfd.h"
#include "policy/supops.h"

#define CALLERS_MAX 4u		/* connections that have not said which port */
#define CALLER_MS 5000		/* and how long they may take */
#define CALLER_LINE 64u
#define CHANNEL_BUF 4096u

struct sup;
struct pollfd;

struct channel_buf {
	size_t at, n;		/* [at, at + n) waits */
	char b[CHANNEL_BUF];
};
struct channel {
	uint32_t port;		/* 0: not told yet */
	int vmm;		/* our end of the VMM's stream, or -1 */
	int client;		/* who is connected, or -1 */
	uint8_t open;		/* the guest has the port open */
	uint8_t done;		/* the client sends no more */
	uint8_t gone;		/* it has left; what it sent still goes on */
	struct channel_buf up;	/* client to guest */
	struct channel_buf down;
};
struct caller {
	int64_t until;		/* 0: free */
	int fd;
	size_t n;
	char line[CALLER_LINE];
};
struct channels {
	unsigned n;		/* of c[] in use: as many as jail made */
	int listen;		/* or -1 */
	int known;		/* ctld has told whose they are */
	uint32_t owner, nadmins, ready_port;
	int64_t accept_at;	/* not before */
	struct caller callers[CALLERS_MAX];
	struct channel c[CHANNELS_MAX];
	uint32_t admins[SUP_ADMINS_MAX];
};

/* "CONNECT PORT\n" at the beginning of n bytes. Pure. 1: *port is named and
 * *used bytes were its line; 0: more is needed; -1: it is something else. */
int channel_line(const char *buf, size_t n, uint32_t *port, size_t *used);

/* With the descriptors of n channels where common/vmfd.h says. 0 or -1. */
int channel_init(struct sup *s, uint32_t n);
/* ctld's word. 0, or -1: malformed. */
int channel_tell(struct sup *s, const struct supreq_channels *q);
/* Connect fd, which is taken if the answer is 0; else the errno of
 * supreq_connect. */
int channel_connect(struct sup *s, uint32_t port, int fd);
/* s->ready follows the guest's opening of this port. */
void channel_ready(struct sup *s, uint32_t port);
/* The VMM says that the guest opened or closed channel i. */
void channel_guest(struct sup *s, unsigned i, int open);
/* The VMM has ended: what it still said goes out, then all is closed. */
void channel_end(struct sup *s);

/* ---- for loop.c: CHANNEL_POLLS places of its array */
#define CHANNEL_POLLS (1 + CALLERS_MAX + 2 * CHANNELS_MAX)
void channel_want(const struct sup *s, struct pollfd *p);
void channel_act(struct sup *s, const struct pollfd *p);
void channel_expire(struct sup *s, int64_t now);
/* When something expires, 0: nothing will. */
int64_t channel_until(const struct sup *s);

#endif
