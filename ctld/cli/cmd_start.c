/* SPDX-License-Identifier: ISC */
/*
 * postern start, create, restart (caller's rights). A VM is new when options
 * say what it is, and defined already when there is its name alone.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ctld/cli/client.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/starting.h"
#include "ctld/cli/text.h"

static void
tell(const struct cli *c, const char *what, const json_t *vm,
    const char *state)
{
	if (c->json) {
		(void)json_dumpf(vm, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return;
	}
	text_str(stdout, what);
	(void)printf(" is %s\n", state);
}

static int
go(struct cli *c, const struct wish *w, struct starting *s)
{
	json_t *vm;
	int r = starting_go(c, w, s, &vm);

	if (r == EX_DONE)
		tell(c, w->what, vm, "running");
	json_decref(vm);
	return r;
}

int
cmd_start(struct cli *c, int argc, char *argv[])
{
	struct starting s = { .params = NULL };
	struct wish w;
	int r = wish_parse(c, argc, argv, &w);

	if (r == EX_DONE && (w.raw || w.input))
		r = cli_usage(c, "--raw and --input are for run");
	if (r == EX_DONE)
		r = w.by_name ? starting_defined(c, &w, &s) :
				starting_new(c, &w, &s);
	if (r == EX_DONE)
		r = go(c, &w, &s);
	starting_free(&s);
	wish_free(&w);
	return r;
}

int
cmd_create(struct cli *c, int argc, char *argv[])
{
	struct starting s = { .params = NULL };
	struct wish w;
	json_t *out = NULL;
	int r = wish_parse(c, argc, argv, &w);

	if (r == EX_DONE && (w.tcp != 0 || w.timeout_ms >= 0 || w.raw ||
		w.input))
		r = cli_usage(c, "--raw, --input, --timeout and --ready tcp: "
		    "are for the start");
	if (r == EX_DONE)
		r = starting_new(c, &w, &s);
	if (r == EX_DONE)
		r = vl_call(c, w.what, "Create", json_incref(s.params),
		    s.files.fd, s.files.n, &out);
	if (r == EX_DONE) {
		tell(c, w.what, json_object_get(out, "vm"), "defined");
		if (!c->json)
			starting_notes(out);
	}
	json_decref(out);
	starting_free(&s);
	wish_free(&w);
	return r;
}

/* Stop it, if it runs. An exit status. */
static int
stop(struct cli *c, const char *what, const json_t *extra)
{
	json_t *name = vl_name(c, what), *answer, *params, *out = NULL;
	const char *error;
	int r = EX_DONE;

	if (name == NULL)
		return EX_FAILED;
	params = json_pack("{s:o}", "name", name);
	(void)json_object_update(params, (json_t *)(uintptr_t)extra);
	answer = vl_try(c, "Stop", params);
	error = json_string_value(json_object_get(answer, "error"));
	/* one that does not run is simply started */
	if (error == NULL || strcmp(error, "io.postern.Vm.WrongState") != 0)
		r = vl_answer(c, what, answer, &out);
	json_decref(out);
	json_decref(answer);
	return r;
}

static int
restart(struct cli *c, struct wish *w, const json_t *extra)
{
	struct starting s;
	int r = starting_defined(c, w, &s);

	/* all that can be refused was: now it may stop */
	if (r == EX_DONE && s.rm)
		r = vl_fail(c, w->what, EX_STATE, "io.postern.Vm.WrongState",
		    "", "it is removed when it ends (--rm); stop it, then "
		    "start it with all its options");
	if (r == EX_DONE)
		r = stop(c, w->what, extra);
	if (r == EX_DONE)
		r = go(c, w, &s);
	starting_free(&s);
	return r;
}

int
cmd_restart(struct cli *c, int argc, char *argv[])
{
	enum { GRACE = OPT_FIRST };
	static const struct option longs[] = {
		{ "grace", required_argument, NULL, GRACE },
		{ NULL, 0, NULL, 0 },
	};
	struct wish w = { .config = json_object(), .timeout_ms = -1 };
	json_t *extra = json_object();
	int opt, r = EX_DONE;
	long long ms;

	while (r == EX_DONE &&
	    (opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt == GRACE && parse_seconds(optarg, &ms) == 0)
			(void)json_object_set_new(extra, "grace_ms",
			    json_integer(ms));
		else
			r = opt == GRACE ? cli_usage(c,
				"--grace %s: say seconds, 0 to 3600",
				optarg) : EX_USE;
	}
	if (r == EX_DONE && optind + 1 != argc)
		r = cli_usage(c, "say one name");
	w.what = argv[optind];
	if (r == EX_DONE)
		r = restart(c, &w, extra);
	json_decref(extra);
	wish_free(&w);
	return r;
}
