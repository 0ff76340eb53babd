/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Distrusts vmsup, which a hostile VMM may have taken over:
 * every record is checked against supops.def, unknown enum values end the
 * connection, reconnecting is paced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <bsd/string.h>
#include <bsd/sys/queue.h>
#include <event2/event.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/loglimit.h"
#include "ctld/ctld.h"
#include "ctld/link.h"
#include "ctld/sup_client.h"

#define QUEUE_MAX 32u
#define RETRY_MS 20
#define RETRY_MAX_MS 1000

struct sup_ask {
	TAILQ_ENTRY(sup_ask) next;
	uint32_t seq;
	sup_done *fn;		/* NULL: forgotten */
	void *arg;
};

struct sup {
	struct ctld *ctld;
	struct link *link;	/* NULL: not connected */
	struct event *timer;
	const struct sup_ops *ops;
	void *arg;
	struct vm_handle h;
	char text[64];		/* of READY, said again after a reconnect */
	int want_rings;
	struct supreq_state held; /* an end that waits for the rings */
	int retry_ms;
	unsigned owed;		/* answers on this connection */
	uint32_t seq;
	uint32_t version;	/* of HELLO's answer; 0: not yet */
	uint32_t rate;		/* of PACE */
	uint32_t owner;		/* whose log lines its words are */
	TAILQ_HEAD(, sup_ask) asks;
};

static void
sup_addr(struct sockaddr_un *sa, const struct vm_handle *h)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	(void)snprintf(sa->sun_path, sizeof(sa->sun_path), "s-%u-%llx",
	    h->slot, (unsigned long long)h->generation);
}

int
sup_socket_name(const char *name, struct vm_handle *h)
{
	unsigned long long gen;
	struct sockaddr_un sa;
	unsigned slot;

	if (sscanf(name, "s-%u-%llx", &slot, &gen) != 2)
		return -1;
	h->slot = slot;
	h->generation = gen;
	sup_addr(&sa, h);
	return strcmp(sa.sun_path, name) == 0 ? 0 : -1;
}

void
sup_unlink(const struct vm_handle *h)
{
	struct sockaddr_un sa;

	sup_addr(&sa, h);
	(void)unlink(sa.sun_path);
}

int
sup_listen(const struct vm_handle *h)
{
	struct sockaddr_un sa;
	int fd CLEANUP_FD = -1;

	sup_addr(&sa, h);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -1;
	if (listen(fd, 4) < 0) {
		sup_unlink(h);
		return -1;
	}
	return fd_steal(&fd);
}

static int
sup_send(struct sup *s, uint16_t op, const void *body, const int *fds,
    unsigned nfds)
{
	struct wire_hdr h = { .type = op };

	if (s == NULL || s->link == NULL) {
		errno = ENOTCONN;
		return -1;
	}
	h.seq = ++s->seq;
	if (link_send(s->link, &h, body, supop_row(op)->req_len, fds,
		nfds) < 0)
		return -1;
	s->owed++;
	return 0;
}

static int
sup_say(struct sup *s, uint16_t op, const void *body)
{
	return sup_send(s, op, body, NULL, 0);
}

static void
ask_end(struct sup *s, struct sup_ask *a, int code)
{
	TAILQ_REMOVE(&s->asks, a, next);
	if (a->fn != NULL)
		a->fn(a->arg, code);
	free(a);
}

static void
ask_end_all(struct sup *s)
{
	struct sup_ask *a;

	while ((a = TAILQ_FIRST(&s->asks)) != NULL)
		ask_end(s, a, EPIPE);
}

void
sup_forget(struct sup_ask *a)
{
	if (a != NULL)
		a->fn = NULL;
}

struct sup_ask *
sup_request(struct sup *s, uint16_t op, const void *body, int fd,
    sup_done *fn, void *arg)
{
	struct sup_ask *a;

	if (s->link != NULL && s->version < 2) {
		errno = s->version == 0 ? EAGAIN : EOPNOTSUPP;
		return NULL;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	if (sup_send(s, op, body, &fd, 1) < 0) {
		free(a);
		return NULL;
	}
	a->seq = s->seq;
	a->fn = fn;
	a->arg = arg;
	TAILQ_INSERT_TAIL(&s->asks, a, next);
	return a;
}

int
sup_shutdown(struct sup *s)
{
	struct supreq_shutdown r = { 0 };

	return sup_say(s, SUPOP_SHUTDOWN, &r);
}

int
sup_pause(struct sup *s)
{
	struct supreq_pause r = { 0 };

	return sup_say(s, SUPOP_PAUSE, &r);
}

int
sup_resume(struct sup *s)
{
	struct supreq_resume r = { 0 };

	return sup_say(s, SUPOP_RESUME, &r);
}

int
sup_quit(struct sup *s)
{
	struct supreq_quit r = { 0 };

	return sup_say(s, SUPOP_QUIT, &r);
}

int
sup_ack_exit(struct sup *s)
{
	struct supreq_ack_exit r = { 0 };

	return sup_say(s, SUPOP_ACK_EXIT, &r);
}

int
sup_ready(struct sup *s, const char *text)
{
	struct supreq_ready r = { 0 };

	(void)strlcpy(s->text, text, sizeof(s->text));
	(void)strlcpy(r.text, text, sizeof(r.text));
	return sup_say(s, SUPOP_READY, &r);
}

int
sup_channels(struct sup *s, const struct supreq_channels *q)
{
	return sup_say(s, SUPOP_CHANNELS, q);
}

int
sup_ready_port(struct sup *s, uint32_t port)
{
	struct supreq_ready_port r = { .port = port };

	return sup_say(s, SUPOP_READY_PORT, &r);
}

/* What an older one would take for nonsense. */
static void
say_pace(struct sup *s)
{
	struct supreq_pace r = { .rate = s->rate };

	if (s->version >= 3)
		(void)sup_say(s, SUPOP_PACE, &r);
}

static int
state_ok(const struct supreq_state *st)
{
	return st->state >= SUP_STARTING && st->state <= SUP_ENDED &&
	    st->end <= END_VMM_ERROR && st->ready <= 1;
}

/* An end is told after the rings came: what was printed last is saved with
 * it. It is said again after a reconnect, so holding it loses nothing. */
static void
tell_state(struct sup *s, const struct supreq_state *st)
{
	if (s->want_rings && st->state == SUP_ENDED)
		s->held = *st;
	else
		s->ops->state(s->arg, st);
}

static void
tell_held(struct sup *s)
{
	struct supreq_state st = s->held;

	s->want_rings = 0;
	memset(&s->held, 0, sizeof(s->held));
	if (st.state == SUP_ENDED)
		s->ops->state(s->arg, &st);
}

/* The answer to a sup_request(); others mean nothing. */
static void
on_asked(struct sup *s, uint32_t seq, int code)
{
	struct sup_ask *a;

	TAILQ_FOREACH(a, &s->asks, next)
		if (a->seq == seq) {
			ask_end(s, a, code);
			return;
		}
}

static int
on_reply(struct sup *s, struct wire_msg *m)
{
	uint16_t op = (uint16_t)(m->h.type & ~WIRE_REPLY);
	const struct wire_row *row = supop_row(op);
	struct suprep_hello hello;
	struct supreq_state st;
	struct rep_hdr r;

	/* one that answers what nobody asked would fill our log */
	if (row == NULL || wire_check_reply(m, row) < 0 || s->owed == 0)
		return -1;
	s->owed--;
	memcpy(&r, m->body, sizeof(r));
	if (op == SUPOP_CONSOLE || op == SUPOP_CONNECT) {
		on_asked(s, m->h.seq, r.code);
		return 0;
	}
	if (r.code != 0) {
		log_of(s->owner, "vm=%u sup-op=%s err=%s", s->h.slot, row->name,
		    strerror(r.code));
		if (op == SUPOP_RINGS && s->want_rings)
			tell_held(s);
		if (op == SUPOP_PAUSE || op == SUPOP_RESUME)
			s->ops->answer(s->arg, op, r.code);
		return 0;
	}
	s->retry_ms = RETRY_MS;
	if (op == SUPOP_HELLO) {
		memcpy(&hello, m->body, sizeof(hello));
		st = (struct supreq_state){ hello.state, hello.end,
			hello.wait_status, hello.ready };
		if (hello.version == 0 ||
		    hello.version > SUP_VERSION || !state_ok(&st))
			return -1;
		s->version = hello.version;
		say_pace(s);
		tell_state(s, &st);
	} else if (op == SUPOP_RINGS && s->want_rings) {
		s->ops->rings(s->arg, fd_steal(&m->fds[0]),
		    fd_steal(&m->fds[1]));
		tell_held(s);
	} else if (op == SUPOP_PAUSE || op == SUPOP_RESUME) {
		s->ops->answer(s->arg, op, 0);
	}
	return 0;
}

static int
on_msg(void *arg, struct wire_msg *m)
{
	struct supreq_state st;
	struct sup *s = arg;

	if (m->h.slot != 0 || m->h.generation != 0)
		return -1;
	if ((m->h.type & WIRE_REPLY) != 0)
		return on_reply(s, m);
	if (m->h.type != SUPOP_STATE ||
	    wire_check_request(m, supop_row(SUPOP_STATE)) < 0)
		return -1;
	memcpy(&st, m->body, sizeof(st));
	if (!state_ok(&st))
		return -1;
	tell_state(s, &st);
	return 0;
}

static void
retry_later(struct sup *s)
{
	struct timeval tv = { s->retry_ms / 1000,
		s->retry_ms % 1000 * 1000 };

	if (s->retry_ms < RETRY_MAX_MS)
		s->retry_ms *= 2;
	if (evtimer_add(s->timer, &tv) < 0)
		fatal("timer");
}

static void
on_end(void *arg, const char *why)
{
	struct sup *s = arg;

	if (why != NULL)
		log_of(s->owner, "vm=%u vmsup: %s", s->h.slot, why);
	link_free(s->link);
	s->link = NULL;
	s->version = 0;
	ask_end_all(s);
	retry_later(s);
}

static const struct link_ops ops = { on_msg, NULL, on_end };

static void
sup_connect(struct sup *s)
{
	struct supreq_hello hello = { .version = SUP_VERSION };
	struct supreq_rings rings = { 0 };
	struct sockaddr_un sa;
	int fd CLEANUP_FD = -1;

	sup_addr(&sa, &s->h);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    (s->link = link_new(s->ctld->base, fd_steal(&fd), QUEUE_MAX, &ops,
		 s)) == NULL) {
		retry_later(s);
		return;
	}
	if (link_start(s->link) < 0)
		fatal("event_add");
	s->owed = 0;
	(void)sup_say(s, SUPOP_HELLO, &hello);
	if (s->want_rings)
		(void)sup_say(s, SUPOP_RINGS, &rings);
	if (s->text[0] != '\0') {
		struct supreq_ready r = { 0 };

		(void)strlcpy(r.text, s->text, sizeof(r.text));
		(void)sup_say(s, SUPOP_READY, &r);
	}
	s->ops->greet(s->arg, s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sup_connect(arg);
}

struct sup *
sup_open(struct ctld *c, const struct vm_handle *h, uint32_t owner,
    int want_rings, const struct sup_ops *sops, void *arg)
{
	struct sup *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	TAILQ_INIT(&s->asks);
	s->ctld = c;
	s->ops = sops;
	s->arg = arg;
	s->owner = owner;
	s->rate = sysconf_owner(&c->conf, owner)->console_rate;
	s->want_rings = want_rings;
	s->retry_ms = RETRY_MS;
	s->h = *h;
	if ((s->timer = evtimer_new(c->base, on_timer, s)) == NULL) {
		free(s);
		return NULL;
	}
	sup_connect(s);
	return s;
}

void
sup_drain(struct sup *s)
{
	if (s != NULL && s->link != NULL)
		link_drain(s->link);
	if (s != NULL && s->held.state == SUP_ENDED)
		tell_held(s); /* it ends without having sent them */
}

void
sup_close(struct sup *s)
{
	if (s == NULL)
		return;
	ask_end_all(s);
	link_free(s->link);
	event_free(s->timer);
	free(s);
}
