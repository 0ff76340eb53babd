/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup: backend hooks for qemu. Talks QMP on an inherited socketpair
 * with a VMM that a hostile guest may own: any answer may be late, wrong or
 * missing. A VMM that breaks the protocol is not heard again; its guest is
 * left alone, and its end is still learned from the kernel.
 *
 * The VMM starts with its guest stopped, and the guest runs once we are able
 * to hear how it ends. Besides, QEMU 7.2 may hang for ever in its exit when a
 * command arrives during it (seen once in 130 guests that powered off at
 * once), so nothing is in flight when a guest begins, and nothing is sent
 * after SHUTDOWN.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static const char *const commands[] = {
	[SUP_CMD_SHUTDOWN] = "system_powerdown", [SUP_CMD_QUIT] = "quit",
	[SUP_CMD_PAUSE] = "stop", [SUP_CMD_RESUME] = "cont" };

/* why: NULL if it merely ended. */
static void
qmp_dead(struct sup *s, const char *why)
{
	/* what a dying VMM wrote stays the last line of the log */
	if (why != NULL)
		sup_note(s, "control channel to the VMM closed: %s", why);
	s->qmp.phase = QMP_DEAD;
	s->qmp.used = s->qmp.sent = s->qmp.queued = 0;
	fd_close(&s->ctl);
	ask_fail_all(s, EPIPE);
}

static int
qmp_waiting(const struct sup *s)
{
	return s->qmp.sent < s->qmp.queued;
}

static void
qmp_output(struct sup *s)
{
	struct qmp *q = &s->qmp;
	ssize_t k;

	while (q->sent < q->queued) {
		k = send(s->ctl, q->out + q->sent, q->queued - q->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			return;
		if (k < 0)
			break; /* what it said before it went is read first */
		q->sent += (size_t)k;
	}
	q->sent = q->queued = 0;
}

/* Queue a command with our id. 0, or an errno. */
static int
qmp_send(struct sup *s, const char *command, uint32_t id)
{
	struct qmp *q = &s->qmp;
	size_t room = sizeof(q->out) - q->queued;
	int n;

	n = snprintf(q->out + q->queued, room,
	    "{\"execute\":\"%s\",\"id\":%u}\n", command, id);
	if (n < 0 || (size_t)n >= room)
		return ENOBUFS;
	q->queued += (size_t)n;
	qmp_output(s);
	return 0;
}

/* A command of vmsup's own, remembered in *id. */
static void
qmp_own(struct sup *s, const char *command, uint32_t *id)
{
	*id = ++s->last_id;
	if (qmp_send(s, command, *id) != 0)
		*id = 0;
}

static int
qmp_command(struct sup *s, enum sup_cmd cmd, uint32_t id)
{
	if (s->qmp.phase == QMP_DEAD)
		return EPIPE;
	if (s->qmp.phase == QMP_ENDING)
		return ESRCH;
	if (s->qmp.phase != QMP_READY || s->qmp.cont_id != 0)
		return EAGAIN;
	return qmp_send(s, commands[cmd], id);
}

static void
qmp_start(struct sup *s)
{
	/* the VMM speaks first */
	s->qmp.phase = QMP_WANT_GREETING;
}

static void
event_shutdown(struct sup *s, const struct qmp_msg *m)
{
	static const uint8_t ends[QMP_WHY_END] = {
		[QMP_WHY_GUEST_SHUTDOWN] = END_SHUTDOWN,
		[QMP_WHY_GUEST_RESET] = END_REBOOT,
		[QMP_WHY_GUEST_PANIC] = END_PANIC,
		[QMP_WHY_QUIT] = END_QUIT, [QMP_WHY_SIGNAL] = END_SIGNAL,
		[QMP_WHY_ERROR] = END_VMM_ERROR };
	enum sup_end end = (enum sup_end)ends[m->reason];

	/* A kernel without the pvpanic driver (yet) panics by a reset. */
	if (end == END_REBOOT && s->panic_watch.seen)
		end = END_PANIC;
	if (s->end == END_UNKNOWN)
		sup_note(s, "%s: %s", qmp_event_name(m->event),
		    qmp_reason_name(m->reason));
	sup_end(s, end);
	s->qmp.phase = QMP_ENDING;
}

/* Devices of channels are named c0, c1 and so on by ctld/backend/qemu.c. */
static void
event_port(struct sup *s, const struct qmp_msg *m)
{
	if (m->device[0] == 'c' && m->device[1] >= '0' &&
	    m->device[1] <= '9' && m->device[2] == '\0')
		channel_guest(s, (unsigned)(m->device[1] - '0'), m->open);
}

static void
handle_event(struct sup *s, const struct qmp_msg *m)
{
	switch (m->event) {
	case QMP_EV_SHUTDOWN:
		event_shutdown(s, m);
		break;
	case QMP_EV_PANICKED:
		sup_note(s, "GUEST_PANICKED");
		sup_end(s, END_PANIC);
		break;
	case QMP_EV_STOP:
		/* ours, or QEMU's own: only it knows */
		if (s->state == SUP_RUNNING)
			sup_state(s, SUP_PAUSED);
		if (s->qmp.phase == QMP_READY)
			qmp_own(s, "query-status", &s->qmp.status_id);
		break;
	case QMP_EV_RESUME:
		/* at the start the answer to cont tells */
		if (s->state == SUP_PAUSED)
			sup_state(s, SUP_RUNNING);
		break;
	case QMP_EV_PORT:
		event_port(s, m);
		break;
	case QMP_EV_RESET:
	case QMP_EV_POWERDOWN:
		sup_note(s, "%s", qmp_event_name(m->event));
		break;
	case QMP_EV_OTHER:
	case QMP_EV_END:
	default:
		break;
	}
}

/* The answer to query-status. */
static void
handle_status(struct sup *s, const struct qmp_msg *m)
{
	uint32_t quit_id;

	switch (m->status) {
	case QMP_IS_RUNNING:
		sup_state(s, SUP_RUNNING);
		break;
	case QMP_IS_IO_ERROR:
		sup_note(s, "a drive failed (no space on the host?): paused");
		sup_state(s, SUP_PAUSED);
		break;
	case QMP_IS_PAUSED:
		sup_state(s, SUP_PAUSED);
		break;
	case QMP_IS_INTERNAL_ERROR:
		/* QEMU would stay for ever with a guest that cannot go on */
		sup_note(s, "the VMM cannot run this guest any further");
		sup_end(s, END_VMM_ERROR);
		qmp_own(s, "quit", &quit_id);
		break;
	case QMP_IS_OTHER:
	case QMP_IS_END:
	default:
		break;
	}
}

/* An answer with an id. -1: to a command that was never sent. */
static int
handle_answer(struct sup *s, const struct qmp_msg *m)
{
	struct qmp *q = &s->qmp;
	int code = m->kind == QMP_ERROR ? EIO : 0;

	if (m->id == 0 || m->id > s->last_id)
		return -1;
	if (code != 0)
		sup_note(s, "the VMM refused: %s", m->desc);
	if (m->id == q->caps_id) {
		if (code != 0 || q->phase != QMP_WANT_CAPS)
			return -1;
		q->caps_id = 0;
		q->phase = QMP_READY;
		qmp_own(s, "cont", &q->cont_id);
	} else if (m->id == q->cont_id) {
		q->cont_id = 0;
		if (code == 0)
			sup_state(s, SUP_RUNNING);
	} else if (m->id == q->status_id) {
		q->status_id = 0;
		if (code == 0)
			handle_status(s, m);
	} else
		ask_answer(s, m->id, code);
	return 0;
}

/* One line. -1: this is not the protocol. */
static int
handle_line(struct sup *s, const char *line, size_t n)
{
	struct qmp *q = &s->qmp;
	struct qmp_msg m;

	if (qmp_scan(line, n, &m) < 0)
		return -1;
	if (m.kind == QMP_EVENT) {
		if (q->phase == QMP_WANT_GREETING)
			return -1;
		handle_event(s, &m);
		return 0;
	}
	if (m.kind == QMP_GREETING) {
		if (q->phase != QMP_WANT_GREETING)
			return -1;
		q->phase = QMP_WANT_CAPS;
		qmp_own(s, "qmp_capabilities", &q->caps_id);
		return 0;
	}
	return handle_answer(s, &m);
}

/* Every whole line in the buffer; the rest moves to its front. */
static int
take_lines(struct sup *s, size_t fresh)
{
	struct qmp *q = &s->qmp;
	size_t from = 0, at = q->used - fresh;
	const char *nl;

	while (at < q->used && (nl = memchr(q->line + at, '\n',
	    q->used - at)) != NULL) {
		at = (size_t)(nl - q->line);
		if (handle_line(s, q->line + from, at - from) < 0)
			return -1;
		from = ++at;
	}
	q->used -= from;
	memmove(q->line, q->line + from, q->used);
	return q->used < sizeof(q->line) ? 0 : -1;
}

static void
qmp_input(struct sup *s)
{
	struct qmp *q = &s->qmp;
	ssize_t k;

	k = recv(s->ctl, q->line + q->used, sizeof(q->line) - q->used,
	    MSG_DONTWAIT);
	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k <= 0) {
		qmp_dead(s, k == 0 || errno == ECONNRESET ? NULL :
							    strerror(errno));
		return;
	}
	q->used += (size_t)k;
	if (take_lines(s, (size_t)k) < 0)
		qmp_dead(s, "not QMP");
}

const struct sup_backend sup_backend_qemu = {
	.name = "qemu",
	.start = qmp_start,
	.input = qmp_input,
	.waiting = qmp_waiting,
	.output = qmp_output,
	.command = qmp_command,
};
