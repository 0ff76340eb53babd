/* SPDX-License-Identifier: ISC */
/*
 * Measures `postern start`, from the command's exec to the VMM's, beside the
 * bare program (bare.c) and beside the shell's way (ipseq.sh), in turn. Then
 * starts with many in flight. As root in the bench's namespaces.
 *
 * bench-start N INFLIGHT; series start, start.bare, start.ipseq, start.said,
 * flight.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/drive.h"
#include "tests/bench/measure.h"

#define FLIGHT_MAX 64
#define BARE_SLOTS 4000u /* so that no name is used twice */

static void
ours(unsigned i)
{
	char name[32];
	double t;

	(void)snprintf(name, sizeof(name), "s%u", i);
	t = measure_now();
	if (drive_wait(drive_start(name, 9000)) != 0)
		errx(1, "the start of %s failed", name);
	measure_sample("start.said", measure_now() - t);
	measure_sample("start", drive_executed(name) - t);
	drive_remove(name);
}

static void
bare(unsigned i)
{
	char text[128];
	int in[2];
	double t;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0)
		err(1, "pipe");
	t = measure_now();
	pid = drive_bare(1 + i % BARE_SLOTS, in[0], text, sizeof(text));
	measure_sample("start.bare", drive_parse(text) - t);
	(void)close(in[0]);
	(void)close(in[1]);
	if (drive_wait(pid) != 0)
		errx(1, "the bare program failed");
}

static void
ipseq(char *how)
{
	char series[32], down[] = "down";
	char *argv[] = {
	    drive_env("BENCH_IPSEQ"), how, drive_env("BENCH_RULES"), NULL};
	char *undo[] = {argv[0], down, NULL};
	double t = measure_now();

	if (drive_wait(drive_run(argv, 0, -1)) != 0)
		errx(1, "%s failed", argv[0]);
	(void)snprintf(series, sizeof(series), "start.%s", how);
	measure_sample(series, measure_now() - t);
	if (drive_wait(drive_run(undo, 0, -1)) != 0)
		errx(1, "%s down failed", argv[0]);
}

/* So many at once; each one's time until it is said to run. */
static void
flight(unsigned round, unsigned n)
{
	pid_t pids[FLIGHT_MAX], pid;
	double began[FLIGHT_MAX], t[FLIGHT_MAX] = { 0 };
	char name[32];
	unsigned i, left;
	int st;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "f%u-%u", round, i);
		began[i] = measure_now();
		pids[i] = drive_start(name, 9100 + i);
	}
	for (left = n; left > 0; left--) {
		pid = waitpid(-1, &st, 0);
		if (pid < 0 || st != 0)
			errx(1, "a start in flight failed: %d", st);
		for (i = 0; i < n; i++)
			if (pids[i] == pid)
				t[i] = measure_now() - began[i];
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "f%u-%u", round, i);
		measure_sample("flight", t[i]);
		drive_remove(name);
	}
}

int
main(int argc, char *argv[])
{
	char ip[] = "ipseq", restore[] = "iprestore";
	unsigned n, k, i;

	if (argc != 3)
		errx(2, "N INFLIGHT");
	n = measure_number(argv[1], 100000);
	k = measure_number(argv[2], FLIGHT_MAX);
	for (i = 0; i < n; i++) {
		ours(i);
		bare(i);
		if (i % 10 == 0) {
			ipseq(ip);
			ipseq(restore);
		}
	}
	for (i = 0; i < 1 + n / k; i++)
		flight(i, k);
	return 0;
}
