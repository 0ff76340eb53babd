/* SPDX-License-Identifier: ISC */
/* What the programs of `make bench` look up in /proc and /sys, as root. */
#ifndef TESTS_BENCH_HOST_H
#define TESTS_BENCH_HOST_H

#include <sys/types.h>

/* A number in KiB behind "key:" in /proc/PID/file, or 0; pid 0: /proc/file. */
unsigned long host_kib(pid_t pid, const char *file, const char *key);
unsigned host_fds(pid_t pid);
/* Directory entries that begin so; -1 is no such directory. */
int host_entries(const char *dir, const char *prefix);
/* The first process in each VM's leaf ("sup" or "vmm") of BENCH_CGROUP; at
 * most max; how many. */
unsigned host_leaves(const char *leaf, pid_t *pids, unsigned max);
/* VMs' links on this host, and VMs' cgroups. */
int host_links(void);
int host_cgroups(void);

/* The daemon's roles: the pids in BENCH_ROLES. */
#define HOST_ROLES_MAX 16
unsigned host_roles(pid_t pids[HOST_ROLES_MAX]);
unsigned long host_roles_rss(void); /* KiB */
unsigned host_roles_fds(void);

#endif
