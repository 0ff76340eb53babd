/* SPDX-License-Identifier: ISC */
/*
 * postern list, status, info, network, version (caller's rights): what is
 * known, as a table for people or as the daemon's own JSON.
 */
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "config.h"
#include "ctld/cli/client.h"
#include "ctld/cli/tail.h"
#include "ctld/cli/text.h"

static int
print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	(void)putchar('\n');
	return EX_DONE;
}

/* A member as text; null and absent are "-". */
static const char *
member(const json_t *o, const char *key, char *buf, size_t size)
{
	const json_t *j = json_object_get(o, key);

	if (json_is_string(j))
		(void)strlcpy(buf, json_string_value(j), size);
	else if (json_is_integer(j))
		(void)snprintf(buf, size, "%lld",
		    (long long)json_integer_value(j));
	else
		(void)strlcpy(buf, "-", size);
	return buf;
}

/* 127.0.0.1:8080->80/udp, as short as the defaults allow. */
static void
ports_text(const json_t *ports, char *buf, size_t size)
{
	char one[64], addr[40];
	const char *proto, *a;
	const json_t *p;
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < json_array_size(ports); i++) {
		p = json_array_get(ports, i);
		proto = json_string_value(json_object_get(p, "proto"));
		a = json_string_value(json_object_get(p, "address"));
		(void)snprintf(addr, sizeof(addr), "%.32s%s",
		    a != NULL ? a : "", a != NULL ? ":" : "");
		(void)snprintf(one, sizeof(one), "%s%s%lld:%lld%s%.4s",
		    i > 0 ? " " : "", addr,
		    (long long)json_integer_value(
			json_object_get(p, "host")),
		    (long long)json_integer_value(
			json_object_get(p, "guest")),
		    proto != NULL && strcmp(proto, "udp") == 0 ? "/" : "",
		    proto != NULL && strcmp(proto, "udp") == 0 ? proto : "");
		(void)strlcat(buf, one, size);
	}
	if (buf[0] == '\0')
		(void)strlcpy(buf, "-", size);
}

#define COLUMNS 7
struct row {
	char cell[COLUMNS][128];
};

static void
fill(struct row *r, const json_t *vm)
{
	char text[64];

	(void)member(vm, "name", r->cell[0], sizeof(r->cell[0]));
	(void)member(vm, "state", r->cell[1], sizeof(r->cell[1]));
	(void)member(vm, "cpus", r->cell[2], sizeof(r->cell[2]));
	(void)snprintf(r->cell[3], sizeof(r->cell[3]), "%sM",
	    member(vm, "memory_mib", text, sizeof(text)));
	(void)member(vm, "guest_ip", r->cell[4], sizeof(r->cell[4]));
	(void)member(vm, "owner", r->cell[5], sizeof(r->cell[5]));
	ports_text(json_object_get(vm, "ports"), r->cell[6],
	    sizeof(r->cell[6]));
}

static void
print_row(const struct row *r, const size_t width[COLUMNS])
{
	size_t k, n;

	for (k = 0; k < COLUMNS; k++) {
		text_str(stdout, r->cell[k]);
		if (k + 1 == COLUMNS)
			break;
		for (n = strlen(r->cell[k]); n < width[k] + 2; n++)
			(void)putchar(' ');
	}
	(void)putchar('\n');
}

static void
print_table(const json_t *vms)
{
	static const struct row head = { { "NAME", "STATE", "CPUS", "MEMORY",
	    "ADDRESS", "OWNER", "PORTS" } };
	size_t width[COLUMNS], i, k;
	struct row r;

	for (k = 0; k < COLUMNS; k++)
		width[k] = strlen(head.cell[k]);
	for (i = 0; i < json_array_size(vms); i++) {
		fill(&r, json_array_get(vms, i));
		for (k = 0; k < COLUMNS; k++) {
			if (strlen(r.cell[k]) > width[k])
				width[k] = strlen(r.cell[k]);
		}
	}
	print_row(&head, width);
	for (i = 0; i < json_array_size(vms); i++) {
		fill(&r, json_array_get(vms, i));
		print_row(&r, width);
	}
}

int
cmd_list(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	json_t *out, *vms;
	int opt, all = 0, r;

	while ((opt = cli_getopt(c, argc, argv, ":a", longs)) == 'a')
		all = 1;
	if (opt != -1)
		return EX_USE;
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	r = vl_call(c, "", "List", json_pack("{s:b}", "all", all), NULL, 0,
	    &out);
	if (r != EX_DONE)
		return r;
	vms = json_object_get(out, "vms");
	if (c->json)
		(void)print_json(vms);
	else if (json_array_size(vms) > 0)
		print_table(vms);
	else
		(void)puts(all ? "no VM" :
			"no VM runs; postern list -a shows stopped ones");
	json_decref(out);
	return EX_DONE;
}

/* One name, one call; *out gets the answer's member. */
static int
ask(struct cli *c, int argc, char *argv[], const char *method,
    const char *key, json_t **out)
{
	json_t *name, *params;
	int r;

	*out = NULL;
	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind + 1 != argc)
		return cli_usage(c, "say one name");
	name = vl_name(c, argv[optind]);
	if (name == NULL)
		return EX_FAILED;
	r = vl_call(c, argv[optind], method, json_pack("{s:o}", "name", name),
	    NULL, 0, &params);
	if (r == EX_DONE)
		*out = json_incref(json_object_get(params, key));
	json_decref(params);
	if (r == EX_DONE && *out == NULL)
		return vl_fail(c, argv[optind], EX_FAILED,
		    "io.postern.Malformed", "",
		    "the daemon's answer lacks \"%s\"", key);
	return r;
}

int
cmd_status(struct cli *c, int argc, char *argv[])
{
	const char *reason;
	json_t *st;
	int r = ask(c, argc, argv, "Status", "status", &st);

	if (r != EX_DONE)
		return r;
	if (c->json) {
		(void)print_json(st);
	} else if (json_is_string(st)) {
		text_str(stdout, json_string_value(st));
		(void)putchar('\n');
	} else {
		reason = json_string_value(json_object_get(
		    json_object_get(st, "Failed"), "reason"));
		reason = reason != NULL ? reason : "?";
		(void)fputs("Failed: ", stdout);
		text_str(stdout, reason);
		(void)putchar('\n');
		tail_failed(c, argv[optind], reason, stdout);
	}
	json_decref(st);
	return EX_DONE;
}

static void
print_member(const char *title, const json_t *o, const char *key)
{
	char text[300];

	if (json_is_null(json_object_get(o, key)))
		return;
	(void)printf("%-10s ", title);
	text_str(stdout, member(o, key, text, sizeof(text)));
	(void)puts(strcmp(key, "memory_mib") == 0 ? "M" : "");
}

static void
print_ports(const json_t *o)
{
	char text[1024];

	ports_text(json_object_get(o, "ports"), text, sizeof(text));
	(void)printf("%-10s ", "ports");
	text_str(stdout, text);
	(void)putchar('\n');
}

int
cmd_info(struct cli *c, int argc, char *argv[])
{
	static const char *const rows[][2] = { { "name", "name" },
		{ "id", "id" }, { "state", "state" }, { "reason", "reason" },
		{ "owner", "owner" }, { "backend", "backend" },
		{ "cpus", "cpus" }, { "memory", "memory_mib" },
		{ "address", "address" }, { "profile", "profile" },
		{ "revision", "revision" }, { "flake ref", "flake_ref" },
		{ "created", "created" }, { "started", "started" },
		{ "ended", "ended" } };
	char state[32], reason[160];
	json_t *vm;
	size_t i;
	int r = ask(c, argc, argv, "Info", "vm", &vm);

	if (r != EX_DONE)
		return r;
	if (c->json) {
		(void)print_json(vm);
	} else {
		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			print_member(rows[i][0], vm, rows[i][1]);
		print_ports(vm);
		if (strcmp(member(vm, "state", state, sizeof(state)),
			"Failed") == 0)
			tail_failed(c, argv[optind], member(vm, "reason",
			    reason, sizeof(reason)), stdout);
	}
	json_decref(vm);
	return EX_DONE;
}

static void
print_allow(const json_t *list)
{
	char proto[16], cidr[32], ports[16];
	const json_t *a;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		a = json_array_get(list, i);
		(void)printf("%-10s ", "allow");
		text_str(stdout, member(a, "proto", proto, sizeof(proto)));
		(void)putchar(':');
		text_str(stdout, member(a, "cidr", cidr, sizeof(cidr)));
		if (json_is_string(json_object_get(a, "ports"))) {
			(void)putchar(':');
			text_str(stdout,
			    member(a, "ports", ports, sizeof(ports)));
		}
		(void)putchar('\n');
	}
	if (i == 0)
		(void)printf("%-10s nothing\n", "allow");
}

int
cmd_network(struct cli *c, int argc, char *argv[])
{
	json_t *n;
	int r = ask(c, argc, argv, "Network", "network", &n);

	if (r != EX_DONE)
		return r;
	if (c->json) {
		(void)print_json(n);
	} else {
		print_member("mode", n, "mode");
		print_member("address", n, "address");
		print_member("host", n, "host_address");
		print_member("guest ip", n, "guest_ip");
		print_member("gateway", n, "gateway_ip");
		print_member("subnet", n, "subnet_cidr");
		print_ports(n);
		print_allow(json_object_get(n, "allow"));
	}
	json_decref(n);
	return EX_DONE;
}

int
cmd_version(struct cli *c, int argc, char *argv[])
{
	json_t *answer, *j;
	const char *daemon;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	answer = vl_try(c, "org.varlink.service.GetInfo", json_object());
	daemon = json_string_value(json_object_get(
	    json_object_get(answer, "parameters"), "version"));
	if (c->json) {
		j = json_pack("{s:s,s:s?}", "version", PACKAGE_VERSION,
		    "daemon", daemon);
		(void)print_json(j);
		json_decref(j);
	} else {
		(void)printf("postern %s\n", PACKAGE_VERSION);
		if (daemon != NULL) {
			(void)fputs("daemon ", stdout);
			text_str(stdout, daemon);
			(void)putchar('\n');
		}
	}
	json_decref(answer);
	return EX_DONE;
}
