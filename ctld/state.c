/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Invariant: a reader of the directory finds for each VM the
 * old file or the new one, whole, whatever dies and whenever. A file that is
 * not exactly ours is set aside, never guessed at, never removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/ctld.h"
#include "ctld/spec.h"
#include "ctld/state.h"
#include "ctld/state_json.h"
#include "ctld/vm.h"

#define NAME_BUF 64

/* Replace dir/name by these bytes; the temporary never outlives a failure. */
static int
replace(int dir, const char *name, const void *buf, size_t n, int durable)
{
	int fd CLEANUP_FD = -1;
	char tmp[NAME_BUF + 8];
	int saved;

	(void)snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	fd = openat(dir, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	if (fd_writen(fd, buf, n) == 0 && (!durable || fsync(fd) == 0) &&
	    renameat(dir, tmp, dir, name) == 0)
		return durable ? fsync(dir) : 0;
	saved = errno;
	(void)unlinkat(dir, tmp, 0);
	errno = saved;
	return -1;
}

static void
blob_name(char *name, const char *id, const char *suffix)
{
	(void)snprintf(name, NAME_BUF, "%s.%s", id, suffix);
}

int
state_put_blob(int dir, const char *id, const char *suffix, const void *buf,
    size_t n)
{
	char name[NAME_BUF];

	blob_name(name, id, suffix);
	return replace(dir, name, buf, n, 0);
}

int
state_open_blob(int dir, const char *id, const char *suffix)
{
	char name[NAME_BUF];

	blob_name(name, id, suffix);
	return openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int
state_save(struct vm *vm, int durable)
{
	struct record *r CLEANUP_FREE = calloc(1, sizeof(*r));
	char *text CLEANUP_FREE = NULL;
	char name[NAME_BUF];

	if (r == NULL)
		return -1;
	r->pub = vm->pub;
	spec_copy(&r->spec, &vm->spec);
	r->h = vm->h;
	(void)strlcpy(r->boot_id, vm->boot_id, sizeof(r->boot_id));
	if ((text = record_dump(r)) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	blob_name(name, vm->pub.id, "json");
	if (replace(vm->ctld->state_dir, name, text, strlen(text),
		durable) < 0) {
		log_warn("op=state vm=%s err=%s", vm->pub.id,
		    strerror(errno));
		return -1;
	}
	vm->dirty = 0;
	return 0;
}

void
state_retry(struct ctld *c)
{
	struct vm *vm;

	RB_FOREACH(vm, vm_ids, &c->vms->ids)
		if (vm->dirty && state_save(vm, 1) < 0)
			return;
}

int
state_remove(struct vm *vm)
{
	/* its own file last: no other stays that belongs to nobody */
	static const char *const suffixes[] = { "console", "log", "json" };
	char name[NAME_BUF];
	size_t i;
	int saved;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		blob_name(name, vm->pub.id, suffixes[i]);
		if (unlinkat(vm->ctld->state_dir, name, 0) == 0 ||
		    errno == ENOENT)
			continue;
		saved = errno;
		log_warn("op=state-remove vm=%s err=%s", vm->pub.id,
		    strerror(saved));
		errno = saved;
		return -1;
	}
	(void)fsync(vm->ctld->state_dir);
	return 0;
}

static int
load(struct ctld *c, const char *file, struct err *e)
{
	struct record *r CLEANUP_FREE = calloc(1, sizeof(*r));
	char *text CLEANUP_FREE = malloc(STATE_FILE_MAX);
	struct vm *vm;
	ssize_t n;

	if (r == NULL || text == NULL)
		return err_set(e, ENOMEM, "no memory");
	if ((n = fd_slurp(c->state_dir, file, text, STATE_FILE_MAX)) < 0)
		return err_set(e, errno, "%s", strerror(errno));
	if (record_parse(text, (size_t)n, r, e) < 0)
		return -1;
	if (strncmp(file, r->pub.id, strlen(r->pub.id)) != 0)
		return err_set(e, EINVAL, "id is another file's");
	vm = vm_new_id(c, r->pub.owner, r->pub.name, r->pub.id);
	if (vm == NULL)
		return err_set(e, errno, "name or id is another file's");
	vm->pub = r->pub;
	spec_copy(&vm->spec, &r->spec);
	vm_describe(vm);
	vm->h = r->h;
	vm->h.slot = r->pub.slot;
	(void)strlcpy(vm->boot_id, r->boot_id, sizeof(vm->boot_id));
	return 0;
}

static void
set_aside(struct ctld *c, const char *file, const struct err *e)
{
	char to[NAME_BUF];

	(void)snprintf(to, sizeof(to), "%.19s.damaged", file);
	log_err("state file %s is damaged (%s); set aside as %s", file,
	    e->msg, to);
	if (renameat(c->state_dir, file, c->state_dir, to) < 0)
		log_err("%s: %s", file, strerror(errno));
}

/* "vm-" + 16 hex digits + ".json" */
static int
is_state_file(const char *file)
{
	char id[20];

	return strlcpy(id, file, sizeof(id)) == 24 && vm_is_id(id) &&
	    strcmp(file + 19, ".json") == 0;
}

int
state_load_all(struct ctld *c)
{
	struct dirent *d;
	struct err e;
	DIR *dir;
	int fd;

	fd = openat(c->state_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (dir = fdopendir(fd)) == NULL) {
		fd_close(&fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' && strstr(d->d_name, ".tmp") != NULL)
			(void)unlinkat(c->state_dir, d->d_name, 0);
		if (!is_state_file(d->d_name) || load(c, d->d_name, &e) == 0)
			continue;
		if (e.code == ENOMEM || e.code == EMFILE || e.code == ENFILE)
			break; /* our trouble, not the file's */
		set_aside(c, d->d_name, &e);
	}
	(void)closedir(dir);
	return d == NULL ? 0 : -1;
}
