/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf, as its own uid: files that only root can read are readable
 * to nobody else on purpose, so the configuration must be world-readable (it
 * holds no secret). Distrusts who could have written a file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/conf/parse.h"

static int
check_file(const struct stat *st, const char *name, uint32_t owner,
    struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, EINVAL, "%s: not a regular file; remove it",
		    name);
	if (st->st_uid != 0 && st->st_uid != owner)
		return err_set(e, EPERM,
		    "%s: owned by uid %u; chown it to root", name,
		    st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, EPERM,
		    "%s: others may write it; run chmod go-w %s", name, name);
	if ((uint64_t)st->st_size > CONF_FILE_MAX)
		return err_set(e, EFBIG, "%s: more than %u bytes; split it",
		    name, CONF_FILE_MAX);
	return 0;
}

/* Add dirfd/path to the list under the name shown. 0 or -1 (ENOENT alone is
 * left to the caller to judge). */
static int
read_one(int dirfd, const char *path, const char *name, uint32_t owner,
    struct conf_texts *t, struct err *e)
{
	int fd CLEANUP_FD = -1;
	struct conf_text *f;
	struct stat st;

	if (t->n == CONF_FILES_MAX)
		return err_set(e, E2BIG, "%s: more than %u files; merge some",
		    name, CONF_FILES_MAX);
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno,
		    "%s: %s; it must be readable to everybody", name,
		    strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s: %s", name, strerror(errno));
	if (check_file(&st, name, owner, e) < 0)
		return -1;
	f = &t->file[t->n];
	f->len = (size_t)st.st_size;
	f->text = calloc(1, f->len + 1);
	if (f->text == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	t->n++;
	(void)strlcpy(f->name, name, sizeof(f->name));
	if (fd_readn(fd, f->text, f->len) < 0)
		return err_set(e, EIO, "%s: changed while it was read", name);
	if (memchr(f->text, '\0', f->len) != NULL)
		return err_set(e, EINVAL, "%s: contains a NUL byte", name);
	return 0;
}

static int
wanted(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && d->d_name[0] != '.' &&
	    strcmp(d->d_name + n - 5, ".conf") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
read_dir(int etc, const char *dir, uint32_t owner, struct conf_texts *t,
    struct err *e)
{
	int fd CLEANUP_FD = openat(etc, dir,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	char name[400];
	int n, i, r = 0;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set(e, errno, "%s: %s", dir, strerror(errno));
	n = scandirat(fd, ".", &list, wanted, by_bytes);
	if (n < 0)
		return err_set(e, errno, "%s: %s", dir, strerror(errno));
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", dir,
		    list[i]->d_name);
		if (r == 0)
			r = read_one(fd, list[i]->d_name, name, owner, t, e);
		free(list[i]);
	}
	free(list);
	return r;
}

int
conf_read(int etc, const char *name, int missing_ok, uint32_t owner,
    struct conf_texts *t, struct err *e)
{
	char dir[128];

	memset(t, 0, sizeof(*t));
	if (etc < 0) {
		if (missing_ok)
			return 0;
		return err_set(e, ENOENT, "%s: no such directory", name);
	}
	if (read_one(etc, name, name, owner, t, e) < 0 &&
	    !(missing_ok && e->code == ENOENT))
		return -1;
	if (snprintf(dir, sizeof(dir), "%s.d", name) >= (int)sizeof(dir))
		return err_set(e, ENAMETOOLONG, "%s: name too long", name);
	return read_dir(etc, dir, owner, t, e);
}

void
conf_free(struct conf_texts *t)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		free(t->file[i].text);
	memset(t, 0, sizeof(*t));
}
