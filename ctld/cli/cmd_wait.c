/* SPDX-License-Identifier: ISC */
/* postern wait, events (caller's rights): what happens, told when it does. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/text.h"

#define WAIT_MAX 24	/* below the ceiling of connections of an owner */

static void
print_vm(const struct cli *c, const char *what, const json_t *out)
{
	const json_t *vm = json_object_get(out, "vm");
	const char *state = json_string_value(json_object_get(vm, "state"));
	const char *reason = json_string_value(
	    json_object_get(vm, "reason"));

	if (c->json) {
		(void)json_dumpf(out, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		text_str(stdout, what);
		(void)fputs(": ", stdout);
		text_str(stdout, state != NULL ? state : "?");
		(void)fputs(reason != NULL ? ": " : "", stdout);
		text_str(stdout, reason != NULL ? reason : "");
		(void)puts(json_is_true(json_object_get(out, "removed")) ?
			" (removed)" : "");
	}
	(void)fflush(stdout);
}

static int
finish(struct cli *c, const char *what, struct vl *v)
{
	json_t *answer = vl_recv(v), *out;
	int r = vl_answer(c, what, answer, &out);

	if (r == EX_DONE)
		print_vm(c, what, out);
	json_decref(out);
	json_decref(answer);
	vl_close(v);
	return r;
}

static int
too_late(struct cli *c, char *names[], const struct vl *v, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (v[i].fd >= 0)
			(void)vl_fail(c, names[i], EX_TIMED_OUT,
			    "io.postern.Vm.TimedOut", "",
			    "it has not ended yet; see postern status %s",
			    names[i]);
	return EX_TIMED_OUT;
}

/* Until each has answered, or the time is over. */
static int
wait_all(struct cli *c, char *names[], struct vl *v, int n, int64_t deadline)
{
	struct pollfd p[WAIT_MAX];
	int i, k, r, worst = EX_DONE, open;
	int64_t left = -1;

	for (;;) {
		for (i = open = 0; i < n; i++) {
			p[i] = (struct pollfd){ .fd = v[i].fd,
				.events = POLLIN };
			open += v[i].fd >= 0;
		}
		if (open == 0)
			return worst;
		if (deadline >= 0)
			left = deadline > now_ms() ? deadline - now_ms() : 0;
		k = poll(p, (nfds_t)n, (int)left);
		if (k < 0 && errno != EINTR)
			return EX_FAILED;
		if (k == 0)
			return too_late(c, names, v, n);
		for (i = 0; i < n && k > 0; i++) {
			if (p[i].fd < 0 || p[i].revents == 0)
				continue;
			r = finish(c, names[i], &v[i]);
			worst = r != EX_DONE ? r : worst;
		}
	}
}

static int
wait_names(struct cli *c, char *names[], int n, long long ms)
{
	struct vl v[WAIT_MAX];
	json_t *name;
	int i, r = EX_DONE;

	for (i = 0; i < n; i++)
		v[i].fd = -1;
	for (i = 0; i < n && r == EX_DONE; i++) {
		if ((name = vl_name(c, names[i])) == NULL) {
			r = EX_FAILED;
			break;
		}
		r = vl_open(c, &v[i]);
		if (r == EX_DONE)
			(void)vl_send(&v[i], "Wait",
			    json_pack("{s:O}", "name", name), 0, NULL, 0);
		json_decref(name);
	}
	if (r == EX_DONE)
		r = wait_all(c, names, v, n, ms >= 0 ? now_ms() + ms : -1);
	for (i = 0; i < n; i++)
		if (v[i].fd >= 0)
			vl_close(&v[i]);
	return r;
}

int
cmd_wait(struct cli *c, int argc, char *argv[])
{
	enum { TIMEOUT = OPT_FIRST };
	static const struct option longs[] = {
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ NULL, 0, NULL, 0 },
	};
	long long ms = -1;
	int opt;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt != TIMEOUT)
			return EX_USE;
		if (parse_seconds(optarg, &ms) < 0)
			return cli_usage(c, "--timeout %s: say seconds, 0 to "
			    "3600", optarg);
	}
	if (optind == argc)
		return cli_usage(c, "which VM? say NAME");
	if (argc - optind > WAIT_MAX)
		return cli_usage(c, "at most %d names", WAIT_MAX);
	return wait_names(c, argv + optind, argc - optind, ms);
}

static const char *
member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static int
print_event(const struct cli *c, const json_t *v)
{
	if (c->json) {
		(void)json_dumpf(v, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return fflush(stdout);
	}
	text_str(stdout, member(v, "time"));
	(void)printf(" %-14s ", member(v, "event"));
	if (member(v, "name")[0] != '\0')
		(void)printf("%lld/", (long long)json_integer_value(
		    json_object_get(v, "owner")));
	text_str(stdout, member(v, "name")[0] != '\0' ? member(v, "name") :
		"daemon");
	if (member(v, "reason")[0] != '\0') {
		(void)fputs(": ", stdout);
		text_str(stdout, member(v, "reason"));
	}
	(void)putchar('\n');
	return fflush(stdout);
}

/* Those that were not printed yet: after a break all come once more. *last is
 * the newest so far; a daemon that lost its memory counts anew. */
static int
print_events(const struct cli *c, const json_t *params, json_int_t *last)
{
	const json_t *list = json_object_get(params, "events"), *v;
	size_t i, n = json_array_size(list);
	json_int_t seq;

	if (json_is_true(json_object_get(params, "lost")))
		(void)fputs("postern events: some were missed here\n",
		    stderr);
	if (n > 0 && json_integer_value(json_object_get(
	    json_array_get(list, n - 1), "seq")) < *last)
		*last = 0;
	json_array_foreach(list, i, v) {
		seq = json_integer_value(json_object_get(v, "seq"));
		if (seq <= *last)
			continue;
		*last = seq;
		if (print_event(c, v) != 0)
			return EX_FAILED;
	}
	return EX_DONE;
}

/* To the end of it. With follow that is a break: the daemon is asked again. */
static int
hear_events(struct cli *c, struct vl *v, int follow)
{
	json_int_t last = 0;
	json_t *answer, *params;
	int64_t broke = 0;
	int r = EX_DONE, more = 1, ask = 1;

	while (more && r == EX_DONE) {
		if (ask)
			(void)vl_send(v, "Events", json_pack("{s:b}",
			    "follow", follow), follow, NULL, 0);
		answer = vl_recv(v);
		ask = answer == NULL && follow && last != 0 &&
		    vl_again(c, v, &broke) == 0;
		if (ask)
			continue;
		broke = 0;
		r = vl_answer(c, "", answer, &params);
		more = json_is_true(json_object_get(answer, "continues"));
		if (r == EX_DONE)
			r = print_events(c, params, &last);
		json_decref(params);
		json_decref(answer);
	}
	return r;
}

int
cmd_events(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, follow = 0, r;
	struct vl v;

	while ((opt = cli_getopt(c, argc, argv, ":f", longs)) == 'f')
		follow = 1;
	if (opt != -1)
		return EX_USE;
	if (optind < argc)
		return cli_usage(c, "takes no name");
	if ((r = vl_open(c, &v)) != EX_DONE)
		return r;
	r = hear_events(c, &v, follow);
	vl_close(&v);
	return r;
}
