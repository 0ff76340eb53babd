/* SPDX-License-Identifier: ISC */
/*
 * Measures starts and stops that go on and on: how many a second and core,
 * and what is more at the end than it was after the first tenth: memory and
 * descriptors of the daemon, links, cgroups, the kernel's slab. As root in
 * the bench's namespaces.
 *
 * bench-sustain SECONDS WORKERS; series cycles, drift.rss, drift.fds,
 * drift.left, drift.slab.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/drive.h"
#include "tests/bench/host.h"
#include "tests/bench/measure.h"

#define WORKERS_MAX 64u
#define SETTLE_US 2000000u /* what the kernel frees later is freed */

struct count {
	unsigned long cycles[WORKERS_MAX];
};

struct state {
	unsigned long rss, slab;
	unsigned fds;
	int left;
};

static void
work(unsigned who, double end, struct count *c)
{
	char name[32];
	unsigned i;

	(void)snprintf(name, sizeof(name), "w%u", who);
	for (i = 0; measure_now() < end; i++) {
		if (drive_wait(drive_start(name, 20000 + who)) != 0)
			errx(1, "cycle %u of worker %u: no start", i, who);
		drive_remove(name);
		c->cycles[who]++;
	}
}

static unsigned long
phase(double seconds, unsigned workers, struct count *c)
{
	double end = measure_now() + seconds * 1e3;
	unsigned long sum = 0;
	pid_t pids[WORKERS_MAX];
	unsigned i;

	for (i = 0; i < workers; i++) {
		c->cycles[i] = 0;
		pids[i] = fork();
		if (pids[i] < 0)
			err(1, "fork");
		if (pids[i] == 0) {
			work(i, end, c);
			_exit(0);
		}
	}
	for (i = 0; i < workers; i++) {
		if (drive_wait(pids[i]) != 0)
			errx(1, "worker %u failed", i);
		sum += c->cycles[i];
	}
	return sum;
}

static struct state
look(void)
{
	struct state s;

	(void)usleep(SETTLE_US);
	s.rss = host_roles_rss();
	s.fds = host_roles_fds();
	s.slab = host_kib(0, "meminfo", "Slab");
	s.left = host_links() + host_cgroups();
	return s;
}

int
main(int argc, char *argv[])
{
	struct state before, after;
	unsigned seconds, workers;
	struct count *c;
	unsigned long n;
	double t;

	if (argc != 3)
		errx(2, "SECONDS WORKERS");
	seconds = measure_number(argv[1], 86400);
	workers = measure_number(argv[2], WORKERS_MAX);
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		err(1, "mmap");
	(void)phase(seconds * 0.1 + 0.5, workers, c);
	before = look();
	t = measure_now();
	n = phase(seconds, workers, c);
	t = (measure_now() - t) / 1e3;
	after = look();
	if (n == 0)
		errx(1, "not one cycle in %u s", seconds);
	measure_sample(
	    "cycles", (double)n / t / (double)sysconf(_SC_NPROCESSORS_ONLN));
	measure_sample("cycles.count", (double)n);
	measure_sample("drift.rss", (double)after.rss - (double)before.rss);
	measure_sample("drift.fds", (double)after.fds - (double)before.fds);
	measure_sample("drift.left", after.left - before.left);
	measure_sample("drift.slab",
	    ((double)after.slab - (double)before.slab) / (double)n);
	return 0;
}
