/* SPDX-License-Identifier: ISC */
/*
 * Measures a host that fills: how 100 VMs stop at once (beside 100 bare
 * programs), what the first and the last start of many cost, what supervisors
 * and daemon weigh on the way, and how long a list takes. As root in the
 * bench's namespaces; a VM is a sleepvmm, all else is real.
 *
 * bench-fleet stop N ROUNDS; series stop.dead, stop.gone, stop.said,
 * stop.bare.
 * bench-fleet fill N EACH; series scale.first, scale.last, scale.sustained,
 * pss.sup, and for each EACH VMs: rss.K, list.K, list.exec.K.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"
#include "tests/bench/drive.h"
#include "tests/bench/host.h"
#include "tests/bench/measure.h"

#define STOP_MAX 256u
#define FILL_MAX 8192u
#define AT_ONCE 4u
#define PORT_BASE 12000u
#define LISTS 30u
#define EDGE 60u /* starts that are timed at each end */

/* ---- stop */

static void
start_many(unsigned from, unsigned n)
{
	pid_t pids[AT_ONCE];
	char name[32];
	unsigned i, k;

	for (i = 0; i < n; i += k) {
		for (k = 0; k < AT_ONCE && i + k < n; k++) {
			(void)snprintf(name, sizeof(name), "v%u", from + i + k);
			pids[k] = drive_start(name, PORT_BASE + from + i + k);
		}
		while (k > 0)
			if (drive_wait(pids[--k]) != 0)
				errx(3, "about VM %u: its start failed",
				    from + i + k);
		k = i + AT_ONCE <= n ? AT_ONCE : n - i;
	}
}

/* Both processes of each VM, as pidfds. */
static unsigned
watch_all(struct pollfd *p, unsigned max)
{
	static const char *const leaf[] = {"sup", "vmm"};
	static pid_t pids[STOP_MAX];
	unsigned n = 0, i, k, got;

	for (k = 0; k < 2; k++) {
		got = host_leaves(leaf[k], pids, max);
		for (i = 0; i < got; i++) {
			p[n].fd = sysx_pidfd_open(pids[i]);
			if (p[n].fd < 0)
				err(1, "a process of a VM");
			p[n++].events = POLLIN;
		}
	}
	return n;
}

static void
wait_dead(struct pollfd *p, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (poll(&p[i], 1, 60000) != 1)
			errx(1, "a process of a stopped VM lives on");
		(void)close(p[i].fd);
	}
}

static void
stop_ours(unsigned n)
{
	static const char *const args[] = {
	    "stop", "--all", "--grace", "0", NULL};
	static struct pollfd p[2 * STOP_MAX];
	unsigned watched = watch_all(p, STOP_MAX);
	double t;
	pid_t pid;

	if (watched != 2 * n)
		errx(1, "%u processes of %u VMs", watched, n);
	t = measure_now();
	pid = drive_postern_begin(args);
	wait_dead(p, watched);
	measure_sample("stop.dead", measure_now() - t);
	while (host_links() > 0 || host_cgroups() > 0)
		(void)usleep(1000);
	measure_sample("stop.gone", measure_now() - t);
	if (drive_wait(pid) != 0)
		errx(1, "stop --all failed");
	measure_sample("stop.said", measure_now() - t);
}

static void
stop_bare(unsigned n)
{
	static pid_t pids[STOP_MAX];
	char text[128];
	unsigned i;
	double t;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		err(1, "pipe");
	for (i = 0; i < n; i++)
		pids[i] = drive_bare(1 + i, p[0], text, sizeof(text));
	(void)close(p[0]);
	t = measure_now();
	(void)close(p[1]);
	for (i = 0; i < n; i++)
		if (drive_wait(pids[i]) != 0)
			errx(1, "the bare program failed");
	while (host_entries("/sys/class/net", "bb") > 0)
		(void)usleep(1000);
	measure_sample("stop.bare", measure_now() - t);
}

static void
forget(unsigned from, unsigned n)
{
	char name[32];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "v%u", from + i);
		drive_remove(name);
	}
}

static void
stop(unsigned n, unsigned rounds)
{
	unsigned i;

	if (n > STOP_MAX)
		errx(2, "at most %u", STOP_MAX);
	for (i = 0; i < rounds; i++) {
		start_many(0, n);
		stop_ours(n);
		forget(0, n);
		stop_bare(n);
	}
}

/* ---- fill */

static void
timed_starts(const char *series, unsigned from, unsigned n)
{
	char name[32];
	unsigned i;
	double t;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "v%u", from + i);
		t = measure_now();
		if (drive_wait(drive_start(name, PORT_BASE + from + i)) != 0)
			errx(3, "VM %u: its start failed", from + i);
		measure_sample(series, drive_executed(name) - t);
	}
}

static void
weigh(unsigned n)
{
	static const char *const list[] = {"list", NULL};
	static const char *const version[] = {"--help", NULL};
	static pid_t pids[FILL_MAX];
	char series[32];
	unsigned i, got;
	double t;

	(void)snprintf(series, sizeof(series), "rss.%u", n);
	measure_sample(series, (double)host_roles_rss() / 1024);
	(void)snprintf(series, sizeof(series), "fds.%u", n);
	measure_sample(series, host_roles_fds());
	for (i = 0; i < LISTS; i++) {
		(void)snprintf(series, sizeof(series), "list.%u", n);
		t = measure_now();
		drive_postern(list, NULL, 0);
		measure_sample(series, measure_now() - t);
		(void)snprintf(series, sizeof(series), "list.exec.%u", n);
		t = measure_now();
		drive_postern(version, NULL, 0);
		measure_sample(series, measure_now() - t);
	}
	got = host_leaves("sup", pids, FILL_MAX);
	if (got != n)
		errx(1, "%u supervisors of %u VMs", got, n);
	for (i = 0; i < got; i += 1 + got / 200)
		measure_sample("pss.sup",
		    (double)host_kib(pids[i], "smaps_rollup", "Pss"));
}

static void
fill(unsigned n, unsigned each)
{
	static const char *const args[] = {
	    "stop", "--all", "--grace", "0", NULL};
	unsigned edge = n / 4 < EDGE ? n / 4 : EDGE, i, to;
	unsigned long avail = host_kib(0, "meminfo", "MemAvailable");
	double t = measure_now();

	timed_starts("scale.first", 0, edge);
	for (i = edge; i < n - edge; i = to) {
		to = (i / each + 1) * each;
		if (to > n - edge)
			to = n - edge;
		start_many(i, to - i);
		if (to % each == 0)
			weigh(to);
	}
	timed_starts("scale.last", n - edge, edge);
	measure_sample("scale.rate", n / ((measure_now() - t) / 1e3));
	measure_sample("scale.kib",
	    ((double)avail - (double)host_kib(0, "meminfo", "MemAvailable")) /
		n);
	weigh(n);
	t = measure_now();
	drive_postern(args, NULL, 0);
	measure_sample("scale.stop", measure_now() - t);
}

int
main(int argc, char *argv[])
{
	if (argc != 4)
		errx(2, "stop N ROUNDS | fill N EACH");
	if (strcmp(argv[1], "stop") == 0)
		stop(measure_number(argv[2], STOP_MAX),
		    measure_number(argv[3], 1000));
	else
		fill(measure_number(argv[2], FILL_MAX),
		    measure_number(argv[3], FILL_MAX));
	return 0;
}
