/* SPDX-License-Identifier: ISC */
/* Runs in the programs of `make bench`, as root; see host.h. */
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/bench/host.h"
#include "tests/bench/measure.h"

unsigned long
host_kib(pid_t pid, const char *file, const char *key)
{
	char path[64], text[8192];
	const char *p = text;
	size_t n = strlen(key);

	if (pid == 0)
		(void)snprintf(path, sizeof(path), "/proc/%s", file);
	else
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	while (strncmp(p, key, n) != 0 || p[n] != ':') {
		p = strchr(p, '\n');
		if (p == NULL)
			return 0;
		p++;
	}
	return strtoul(p + n + 1, NULL, 10);
}

int
host_entries(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' &&
		     strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(d);
	return n;
}

unsigned
host_fds(pid_t pid)
{
	char path[64];
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	n = host_entries(path, "");
	return n < 0 ? 0 : (unsigned)n;
}

unsigned
host_leaves(const char *leaf, pid_t *pids, unsigned max)
{
	const char *root = measure_env("BENCH_CGROUP");
	char path[512], text[64];
	struct dirent *e;
	unsigned n = 0;
	DIR *d = opendir(root);

	if (d == NULL)
		return 0;
	while (n < max && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != 'v')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/%s/cgroup.procs",
		    root, e->d_name, leaf);
		if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) > 0)
			pids[n++] = (pid_t)strtol(text, NULL, 10);
	}
	(void)closedir(d);
	return n;
}

int
host_links(void)
{
	struct if_nameindex *all = if_nameindex(), *i;
	const char *prefix = measure_env("BENCH_PREFIX");
	size_t len = strlen(prefix);
	int n = 0;

	for (i = all; i != NULL && i->if_index != 0; i++)
		n += strncmp(i->if_name, prefix, len) == 0 &&
		     i->if_name[len] >= '0' && i->if_name[len] <= '9';
	if_freenameindex(all);
	return n;
}

int
host_cgroups(void)
{
	return host_entries(measure_env("BENCH_CGROUP"), "v");
}

unsigned
host_roles(pid_t pids[HOST_ROLES_MAX])
{
	const char *p = measure_env("BENCH_ROLES");
	unsigned n = 0;
	char *end;
	long v;

	while (n < HOST_ROLES_MAX && (v = strtol(p, &end, 10)) > 0) {
		pids[n++] = (pid_t)v;
		p = end;
	}
	return n;
}

unsigned long
host_roles_rss(void)
{
	pid_t pids[HOST_ROLES_MAX];
	unsigned n = host_roles(pids), i;
	unsigned long sum = 0;

	for (i = 0; i < n; i++)
		sum += host_kib(pids[i], "status", "VmRSS");
	return sum;
}

unsigned
host_roles_fds(void)
{
	pid_t pids[HOST_ROLES_MAX];
	unsigned n = host_roles(pids), i, sum = 0;

	for (i = 0; i < n; i++)
		sum += host_fds(pids[i]);
	return sum;
}
