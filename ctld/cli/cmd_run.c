/* SPDX-License-Identifier: ISC */
/*
 * postern run (caller's rights): a VM in the foreground. Connections that are
 * never waited for one by one: its output (from its log, where nothing is
 * missing), a stream for its input, its end, and what signals ask for. Output
 * that nobody takes holds up neither the signals nor the end. With --rm the
 * record is removed here, last, so that a guest that ends at once loses
 * neither its output nor its end. Invariant: the terminal is as before on
 * every way out.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/escape.h"
#include "ctld/cli/keys.h"
#include "ctld/cli/out.h"
#include "ctld/cli/starting.h"
#include "ctld/cli/stream.h"
#include "ctld/cli/text.h"

#define EX_OURS 125
#define EX_KILLED 137		/* as of a killed child */
#define PIECE 4096u		/* what a pipe that polls writable takes */
#define LAST_MS 2000		/* for the output, once the VM has ended */

enum { ON_SIG, ON_OUT, ON_LOGS, ON_END, ON_CONSOLE, ON_STREAM, ON_IN, ON_N };

struct run {
	struct cli *c;
	const char *what;
	char id[40];
	int raw;
	int input;		/* what is read is the guest's input */
	int terminal;		/* key by key, and ^] leaves */
	int signals;		/* signalfd */
	sigset_t old;		/* the caller's mask */
	unsigned asked;		/* signals so far */
	struct vl start, logs, end, console, stop, kill;
	int logs_over;
	int stream;		/* for the input; -1: none yet, or no more */
	struct keys keys;
	int left;		/* ^] */
	struct escape esc;
	struct out to;
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
watch_signals(sigset_t *old)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigaddset(&set, SIGCONT);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, old) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
take_signal(struct run *u)
{
	struct signalfd_siginfo si;

	if (read(u->signals, &si, sizeof(si)) != (ssize_t)sizeof(si) ||
	    keys_signal(&u->keys, (int)si.ssi_signo))
		return 0;
	if (si.ssi_signo == SIGHUP && u->deaf)
		return 0; /* it was noticed already */
	u->deaf |= si.ssi_signo == SIGHUP; /* the terminal is gone */
	return 1;
}

/* There is no foreground any more. */
static void
nobody_there(struct run *u)
{
	u->deaf = 1;
	if (u->asked == 0)
		stop_it(u);
}

/* Write a piece of what is waiting. */
static void
put(struct run *u)
{
	size_t n = u->n - u->at < PIECE ? u->n - u->at : PIECE;
	ssize_t k = u->deaf ? (ssize_t)n : out_write(&u->to, u->out + u->at,
	    n);

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k < 0) { /* closed, or full */
		nobody_there(u);
		return;
	}
	u->at += (size_t)k;
	if (u->at < u->n)
		return;
	free(u->out);
	u->out = NULL;
	u->at = u->n = 0;
}

/* As the terminal may have it: unlike in a file, a guest's own backspaces and
 * carriage returns make sense there. */
static void
show_escaped(struct run *u, const unsigned char *bytes, size_t n)
{
	FILE *f;

	if (u->terminal) {
		if ((u->out = malloc(ESCAPE_OUT(n))) != NULL)
			u->n = escape_feed(&u->esc, bytes, n, u->out);
		if (u->n == 0) { /* the rest of a character is to come */
			free(u->out);
			u->out = NULL;
		}
	} else if ((f = open_memstream(&u->out, &u->n)) != NULL) {
		text_put(f, (const char *)bytes, n, 1);
		(void)fclose(f);
	}
}

/* The bytes of an answer, as they are to be shown. */
static void
show(struct run *u, const json_t *answer)
{
	const char *data = json_string_value(json_object_get(
	    json_object_get(answer, "parameters"), "data"));
	unsigned char *bytes;
	size_t n = 0;

	bytes = data != NULL ? text_unbase64(data, &n) : NULL;
	if (bytes == NULL || u->raw) {
		u->out = (char *)bytes;
		u->n = bytes != NULL ? n : 0;
		return;
	}
	show_escaped(u, bytes, n);
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

/* The stream has come, or why it has not. A guest that has ended meanwhile
 * needs no word: its end will tell. */
static void
hear_console(struct run *u)
{
	json_t *answer = stream_recv(&u->console, &u->stream);
	const char *error = json_string_value(json_object_get(answer,
	    "error"));
	const char *why = json_string_value(json_object_get(json_object_get(
	    answer, "parameters"), "reason"));

	if (u->stream >= 0 && keys_open(&u->keys, u->terminal, u->raw) < 0)
		fd_close(&u->stream);
	if (u->stream >= 0 && u->terminal && isatty(STDERR_FILENO)) {
		text_str(stderr, u->what);
		(void)fputs(": attached; ^] leaves\n", stderr);
	} else if (u->stream < 0 && answer != NULL && (error == NULL ||
	    strcmp(error, "io.postern.Vm.WrongState") != 0)) {
		(void)fputs("postern run: its console takes no input: ",
		    stderr);
		text_str(stderr, why != NULL ? why : error != NULL ? error :
			"no terminal");
		(void)putc('\n', stderr);
	}
	json_decref(answer);
	vl_close(&u->console);
}

/* What it prints comes from its log. */
static void
drain_stream(struct run *u)
{
	char buf[PIECE];
	ssize_t k = recv(u->stream, buf, sizeof(buf), MSG_DONTWAIT);

	if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR))
		fd_close(&u->stream);
}

static void
hear_keys(struct run *u)
{
	switch (keys_read(&u->keys)) {
	case KEYS_LEFT:
		u->left = 1;
		break;
	case KEYS_LOST:
		nobody_there(u);
		break;
	case KEYS_EOF:
	case KEYS_MORE:
		break;
	}
}

static void
want(const struct run *u, struct pollfd p[ON_N])
{
	int hears = u->n == 0 && !u->logs_over;
	int keys = u->stream >= 0 && !u->deaf && keys_wanted(&u->keys);
	const struct pollfd all[ON_N] = {
		[ON_SIG] = { .fd = u->signals, .events = POLLIN },
		[ON_OUT] = { .fd = u->n > 0 ? u->to.fd : -1, .events = POLLOUT },
		[ON_LOGS] = { .fd = hears ? u->logs.fd : -1,
			.events = POLLIN },
		[ON_END] = { .fd = u->vm != NULL ? -1 : u->end.fd,
			.events = POLLIN },
		[ON_CONSOLE] = { .fd = u->console.fd, .events = POLLIN },
		[ON_STREAM] = { .fd = u->stream,
			.events = (short)(POLLIN |
			    (u->keys.n > 0 ? POLLOUT : 0)) },
		[ON_IN] = { .fd = keys ? STDIN_FILENO : -1,
			.events = POLLIN },
	};

	memcpy(p, all, sizeof(all));
}

static void
turn_input(struct run *u, const struct pollfd p[ON_N])
{
	if (p[ON_CONSOLE].revents != 0)
		hear_console(u);
	if (p[ON_STREAM].revents != 0)
		drain_stream(u);
	if (p[ON_IN].revents != 0)
		hear_keys(u);
	if (u->stream >= 0)
		(void)keys_write(&u->keys, u->stream);
}

static int
turn(struct run *u)
{
	int64_t left = u->vm != NULL ? u->until - now_ms() : -1;
	struct pollfd p[ON_N];

	if (u->n == 0 && !u->logs_over && vl_pending(&u->logs)) {
		hear_logs(u);
		return 0;
	}
	want(u, p);
	if (poll(p, ON_N, u->vm == NULL ? -1 : left > 0 ? (int)left : 0) < 0)
		return errno == EINTR ? 0 : -1;
	if (p[ON_SIG].revents != 0 && take_signal(u))
		stop_it(u);
	turn_input(u, p);
	if (p[ON_OUT].revents != 0 || (u->n > 0 && u->deaf))
		put(u);
	if (p[ON_LOGS].revents != 0)
		hear_logs(u);
	return p[ON_END].revents != 0 ? hear_end(u) : 0;
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

/* What was shown is over; what is said now is ours. */
static void
give_back(struct run *u)
{
	if (u->stream >= 0 && u->left) /* what was typed before ^] */
		(void)keys_write(&u->keys, u->stream);
	tty_restore(&u->keys.tty);
	/* whoever waits for a terminal that is held can be ended */
	while (take_signal(u))
		;
	(void)sigprocmask(SIG_SETMASK, &u->old, NULL);
}

static int
watch(struct run *u, int rm)
{
	int r = 0;

	if (follow(u, 0) < 0 || ask(u, &u->end, "Wait", by_id(u), 0) < 0)
		return ours(u, "it runs, but the daemon does not listen; see "
		    "postern list");
	if (u->input || u->terminal)
		(void)ask(u, &u->console, "Console", by_id(u), 0);
	while (r == 0 && !u->left && (u->vm == NULL ||
		((!u->logs_over || u->n > 0) && now_ms() < u->until)))
		r = turn(u);
	give_back(u);
	if (r < 0)
		return ours(u, "the daemon broke off; the VM runs on: see "
		    "postern logs -f");
	if (u->left && u->vm == NULL) {
		out_note(u->what, rm ? "left; the VM runs on, and stays when "
		    "it ends: remove it with postern rm" :
		    "left; the VM runs on");
		return EX_DONE;
	}
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

/* A terminal for both, in whose foreground we are: there keys are the guest's.
 * Where output goes elsewhere, ^C is to end the run. */
static int
on_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
	    tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void
run_free(struct run *u)
{
	vl_close(&u->start);
	vl_close(&u->logs);
	vl_close(&u->end);
	vl_close(&u->console);
	vl_close(&u->stop);
	vl_close(&u->kill);
	fd_close(&u->stream);
	fd_close(&u->signals);
	out_close(&u->to);
	json_decref(u->vm);
	free(u->out);
}

static int
run(struct cli *c, struct wish *w, struct starting *s)
{
	struct run u = { .c = c, .what = w->what, .raw = w->raw,
		.input = w->input };
	int rm = json_is_true(json_object_get(w->config, "rm"));
	int r = EX_OURS;

	u.start.fd = u.logs.fd = u.end.fd = u.stop.fd = u.kill.fd = -1;
	u.console.fd = u.stream = u.keys.tty.fd = -1;
	u.terminal = on_terminal();
	u.esc.utf8 = u.terminal && tty_utf8();
	out_open(&u.to, STDOUT_FILENO);
	(void)json_object_del(w->config, "rm");
	if ((u.signals = watch_signals(&u.old)) < 0)
		return ours(&u, strerror(errno));
	r = begin(&u, s);
	files_close(&s->files);
	r = r == EX_DONE ? watch(&u, rm) : EX_OURS;
	run_free(&u);
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
