/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command. The caller's paths are opened with the
 * caller's rights and nobody else's; the daemon gets descriptors only. A FIFO
 * or a device must neither hang this process nor be opened to an effect.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/files.h"

#define INVALID "io.postern.Vm.InvalidArgument"

static int
refuse(struct cli *c, const char *what, const char *field, const char *path,
    const char *why)
{
	return vl_fail(c, what, EX_FAILED, INVALID, field, "%s: %s", path,
	    why);
}

static const char *
not_regular(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "a directory; give an image file";
	case S_IFIFO: return "a FIFO; give a regular file";
	case S_IFCHR:
	case S_IFBLK: return "a device; give a regular file";
	case S_IFSOCK: return "a socket; give a regular file";
	default: return NULL;
	}
}

/* An index into f->fd, or -1 after a complaint. */
static int
open_one(struct cli *c, const char *what, const char *field,
    const char *path, int flags, struct files *f)
{
	int fd CLEANUP_FD = -1;
	struct stat st;

	if (f->n == FILES_MAX) {
		(void)refuse(c, what, field, path,
		    "too many files; use fewer volumes");
		return -1;
	}
	/* what it is comes first: opening some devices has effects */
	if (stat(path, &st) == 0 && not_regular(st.st_mode) != NULL) {
		(void)refuse(c, what, field, path, not_regular(st.st_mode));
		return -1;
	}
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)refuse(c, what, field, path, strerror(errno));
		return -1;
	}
	if (not_regular(st.st_mode) != NULL) {
		(void)refuse(c, what, field, path, not_regular(st.st_mode));
		return -1;
	}
	f->fd[f->n] = fd_steal(&fd);
	return (int)f->n++;
}

/* The same path, wherever it is said again. */
static void
make_absolute(json_t *o, const char *member, const char *path)
{
	char *cwd CLEANUP_FREE = NULL;
	json_t *j;

	if (path[0] == '/' || (cwd = getcwd(NULL, 0)) == NULL)
		return;
	j = json_sprintf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path);
	if (j != NULL) /* else: not UTF-8 */
		(void)json_object_set_new(o, member, j);
}

/* Path in member `path`; its index goes into member `member`. */
static int
open_plain(struct cli *c, const char *what, json_t *o, const char *path,
    const char *member, const char *field, struct files *f)
{
	const char *p = json_string_value(json_object_get(o, path));
	int i;

	if (p == NULL)
		return EX_DONE;
	i = open_one(c, what, field, p, O_RDONLY, f);
	if (i < 0)
		return EX_FAILED;
	(void)json_object_set_new(o, member, json_integer(i));
	make_absolute(o, path, p);
	return EX_DONE;
}

/* The same, and once more for writing. */
static int
open_drive(struct cli *c, const char *what, json_t *o, const char *path,
    const char *const members[2], const char *field, int ro, struct files *f)
{
	const char *p;
	int i;

	if (open_plain(c, what, o, path, members[0], field, f) != EX_DONE)
		return EX_FAILED;
	p = json_string_value(json_object_get(o, path));
	if (p == NULL || ro)
		return EX_DONE;
	if (access(p, W_OK) < 0)
		return vl_fail(c, what, EX_FAILED, INVALID, field,
		    "%s: you may not write it (%s); %s", p, strerror(errno),
		    strcmp(field, "rootfs") == 0 ?
			"copy it, or say --rootfs-ro" :
			"copy it, or add :ro");
	i = open_one(c, what, field, p, O_RDWR, f);
	if (i < 0)
		return EX_FAILED;
	(void)json_object_set_new(o, members[1], json_integer(i));
	return EX_DONE;
}

static int
open_volumes(struct cli *c, const char *what, json_t *config,
    struct files *f)
{
	static const char *const members[] = { "fd", "rw_fd" };
	json_t *list = json_object_get(config, "volumes"), *v;
	const char *host;
	char field[32];
	size_t i;
	int r;

	json_array_foreach(list, i, v) {
		(void)snprintf(field, sizeof(field), "volumes[%u]",
		    (unsigned)i);
		host = json_string_value(json_object_get(v, "host"));
		/* one that the daemon is to make is no file of the caller's */
		if (host != NULL && json_object_get(v, "size") != NULL &&
		    access(host, F_OK) < 0)
			continue;
		r = open_drive(c, what, v, "host", members, field,
		    json_is_true(json_object_get(v, "read_only")), f);
		if (r != EX_DONE)
			return r;
	}
	return EX_DONE;
}

/* Config and secret files; those with their text in the call are no files. */
static int
open_texts(struct cli *c, const char *what, json_t *config, const char *list,
    const char *option, struct files *f)
{
	json_t *v;
	size_t i;
	int r;

	json_array_foreach(json_object_get(config, list), i, v) {
		if (json_object_get(v, "content") != NULL)
			continue;
		r = open_plain(c, what, v, "path", "fd", option, f);
		if (r != EX_DONE)
			return r;
	}
	return EX_DONE;
}

int
files_open(struct cli *c, const char *what, json_t *config,
    struct files *f)
{
	static const char *const root[] = { "rootfs_fd", "rootfs_rw_fd" };
	int r;

	memset(f, 0, sizeof(*f));
	r = open_plain(c, what, config, "kernel_path", "kernel_fd", "kernel",
	    f);
	if (r == EX_DONE)
		r = open_plain(c, what, config, "initrd_path", "initrd_fd",
		    "initrd", f);
	if (r == EX_DONE)
		r = open_drive(c, what, config, "rootfs_path", root,
		    "rootfs", json_is_true(json_object_get(config,
			"rootfs_read_only")), f);
	if (r == EX_DONE)
		r = open_volumes(c, what, config, f);
	if (r == EX_DONE)
		r = open_texts(c, what, config, "config_files",
		    "config-file", f);
	if (r == EX_DONE)
		r = open_texts(c, what, config, "secret_files",
		    "secret-file", f);
	if (r != EX_DONE)
		files_close(f);
	return r;
}

void
files_close(struct files *f)
{
	while (f->n > 0)
		fd_close(&f->fd[--f->n]);
}
