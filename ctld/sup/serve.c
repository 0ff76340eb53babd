/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. Serves ctld, one connection at a time; a newer one replaces
 * the older, so that a ctld that was restarted is never shut out. Believes
 * SO_PEERCRED only: whoever is not ctld's uid is closed at once. A malformed
 * record ends that connection, never the VM.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static void
drop(struct sup *s, const char *why)
{
	if (why != NULL)
		sup_note(s, "the connection of ctld is closed: %s", why);
	fd_close(&s->conn);
	s->greeted = s->owed = 0;
}

void
serve_accept(struct sup *s)
{
	uint32_t uid, gid;
	int fd CLEANUP_FD = -1;

	fd = accept4(s->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno != EINTR && errno != EAGAIN &&
		    errno != ECONNABORTED)
			s->accept_at = now_ms() + SUP_REST_MS;
		return;
	}
	if (wire_peer(fd, &uid, &gid) < 0 || uid != s->ctld_uid) {
		sup_note(s, "refused a connection that is not ctld's");
		return;
	}
	drop(s, NULL);
	s->conn = fd_steal(&fd);
	s->conn_id++;
}

/* Every answer but HELLO's is a struct rep_hdr alone. */
_Static_assert(sizeof(struct suprep_shutdown) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_pause) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_resume) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_quit) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_ack_exit) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_ready) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_rings) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_console) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_channels) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_connect) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_ready_port) == sizeof(struct rep_hdr) &&
    sizeof(struct suprep_pace) == sizeof(struct rep_hdr),
    "plain answers");

static void
answer(struct sup *s, const struct wire_hdr *req, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	struct wire_hdr h = { .type = req->type | WIRE_REPLY, .seq = req->seq,
		.slot = req->slot, .generation = req->generation };

	if (s->conn >= 0 && wire_send(s->conn, &h, body, n, fds, nfds) < 0)
		drop(s, "it takes no answers");
}

static void
answer_code(struct sup *s, const struct wire_hdr *req, int code)
{
	struct rep_hdr r = { .code = code };

	answer(s, req, &r, sizeof(r), NULL, 0);
}

void
serve_tell(struct sup *s)
{
	struct wire_hdr h = { .type = SUPOP_STATE };
	struct supreq_state b = { .state = s->state, .end = s->end,
		.wait_status = s->wait_status, .ready = s->ready };

	if (s->conn < 0 || !s->greeted)
		return;
	s->owed = 0;
	if (wire_send(s->conn, &h, &b, sizeof(b), NULL, 0) == 0)
		return;
	if (errno == EAGAIN)
		s->owed = 1; /* the newest state is told when it fits */
	else
		drop(s, NULL);
}

static int
do_hello(struct sup *s)
{
	struct suprep_hello r = { .version = SUP_VERSION, .state = s->state,
		.end = s->end, .wait_status = s->wait_status,
		.ready = s->ready };
	struct supreq_hello q;

	memcpy(&q, s->msg.body, sizeof(q));
	if (q.version == 0 || q.zero != 0)
		return -1;
	if (q.version < r.version)
		r.version = q.version; /* an older ctld came back */
	answer(s, &s->msg.h, &r, sizeof(r), NULL, 0);
	s->greeted = 1;
	serve_tell(s);
	return 0;
}

static int
is_zero(const struct wire_msg *m)
{
	uint64_t zero;

	memcpy(&zero, m->body, sizeof(zero));
	return zero == 0;
}

static struct sup_ask *
ask_free(struct sup *s)
{
	unsigned i;

	for (i = 0; i < SUP_ASKS_MAX; i++)
		if (s->asks[i].id == 0)
			return &s->asks[i];
	return NULL;
}

/* Hand a request to the VMM; it is answered when the VMM answered. */
static int
do_command(struct sup *s, enum sup_cmd cmd)
{
	struct sup_ask *a = ask_free(s);
	uint32_t id;
	int code = EBUSY;

	if (!is_zero(&s->msg))
		return -1;
	if (s->state == SUP_ENDED)
		code = ESRCH;
	else if (a != NULL) {
		id = ++s->last_id;
		code = s->be->command(s, cmd, id);
		if (code == 0) {
			a->id = id;
			a->conn = s->conn_id;
			a->until = now_ms() + SUP_ASK_MS;
			a->h = s->msg.h;
			return 0;
		}
	}
	answer_code(s, &s->msg.h, code);
	return 0;
}

static int
do_shutdown(struct sup *s)
{
	return do_command(s, SUP_CMD_SHUTDOWN);
}

static int
do_pause(struct sup *s)
{
	return do_command(s, SUP_CMD_PAUSE);
}

static int
do_resume(struct sup *s)
{
	return do_command(s, SUP_CMD_RESUME);
}

static int
do_quit(struct sup *s)
{
	return do_command(s, SUP_CMD_QUIT);
}

static int
do_ack_exit(struct sup *s)
{
	if (!is_zero(&s->msg))
		return -1;
	answer_code(s, &s->msg.h, s->state == SUP_ENDED ? 0 : EBUSY);
	s->acked = s->state == SUP_ENDED;
	return 0;
}

static int
do_ready(struct sup *s)
{
	struct supreq_ready q;

	memcpy(&q, s->msg.body, sizeof(q));
	if (!wire_str_ok(q.text, sizeof(q.text)) || q.text[0] == '\0')
		return -1;
	answer_code(s, &s->msg.h, 0);
	console_ready(s, q.text);
	return 0;
}

/* For a ctld that was restarted, and has no other way to the memfds. */
static int
do_rings(struct sup *s)
{
	const int fds[] = { s->console_ring, s->log_ring };
	struct rep_hdr r = { .code = 0 };

	if (!is_zero(&s->msg))
		return -1;
	answer(s, &s->msg.h, &r, sizeof(r), fds, 2);
	return 0;
}

/* The stream is taken only with a good answer. */
static int
do_console(struct sup *s)
{
	int code;

	if (!is_zero(&s->msg))
		return -1;
	code = console_attach(s, s->msg.fds[0]);
	if (code == 0)
		(void)fd_steal(&s->msg.fds[0]);
	answer_code(s, &s->msg.h, code);
	return 0;
}

static int
do_connect(struct sup *s)
{
	struct supreq_connect q;
	int code;

	memcpy(&q, s->msg.body, sizeof(q));
	if (q.zero != 0)
		return -1;
	code = channel_connect(s, q.port, s->msg.fds[0]);
	if (code == 0)
		(void)fd_steal(&s->msg.fds[0]);
	answer_code(s, &s->msg.h, code);
	return 0;
}

static int
do_channels(struct sup *s)
{
	const void *body = s->msg.body;

	if (channel_tell(s, body) < 0)
		return -1;
	answer_code(s, &s->msg.h, 0);
	return 0;
}

static int
do_ready_port(struct sup *s)
{
	struct supreq_ready_port q;

	memcpy(&q, s->msg.body, sizeof(q));
	if (q.zero != 0 || q.port == 0)
		return -1;
	answer_code(s, &s->msg.h, 0);
	channel_ready(s, q.port);
	return 0;
}

static int
do_pace(struct sup *s)
{
	struct supreq_pace q;

	memcpy(&q, s->msg.body, sizeof(q));
	if (q.zero != 0 || q.rate == 0)
		return -1;
	answer_code(s, &s->msg.h, 0);
	s->rate = q.rate;
	return 0;
}

/* -1: malformed. */
static int
dispatch(struct sup *s)
{
	static int (*const handlers[SUPOP_END])(struct sup *) = {
		[SUPOP_HELLO] = do_hello, [SUPOP_SHUTDOWN] = do_shutdown,
		[SUPOP_PAUSE] = do_pause, [SUPOP_RESUME] = do_resume,
		[SUPOP_QUIT] = do_quit, [SUPOP_ACK_EXIT] = do_ack_exit,
		[SUPOP_READY] = do_ready, [SUPOP_RINGS] = do_rings,
		[SUPOP_CONSOLE] = do_console, [SUPOP_CHANNELS] = do_channels,
		[SUPOP_CONNECT] = do_connect,
		[SUPOP_READY_PORT] = do_ready_port,
		[SUPOP_PACE] = do_pace };
	const struct wire_row *row = supop_row(s->msg.h.type);

	if (row == NULL || handlers[row->type] == NULL ||
	    wire_check_request(&s->msg, row) < 0)
		return -1;
	if (!s->greeted && row->type != SUPOP_HELLO)
		return -1;
	return handlers[row->type](s);
}

void
serve_input(struct sup *s)
{
	int k = wire_recv(s->conn, &s->msg);

	if (k < 0 && errno == EAGAIN)
		return;
	if (k == 0)
		drop(s, NULL);
	else if (k < 0 || dispatch(s) < 0)
		drop(s, "a malformed record");
	wire_drop_fds(&s->msg);
}

void
ask_answer(struct sup *s, uint32_t id, int code)
{
	struct sup_ask *a;
	unsigned i;

	for (i = 0; i < SUP_ASKS_MAX; i++) {
		a = &s->asks[i];
		if (a->id != id)
			continue;
		a->id = 0;
		if (a->conn == s->conn_id)
			answer_code(s, &a->h, code);
		return;
	}
}

void
ask_fail_all(struct sup *s, int code)
{
	unsigned i;

	for (i = 0; i < SUP_ASKS_MAX; i++)
		if (s->asks[i].id != 0)
			ask_answer(s, s->asks[i].id, code);
}

void
serve_expire(struct sup *s, int64_t now)
{
	unsigned i;

	for (i = 0; i < SUP_ASKS_MAX; i++)
		if (s->asks[i].id != 0 && s->asks[i].until <= now)
			ask_answer(s, s->asks[i].id, ETIMEDOUT);
	if (s->accept_at != 0 && s->accept_at <= now)
		s->accept_at = 0;
}

int
serve_timeout(const struct sup *s, int64_t now)
{
	const int64_t at[] = { s->accept_at, channel_until(s),
		console_until(s, now) };
	int64_t first = 0;
	unsigned i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] != 0 && (first == 0 || at[i] < first))
			first = at[i];
	for (i = 0; i < SUP_ASKS_MAX; i++)
		if (s->asks[i].id != 0 &&
		    (first == 0 || s->asks[i].until < first))
			first = s->asks[i].until;
	if (first == 0)
		return -1;
	return first > now ? (int)(first - now) : 0;
}
