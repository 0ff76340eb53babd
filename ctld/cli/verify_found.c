/* SPDX-License-Identifier: ISC */
/*
 * Part of postern doctor --verify (root). Gathers; believes the kernel, and
 * of files and directories only what parses as ours. Whatever is neither
 * ours nor nobody's is told and left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/cli/verify.h"
#include "privd/jail/cgroup.h"

int
v_ledger(struct world *w)
{
	char path[160];
	struct ledger l = { .slots = w->conf.slots };
	int fd CLEANUP_FD = -1;
	uint32_t i;

	(void)snprintf(path, sizeof(path), "%s/front/ledger",
	    w->conf.run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		v_problem(w, "I2", "start the daemon", "%s: %s", path,
		    strerror(errno));
		return -1;
	}
	l.fd = fd;
	for (i = 0; i < l.slots; i++) {
		w->slot[i].recorded = ledger_read(&l, i, &w->slot[i].led);
		if (w->slot[i].recorded < 0)
			v_problem(w, "I8", "start the daemon anew: it sets "
			    "the slot aside", "the ledger's record of slot "
			    "%u is damaged", i);
	}
	return 0;
}

/* One line of mountinfo: ours beneath a cgroup mount, if it is there. */
static void
hierarchy(struct world *w, char *line)
{
	char *tail = strstr(line, " - cgroup"), *rest = line, *point = NULL;
	char *at;
	size_t size = sizeof(w->cgroup[0]);
	struct stat st;
	unsigned i;

	if (tail == NULL || w->ncgroups == V_HIERARCHIES)
		return;
	at = w->cgroup[w->ncgroups];
	*tail = '\0';
	for (i = 0; i < 5; i++)
		point = strsep(&rest, " ");
	if (point == NULL)
		return;
	(void)snprintf(at, size, "%s/%s-vms", point, w->conf.instance);
	if (stat(at, &st) < 0)
		(void)snprintf(at, size, "%s/system.slice/%s-vms.service",
		    point, w->conf.instance);
	if (stat(at, &st) < 0)
		return;
	for (i = 0; i < w->ncgroups; i++)
		if (strcmp(w->cgroup[i], at) == 0)
			return;
	if (strncmp(tail + 3, "cgroup2 ", 8) == 0)
		w->v2 = w->ncgroups;
	w->ncgroups++;
}

static pid_t
first_pid(const char *dir, const char *name, const char *leaf)
{
	char path[320], text[64];

	(void)snprintf(path, sizeof(path), "%s/%s/%s/cgroup.procs", dir,
	    name, leaf);
	if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) <= 0 &&
	    errno != EFBIG)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static void
one_cgroup(struct world *w, unsigned h, const char *name)
{
	struct v_slot *s;
	struct cg_name n;

	if (cg_parse(name, w->conf.slots, &n) < 0) {
		v_problem(w, "I7", "look who made it; rmdir it if nobody "
		    "did", "%s/%s is no VM's", w->cgroup[h], name);
		return;
	}
	s = &w->slot[n.slot];
	if (s->recorded != 1 || s->led.generation != n.generation ||
	    s->led.owner != n.owner || (s->led.state & (ST_FREE |
	    ST_RESERVED | ST_NS | ST_REAPED | ST_CLOSED)) != 0) {
		v_problem(w, "I1", "echo 1 > its cgroup.kill, then rmdir it "
		    "and what is in it", "%s/%s belongs to no VM that front "
		    "knows", w->cgroup[h], name);
		return;
	}
	s->cgroups++;
	s->cg_generation = n.generation;
	s->cg_owner = n.owner;
	if (h == w->v2) {
		s->sup = first_pid(w->cgroup[h], name, CG_SUP);
		s->vmm = first_pid(w->cgroup[h], name, CG_VMM);
	}
}

int
v_cgroups(struct world *w)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line CLEANUP_FREE = NULL;
	size_t size = 0;
	struct dirent *d;
	unsigned h;
	DIR *dir;

	if (in == NULL)
		return -1;
	while (getline(&line, &size, in) > 0)
		hierarchy(w, line);
	(void)fclose(in);
	for (h = 0; h < w->ncgroups; h++) {
		if ((dir = opendir(w->cgroup[h])) == NULL)
			continue;
		while ((d = readdir(dir)) != NULL)
			if (d->d_type == DT_DIR && d->d_name[0] != '.' &&
			    strcmp(d->d_name, "priv") != 0)
				one_cgroup(w, h, d->d_name);
		(void)closedir(dir);
	}
	return 0;
}

int
v_links(struct world *w)
{
	size_t n = strlen(w->conf.ifprefix);
	const char *name, *bad;
	long long slot;
	unsigned i;

	if (links_read(&w->links) < 0) {
		v_problem(w, "I1", "run it where the daemon runs",
		    "links: %s", strerror(errno));
		return -1;
	}
	for (i = 0; i < w->links.n; i++) {
		name = w->links.a[i].name;
		if (strncmp(name, w->conf.ifprefix, n) != 0 ||
		    name[n] < '0' || name[n] > '9')
			continue;
		slot = strtonum(name + n, 0, w->conf.slots - 1, &bad);
		if (bad != NULL || w->slot[slot].recorded != 1 ||
		    (w->slot[slot].led.state & (ST_FREE | ST_RESERVED |
		    ST_CLOSED)) != 0) {
			v_problem(w, "I1", "ip link del it", "link %s is no "
			    "VM's", name);
			continue;
		}
		w->slot[slot].link = 1;
		w->slot[slot].link_up = w->links.a[i].up;
	}
	return 0;
}

/* A start that was asked for twice must not have made two. */
static void
one_name(struct world *w, const json_t *j, const char *id)
{
	const char *name = json_string_value(json_object_get(j, "name"));
	const char *other;
	char key[128];

	(void)json_object_set_new(w->ids, id, json_true());
	(void)snprintf(key, sizeof(key), "%lld/%s", (long long)
	    json_integer_value(json_object_get(j, "owner")),
	    name != NULL ? name : "");
	other = json_string_value(json_object_get(w->names, key));
	/* in the same words whichever is read first */
	if (other != NULL)
		v_problem(w, "I6", "postern rm one of them, by its id",
		    "%s and %s are both %s", strcmp(other, id) < 0 ? other :
		    id, strcmp(other, id) < 0 ? id : other, key);
	(void)json_object_set_new(w->names, key, json_string(id));
}

static void
one_file(struct world *w, const char *path)
{
	json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	json_int_t n = json_integer_value(json_object_get(j, "slot"));
	const char *gen = json_string_value(json_object_get(j, "generation"));
	const char *id = json_string_value(json_object_get(j, "id"));
	struct v_slot *s;

	if (j == NULL || id == NULL || gen == NULL) {
		v_problem(w, "I8", "start the daemon anew: it sets the file "
		    "aside", "%s is no record", path);
		json_decref(j);
		return;
	}
	one_name(w, j, id);
	if (n >= 0 && n < w->conf.slots) {
		s = &w->slot[n];
		if (s->id[0] != '\0')
			v_problem(w, "I4", "start the daemon anew",
			    "%s and %s are both in slot %lld", s->id, id,
			    (long long)n);
		(void)strlcpy(s->id, id, sizeof(s->id));
		s->file_generation = strtoull(gen, NULL, 10);
		s->file_status = json_integer_value(
		    json_object_get(j, "status"));
	}
	json_decref(j);
}

int
v_files(struct world *w)
{
	char dir[140], path[420];
	struct dirent *d;
	size_t n;
	DIR *in;

	(void)snprintf(dir, sizeof(dir), "%s/ctld", w->conf.state_dir);
	in = opendir(dir);
	if (in == NULL) {
		v_problem(w, "I1", "start the daemon", "%s: %s", dir,
		    strerror(errno));
		return -1;
	}
	while ((d = readdir(in)) != NULL) {
		n = strlen(d->d_name);
		if (n < 6 || strcmp(d->d_name + n - 5, ".json") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		one_file(w, path);
	}
	(void)closedir(in);
	return 0;
}

/* A process with an id of the VMs: of a VM that runs, in its cgroup, and
 * without a core file. */
static void
one_process(struct world *w, pid_t pid, uint32_t uid)
{
	uint32_t slot = (uid - w->conf.vm_id_base) / 2;
	char path[64], text[4096], want[64];
	const struct v_slot *s;
	struct stat st;

	if (slot >= w->conf.slots || w->slot[slot].cgroups == 0) {
		v_problem(w, "I4", "kill -9 it", "process %d runs as uid %u, "
		    "which no VM holds", pid, uid);
		return;
	}
	s = &w->slot[slot];
	(void)snprintf(want, sizeof(want), "-vms%s/v%u-%" PRIu64 "-",
	    strstr(w->cgroup[w->v2], ".service") != NULL ? ".service" : "",
	    slot, s->cg_generation);
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	    strstr(text, want) == NULL)
		v_problem(w, "I4", "kill -9 it", "process %d of slot %u is "
		    "not in its cgroup", pid, slot);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &st) == 0 && st.st_ino == w->host_netns)
		v_problem(w, "I3", "stop that VM", "process %d of slot %u is "
		    "in the host's network namespace", pid, slot);
	(void)snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	    strstr(text, "Max core file size        0 ") == NULL)
		v_problem(w, "I11", "stop that VM", "process %d of slot %u "
		    "may write a core file", pid, slot);
}

void
v_processes(struct world *w)
{
	char path[64];
	struct dirent *d;
	struct stat st;
	const char *bad;
	long long pid;
	DIR *proc = opendir("/proc");

	if (proc == NULL)
		return;
	while ((d = readdir(proc)) != NULL) {
		pid = strtonum(d->d_name, 1, INT32_MAX, &bad);
		if (bad != NULL)
			continue;
		/* /proc/PID itself is root's for what may not be dumped;
		 * its task directory's status is not asked: vmsup and VMM
		 * stay dumpable to jail */
		(void)snprintf(path, sizeof(path), "/proc/%lld", pid);
		if (stat(path, &st) < 0 || st.st_uid < w->conf.vm_id_base ||
		    st.st_uid >= w->conf.vm_id_base + w->conf.vm_id_count)
			continue;
		one_process(w, (pid_t)pid, st.st_uid);
	}
	(void)closedir(proc);
}
