/* SPDX-License-Identifier: ISC */
/*
 * postern policy (caller's rights): the processes, what each may do and why,
 * from the tables that are enforced; and, where the daemon runs, what the
 * operator's configuration gives the caller.
 */
#include <stdio.h>
#include <string.h>

#include "common/sysconf.h"
#include "ctld/cli/client.h"
#include "ctld/cli/policy.h"
#include "ctld/cli/text.h"

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

/* A number, a string or a list of them. */
static void
put_value(const json_t *v)
{
	size_t i;

	if (json_is_integer(v))
		(void)printf("%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		(void)fputs(json_is_true(v) ? "on" : "off", stdout);
	else if (json_is_string(v))
		text_str(stdout, json_string_value(v));
	else if (json_array_size(v) == 0)
		(void)fputs("none", stdout);
	else
		for (i = 0; i < json_array_size(v); i++) {
			(void)fputs(i > 0 ? ", " : "", stdout);
			put_value(json_array_get(v, i));
		}
}

static void
put_row(const char *title, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL || json_is_null(v))
		return;
	(void)printf("  %-16s ", title);
	put_value(v);
	(void)putchar('\n');
}

static void
put_process(const json_t *p, const json_t *seccomp)
{
	const json_t *s = json_object_get(seccomp, str(p, "seccomp"));

	text_str(stdout, str(p, "title"));
	(void)putchar('\n');
	put_row("program", p, "program");
	put_row("uid", p, "uid");
	put_row("capabilities", p, "capabilities");
	put_row("sees", p, "sees");
	put_row("believes", p, "believes");
	put_row("nofile", p, "nofile");
	put_row("fsize (KiB)", p, "fsize_kib");
	put_row("nproc", p, "nproc");
	(void)printf("  %-14s %s: %zu rules", "seccomp", str(p, "seccomp"),
	    json_array_size(json_object_get(s, "rules")));
	if (json_array_size(json_object_get(s, "with")) > 0) {
		(void)fputs(", and those of ", stdout);
		put_value(json_object_get(s, "with"));
	}
	(void)printf("; else %s\n", str(s, "other"));
}

static int
put_list(struct cli *c, const json_t *seccomp, const char *name)
{
	const json_t *s = json_object_get(seccomp, name), *r, *args;
	size_t i, k;

	if (s == NULL)
		return cli_usage(c, "there is no seccomp list %s; postern "
		    "policy names them", name);
	if (c->json) {
		(void)json_dumpf(s, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return EX_DONE;
	}
	for (i = 0; i < json_array_size(json_object_get(s, "rules")); i++) {
		r = json_array_get(json_object_get(s, "rules"), i);
		(void)printf("%-6s %-18s %s", str(r, "action"),
		    str(r, "call"), str(r, "why"));
		args = json_object_get(r, "if");
		for (k = 0; k < json_array_size(args); k++)
			(void)printf("%s%s", k > 0 ? " and " : "; if ",
			    json_string_value(json_array_get(args, k)));
		(void)putchar('\n');
	}
	(void)printf("%-6s %-18s %s\n", str(s, "other"), "(every other)",
	    "what no rule names");
	return EX_DONE;
}

static void
put_object(const char *title, json_t *o)
{
	const char *key;
	json_t *v;

	(void)printf("%s\n", title);
	json_object_foreach(o, key, v)
		put_row(key, o, key);
}

static void
put_number(const json_t *v)
{
	if (json_is_integer(v))
		(void)printf(" %10lld", (long long)json_integer_value(v));
	else
		(void)printf(" %10s", "-");
}

/* Row by row of policy/ceilings.def: what the daemon says, and who holds it. */
static void
put_ceilings(const json_t *owner, const json_t *node)
{
	unsigned i;

	(void)printf("ceilings %20s %10s  %s\n", "yours", "the node's",
	    "held by");
	for (i = 0; i < CEIL_N; i++) {
		(void)printf("  %-16s", ceilings[i].name);
		put_number(json_object_get(owner, ceilings[i].name));
		put_number(json_object_get(node, ceilings[i].name));
		(void)printf("  %s\n", ceilings[i].who);
	}
}

static void
put_daemon(const json_t *d)
{
	static const char *const keys[] = { "addresses", "port_lo", "port_hi",
		"runner", "bridge" };
	const json_t *ids = json_object_get(d, "vm_ids");
	json_t *grants = json_object();
	unsigned i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		(void)json_object_set(grants, keys[i],
		    json_object_get(json_object_get(d, "owner"), keys[i]));

	put_object("compose (the operator's choice)",
	    json_object_get(d, "compose"));
	put_ceilings(json_object_get(d, "owner"), json_object_get(d, "node"));
	put_object("your grants", grants);
	(void)printf("each VM\n");
	put_row("flows", d, "flows");
	put_row("console (bytes)", d, "console_bytes");
	put_row("log (bytes)", d, "log_bytes");
	(void)printf("VMs\n  %-14s %lld, %lld of them\n  %-14s %s\n",
	    "uids from", (long long)json_integer_value(
	    json_object_get(ids, "base")), (long long)json_integer_value(
	    json_object_get(ids, "count")), "addresses", str(d, "pool"));
	json_decref(grants);
}

int
cmd_policy(struct cli *c, int argc, char *argv[])
{
	json_t *daemon, *processes, *seccomp;
	int r = EX_DONE;
	size_t i;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind + 1 < argc)
		return cli_usage(c, "say one list, or none");
	seccomp = policy_seccomp();
	if (optind < argc) {
		r = put_list(c, seccomp, argv[optind]);
		json_decref(seccomp);
		return r;
	}
	daemon = vl_policy(c);
	processes = policy_processes(json_object_get(daemon, "uids"));
	if (c->json) {
		json_t *all = json_pack("{s:O,s:O,s:O?}", "processes",
		    processes, "seccomp", seccomp, "daemon", daemon);

		(void)json_dumpf(all, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(all);
	} else {
		for (i = 0; i < json_array_size(processes); i++)
			put_process(json_array_get(processes, i), seccomp);
		if (daemon != NULL)
			put_daemon(daemon);
		else
			(void)printf("(the daemon at %s is not reached: "
			    "ceilings and ids are not shown)\n", c->socket);
	}
	json_decref(daemon);
	json_decref(processes);
	json_decref(seccomp);
	return r;
}
