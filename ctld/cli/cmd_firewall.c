/* SPDX-License-Identifier: ISC */
/*
 * postern firewall, port (caller's rights): a VM's allow list and published
 * ports, with what passed. The daemon judges every entry; here only the shape
 * of what was typed is looked at.
 */
#include <stdio.h>
#include <string.h>

#include "ctld/cli/client.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/text.h"

#define WIDE 34

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
print_line(const char *what, const json_t *o)
{
	const json_t *p = json_object_get(o, "packets");
	const json_t *b = json_object_get(o, "bytes");
	size_t n;

	text_str(stdout, what);
	for (n = strlen(what); n < WIDE; n++)
		(void)putchar(' ');
	if (json_is_integer(p))
		(void)printf(" %12lld %14lld\n",
		    (long long)json_integer_value(p),
		    (long long)json_integer_value(b));
	else
		(void)printf(" %12s %14s\n", "-", "-");
}

static void
print_head(const char *what)
{
	(void)printf("%-*s %12s %14s\n", WIDE, what, "PACKETS", "BYTES");
}

static void
print_allow(const json_t *list)
{
	const json_t *a;
	char buf[96];
	size_t i;

	print_head("ALLOW");
	for (i = 0; i < json_array_size(list); i++) {
		a = json_array_get(list, i);
		(void)snprintf(buf, sizeof(buf), "%.8s:%.32s%s%.16s",
		    text_of(a, "proto"), text_of(a, "cidr"),
		    text_of(a, "ports")[0] != '\0' ? ":" : "",
		    text_of(a, "ports"));
		print_line(buf, a);
	}
	if (i == 0)
		(void)puts("(nothing: it reaches nothing)");
}

static void
print_ports(const json_t *list)
{
	const json_t *p;
	char buf[96];
	size_t i;

	if (json_array_size(list) == 0)
		return;
	print_head("PORT");
	for (i = 0; i < json_array_size(list); i++) {
		p = json_array_get(list, i);
		(void)snprintf(buf, sizeof(buf), "%.32s%s%lld:%lld%s",
		    text_of(p, "address"),
		    text_of(p, "address")[0] != '\0' ? ":" : "",
		    (long long)json_integer_value(
			json_object_get(p, "host")),
		    (long long)json_integer_value(
			json_object_get(p, "guest")),
		    strcmp(text_of(p, "proto"), "udp") == 0 ? "/udp" : "");
		print_line(buf, p);
	}
}

static void
print_rules(const json_t *list, int all)
{
	const json_t *r;
	size_t i, left = 0;

	if (json_array_size(list) == 0)
		return;
	print_head("RULE");
	for (i = 0; i < json_array_size(list); i++) {
		r = json_array_get(list, i);
		if (!all &&
		    json_integer_value(json_object_get(r, "packets")) == 0)
			left++;
		else
			print_line(text_of(r, "name"), r);
	}
	if (left > 0)
		(void)printf("(%zu more rules, which no packet met; -a shows "
			     "them)\n", left);
}

static void
print(struct cli *c, const json_t *out, int show, int all)
{
	const json_t *f = json_object_get(out, "firewall");

	if (c->json) {
		(void)json_dumpf(f, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		(void)putchar('\n');
	} else if (show) {
		print_allow(json_object_get(f, "allow"));
		print_ports(json_object_get(f, "ports"));
		print_rules(json_object_get(f, "rules"), all);
	}
}

/* Put one entry into the list. 0, or -1 when it is none. */
static int
take(json_t *list, json_t *entry)
{
	if (entry == NULL)
		return -1;
	return json_array_append_new(list, entry);
}

struct verb {
	const char *name, *method;
	int entries;	/* 0: none, 1: at least one */
};
static const struct verb verbs[] = {
	{ "show", "FirewallShow", 0 }, { "set", "FirewallSet", 1 },
	{ "add", "FirewallAdd", 1 }, { "remove", "FirewallRemove", 1 },
	{ "reset", "FirewallSet", 0 },
};

static const struct verb *
find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int
not_an_entry(struct cli *c, const char *s)
{
	return cli_usage(c, "%s: write PROTO:CIDR[:PORT[-PORT]], such as "
	    "tcp:192.0.2.7:443", s);
}

/* Operands: VERB NAME [ENTRY]... */
static int
firewall(struct cli *c, int argc, char *argv[], json_t *list, int all)
{
	const struct verb *v = argc > 0 ? find_verb(argv[0]) : NULL;
	json_t *name, *params, *out;
	int i, r, show;

	if (v == NULL)
		return cli_usage(c, "%s%ssay show, set, add, remove or reset",
		    argc > 0 ? argv[0] : "", argc > 0 ? ": " : "");
	if (argc < 2)
		return cli_usage(c, "say a name");
	for (i = 2; i < argc; i++)
		if (take(list, parse_allow(argv[i])) < 0)
			return not_an_entry(c, argv[i]);
	if (v->entries == 0 && json_array_size(list) > 0)
		return cli_usage(c, "%s takes no entry", v->name);
	if (v->entries > 0 && json_array_size(list) == 0)
		return cli_usage(c, "say an entry, or reset for none");
	name = vl_name(c, argv[1]);
	if (name == NULL)
		return EX_FAILED;
	show = strcmp(v->name, "show") == 0;
	params = json_pack("{s:o}", "name", name);
	if (!show)
		(void)json_object_set(params, "allow", list);
	r = vl_call(c, argv[1], v->method, params, NULL, 0, &out);
	if (r == EX_DONE)
		print(c, out, show, all);
	json_decref(out);
	return r;
}

int
cmd_firewall(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "allow", required_argument, NULL, 'A' },
		{ NULL, 0, NULL, 0 },
	};
	json_t *list = json_array();
	int opt, all = 0, r = EX_DONE;

	while (r == EX_DONE &&
	    (opt = cli_getopt(c, argc, argv, ":a", longs)) != -1) {
		if (opt == 'a')
			all = 1;
		else if (opt != 'A')
			r = EX_USE;
		else if (take(list, parse_allow(optarg)) < 0)
			r = not_an_entry(c, optarg);
	}
	if (r == EX_DONE)
		r = firewall(c, argc - optind, argv + optind, list, all);
	json_decref(list);
	return r;
}

/* Operands: add|remove NAME PORT... */
static int
port(struct cli *c, int argc, char *argv[], json_t *list)
{
	json_t *name, *out;
	int add, i, r;

	add = argc > 0 && strcmp(argv[0], "add") == 0;
	if (argc == 0 || (!add && strcmp(argv[0], "remove") != 0))
		return cli_usage(c, "%s%ssay add or remove",
		    argc > 0 ? argv[0] : "", argc > 0 ? ": " : "");
	if (argc < 3)
		return cli_usage(c, "say a name and a port");
	for (i = 2; i < argc; i++)
		if (take(list, parse_port(argv[i])) < 0)
			return cli_usage(c, "%s: write "
			    "[ADDR:]HOST:GUEST[/udp], ports 1 to 65535",
			    argv[i]);
	name = vl_name(c, argv[1]);
	if (name == NULL)
		return EX_FAILED;
	r = vl_call(c, argv[1], add ? "PortAdd" : "PortRemove",
	    json_pack("{s:o,s:O}", "name", name, "ports", list), NULL, 0,
	    &out);
	if (r == EX_DONE && c->json)
		(void)puts("{}");
	json_decref(out);
	return r;
}

int
cmd_port(struct cli *c, int argc, char *argv[])
{
	json_t *list = json_array();
	int r = EX_USE;

	if (cli_getopt(c, argc, argv, ":", NULL) == -1)
		r = port(c, argc - optind, argv + optind, list);
	json_decref(list);
	return r;
}
