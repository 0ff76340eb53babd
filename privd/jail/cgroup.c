/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail as its own uid, which owns the delegated directories.
 * Distrusts names found in them: only what cg_format() could have written is
 * taken for a VM. Reads only small kernel files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/jail/cgroup.h"

#define CG_PATH_MAX (CG_NAME_MAX + 64)

void
cg_format(char buf[CG_NAME_MAX], const struct cg_name *n)
{
	(void)snprintf(buf, CG_NAME_MAX, "v%" PRIu32 "-%" PRIu64 "-%" PRIu32,
	    n->slot, n->generation, n->owner);
}

/* A canonical decimal number at *s up to the character end; moves *s behind
 * it. 0 or -1. */
static int
number(const char **s, char end, uint64_t max, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;
	unsigned d;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] != end))
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		d = (unsigned)(*p - '0');
		if (v > (max - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	if (*p != end)
		return -1;
	*s = p + (end != '\0');
	*out = v;
	return 0;
}

int
cg_parse(const char *s, uint32_t nslots, struct cg_name *n)
{
	uint64_t slot, gen, owner;

	if (*s++ != 'v' || nslots == 0 ||
	    number(&s, '-', nslots - 1, &slot) < 0 ||
	    number(&s, '-', UINT64_MAX, &gen) < 0 || gen == 0 ||
	    number(&s, '\0', UINT32_MAX - 1, &owner) < 0)
		return -1;
	n->slot = (uint32_t)slot;
	n->generation = gen;
	n->owner = (uint32_t)owner;
	return 0;
}

static void
join(char path[CG_PATH_MAX], const char *name, const char *leaf,
    const char *file)
{
	(void)snprintf(path, CG_PATH_MAX, "%s%s%s%s%s", name,
	    leaf != NULL ? "/" : "", leaf != NULL ? leaf : "",
	    file != NULL ? "/" : "", file != NULL ? file : "");
}

int
cg_put(int dir, const char *name, const char *leaf, const char *file,
    const char *text, struct err *e)
{
	char path[CG_PATH_MAX];

	join(path, name, leaf, file);
	if (fd_put(dir, path, text) < 0)
		return err_step(e, STEP_LIMIT, errno, "%s: cannot write %s",
		    path, text);
	return 0;
}

uint64_t
cg_stat(int dir, const char *name, const char *leaf, const char *file,
    const char *key)
{
	char path[CG_PATH_MAX], buf[1024];
	const char *p = buf;
	size_t n = strlen(key);

	join(path, name, leaf, file);
	if (fd_slurp(dir, path, buf, sizeof(buf)) < 0)
		return 0;
	if (n == 0)
		return strncmp(buf, "max", 3) == 0 ? UINT64_MAX >> 1 :
						     strtoull(buf, NULL, 10);
	while (strncmp(p, key, n) != 0 || p[n] != ' ') {
		p = strchr(p, '\n');
		if (p == NULL)
			return 0;
		p++;
	}
	return strtoull(p + n, NULL, 10);
}

/* Is word in the space-separated list? */
static int
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = strstr(list, word); p != NULL; p = strstr(p + 1, word))
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return 1;
	return 0;
}

int
cg_init(struct cgroups *g, int v2, int v1_base, struct err *e)
{
	char have[256];
	int i;

	memset(g, 0, sizeof(*g));
	g->v2 = v2;
	for (i = 0; i < CG1_N; i++)
		g->v1[i] = fcntl(v1_base + i, F_GETFD) < 0 ? -1 : v1_base + i;
	/* what is enabled for the children, not what exists */
	if (fd_slurp(v2, "cgroup.subtree_control", have, sizeof(have)) < 0)
		return err_step(e, STEP_CGROUP, errno,
		    "no cgroup v2 directory was handed over: mount cgroup2");
	g->v2_cpu = (uint8_t)has_word(have, "cpu");
	g->v2_memory = (uint8_t)has_word(have, "memory");
	g->v2_pids = (uint8_t)has_word(have, "pids");
	g->v2_io = (uint8_t)has_word(have, "io");
	if ((g->v1[CG1_CPU] < 0 && !g->v2_cpu) ||
	    (g->v1[CG1_MEMORY] < 0 && !g->v2_memory) ||
	    (g->v1[CG1_PIDS] < 0 && !g->v2_pids))
		return err_step(e, STEP_CGROUP, ENODEV,
		    "cpu, memory or pids controller is missing from cgroups "
		    "v1 and v2: enable it in the kernel");
	return 0;
}

int
cg_make(const struct cgroups *g, const struct cg_name *n, struct err *e)
{
	char name[CG_NAME_MAX];

	cg_format(name, n);
	if (cg2_make(g, name, e) < 0 || cg1_make(g, name, e) < 0) {
		(void)cg1_remove(g, name);
		(void)cg2_remove(g, name);
		errno = e->code;
		return -1;
	}
	return 0;
}

int
cg_limit(const struct cgroups *g, const struct cg_name *n,
    const struct req_limits *q, struct err *e)
{
	char name[CG_NAME_MAX];

	cg_format(name, n);
	if (cg2_limit(g, name, q, e) < 0)
		return -1;
	return cg1_limit(g, name, q, e);
}

int
cg_devices(const struct cgroups *g, const struct cg_name *n, uint32_t flags,
    struct err *e)
{
	int dir = g->v1[CG1_DEVICES];
	char name[CG_NAME_MAX];

	if (dir < 0)
		return 0;
	cg_format(name, n);
	if (cg_put(dir, name, NULL, "devices.deny", "a", e) < 0 ||
	    cg_put(dir, name, NULL, "devices.allow", "c 1:3 rw", e) < 0)
		return -1;
	if ((flags & SPAWN_KVM) != 0 &&
	    cg_put(dir, name, NULL, "devices.allow", "c 10:232 rw", e) < 0)
		return -1;
	if ((flags & SPAWN_TUN) != 0 &&
	    cg_put(dir, name, NULL, "devices.allow", "c 10:200 rw", e) < 0)
		return -1;
	return 0;
}

int
cg_leaf(const struct cgroups *g, const struct cg_name *n, const char *leaf)
{
	char name[CG_NAME_MAX], path[CG_PATH_MAX];

	cg_format(name, n);
	join(path, name, leaf, NULL);
	return openat(g->v2, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
cg_attach_fds(const struct cgroups *g, const struct cg_name *n,
    int fds[CG1_N])
{
	char name[CG_NAME_MAX], path[CG_PATH_MAX];
	int i;

	cg_format(name, n);
	join(path, name, NULL, "cgroup.procs");
	for (i = 0; i < CG1_N; i++) {
		fds[i] = -1;
		if (g->v1[i] >= 0 && (fds[i] = openat(g->v1[i], path,
		    O_WRONLY | O_CLOEXEC)) < 0)
			return -1;
	}
	return 0;
}

int
cg_kill(const struct cgroups *g, const struct cg_name *n, const char *leaf)
{
	char name[CG_NAME_MAX], path[CG_PATH_MAX];

	cg_format(name, n);
	join(path, name, leaf, "cgroup.kill");
	return fd_put(g->v2, path, "1");
}

int
cg_populated(const struct cgroups *g, const struct cg_name *n,
    const char *leaf)
{
	char name[CG_NAME_MAX], path[CG_PATH_MAX], buf[128];

	cg_format(name, n);
	join(path, name, leaf, "cgroup.events");
	if (fd_slurp(g->v2, path, buf, sizeof(buf)) < 0)
		return errno == ENOENT ? 0 : -1;
	return strstr(buf, "populated 1") != NULL;
}

int
cg_pids(const struct cgroups *g, const struct cg_name *n, const char *leaf,
    pid_t *pids, unsigned max)
{
	char name[CG_NAME_MAX], path[CG_PATH_MAX], buf[4096], *p, *end;
	unsigned k = 0;
	long v;

	cg_format(name, n);
	join(path, name, leaf, "cgroup.procs");
	if (fd_slurp(g->v2, path, buf, sizeof(buf)) < 0)
		return -1;
	for (p = buf; k < max && *p != '\0'; p = end + (*end == '\n')) {
		v = strtol(p, &end, 10);
		/* 0 stands for a process outside of our pid namespace */
		if (end == p || v < 0 || v > INT_MAX)
			break;
		if (v > 0)
			pids[k++] = (pid_t)v;
	}
	return (int)k;
}

uint32_t
cg_oom_kills(const struct cgroups *g, const struct cg_name *n)
{
	char name[CG_NAME_MAX];
	uint64_t v;

	cg_format(name, n);
	v = g->v1[CG1_MEMORY] >= 0 ?
	    cg_stat(g->v1[CG1_MEMORY], name, NULL, "memory.oom_control",
		"oom_kill") :
	    cg_stat(g->v2, name, CG_VMM, "memory.events", "oom_kill");
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

int
cg_remove(const struct cgroups *g, const struct cg_name *n, struct err *e)
{
	char name[CG_NAME_MAX];

	cg_format(name, n);
	/* v2 last: its name is what a restarted jail finds the VM by */
	if (cg1_remove(g, name) < 0 || cg2_remove(g, name) < 0)
		return err_step(e, STEP_REAP, errno,
		    "cannot remove cgroup %s", name);
	return 0;
}

int
cg_scan(const struct cgroups *g, uint32_t nslots,
    void (*fn)(void *arg, const struct cg_name *n), void *arg)
{
	struct cg_name n;
	struct dirent *d;
	DIR *dir;
	int fd;

	fd = openat(g->v2, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		fd_close(&fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (d->d_type == DT_DIR && cg_parse(d->d_name, nslots, &n) == 0)
			fn(arg, &n);
	return closedir(dir);
}
