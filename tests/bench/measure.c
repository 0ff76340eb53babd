/* SPDX-License-Identifier: ISC */
/* Runs in the programs of `make bench`; see measure.h. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/measure.h"

double
measure_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

const char *
measure_env(const char *name)
{
	const char *v = getenv(name);

	if (v == NULL || *v == '\0')
		errx(2, "%s is not set: run make bench", name);
	return v;
}

unsigned
measure_number(const char *text, unsigned max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end != '\0' || v < 1 || v > max)
		errx(2, "\"%s\" is no number from 1 to %u", text, max);
	return (unsigned)v;
}

void
measure_sample(const char *series, double value)
{
	char path[512];
	FILE *f;

	(void)snprintf(
	    path, sizeof(path), "%s/%s", measure_env("BENCH_DIR"), series);
	f = fopen(path, "ae");
	if (f == NULL || fprintf(f, "%.6f\n", value) < 0 || fclose(f) != 0)
		err(1, "%s", path);
}

#define KEPT_MAX 8

static struct kept {
	const char *series;
	double *v;
	size_t n, room;
} kept[KEPT_MAX];

void
measure_keep(const char *series, double value)
{
	struct kept *k = kept;
	double *more;

	while (k < kept + KEPT_MAX && k->series != NULL &&
	       strcmp(k->series, series) != 0)
		k++;
	if (k == kept + KEPT_MAX)
		errx(1, "too many series");
	k->series = series;
	if (k->n == k->room) {
		k->room = k->room == 0 ? 65536 : 2 * k->room;
		more = reallocarray(k->v, k->room, sizeof(*more));
		if (more == NULL)
			err(1, "samples");
		k->v = more;
	}
	k->v[k->n++] = value;
}

void
measure_write(void)
{
	size_t i, k;

	for (k = 0; k < KEPT_MAX && kept[k].series != NULL; k++)
		for (i = 0; i < kept[k].n; i++)
			measure_sample(kept[k].series, kept[k].v[i]);
}
