/* SPDX-License-Identifier: ISC */
/*
 * Part of postern doctor --verify (root): what the daemon's processes hold,
 * what lies about in its directories, and whether a refusal is recorded once.
 * Reads only, but for that one refused call.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/verify.h"

#define SPARE_FDS 32	/* what the end of a VM may open */
#define PROBE "doctor-verify"

static unsigned
held(const struct world *w)
{
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < w->conf.slots; i++)
		n += w->slot[i].recorded == 1 &&
		    w->slot[i].led.state != ST_FREE;
	return n;
}

/* An end writes in place: what it writes to must be there before. */
static void
ledger_room(struct world *w)
{
	size_t want = ledger_size(w->conf.slots);
	char path[160];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/front/ledger",
	    w->conf.run_dir);
	if (stat(path, &st) == 0 && (uint64_t)st.st_blocks * 512 < want)
		v_problem(w, "I9", "make room there, then start the daemon "
		    "anew", "%s has holes: on a full file system no VM could "
		    "be released", path);
}

/* Descriptors of a process; how many are pidfds; is our lock among them? */
static int
count_fds(const struct world *w, pid_t pid, unsigned *n, unsigned *pidfds)
{
	char dir[32], lock[140], to[200];
	struct dirent *d;
	int ours = 0;
	ssize_t k;
	DIR *fds;

	(void)snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	(void)snprintf(lock, sizeof(lock), "%s/lock", w->conf.run_dir);
	*n = *pidfds = 0;
	if ((fds = opendir(dir)) == NULL)
		return 0;
	while ((d = readdir(fds)) != NULL) {
		k = readlinkat(dirfd(fds), d->d_name, to, sizeof(to) - 1);
		if (k < 0)
			continue;
		to[k] = '\0';
		++*n;
		*pidfds += strcmp(to, "anon_inode:[pidfd]") == 0 ||
		    strncmp(to, "pidfd:", 6) == 0;
		ours |= strcmp(to, lock) == 0;
	}
	(void)closedir(fds);
	return ours;
}

static unsigned long
fd_limit(pid_t pid)
{
	static const char line[] = "Max open files";
	char path[32], text[4096];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	if (fd_slurp(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    (p = strstr(text, line)) == NULL)
		return 0;
	return strtoul(p + sizeof(line) - 1, NULL, 10);
}

static void
one_role(struct world *w, pid_t pid)
{
	unsigned n, pidfds, vms = held(w);
	unsigned long most;
	char path[32], title[32] = "?";

	if (!count_fds(w, pid, &n, &pidfds) || (most = fd_limit(pid)) == 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if (fd_slurp(AT_FDCWD, path, title, sizeof(title)) < 0)
		(void)strlcpy(title, "?", sizeof(title));
	if (n + SPARE_FDS > most)
		v_problem(w, "I9", "start the daemon anew", "%s may open %lu "
		    "descriptors and is near it: no VM could be taken apart",
		    title, most);
	if (pidfds > vms)
		v_problem(w, "I10", "start the daemon anew", "%s watches "
		    "processes of more VMs than the %u that there are", title,
		    vms);
}

static void
roles(struct world *w)
{
	struct dirent *d;
	const char *bad;
	long long pid;
	DIR *proc = opendir("/proc");

	if (proc == NULL)
		return;
	while ((d = readdir(proc)) != NULL) {
		pid = strtonum(d->d_name, 1, INT32_MAX, &bad);
		if (bad == NULL)
			one_role(w, (pid_t)pid);
	}
	(void)closedir(proc);
}

/* A VM's mounts are in its namespace alone. */
static void
mounts(struct world *w)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line CLEANUP_FREE = NULL;
	size_t size = 0, n = strlen(w->conf.run_dir);
	char *rest, *point;
	unsigned i;

	while (in != NULL && getline(&line, &size, in) > 0) {
		rest = line;
		point = NULL;
		for (i = 0; i < 5; i++)
			point = strsep(&rest, " ");
		if (point != NULL && point[n] == '/' &&
		    strncmp(point, w->conf.run_dir, n) == 0)
			v_problem(w, "I10", "umount it", "%s is mounted, and "
			    "no VM has mounts there", point);
	}
	if (in != NULL)
		(void)fclose(in);
}

/* Files of a directory that no VM accounts for. */
static void
leftovers(struct world *w, const char *parent, const char *dir,
    int (*known)(const struct world *, const char *))
{
	char path[160];
	struct dirent *d;
	DIR *in;

	(void)snprintf(path, sizeof(path), "%s/%s", parent, dir);
	if ((in = opendir(path)) == NULL)
		return;
	while ((d = readdir(in)) != NULL)
		if (d->d_name[0] != '.' && !known(w, d->d_name))
			v_problem(w, "I10", "rm it", "%s/%s is of no VM",
			    path, d->d_name);
	(void)closedir(in);
}

/* s-SLOT-GENERATION, in hexadecimal: a supervisor's socket. */
static int
known_socket(const struct world *w, const char *name)
{
	unsigned long long generation;
	unsigned slot;

	return sscanf(name, "s-%u-%llx", &slot, &generation) == 2 &&
	    slot < w->conf.slots && w->slot[slot].recorded == 1 &&
	    w->slot[slot].led.state != ST_FREE &&
	    w->slot[slot].led.generation == generation;
}

static int
known_id(const struct world *w, const char *name)
{
	return json_object_get(w->ids, name) != NULL;
}

/* ID.console and ID.log lie beside ID.json. */
static int
known_blob(const struct world *w, const char *name)
{
	const char *dot = strrchr(name, '.');
	char id[64];

	if (dot == NULL || (strcmp(dot, ".console") != 0 &&
		strcmp(dot, ".log") != 0))
		return 1;
	(void)snprintf(id, sizeof(id), "%.*s", (int)(dot - name), name);
	return known_id(w, id);
}

void
v_live(struct world *w)
{
	ledger_room(w);
	roles(w);
	mounts(w);
	leftovers(w, w->conf.run_dir, "ctld", known_socket);
	leftovers(w, w->conf.run_dir, "channel", known_id);
	leftovers(w, w->conf.state_dir, "ctld", known_blob);
}

/* How many refusals of the probe are recorded after event *last, which then
 * is the newest there is. */
static unsigned
recorded(struct cli *c, json_int_t *last)
{
	json_t *answer = vl_try(c, "Events", json_object()), *v;
	const char *event, *name;
	json_int_t seq, since = *last;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(answer,
	    "parameters"), "events"), i, v) {
		event = json_string_value(json_object_get(v, "event"));
		name = json_string_value(json_object_get(v, "name"));
		seq = json_integer_value(json_object_get(v, "seq"));
		n += seq > since && event != NULL &&
		    strcmp(event, "refused") == 0 && name != NULL &&
		    strcmp(name, PROBE) == 0;
		if (seq > *last)
			*last = seq;
	}
	json_decref(answer);
	return n;
}

/* A VM is only defined by its owner, so this is refused whoever asks. 1: it
 * was; 0: it was not; -1: there was another error, or no answer. */
static int
probe(struct cli *c)
{
	int self CLEANUP_FD = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	json_t *answer = NULL;
	const char *error;
	struct vl v;
	int r = -1;

	if (self < 0 || vl_connect(c, &v) < 0)
		return -1;
	if (vl_send(&v, "Create", json_pack("{s:{s:s,s:i,s:s,s:i}}", "config",
		"name", PROBE, "owner", 65534, "kernel_path", "/proc/self/exe",
		"kernel_fd", 0), 0, &self, 1) == 0)
		answer = vl_recv(&v);
	error = json_string_value(json_object_get(answer, "error"));
	if (error != NULL)
		r = strcmp(error, "io.postern.Vm.Denied") == 0 ? 1 : -1;
	else if (answer != NULL)
		r = 0;
	json_decref(answer);
	vl_close(&v);
	return r;
}

void
v_audit(struct cli *c, json_t *problems)
{
	struct world w = { .problems = problems };
	json_int_t last = 0;
	unsigned n;
	int r;

	(void)recorded(c, &last);
	r = probe(c);
	if (r == 0)
		v_problem(&w, "I12", "postern rm 65534/" PROBE, "a VM was "
		    "defined for another owner, which must be refused");
	if (r != 1)
		return;
	n = recorded(c, &last);
	if (n != 1)
		v_problem(&w, "I12", "look into the daemon's log", "one "
		    "refusal left %u records", n);
}
