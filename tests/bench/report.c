/* SPDX-License-Identifier: ISC */
/*
 * Prints the lines of `make bench` (lines.def) from the series that the other
 * programs left, and writes them as JSON, with the machine and no date; and
 * makes README's table from such a JSON. Runs as anybody; reads only.
 *
 * bench-report DIRECTORY [JSON]: judge and print; write JSON.
 * bench-report -m JSON: print the table for README.
 */
#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <jansson.h>

#include "tests/bench/host.h"
#include "tests/bench/measure.h"

enum judge { MAX, MIN, WORST, TIMES, SHARE, FASTER, MORE, TAIL, SHOWN, LATER };

static const struct line {
	const char *what, *unit, *series, *reference;
	enum judge judge;
	double limit;
	const char *reference_is;
} lines[] = {
#define LINE(what, unit, series, ref, judge, limit, is) \
	{what, unit, series, ref, judge, limit, is},
#include "tests/bench/lines.def"
#undef LINE
};
#define NLINES (sizeof(lines) / sizeof(lines[0]))

struct stat50 {
	size_t n;
	double p50, p99;
};

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* n 0: there is no such series. */
static struct stat50
series_stat(const char *dir, const char *series)
{
	struct stat50 s = {0};
	size_t room = 0;
	double *v = NULL, x;
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, series);
	f = *series != '\0' ? fopen(path, "re") : NULL;
	while (f != NULL && fscanf(f, "%lf", &x) == 1) {
		if (s.n == room) {
			room = room == 0 ? 4096 : 2 * room;
			v = reallocarray(v, room, sizeof(*v));
			if (v == NULL)
				err(1, "%s", path);
		}
		v[s.n++] = x;
	}
	if (f != NULL)
		(void)fclose(f);
	if (s.n > 0) {
		qsort(v, s.n, sizeof(*v), by_value);
		s.p50 = v[(s.n - 1) / 2];
		s.p99 = v[(s.n - 1) * 99 / 100];
	}
	free(v);
	return s;
}

/* 1: within the budget. */
static int
judged(const struct line *l, const struct stat50 *s, const struct stat50 *r)
{
	switch (l->judge) {
	case MAX:
		return s->p50 <= l->limit;
	case MIN:
		return s->p50 >= l->limit;
	case WORST:
		return s->p99 <= l->limit;
	case TIMES:
		return s->p50 <= l->limit * r->p50;
	case SHARE:
		return s->p50 >= l->limit * r->p50;
	case FASTER:
		return s->p50 * l->limit <= r->p50;
	case MORE:
		return s->p50 <= r->p50 + l->limit;
	case TAIL:
		return s->p99 <= l->limit * s->p50;
	case SHOWN:
	case LATER:
	default:
		return 1;
	}
}

static int
needs_reference(const struct line *l)
{
	return l->judge == TIMES || l->judge == SHARE || l->judge == FASTER ||
	       l->judge == MORE;
}

static const char *
verdict(const struct line *l, const struct stat50 *s, const struct stat50 *r)
{
	if (l->judge == LATER)
		return "not there yet";
	if (s->n == 0 || (needs_reference(l) && r->n == 0))
		return "not measured";
	if (l->judge == SHOWN)
		return "";
	return judged(l, s, r) ? "OK" : "MISS";
}

static void
budget(const struct line *l, char *text, size_t size)
{
	static const char *const forms[] = {[MAX] = "<= %g",
	    [MIN] = ">= %g",
	    [WORST] = "p99 <= %g",
	    [TIMES] = "<= %g x",
	    [SHARE] = ">= %g x",
	    [FASTER] = "%g x faster",
	    [MORE] = "<= + %g",
	    [TAIL] = "p99 <= %g x p50",
	    [SHOWN] = "",
	    [LATER] = "<= + %g"};
	const char *p = strstr(forms[l->judge], "%g");

	*text = '\0';
	if (p == NULL)
		return;
	(void)snprintf(text, size, "%.*s%.8g%s", (int)(p - forms[l->judge]),
	    forms[l->judge], l->limit, p + 2);
}

/* Three digits that mean something. */
static void
number(double v, char text[24])
{
	double a = fabs(v);

	(void)snprintf(text, 24, "%.*f",
	    a >= 100 || v == floor(v) ? 0
	    : a >= 10		      ? 1
	    : a >= 1		      ? 2
				      : 4,
	    v);
}

static void
print_line(const struct line *l, const struct stat50 *s, const struct stat50 *r)
{
	char p50[24] = "-", p99[24] = "-", r50[24] = "-", r99[24] = "-";
	char ratio[24] = "-", limit[64];

	budget(l, limit, sizeof(limit));
	if (s->n > 0) {
		number(s->p50, p50);
		number(s->p99, p99);
	}
	if (r->n > 0) {
		number(r->p50, r50);
		number(r->p99, r99);
	}
	if (s->n > 0 && r->n > 0 && r->p50 != 0)
		number(s->p50 / r->p50, ratio);
	(void)printf("%-46s %9s %9s %-5s %9s %9s %7s  %-16s %s\n", l->what, p50,
	    p99, l->unit, r50, r99, ratio, limit, verdict(l, s, r));
}

static json_t *
line_json(const struct line *l, const struct stat50 *s, const struct stat50 *r)
{
	json_t *o = json_object();
	char limit[64];

	budget(l, limit, sizeof(limit));
	json_object_set_new(o, "what", json_string(l->what));
	json_object_set_new(o, "unit", json_string(l->unit));
	json_object_set_new(o, "budget", json_string(limit));
	json_object_set_new(o, "verdict", json_string(verdict(l, s, r)));
	json_object_set_new(o, "reference", json_string(l->reference_is));
	if (s->n > 0) {
		json_object_set_new(o, "n", json_integer((json_int_t)s->n));
		json_object_set_new(o, "p50", json_real(s->p50));
		json_object_set_new(o, "p99", json_real(s->p99));
	}
	if (r->n > 0) {
		json_object_set_new(
		    o, "reference_n", json_integer((json_int_t)r->n));
		json_object_set_new(o, "reference_p50", json_real(r->p50));
		json_object_set_new(o, "reference_p99", json_real(r->p99));
	}
	return o;
}

/* The machine in one line: what a figure depends on, and no name of it. */
static void
machine(char *text, size_t size)
{
	char cpu[128] = "unknown processor", buf[256], *p;
	FILE *f = fopen("/proc/cpuinfo", "re");
	unsigned long mib = host_kib(0, "meminfo", "MemTotal") >> 10;
	struct utsname u;
	unsigned major = 0, minor = 0;

	while (f != NULL && fgets(buf, sizeof(buf), f) != NULL)
		if (strncmp(buf, "model name", 10) == 0 &&
		    (p = strchr(buf, ':')) != NULL) {
			(void)snprintf(cpu, sizeof(cpu), "%.*s",
			    (int)strcspn(p + 2, "\n"), p + 2);
			break;
		}
	if (f != NULL)
		(void)fclose(f);
	if (uname(&u) == 0)
		(void)sscanf(u.release, "%u.%u", &major, &minor);
	(void)snprintf(text, size,
	    "%ld x %s, %lu GiB, Linux %u.%u, "
	    "cgroup %s",
	    sysconf(_SC_NPROCESSORS_ONLN), cpu, (mib + 512) >> 10, major, minor,
	    access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "v2"
								   : "v1");
}

static int
judge_all(const char *dir, const char *out)
{
	json_t *all = json_array(), *root = json_object();
	struct stat50 s, r;
	char where[256];
	size_t i;

	machine(where, sizeof(where));
	(void)printf("%s\n%-46s %9s %9s %-5s %9s %9s %7s  %-16s\n", where, "",
	    "p50", "p99", "", "reference", "p99", "ratio", "budget");
	for (i = 0; i < NLINES; i++) {
		s = series_stat(dir, lines[i].series);
		r = series_stat(dir, lines[i].reference);
		print_line(&lines[i], &s, &r);
		json_array_append_new(all, line_json(&lines[i], &s, &r));
	}
	json_object_set_new(root, "machine", json_string(where));
	json_object_set_new(root, "lines", all);
	if (out != NULL && json_dump_file(root, out,
			       JSON_INDENT(1) | JSON_REAL_PRECISION(4)) < 0)
		err(1, "%s", out);
	json_decref(root);
	return 0;
}

/* ---- README's table */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
figure(const json_t *o, const char *key, char text[24])
{
	json_t *v = json_object_get(o, key);

	if (json_is_number(v))
		number(json_number_value(v), text);
	else
		(void)snprintf(text, 24, "-");
}

static void
table_row(const json_t *o)
{
	char p50[24], p99[24], ref[24], shown[96] = "-";

	figure(o, "p50", p50);
	figure(o, "p99", p99);
	figure(o, "reference_p50", ref);
	if (json_object_get(o, "reference_p50") != NULL)
		(void)snprintf(shown, sizeof(shown), "%s (%s)", ref,
		    text_of(o, "reference"));
	(void)printf("| %s | %s%s%s | %s | %s | %s | %s |\n",
	    text_of(o, "what"), p50, *text_of(o, "unit") != '\0' ? " " : "",
	    text_of(o, "unit"), p99, shown, text_of(o, "budget"),
	    text_of(o, "verdict"));
}

static int
table(const char *file)
{
	json_error_t e;
	json_t *root = json_load_file(file, 0, &e), *all, *l;
	size_t i;

	if (root == NULL)
		errx(1, "%s: %s", file, e.text);
	(void)printf("Measured on: %s.\n\n"
		     "| what | p50 | p99 | reference | budget | |\n"
		     "|---|---|---|---|---|---|\n",
	    text_of(root, "machine"));
	all = json_object_get(root, "lines");
	for (i = 0; i < json_array_size(all); i++) {
		l = json_array_get(all, i);
		if (json_object_get(l, "p50") != NULL &&
		    *text_of(l, "verdict") != '\0')
			table_row(l);
	}
	json_decref(root);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "-m") == 0)
		return table(argv[2]);
	if (argc != 2 && argc != 3)
		errx(2, "DIRECTORY [JSON] | -m JSON");
	return judge_all(argv[1], argc == 3 ? argv[2] : NULL);
}
