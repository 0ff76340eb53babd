/* SPDX-License-Identifier: ISC */
/*
 * postern logs (caller's rights). What comes is a guest's bytes: escaped
 * unless --raw was said.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/stdlib.h>

#include "ctld/cli/client.h"
#include "ctld/cli/text.h"

struct ask {
	int follow, hypervisor, raw;
	long long lines;	/* -1: all */
};

/* One answer's bytes; --json prints the answer as it is, one a line. */
static int
print(const struct cli *c, const struct ask *a, const json_t *params)
{
	const char *s = json_string_value(json_object_get(params, "data"));
	unsigned char *bytes;
	size_t n;

	if (c->json) {
		(void)json_dumpf(params, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		bytes = s != NULL ? text_unbase64(s, &n) : NULL;
		if (bytes == NULL)
			return -1;
		if (a->raw)
			(void)fwrite(bytes, 1, n, stdout);
		else
			text_put(stdout, (const char *)bytes, n, 1);
		free(bytes);
	}
	return fflush(stdout) == 0 ? 0 : -1;
}

static int
ask(struct cli *c, const struct ask *a, const char *what, struct vl *v)
{
	json_t *name = vl_name(c, what), *params;

	if (name == NULL)
		return EX_FAILED;
	params = json_pack("{s:o,s:b,s:b}", "name", name, "follow", a->follow,
	    "hypervisor", a->hypervisor);
	if (a->lines >= 0)
		(void)json_object_set_new(params, "lines",
		    json_integer(a->lines));
	(void)vl_send(v, "Logs", params, a->follow, NULL, 0);
	return EX_DONE;
}

/* Following, a break is not the end: from now on, then. */
static int
resume(struct cli *c, struct ask *a, const char *what, struct vl *v,
    int64_t *broke)
{
	int first = *broke == 0;

	if (!a->follow || vl_again(c, v, broke) < 0)
		return 0;
	if (first)
		(void)fputs("postern logs: the daemon broke off; some output "
			    "may be left out here\n", stderr);
	a->lines = 0;
	return ask(c, a, what, v) == EX_DONE;
}

/* No daemon, or a new one that has not met the VM's supervisor yet. */
static int
not_back(const json_t *answer, int64_t broke)
{
	const char *e = json_string_value(json_object_get(answer, "error"));

	return answer == NULL ||
	    (broke != 0 && e != NULL &&
	    strcmp(e, "io.postern.Vm.WrongState") == 0);
}

static int
stream(struct cli *c, struct ask *a, const char *what, struct vl *v)
{
	json_t *answer, *params;
	int64_t broke = 0;
	int r = EX_DONE, more = 1, any = 0;

	while (more && r == EX_DONE) {
		answer = vl_recv(v);
		if (not_back(answer, broke) && any &&
		    resume(c, a, what, v, &broke)) {
			json_decref(answer);
			continue;
		}
		any = 1;
		broke = 0;
		r = vl_answer(c, what, answer, &params);
		more = json_is_true(json_object_get(answer, "continues"));
		if (r == EX_DONE && print(c, a, params) < 0)
			r = EX_FAILED;
		json_decref(params);
		json_decref(answer);
	}
	return r;
}

static int
run(struct cli *c, struct ask *a, const char *what)
{
	struct vl v;
	int r = vl_open(c, &v);

	if (r == EX_DONE)
		r = ask(c, a, what, &v);
	if (r == EX_DONE)
		r = stream(c, a, what, &v);
	vl_close(&v);
	return r;
}

int
cmd_logs(struct cli *c, int argc, char *argv[])
{
	enum { HYPERVISOR = OPT_FIRST, RAW };
	static const struct option longs[] = {
		{ "lines", required_argument, NULL, 'n' },
		{ "follow", no_argument, NULL, 'f' },
		{ "hypervisor", no_argument, NULL, HYPERVISOR },
		{ "raw", no_argument, NULL, RAW },
		{ NULL, 0, NULL, 0 },
	};
	struct ask a = { .lines = -1 };
	const char *bad;
	int opt;

	while ((opt = cli_getopt(c, argc, argv, ":n:f", longs)) != -1) {
		switch (opt) {
		case 'n':
			a.lines = strtonum(optarg, 0, 1000000000, &bad);
			if (bad != NULL)
				return cli_usage(c,
				    "-n %s: say a number of lines", optarg);
			break;
		case 'f':
			a.follow = 1;
			break;
		case HYPERVISOR:
			a.hypervisor = 1;
			break;
		case RAW:
			a.raw = 1;
			break;
		default:
			return EX_USE;
		}
	}
	if (optind + 1 != argc)
		return cli_usage(c, "say one name");
	return run(c, &a, argv[optind]);
}
