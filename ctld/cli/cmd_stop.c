/* SPDX-License-Identifier: ISC */
/*
 * postern stop, kill, pause, resume, rm (caller's rights). Several VMs are stopped at once,
 * each on a connection of its own, so that all of them take the time of one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/stdlib.h>

#include "ctld/cli/client.h"
#include "ctld/cli/parse.h"

#define AT_ONCE 24	/* below the ceiling of connections of an owner */

struct job {
	const char *name;
	struct vl v;
	int busy;
};

/* Send NAME's call. EX_DONE when it is under way. */
static int
begin(struct cli *c, struct job *j, const char *method, const json_t *extra)
{
	json_t *name = vl_name(c, j->name), *params;
	int r;

	if (name == NULL)
		return EX_FAILED;
	r = vl_open(c, &j->v);
	if (r != EX_DONE) {
		json_decref(name);
		return r;
	}
	params = json_pack("{s:o}", "name", name);
	(void)json_object_update(params, (json_t *)(uintptr_t)extra);
	(void)vl_send(&j->v, method, params, 0, NULL, 0);
	j->busy = 1;
	return EX_DONE;
}

static int
finish(struct cli *c, struct job *j)
{
	json_t *answer = vl_recv(&j->v), *out;
	int r = vl_answer(c, j->name, answer, &out);

	json_decref(out);
	json_decref(answer);
	vl_close(&j->v);
	j->busy = 0;
	return r;
}

/* Wait for any answer of the jobs under way. The worst status so far. */
static int
harvest(struct cli *c, struct job *jobs, size_t n, size_t *under_way,
    int worst)
{
	struct pollfd p[AT_ONCE];
	size_t at[AT_ONCE], k = 0, i;
	int r;

	for (i = 0; i < n && k < AT_ONCE; i++) {
		if (!jobs[i].busy)
			continue;
		p[k] = (struct pollfd){ .fd = jobs[i].v.fd,
			.events = POLLIN };
		at[k++] = i;
	}
	if (poll(p, k, -1) < 0 && errno != EINTR)
		return EX_FAILED;
	for (i = 0; i < k; i++) {
		if (p[i].revents == 0)
			continue;
		r = finish(c, &jobs[at[i]]);
		(*under_way)--;
		if (r != EX_DONE)
			worst = r;
	}
	return worst;
}

/* Call method for all names, AT_ONCE of them at a time. */
static int
all_at_once(struct cli *c, struct job *jobs, size_t n, const char *method,
    const json_t *extra)
{
	size_t next = 0, under_way = 0;
	int worst = EX_DONE, r;

	while (next < n || under_way > 0) {
		if (next < n && under_way < AT_ONCE) {
			r = begin(c, &jobs[next++], method, extra);
			if (r == EX_DONE)
				under_way++;
			else
				worst = r;
			if (r == EX_NO_DAEMON)
				next = n;
			continue;
		}
		worst = harvest(c, jobs, n, &under_way, worst);
	}
	return worst;
}

static int
for_names(struct cli *c, int argc, char *argv[], const char *method,
    const json_t *extra)
{
	struct job *jobs;
	int i, r;

	if (argc == 0)
		return cli_usage(c, "which VM? say NAME");
	jobs = calloc((size_t)argc, sizeof(*jobs));
	if (jobs == NULL)
		return EX_FAILED;
	for (i = 0; i < argc; i++)
		jobs[i].name = argv[i];
	r = all_at_once(c, jobs, (size_t)argc, method, extra);
	free(jobs);
	if (r == EX_DONE && c->json)
		(void)puts("{}");
	return r;
}

/* Does it run, whoever looks? A failed VM's status is an object. */
static int
runs(const json_t *vm)
{
	const char *status = json_string_value(json_object_get(vm, "status"));

	return status != NULL && strcmp(status, "Stopped") != 0;
}

/* Name a VM as an admin does: OWNER/NAME. */
static void
name_in_full(json_t *vm)
{
	(void)json_object_set_new(vm, "name", json_sprintf("%lld/%s",
	    (long long)json_integer_value(json_object_get(vm, "owner")),
	    json_string_value(json_object_get(vm, "name"))));
}

/* Every VM of the caller's, or of everybody, that runs. */
static int
stop_all(struct cli *c, int everybody, const json_t *extra)
{
	json_t *out, *list, *vm;
	struct job *jobs;
	size_t i, n = 0;
	int r = vl_call(c, "", "List", json_pack("{s:b}", "all", everybody),
	    NULL, 0, &out);

	if (r != EX_DONE)
		return r;
	list = json_object_get(out, "vms");
	jobs = calloc(json_array_size(list) + 1, sizeof(*jobs));
	if (jobs == NULL) {
		json_decref(out);
		return EX_FAILED;
	}
	json_array_foreach(list, i, vm) {
		if (!runs(vm))
			continue;
		if (everybody)
			name_in_full(vm);
		jobs[n++].name = json_string_value(
		    json_object_get(vm, "name"));
	}
	r = all_at_once(c, jobs, n, "Stop", extra);
	if (r == EX_DONE && !c->json)
		(void)printf("%zu stopped\n", n);
	else if (r == EX_DONE)
		(void)puts("{}");
	free(jobs);
	json_decref(out);
	return r;
}

int
cmd_stop(struct cli *c, int argc, char *argv[])
{
	enum { ALL = OPT_FIRST, EVERYBODY, GRACE };
	static const struct option longs[] = {
		{ "all", no_argument, NULL, ALL },
		{ "everybody", no_argument, NULL, EVERYBODY },
		{ "grace", required_argument, NULL, GRACE },
		{ NULL, 0, NULL, 0 },
	};
	json_t *extra = json_object();
	int opt, all = 0, everybody = 0, r;
	long long ms;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt == ALL) {
			all = 1;
		} else if (opt == EVERYBODY) {
			all = everybody = 1;
		} else if (opt == GRACE && parse_seconds(optarg, &ms) == 0) {
			(void)json_object_set_new(extra, "grace_ms",
			    json_integer(ms));
		} else {
			json_decref(extra);
			return opt == GRACE ? cli_usage(c, "--grace %s: say "
				"seconds, 0 to 3600", optarg) : EX_USE;
		}
	}
	if (all && optind < argc)
		r = cli_usage(c, "--all, or names; not both");
	else if (all)
		r = stop_all(c, everybody, extra);
	else
		r = for_names(c, argc - optind, argv + optind, "Stop", extra);
	json_decref(extra);
	return r;
}

/* A verb that takes names and nothing else. */
static int
plain(struct cli *c, int argc, char *argv[], const char *method)
{
	json_t *none = json_object();
	int r = EX_USE;

	if (cli_getopt(c, argc, argv, ":", NULL) == -1)
		r = for_names(c, argc - optind, argv + optind, method, none);
	json_decref(none);
	return r;
}

int
cmd_kill(struct cli *c, int argc, char *argv[])
{
	return plain(c, argc, argv, "Kill");
}

int
cmd_pause(struct cli *c, int argc, char *argv[])
{
	return plain(c, argc, argv, "Pause");
}

int
cmd_resume(struct cli *c, int argc, char *argv[])
{
	return plain(c, argc, argv, "Resume");
}

int
cmd_rm(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	json_t *extra = json_object();
	int opt, r;

	while ((opt = cli_getopt(c, argc, argv, ":f", longs)) == 'f')
		(void)json_object_set_new(extra, "force", json_true());
	r = opt == -1 ?
	    for_names(c, argc - optind, argv + optind, "Remove", extra) :
	    EX_USE;
	json_decref(extra);
	return r;
}
