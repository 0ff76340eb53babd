/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Files are opened as the
 * caller, so a definition's paths are only followed for its owner: whoever
 * wrote them must not choose what somebody else opens.
 */
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/starting.h"
#include "ctld/cli/tail.h"
#include "ctld/cli/text.h"

#define READY_MS 60000
#define TRY_MS 100
#define LOOK_TRIES 10		/* between two looks at the VM itself */
#define TAIL_LINES 20

/* One attempt to connect; 1 when somebody accepted. */
static int
knock(const struct sockaddr_in *sin)
{
	int fd CLEANUP_FD = socket(AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int e = 0;

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == 0)
		return 1;
	if (errno != EINPROGRESS || poll(&p, 1, 1000) != 1)
		return 0;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0;
}

/* Where guest port tcp is published on this host. 0 or -1. */
static int
published(const json_t *ports, long tcp, struct sockaddr_in *sin)
{
	const char *addr;
	const json_t *p;
	size_t i;

	for (i = 0; i < json_array_size(ports); i++) {
		p = json_array_get(ports, i);
		if (json_integer_value(json_object_get(p, "guest")) != tcp)
			continue;
		addr = json_string_value(json_object_get(p, "address"));
		if (addr == NULL || strcmp(addr, "0.0.0.0") == 0)
			addr = "127.0.0.1";
		memset(sin, 0, sizeof(*sin));
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)json_integer_value(
		    json_object_get(p, "host")));
		return inet_pton(AF_INET, addr, &sin->sin_addr) == 1 ? 0 : -1;
	}
	return -1;
}

/* How the VM ended, if it did: then it will not answer any more. */
static int
has_ended(struct cli *c, const struct wish *w)
{
	json_t *name = vl_name(c, w->what), *answer, *vm;
	const char *state, *reason;
	int r = EX_DONE;

	if (name == NULL)
		return EX_FAILED;
	answer = vl_try(c, "Info", json_pack("{s:o}", "name", name));
	vm = json_object_get(json_object_get(answer, "parameters"), "vm");
	state = json_string_value(json_object_get(vm, "state"));
	reason = json_string_value(json_object_get(vm, "reason"));
	if (vm == NULL && answer != NULL)
		state = "removed";
	if (state != NULL && (vm == NULL || strcmp(state, "Stopped") == 0 ||
		strcmp(state, "Failed") == 0))
		r = vl_fail(c, w->what, EX_FAILED,
		    "io.postern.Ended", "",
		    "it ended before it answered on guest port %ld: %s%s%s",
		    w->tcp, state, reason != NULL ? ": " : "",
		    reason != NULL ? reason : "");
	json_decref(answer);
	return r;
}

static int
wait_tcp(struct cli *c, const struct wish *w, const struct sockaddr_in *sin,
    int64_t deadline)
{
	unsigned tries = 0;
	int r;

	while (!knock(sin)) {
		if (now_ms() >= deadline)
			return vl_fail(c, w->what, EX_TIMED_OUT,
			    "io.postern.Vm.TimedOut", "",
			    "it runs, but nobody answers on guest port %ld",
			    w->tcp);
		if (++tries % LOOK_TRIES == 0 &&
		    (r = has_ended(c, w)) != EX_DONE)
			return r;
		(void)poll(NULL, 0, TRY_MS);
	}
	return EX_DONE;
}

/* Time ran out, and the VM stays: what it printed last, and what to do. */
static void
timed_out(struct cli *c, const char *what)
{
	if (c->json)
		return;
	tail_show(c, what, TAIL_LINES, 0, stderr);
	(void)fprintf(stderr,
	    "it still runs; next: postern logs -f %s, or postern stop %s\n",
	    what, what);
}

void
starting_notes(const json_t *out)
{
	const json_t *notes = json_object_get(out, "notes");
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(notes); i++) {
		s = json_string_value(json_array_get(notes, i));
		(void)fputs("note: ", stderr);
		text_str(stderr, s != NULL ? s : "?");
		(void)putc('\n', stderr);
	}
}

int
starting_new(struct cli *c, struct wish *w, struct starting *s)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->ports = json_incref(json_object_get(w->config, "ports"));
	r = files_open(c, w->what, w->config, &s->files);
	if (r == EX_DONE)
		s->params = json_pack("{s:O}", "config", w->config);
	return r;
}

static json_t *
only_fd(const json_t *files)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < json_array_size(files); i++)
		(void)json_array_append_new(list, json_pack("{s:O}", "fd",
		    json_object_get(json_array_get(files, i), "fd")));
	return list;
}

/* What the daemon is given of an opened definition: descriptors only. */
static json_t *
only_fds(const struct wish *w, const json_t *def)
{
	static const char *const members[] = { "kernel_fd", "initrd_fd",
		"rootfs_fd", "rootfs_rw_fd" };
	static const char *const lists[] = { "config_files", "secret_files" };
	json_t *config = json_object(), *volumes = json_array(), *v, *o;
	size_t i, k;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		(void)json_object_set(config, members[i],
		    json_object_get(def, members[i]));
	json_array_foreach(json_object_get(def, "volumes"), i, v) {
		o = json_object();
		for (k = 0; k < 2; k++)
			(void)json_object_set(o, k == 0 ? "fd" : "rw_fd",
			    json_object_get(v, k == 0 ? "fd" : "rw_fd"));
		(void)json_array_append_new(volumes, o);
	}
	(void)json_object_set_new(config, "volumes", volumes);
	for (i = 0; i < 2; i++)
		(void)json_object_set_new(config, lists[i],
		    only_fd(json_object_get(def, lists[i])));
	(void)json_object_set(config, "ready",
	    json_object_get(w->config, "ready"));
	return config;
}

/* May and can this caller open what the definition names? */
static int
may_open(struct cli *c, const struct wish *w, const json_t *out)
{
	const json_t *def = json_object_get(out, "config");
	long long owner = (long long)json_integer_value(
	    json_object_get(def, "owner"));

	if (owner != (long long)geteuid())
		return vl_fail(c, w->what, EX_DENIED, "io.postern.Vm.Denied",
		    "", "it is uid %lld's, whose files are not opened with "
		    "your rights; start it as that user", owner);
	if (!json_is_true(json_object_get(out, "startable")))
		return vl_fail(c, w->what, EX_FAILED,
		    "io.postern.Vm.InvalidArgument", "name",
		    "the paths of its files are not known; remove it with "
		    "postern rm %s and start it with all its options",
		    w->what);
	return EX_DONE;
}

int
starting_defined(struct cli *c, struct wish *w, struct starting *s)
{
	json_t *name = vl_name(c, w->what), *out = NULL, *def, *config;
	int r;

	memset(s, 0, sizeof(*s));
	if (name == NULL)
		return EX_FAILED;
	r = vl_call(c, w->what, "Definition",
	    json_pack("{s:O}", "name", name), NULL, 0, &out);
	def = json_object_get(out, "config");
	if (r == EX_DONE)
		r = may_open(c, w, out);
	if (r == EX_DONE)
		r = files_open(c, w->what, def, &s->files);
	if (r == EX_DONE) {
		s->ports = json_incref(json_object_get(def, "ports"));
		config = only_fds(w, def);
		(void)json_object_set(config, "name", name);
		s->rm = json_is_true(json_object_get(def, "rm"));
		s->params = json_pack("{s:o,s:b}", "config", config,
		    "defined", 1);
	}
	json_decref(name);
	json_decref(out);
	return r;
}

void
starting_free(struct starting *s)
{
	json_decref(s->params);
	json_decref(s->ports);
	files_close(&s->files);
}

int
starting_go(struct cli *c, const struct wish *w, struct starting *s,
    json_t **vm)
{
	int64_t deadline = now_ms() +
	    (w->timeout_ms >= 0 ? w->timeout_ms : READY_MS);
	struct sockaddr_in sin;
	json_t *out;
	int r;

	*vm = NULL;
	if (w->tcp != 0 && published(s->ports, w->tcp, &sin) < 0)
		return cli_usage(c, "--ready tcp:%ld: no -p publishes that "
		    "guest port", w->tcp);
	if (w->timeout_ms > 0)
		(void)json_object_set_new(s->params, "timeout_ms",
		    json_integer(w->timeout_ms));
	r = vl_call(c, w->what, "Start", json_incref(s->params), s->files.fd,
	    s->files.n, &out);
	files_close(&s->files);
	if (r == EX_DONE && w->tcp != 0)
		r = wait_tcp(c, w, &sin, deadline);
	if (r == EX_TIMED_OUT)
		timed_out(c, w->what);
	if (r == EX_DONE) {
		*vm = json_incref(json_object_get(out, "vm"));
		if (!c->json)
			starting_notes(out);
	}
	json_decref(out);
	return r;
}
