/* SPDX-License-Identifier: ISC */
/*
 * What the programs of `make bench` share: a clock and samples. A measurement
 * is a series: numbers, one a line, in a file of its name beneath BENCH_DIR.
 * Nothing is judged here; report.c does that from lines.def. Failures end the
 * program with a message.
 */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

/* CLOCK_MONOTONIC in milliseconds. */
double measure_now(void);
void measure_sample(const char *series, double value);
/* The same in memory, where writing would disturb; measure_write() ends it. */
void measure_keep(const char *series, double value);
void measure_write(void);
/* A whole argument that must be a number from 1 to max. */
unsigned measure_number(const char *text, unsigned max);
/* A variable that must be set. */
const char *measure_env(const char *name);

#endif
