/* SPDX-License-Identifier: ISC */
/*
 * postern metrics (caller's rights): the same numbers as postern top, in the
 * text format of Prometheus, for a collector that runs the command (such as
 * node_exporter's textfile directory).
 */
#include <stdio.h>
#include <string.h>

#include "ctld/cli/client.h"
#include "ctld/cli/usage.h"

static const struct metric {
	const char *name, *type, *help, *group, *key;
	double scale;
} metrics[] = {
	{ "cpu_seconds_total", "counter", "CPU time of the VMM", "stats",
	    "cpu_usec", 1e-6 },
	{ "throttled_total", "counter", "periods in which it was held back",
	    "stats", "throttled", 1 },
	{ "throttled_seconds_total", "counter", "time it was held back",
	    "stats", "throttled_usec", 1e-6 },
	{ "memory_bytes", "gauge", "memory of the VMM, the guest's included",
	    "stats", "memory", 1 },
	{ "memory_limit_bytes", "gauge", "the most that it may have",
	    "stats", "memory_max", 1 },
	{ "processes", "gauge", "processes and threads", "stats", "pids", 1 },
	{ "oom_kills_total", "counter", "kills for want of memory", "stats",
	    "oom", 1 },
	{ "sent_packets_total", "counter", "packets from the VM", "packets",
	    "from_vm", 1 },
	{ "received_packets_total", "counter", "packets to the VM",
	    "packets", "to_vm", 1 },
	{ "sent_bytes_total", "counter", "bytes from the VM", "packets",
	    "bytes_from_vm", 1 },
	{ "received_bytes_total", "counter", "bytes to the VM", "packets",
	    "bytes_to_vm", 1 },
	{ "link_dropped_packets_total", "counter", "dropped at its link",
	    "packets", "dropped", 1 },
};

/* A label's value; what would end it is left out. */
static void
label(const char *name, const char *value)
{
	(void)printf("%s=\"", name);
	for (; *value != '\0'; value++)
		if (*value >= ' ' && *value < 0x7f && *value != '"' &&
		    *value != '\\')
			(void)putchar(*value);
	(void)putchar('"');
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
labels(const json_t *vm)
{
	(void)putchar('{');
	label("vm", str(vm, "name"));
	(void)printf(",owner=\"%lld\",", (long long)json_integer_value(
	    json_object_get(vm, "owner")));
	label("id", str(vm, "id"));
}

static void
head(const char *name, const char *type, const char *help)
{
	(void)printf("# HELP postern_vm_%s %s\n# TYPE postern_vm_%s %s\n",
	    name, help, name, type);
}

static void
states(const json_t *vms)
{
	const json_t *vm;
	size_t i;

	head("state", "gauge", "1 for the state that it is in");
	for (i = 0; i < json_array_size(vms); i++) {
		vm = json_array_get(vms, i);
		(void)fputs("postern_vm_state", stdout);
		labels(vm);
		(void)putchar(',');
		label("state", str(vm, "state"));
		(void)fputs("} 1\n", stdout);
	}
}

static void
one_metric(const struct metric *m, const json_t *vms)
{
	const json_t *vm;
	size_t i;

	head(m->name, m->type, m->help);
	for (i = 0; i < json_array_size(vms); i++) {
		vm = json_array_get(vms, i);
		if (json_object_get(vm, m->group) == NULL)
			continue;
		(void)printf("postern_vm_%s", m->name);
		labels(vm);
		(void)printf("} %.16g\n",
		    (double)usage_number(vm, m->group, m->key) * m->scale);
	}
}

int
cmd_metrics(struct cli *c, int argc, char *argv[])
{
	json_t *vms;
	size_t i;
	int r;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	r = usage_collect(c, &vms);
	if (r == EX_DONE && c->json) {
		(void)json_dumpf(vms, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (r == EX_DONE) {
		states(vms);
		for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
			one_metric(&metrics[i], vms);
	}
	json_decref(vms);
	return r;
}
