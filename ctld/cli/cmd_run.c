/* SPDX-License-Identifier: ISC */
/*
 * postern run (caller's rights): a VM in the foreground. Three connections
 * that are never waited for one by one: its console, its end, and what
 * signals ask for. Output that nobody takes holds up neither the signals nor
 * the end. With --rm the record is removed here, last, so that a guest that
 * ends at once loses neither its output nor its end.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/starting.h"
#include "ctld/cli/text.h"

#define EX_OURS 125
#define EX_KILLED 137		/* as of a killed child */
#define PIECE 4096u		/* what a pipe that polls writable takes */
#define LAST_MS 2000		/* for the output, once the VM has ended */

struct run {
	struct cli *c;
	const char *what;
	char id[40];
	int raw;
	int signals;		/* signalfd */
	unsigned asked;		/* signals so far */
	struct vl start, logs, end, stop, kill;
	int logs_over;
	json_t *vm;		/* how it ended; NULL: it has not */
	int64_t until;		/* once it ended: for the rest of the output */
	char *out;		/* [at, n) is to be written */
	size_t at, n;
	int deaf;		/* nobody takes the output any more */
};

static int
ours(struct run *u, const char *text)
{
	return vl_fail(u->c, u->what, EX_OURS, "io.postern.NotReached", "",
	    "%s", text);
}

static json_t *
by_id(const struct run *u)
{
	return json_pack("{s:s}", "name", u->id);
}

/* A call that is not waited for. 0 or -1. */
static int
ask(struct run *u, struct vl *v, const char *method, json_t *params, int more)
{
	if (vl_connect(u->c, v) < 0) {
		json_decref(params);
		return -1;
	}
	return vl_send(v, method, params, more, NULL, 0);
}

static void
stop_it(struct run *u)
{
	if (u->asked++ == 0)
		(void)ask(u, &u->stop, "Stop", by_id(u), 0);
	else if (u->asked == 2)
		(void)ask(u, &u->kill, "Kill", by_id(u), 0);
}

static int
watch_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
take_signal(struct run *u)
{
	struct signalfd_siginfo si;

	if (read(u->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	u->deaf |= si.ssi_signo == SIGHUP; /* the terminal is gone */
	return 1;
}

/* Write a piece of what is waiting. */
static void
put(struct run *u)
{
	size_t n = u->n - u->at < PIECE ? u->n - u->at : PIECE;
	ssize_t k = u->deaf ? (ssize_t)n : write(STDOUT_FILENO,
	    u->out + u->at, n);

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k < 0) { /* closed, or full: there is no foreground any more */
		u->deaf = 1;
		if (u->asked == 0)
			stop_it(u);
		return;
	}
	u->at += (size_t)k;
	if (u->at < u->n)
		return;
	free(u->out);
	u->out = NULL;
	u->at = u->n = 0;
}

/* The bytes of an answer, as they are to be shown. */
static void
show(struct run *u, const json_t *answer)
{
	const char *data = json_string_value(json_object_get(
	    json_object_get(answer, "parameters"), "data"));
	unsigned char *bytes;
	size_t n = 0;
	FILE *f;

	bytes = data != NULL ? text_unbase64(data, &n) : NULL;
	if (bytes == NULL || u->raw) {
		u->out = (char *)bytes;
		u->n = bytes != NULL ? n : 0;
		return;
	}
	if ((f = open_memstream(&u->out, &u->n)) != NULL) {
		text_put(f, (const char *)bytes, n, 1);
		(void)fclose(f);
	}
	free(bytes);
}

static int
follow(struct run *u, int anew)
{
	json_t *params = by_id(u);

	(void)json_object_set_new(params, "follow", json_true());
	if (anew) /* what came meanwhile is in postern logs */
		(void)json_object_set_new(params, "lines", json_integer(0));
	return ask(u, &u->logs, "Logs", params, 1);
}

/* A reader that was too slow was dropped: go on from now. */
static void
logs_lost(struct run *u)
{
	vl_close(&u->logs);
	if (u->vm == NULL && follow(u, 1) == 0)
		(void)fputs("postern run: some output was left out; see "
			    "postern logs\n", stderr);
	else
		u->logs_over = 1;
}

static void
hear_logs(struct run *u)
{
	json_t *answer = vl_recv(&u->logs);

	if (answer == NULL || json_object_get(answer, "error") != NULL) {
		logs_lost(u);
	} else {
		show(u, answer);
		u->logs_over = !json_is_true(
		    json_object_get(answer, "continues"));
	}
	json_decref(answer);
}

/* Its end. -1: nobody will tell. */
static int
hear_end(struct run *u)
{
	json_t *answer = vl_recv(&u->end);

	u->vm = json_incref(json_object_get(
	    json_object_get(answer, "parameters"), "vm"));
	u->until = now_ms() + LAST_MS;
	json_decref(answer);
	return u->vm != NULL ? 0 : -1;
}

static int
turn(struct run *u)
{
	struct pollfd p[4] = {
		{ .fd = u->signals, .events = POLLIN },
		{ .fd = u->n > 0 ? STDOUT_FILENO : -1, .events = POLLOUT },
		{ .fd = u->n > 0 || u->logs_over ? -1 : u->logs.fd,
			.events = POLLIN },
		{ .fd = u->vm != NULL ? -1 : u->end.fd, .events = POLLIN },
	};
	int64_t left = u->vm != NULL ? u->until - now_ms() : -1;

	if (u->n == 0 && !u->logs_over && vl_pending(&u->logs)) {
		hear_logs(u);
		return 0;
	}
	if (poll(p, 4, u->vm == NULL ? -1 : left > 0 ? (int)left : 0) < 0)
		return errno == EINTR ? 0 : -1;
	if (p[0].revents != 0 && take_signal(u))
		stop_it(u);
	if (p[1].revents != 0 || (u->n > 0 && u->deaf))
		put(u);
	if (p[2].revents != 0)
		hear_logs(u);
	return p[3].revents != 0 ? hear_end(u) : 0;
}

static int
verdict(struct run *u)
{
	const char *state = json_string_value(
	    json_object_get(u->vm, "state"));
	const char *reason = json_string_value(
	    json_object_get(u->vm, "reason"));

	if (reason != NULL && strcmp(reason, "killed") == 0)
		return EX_KILLED;
	if (state != NULL && strcmp(state, "Stopped") == 0)
		return EX_DONE;
	return vl_fail(u->c, u->what, EX_FAILED, "io.postern.Ended",
	    "", "the guest failed: %s", reason != NULL ? reason : "?");
}

static int
watch(struct run *u, int rm)
{
	int r;

	if (follow(u, 0) < 0 || ask(u, &u->end, "Wait", by_id(u), 0) < 0)
		return ours(u, "it runs, but the daemon does not listen; see "
		    "postern list");
	while (u->vm == NULL ||
	    ((!u->logs_over || u->n > 0) && now_ms() < u->until))
		if (turn(u) < 0)
			return ours(u, "the daemon broke off; the VM runs on: "
			    "see postern logs -f");
	r = verdict(u);
	if (rm)
		json_decref(vl_try(u->c, "Remove", by_id(u)));
	return r;
}

/* Start it; a signal meanwhile breaks off, and the daemon undoes the start. */
static int
begin(struct run *u, struct starting *s)
{
	struct pollfd p[2];
	json_t *answer, *out = NULL, *id;
	int r = vl_open(u->c, &u->start);

	if (r != EX_DONE)
		return r;
	(void)vl_send(&u->start, "Start", json_incref(s->params), 0,
	    s->files.fd, s->files.n);
	p[0] = (struct pollfd){ .fd = u->signals, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = u->start.fd, .events = POLLIN };
	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return EX_OURS;
	if (p[1].revents == 0)
		return ours(u, "broken off before it ran");
	answer = vl_recv(&u->start);
	r = vl_answer(u->c, u->what, answer, &out);
	id = json_object_get(json_object_get(out, "vm"), "id");
	if (r == EX_DONE && json_is_string(id))
		(void)snprintf(u->id, sizeof(u->id), "%s",
		    json_string_value(id));
	else if (r == EX_DONE)
		r = EX_OURS;
	if (r == EX_DONE)
		starting_notes(out);
	json_decref(out);
	json_decref(answer);
	vl_close(&u->start);
	return r;
}

static int
run(struct cli *c, struct wish *w, struct starting *s)
{
	struct run u = { .c = c, .what = w->what, .raw = w->raw };
	int rm = json_is_true(json_object_get(w->config, "rm"));
	int r = EX_OURS;

	u.start.fd = u.logs.fd = u.end.fd = u.stop.fd = u.kill.fd = -1;
	(void)json_object_del(w->config, "rm");
	if ((u.signals = watch_signals()) < 0)
		return ours(&u, strerror(errno));
	r = begin(&u, s);
	files_close(&s->files);
	r = r == EX_DONE ? watch(&u, rm) : EX_OURS;
	vl_close(&u.start);
	vl_close(&u.logs);
	vl_close(&u.end);
	vl_close(&u.stop);
	vl_close(&u.kill);
	fd_close(&u.signals);
	json_decref(u.vm);
	free(u.out);
	return r;
}

int
cmd_run(struct cli *c, int argc, char *argv[])
{
	struct starting s = { .params = NULL };
	struct wish w;
	int r = wish_parse(c, argc, argv, &w);

	if (r == EX_DONE && (w.tcp != 0 || w.timeout_ms >= 0 ||
		json_object_get(w.config, "ready") != NULL))
		r = cli_usage(c, "--ready and --timeout are for start");
	if (r == EX_DONE)
		r = w.by_name ? starting_defined(c, &w, &s) :
				starting_new(c, &w, &s);
	else
		r = EX_USE;
	if (r == EX_DONE)
		r = run(c, &w, &s);
	else if (r != EX_USE)
		r = EX_OURS;
	starting_free(&s);
	wish_free(&w);
	return r;
}
