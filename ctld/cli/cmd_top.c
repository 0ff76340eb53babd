/* SPDX-License-Identifier: ISC */
/*
 * postern top (caller's rights): a table of what VMs use, again and again,
 * or once. Everything printed that came from the daemon is escaped.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/text.h"
#include "ctld/cli/usage.h"

#define ONCE_MS 250	/* between the two samples of --once */

enum { OPT_ONCE = OPT_FIRST, OPT_INTERVAL };

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

/* 532, 12k, 3.4M */
static void
short_number(long long v, char buf[16])
{
	static const char units[] = " kMGTP";
	double d = (double)v;
	unsigned u = 0;

	while (d >= 9999.5 && u + 2 < sizeof(units)) {
		d /= 1000;
		u++;
	}
	(void)snprintf(buf, 16, u > 0 ? "%.1f%c" : "%.0f", d, units[u]);
}

static void
put_vm(const json_t *before, const json_t *vm, int64_t ms)
{
	double cpu = usage_percent(usage_find(before, str(vm, "id")), vm, ms);
	char from[16], to[16], percent[16] = "-", memory[64] = "-";
	int used = json_object_get(vm, "stats") != NULL;

	if (cpu >= 0)
		(void)snprintf(percent, sizeof(percent), "%.1f", cpu);
	short_number(usage_number(vm, "packets", "from_vm"), from);
	short_number(usage_number(vm, "packets", "to_vm"), to);
	text_pad(stdout, str(vm, "name"), 20);
	text_pad(stdout, str(vm, "state"), 10);
	if (used)
		(void)snprintf(memory, sizeof(memory), "%lldM/%lldM",
		    usage_number(vm, "stats", "memory") >> 20,
		    (long long)json_integer_value(
		    json_object_get(vm, "memory_mib")));
	(void)printf("%6s %14s", percent, memory);
	if (used)
		(void)printf(" %4lld %8.1f %4lld",
		    usage_number(vm, "stats", "pids"),
		    (double)usage_number(vm, "stats", "throttled_usec") / 1e6,
		    usage_number(vm, "stats", "oom"));
	else
		(void)printf(" %4s %8s %4s", "-", "-", "-");
	if (json_object_get(vm, "packets") != NULL)
		(void)printf(" %8s %8s\n", from, to);
	else
		(void)printf(" %8s %8s\n", "-", "-");
}

static void
put_table(const json_t *before, const json_t *now, int64_t ms, int clear)
{
	size_t i;

	if (clear)
		(void)fputs("\033[H\033[2J", stdout);
	text_pad(stdout, "NAME", 20);
	text_pad(stdout, "STATE", 10);
	(void)printf("%6s %14s %4s %8s %4s %8s %8s\n", "CPU%", "MEMORY/GUEST",
	    "PIDS", "THROTTLE", "OOM", "PKT-OUT", "PKT-IN");
	for (i = 0; i < json_array_size(now); i++)
		put_vm(before, json_array_get(now, i), ms);
}

static void
put_json(const json_t *before, json_t *now, int64_t ms)
{
	json_t *vm;
	double cpu;
	size_t i;

	json_array_foreach(now, i, vm) {
		cpu = usage_percent(usage_find(before, str(vm, "id")), vm,
		    ms);
		(void)json_object_set_new(vm, "cpu_percent",
		    cpu >= 0 ? json_real(cpu) : json_null());
	}
	(void)json_dumpf(now, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	(void)putchar('\n');
}

static void
pause_ms(long long ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int
watch(struct cli *c, long long ms, int once)
{
	json_t *before, *now;
	int64_t t0 = now_ms(), t1;
	int r = usage_collect(c, &before);

	while (r == EX_DONE) {
		pause_ms(once ? ONCE_MS : ms);
		t1 = now_ms();
		r = usage_collect(c, &now);
		if (r != EX_DONE)
			break;
		if (c->json)
			put_json(before, now, t1 - t0);
		else
			put_table(before, now, t1 - t0,
			    !once && isatty(STDOUT_FILENO));
		json_decref(before);
		before = now;
		t0 = t1;
		if (once || fflush(stdout) != 0)
			break;
	}
	json_decref(before);
	return r;
}

int
cmd_top(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "once", no_argument, NULL, OPT_ONCE },
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		{ NULL, 0, NULL, 0 },
	};
	long long ms = 1000;
	int opt, once = 0;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt == OPT_ONCE)
			once = 1;
		else if (opt != OPT_INTERVAL)
			return EX_USE;
		else if (parse_seconds(optarg, &ms) < 0 || ms < 100)
			return cli_usage(c, "--interval %s: say seconds, 0.1 "
			    "or more", optarg);
	}
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	return watch(c, ms, once);
}
