/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter. Finds the host's cgroup hierarchies (v2, v1
 * or both), makes <instance>-vms in each and gives the directory to jail.
 * The limits of <instance>-vms itself stay root's. On v2 the controllers are
 * switched on all at once and before jail's first child (feasibility 9).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "privd/starter.h"

static const char *const cg1_names[CG1_N] = { "cpu", "memory", "pids",
	"devices", "freezer", "cpuset", "blkio" };
static const char *const cg2_names[] = { "cpu", "memory", "pids", "io",
	"cpuset" };
#define CG2_N (sizeof(cg2_names) / sizeof(cg2_names[0]))

/* Where each hierarchy is mounted; "" where it is not. */
struct hierarchies {
	char v2[128];
	char v1[CG1_N][128];
	int delegated;	/* v2's place is beneath systemd's system.slice */
};

/* Is word one of the comma-separated ones in list? */
static int
has(const char *list, const char *word, char sep)
{
	size_t n = strlen(word);
	const char *p;

	for (p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == sep) &&
		    (p[n] == '\0' || p[n] == sep || p[n] == '\n'))
			return 1;
	return 0;
}

/* One line of mountinfo: the fifth field is the mount point; after " - "
 * come type, source and options. The first mount of a hierarchy counts. */
static void
mount_line(struct hierarchies *h, char *line)
{
	char *tail = strstr(line, " - "), *type, *opts, *point = NULL;
	char *rest = line;
	unsigned i;

	if (tail == NULL)
		return;
	*tail = '\0';
	tail += 3;
	for (i = 0; i < 5; i++)
		point = strsep(&rest, " ");
	type = strsep(&tail, " ");
	(void)strsep(&tail, " ");
	opts = tail;
	if (point == NULL || opts == NULL || strchr(point, '\\') != NULL ||
	    strncmp(point, "/sys/fs/cgroup", 14) != 0)
		return;
	if (strcmp(type, "cgroup2") == 0 && h->v2[0] == '\0')
		(void)strlcpy(h->v2, point, sizeof(h->v2));
	if (strcmp(type, "cgroup") != 0)
		return;
	for (i = 0; i < CG1_N; i++)
		if (h->v1[i][0] == '\0' && has(opts, cg1_names[i], ','))
			(void)strlcpy(h->v1[i], point, sizeof(h->v1[i]));
}

static int
hierarchies_find(struct hierarchies *h, struct err *e)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, path[160];
	size_t size = 0;

	memset(h, 0, sizeof(*h));
	if (in == NULL)
		return err_set(e, errno, "/proc/self/mountinfo");
	while (getline(&line, &size, in) > 0)
		mount_line(h, line);
	free(line);
	(void)fclose(in);
	(void)snprintf(path, sizeof(path), "%s/system.slice", h->v2);
	/* systemd is the one writer of its tree; ours is the unit that it
	 * delegates, <instance>-vms.service, which it never restarts */
	h->delegated = h->v2[0] != '\0' &&
	    access("/run/systemd/system", F_OK) == 0 &&
	    access(path, F_OK) == 0;
	return 0;
}

/* Parent directory of ours in the hierarchy at point, and our name there. */
static int
parent_open(const char *point, int delegated, const struct sysconf *c,
    char name[64])
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s%s", point,
	    delegated ? "/system.slice" : "");
	(void)snprintf(name, 64, "%s-vms%s", c->instance,
	    delegated ? ".service" : "");
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
make(int parent, const char *name)
{
	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* "+cpu +memory ...": those of ours that dir offers; one write of them all,
 * since +pids alone makes a group threaded for good. */
static int
controllers_on(int dir, const char *what, struct err *e)
{
	char have[256], want[128] = "", now[256];
	unsigned i, missing = 0;

	if (fd_slurp(dir, "cgroup.controllers", have, sizeof(have)) < 0 ||
	    fd_slurp(dir, "cgroup.subtree_control", now, sizeof(now)) < 0)
		return err_set(e, errno, "cgroup %s", what);
	for (i = 0; i < CG2_N; i++) {
		if (!has(have, cg2_names[i], ' '))
			continue;
		missing |= !has(now, cg2_names[i], ' ');
		(void)strlcat(want, want[0] != '\0' ? " +" : "+",
		    sizeof(want));
		(void)strlcat(want, cg2_names[i], sizeof(want));
	}
	if (missing && fd_put(dir, "cgroup.subtree_control", want) < 0)
		return err_set(e, errno, "cgroup %s: cannot enable %s (a "
		    "process sits in it? move it to a child)", what, want);
	return 0;
}

static int
v2_start(struct cgroups *cg, const struct hierarchies *h,
    const struct sysconf *c, struct err *e)
{
	uid_t jail = c->uid.jail;
	int root CLEANUP_FD = -1, parent CLEANUP_FD = -1;
	char name[64];

	root = open(h->v2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	parent = parent_open(h->v2, h->delegated, c, name);
	if (root < 0 || parent < 0)
		return err_set(e, errno, "%s", h->v2);
	if (controllers_on(root, h->v2, e) < 0 ||
	    (h->delegated && controllers_on(parent, "system.slice", e) < 0))
		return -1;
	cg->v2 = make(parent, name);
	if (cg->v2 < 0)
		return err_set(e, errno, "cgroup %s in %s", name, h->v2);
	if (controllers_on(cg->v2, name, e) < 0)
		return -1;
	cg->priv = make(cg->v2, "priv");
	if (cg->priv < 0 || fchown(cg->v2, jail, (gid_t)-1) < 0 ||
	    fchownat(cg->v2, "cgroup.procs", jail, (gid_t)-1, 0) < 0 ||
	    fchownat(cg->v2, "cgroup.subtree_control", jail, (gid_t)-1, 0) <
		0)
		return err_set(e, errno, "cgroup %s in %s: to jail", name,
		    h->v2);
	return 0;
}

/* A v1 cpuset is useless until its lists are filled, by root. */
static int
cpuset_fill(int parent, int dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char buf[512];
	unsigned i;

	for (i = 0; i < 2; i++)
		if (fd_slurp(parent, files[i], buf, sizeof(buf)) < 0 ||
		    fd_put(dir, files[i], buf) < 0)
			return -1;
	return 0;
}

static int
v1_start(struct cgroups *cg, unsigned i, const char *point,
    const struct sysconf *c, struct err *e)
{
	int parent CLEANUP_FD = -1;
	char name[64];

	parent = parent_open(point, 0, c, name);
	if (parent < 0)
		return err_set(e, errno, "%s", point);
	cg->v1[i] = make(parent, name);
	if (cg->v1[i] < 0 ||
	    (strcmp(cg1_names[i], "cpuset") == 0 &&
		cpuset_fill(parent, cg->v1[i]) < 0) ||
	    fchown(cg->v1[i], c->uid.jail, (gid_t)-1) < 0)
		return err_set(e, errno, "cgroup %s in %s", name, point);
	return 0;
}

int
cg_start(struct cgroups *cg, const struct sysconf *c, struct err *e)
{
	struct hierarchies h;
	char have[256] = "";
	unsigned i;

	cg->v2 = cg->priv = -1;
	for (i = 0; i < CG1_N; i++)
		cg->v1[i] = -1;
	if (hierarchies_find(&h, e) < 0)
		return -1;
	if (h.v2[0] != '\0' && v2_start(cg, &h, c, e) < 0)
		return -1;
	for (i = 0; i < CG1_N; i++)
		if (h.v1[i][0] != '\0' &&
		    v1_start(cg, i, h.v1[i], c, e) < 0)
			return -1;
	if (cg->v2 >= 0 && fd_slurp(cg->v2, "cgroup.controllers", have,
		sizeof(have)) < 0)
		return err_set(e, errno, "cgroup.controllers");
	/* without these three a guest has no limit at all */
	for (i = 0; i < 3; i++)
		if (cg->v1[i] < 0 && !has(have, cg1_names[i], ' '))
			return err_set(e, EOPNOTSUPP, "the host has no "
			    "cgroup controller \"%s\"; boot without "
			    "cgroup_disable=, or mount it", cg1_names[i]);
	return 0;
}

/* Children of ours that are VMs': v<slot>-... */
static int
count_in(int parent, const char *name, struct err *e)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int n = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return errno == ENOENT ?
		    0 :
		    err_set(e, errno, "cgroup %s", name);
	}
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] == 'v' && d->d_name[1] >= '0' &&
		    d->d_name[1] <= '9';
	(void)closedir(dir);
	return n;
}

typedef int (*visitor)(int parent, const char *name, struct err *e);

/* In every hierarchy; the largest result, or -1. */
static int
visit(const struct sysconf *c, visitor fn, struct err *e)
{
	struct hierarchies h;
	int most = 0, bad = 0, n;
	unsigned i;
	char name[64];

	if (hierarchies_find(&h, e) < 0)
		return -1;
	for (i = 0; i <= CG1_N; i++) {
		const char *point = i < CG1_N ? h.v1[i] : h.v2;
		int parent CLEANUP_FD = -1;

		if (point[0] == '\0')
			continue;
		parent = parent_open(point, i == CG1_N && h.delegated, c,
		    name);
		n = parent < 0 ? err_set(e, errno, "%s", point) :
				 fn(parent, name, e);
		if (n < 0)
			bad = 1;
		if (n > most)
			most = n;
	}
	return bad ? -1 : most;
}

int
cg_count(const struct sysconf *c, struct err *e)
{
	return visit(c, count_in, e);
}

static int
remove_in(int parent, const char *name, struct err *e)
{
	int fd CLEANUP_FD = openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ?
		    0 :
		    err_set(e, errno, "cgroup %s", name);
	if (unlinkat(fd, "priv", AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_set(e, errno, "cgroup %s/priv is in use", name);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return err_set(e, errno, "cgroup %s is in use", name);
	return 0;
}

int
cg_down(const struct sysconf *c, struct err *e)
{
	return visit(c, remove_in, e);
}
