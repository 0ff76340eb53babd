/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Who a client is comes from the kernel (SO_PEERCRED of its
 * accepted socket), never from a record. A malformed record ends that wire
 * only. Bounded: connections and streams of an owner, its requests a second,
 * those of a connection, records waiting for a client that does not read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <event2/event.h>

#include "common/bucket.h"
#include "common/fdlook.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/loglimit.h"
#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/fault.h"
#include "ctld/link.h"
#include "ctld/vm.h"
#include "ctld/vm_start.h"

#define CONNS_MAX 1024u
#define CONNS_ADMIN 64u		/* more of them, for admins only */
#define TICKETS_MAX 4u		/* unanswered requests of a connection */
#define QUEUE_MAX 16u

struct conn {
	TAILQ_ENTRY(conn) next;
	struct conns *cs;
	struct link *link;
	int sock;		/* the client's accepted socket: attests */
	uint32_t uid;
	int admin;
	struct tickets tickets;
	unsigned ntickets;
	int streams;		/* it is one of its owner's streams */
	struct event *pace;	/* when it is read again */
};

struct conns {
	struct ctld *ctld;
	struct link *listener;
	TAILQ_HEAD(, conn) list;
	unsigned n;
	struct buckets paces;	/* requests of each user */
};

static int (*const handlers[CLIENTOP_END])(struct ticket *,
    struct wire_msg *) = {
#define CLIENTOP(NAME, name, about, i0, i1, o0, o1) \
	[CLIENTOP_##NAME] = api_##name,
#include "policy/clientops.def"
#undef CLIENTOP
};

static void
ticket_free(struct ticket *t)
{
	if (t->attach != NULL)
		attach_cancel(t->attach);
	if (t->among != NULL)
		TAILQ_REMOVE(t->among, t, of_list);
	TAILQ_REMOVE(&t->conn->tickets, t, of_conn);
	t->conn->ntickets--;
	free(t);
}

void
ticket_reply(struct ticket *t, const void *body, const int *fds,
    unsigned nfds)
{
	const struct clientop_row *row = clientop_row(t->h.type);
	struct wire_hdr h = { .type = t->h.type | WIRE_REPLY,
		.seq = t->h.seq };
	struct link *l = t->conn->link;
	struct rep_cl why;

	if (link_send(l, &h, body, row->w.rep_len, fds, nfds) < 0 &&
	    nfds > 0) {
		/* a descriptor could not be queued: say so instead */
		fault_host(&why, STEP_CTLD, errno, "answer");
		ticket_fault(t, &why);
		return;
	}
	ticket_free(t);
}

void
ticket_ok(struct ticket *t)
{
	unsigned char body[WIRE_BODY_MAX] = { 0 };

	ticket_reply(t, body, NULL, 0);
}

void
ticket_fault(struct ticket *t, const struct rep_cl *why)
{
	unsigned char body[WIRE_BODY_MAX] = { 0 };

	memcpy(body, why, sizeof(*why));
	if (why->error == CLE_DENIED || why->error == CLE_QUOTA)
		events_refused(t, why);
	ticket_reply(t, body, NULL, 0);
}

void
ticket_deny(struct ticket *t, enum cl_error error, const char *field,
    const char *reason)
{
	struct rep_cl why;

	fault_set(&why, error, field, "%s", reason);
	ticket_fault(t, &why);
}

void
ticket_wait(struct ticket *t, struct tickets *list)
{
	t->among = list;
	TAILQ_INSERT_TAIL(list, t, of_list);
}

void
tickets_ok(struct tickets *list)
{
	struct ticket *t;

	while ((t = TAILQ_FIRST(list)) != NULL)
		ticket_ok(t);
}

void
tickets_fault(struct tickets *list, const struct rep_cl *why)
{
	struct ticket *t;

	while ((t = TAILQ_FIRST(list)) != NULL)
		ticket_fault(t, why);
}

int
ticket_stream(struct ticket *t)
{
	uint32_t most = sysconf_owner(&t->ctld->conf, t->uid)->streams, n = 0;
	struct rep_cl why;
	struct conn *c;

	TAILQ_FOREACH(c, &t->conn->cs->list, next)
		n += c->uid == t->uid && c->streams;
	if (n < most || t->streams) {
		t->conn->streams = 1;
		return 0;
	}
	fault_quota(&why, CEIL_STREAMS, 0, most, n, 1);
	ticket_fault(t, &why);
	return -1;
}

int
ticket_sock(const struct ticket *t)
{
	return t->conn->sock;
}

/* The VM that a request names, if this caller may touch it; else the ticket
 * was answered: a foreign one and an absent one alike. */
static int
find_vm(struct ticket *t, const struct cl_ref *ref)
{
	uint32_t owner = ref->owner == OWNER_SELF ? t->uid : ref->owner;
	struct vm *vm;

	(void)strlcpy(t->name, ref->name, sizeof(t->name));
	if (vm_is_id(ref->name))
		vm = vm_by_id(t->ctld->vms, ref->name);
	else
		vm = vm_by_name(t->ctld->vms, owner, ref->name);
	if (vm != NULL && (vm->pub.owner == t->uid || t->admin)) {
		t->vm = vm;
		return 1;
	}
	ticket_deny(t, CLE_NOT_FOUND, "name", ref->name);
	return 0;
}

/* One place where an owner's requests find a VM; then the row's handler. */
static int
handle(struct ticket *t, const struct clientop_row *row, struct wire_msg *m)
{
	struct cl_ref ref;

	if (row->about == ABOUT_VM) {
		memcpy(&ref, m->body, sizeof(ref));
		if (!wire_str_ok(ref.name, sizeof(ref.name)) || ref.zero != 0)
			return -1;
		if (!find_vm(t, &ref))
			return 0;
	}
	return handlers[m->h.type](t, m);
}

/* Its user's pace: what is too fast was already read, what comes behind it is
 * not, for as long as that takes. Other users do not notice. */
static void
conn_pace(struct conn *c)
{
	const struct owner_conf *o = sysconf_owner(&c->cs->ctld->conf, c->uid);
	int64_t ms = bucket_owe(&c->cs->paces, c->uid, o->request_rate,
	    o->request_rate * BUCKET_SECONDS, now_ms());
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (ms == 0)
		return;
	link_stop(c->link);
	if (evtimer_add(c->pace, &tv) < 0)
		fatal("timer");
}

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (link_start(c->link) < 0)
		fatal("event_add");
}

static int
on_request(void *arg, struct wire_msg *m)
{
	struct conn *c = arg;
	const struct clientop_row *row = clientop_row(m->h.type);
	struct ticket *t;

	if (row == NULL || m->h.type == CLIENTOP_CONN || m->h.slot != 0 ||
	    m->h.generation != 0 || wire_check_request(m, &row->w) < 0 ||
	    c->ntickets >= TICKETS_MAX ||
	    (t = calloc(1, sizeof(*t))) == NULL) {
		log_of(c->uid, "op=%s uid=%u err=malformed request",
		    row != NULL ? row->w.name : "?", c->uid);
		return -1;
	}
	t->ctld = c->cs->ctld;
	t->conn = c;
	t->h = m->h;
	t->uid = c->uid;
	t->admin = c->admin;
	TAILQ_INSERT_TAIL(&c->tickets, t, of_conn);
	c->ntickets++;
	t->streams = c->streams;
	/* until no request of it is left, whatever else it asks */
	c->streams = c->streams && c->ntickets > 1;
	conn_pace(c);
	return handle(t, row, m);
}

/* The client's own process has looked at them, and may be the client's by
 * now. What could hang whoever closes it stays open until we end. */
static int
is_tame(void *arg, const struct wire_msg *m)
{
	struct conn *c = arg;
	struct ctld *ctld = c->cs->ctld;
	unsigned i;

	if (fdlook_tame(ctld->mounts, m->fds, m->nfds))
		return 1;
	log_of(c->uid, "uid=%u its connection's process sent a file of a file "
	    "system that may not answer", c->uid);
	for (i = 0; i < m->nfds; i++)
		ctld->wild[ctld->nwild++] = m->fds[i];
	if (ctld->nwild + WIRE_FDS_MAX > WILD_MAX)
		fatalx("too many files that cannot be closed");
	return 0;
}

static void
conn_free(struct conn *c)
{
	struct ticket *t;

	while ((t = TAILQ_FIRST(&c->tickets)) != NULL) {
		/* a start whose client is gone is undone */
		if (t->starting != NULL)
			start_forget(t->starting);
		ticket_free(t);
	}
	TAILQ_REMOVE(&c->cs->list, c, next);
	c->cs->n--;
	event_free(c->pace);
	link_free(c->link);
	fd_close(&c->sock);
	free(c);
}

static void
on_conn_end(void *arg, const char *why)
{
	struct conn *c = arg;

	if (why != NULL)
		log_of(c->uid, "uid=%u connection closed: %s", c->uid, why);
	conn_free(c);
}

static const struct link_ops conn_ops = { on_request, is_tame,
	on_conn_end };

static int
conn_may(struct conns *cs, uint32_t uid, int admin, struct rep_cl *why)
{
	const struct owner_conf *o = sysconf_owner(&cs->ctld->conf, uid);
	struct conn *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &cs->list, next)
		n += c->uid == uid;
	if (n < o->connections &&
	    cs->n < CONNS_MAX + (admin ? CONNS_ADMIN : 0))
		return 0;
	if (n >= o->connections)
		fault_quota(why, CEIL_CONNECTIONS, 0, o->connections, n, 1);
	else
		fault_quota(why, CEIL_CONNECTIONS, 1, CONNS_MAX, cs->n, 1);
	return -1;
}

/* The listener's word about a new connection; the kernel has the last. */
static int
conn_admit(struct conns *cs, struct wire_msg *m, struct rep_cl *why)
{
	struct clreq_conn rq;
	struct conn *c;
	uint32_t uid, gid;
	int admin;

	memcpy(&rq, m->body, sizeof(rq));
	if (wire_peer(m->fds[1], &uid, &gid) < 0 || uid != rq.uid ||
	    !sysconf_member(&cs->ctld->conf, uid)) {
		fault_set(why, CLE_DENIED, "", "not in group postern");
		return 0;
	}
	admin = sysconf_admin(&cs->ctld->conf, uid);
	if (conn_may(cs, uid, admin, why) < 0)
		return 0;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return -1;
	TAILQ_INIT(&c->tickets);
	c->cs = cs;
	c->uid = uid;
	c->admin = admin;
	c->pace = evtimer_new(cs->ctld->base, on_pace, c);
	c->link = link_new(cs->ctld->base, fd_steal(&m->fds[0]), QUEUE_MAX,
	    &conn_ops, c);
	if (c->pace == NULL || c->link == NULL || link_start(c->link) < 0) {
		link_free(c->link);
		if (c->pace != NULL)
			event_free(c->pace);
		free(c);
		return -1;
	}
	c->sock = fd_steal(&m->fds[1]);
	TAILQ_INSERT_TAIL(&cs->list, c, next);
	cs->n++;
	return 0;
}

static int
on_listener(void *arg, struct wire_msg *m)
{
	const struct wire_row *row = &clientop_row(CLIENTOP_CONN)->w;
	struct clrep_conn rep = { 0 };
	struct conns *cs = arg;
	struct wire_hdr h = { .type = CLIENTOP_CONN | WIRE_REPLY,
		.seq = m->h.seq };

	if (wire_check_request(m, row) < 0)
		return -1;
	if (conn_admit(cs, m, &rep.r) < 0)
		fault_host(&rep.r, STEP_CTLD, errno, "connection");
	return link_send(cs->listener, &h, &rep, sizeof(rep), NULL, 0);
}

static void
on_listener_end(void *arg, const char *why)
{
	const struct conns *cs = arg;

	events_daemon(cs->ctld->events, EVENT_DAEMON_ENDED,
	    why != NULL ? why : "the client listener has ended");
	fatalx("client listener: %s", why != NULL ? why : "gone");
}

static const struct link_ops listener_ops = { on_listener, NULL,
	on_listener_end };

/* The listener's request never comes in on a connection's wire. */
int
api_conn(struct ticket *t, struct wire_msg *m)
{
	(void)t;
	(void)m;
	return -1;
}

struct conns *
conns_new(struct ctld *c, int fd)
{
	struct conns *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	TAILQ_INIT(&cs->list);
	cs->ctld = c;
	cs->listener = link_new(c->base, fd, CONNS_MAX, &listener_ops, cs);
	return cs->listener != NULL ? cs : NULL;
}

int
conns_serve(struct conns *cs)
{
	return link_start(cs->listener);
}
