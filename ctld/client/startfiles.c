/* SPDX-License-Identifier: ISC */
/*
 * The images of a Start call: which descriptor is which, each judged before
 * it goes on. Runs in a connection's own process; jail judges them again.
 */
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/client/args.h"
#include "ctld/client/image.h"
#include "ctld/client/shape.h"
#include "ctld/client/startspec.h"

int
start_fd(struct spec *sp, const json_t *o, const char *at, const char *key,
    int *fd)
{
	int64_t i = -1;

	*fd = -1;
	if (arg_int(o, at, key, 0, CONN_FDS_MAX - 1, &i, sp->e) < 0)
		return -1;
	if (i < 0)
		return 0;
	if (i >= sp->s->c.nfds)
		return arg_bad(sp->e, at, key,
		    "index %lld, but %u descriptors came with the call",
		    (long long)i, sp->s->c.nfds);
	if ((sp->used & (1u << i)) != 0)
		return arg_bad(sp->e, at, key,
		    "index %lld is another member's too", (long long)i);
	sp->used |= 1u << i;
	if ((sp->s->fds_bad & (1u << i)) != 0)
		return arg_bad(sp->e, at, key,
		    "not on a local file system of this host (FUSE, network "
		    "and private mounts are not); copy it to one");
	*fd = sp->s->c.fds[i];
	return 0;
}

/* Take the image that member at.key names. 1: taken, judged and put at the
 * end of sp->fds; 0: the member is absent; -1. */
static int
take_fd(struct spec *sp, const json_t *o, const char *at, const char *key,
    int rw)
{
	uint32_t owner = sp->q.owner == OWNER_SELF ? sp->s->uid :
						     sp->q.owner;
	char field[32];
	int fd;

	(void)strlcpy(field, at, sizeof(field));
	(void)strlcat(field, key, sizeof(field));
	if (start_fd(sp, o, at, key, &fd) < 0)
		return -1;
	if (fd < 0)
		return 0;
	if (image_check(fd, field, rw, sp->s->uid, owner, sp->e) < 0)
		return -1;
	sp->fds[sp->nfds++] = fd;
	return 1;
}

/* A drive's descriptors: `fd`, and `rw_fd` where it is writable. 1 when it is
 * writable, 0 when not, -1; -2: absent altogether. */
static int
drive(struct spec *sp, const json_t *o, const char *at, const char *fd,
    const char *rw_fd)
{
	char field[32];
	int k = take_fd(sp, o, at, fd, 0);

	if (k < 0)
		return -1;
	(void)strlcpy(field, at, sizeof(field));
	(void)strlcat(field, fd, sizeof(field));
	if (k == 0) {
		if (arg_has(o, rw_fd))
			return arg_bad(sp->e, "", field,
			    "missing beside %s", rw_fd);
		return -2;
	}
	if (image_check_raw(sp->fds[sp->nfds - 1], field, sp->e) < 0)
		return -1;
	k = take_fd(sp, o, at, rw_fd, 1);
	if (k > 0 && image_check_pair(sp->fds[sp->nfds - 2],
			 sp->fds[sp->nfds - 1], rw_fd, sp->e) < 0)
		return -1;
	return k;
}

static int
boot_and_root(struct spec *sp)
{
	const json_t *c = sp->config;
	int k, ro = 0;

	if (arg_bool(c, "", "rootfs_read_only", &ro, sp->e) < 0)
		return -1;
	k = take_fd(sp, c, "", "kernel_fd", 0);
	if (k == 0)
		return arg_bad(sp->e, "", "kernel_fd", "%s",
		    arg_has(c, "kernel_path") ?
			"paths are not opened here; pass the open file too, "
			"as `postern start` does" :
			"missing; every VM needs a kernel");
	if (k < 0 || (k = take_fd(sp, c, "", "initrd_fd", 0)) < 0)
		return -1;
	if (k > 0)
		sp->q.flags |= CL_HAS_INITRD;
	k = drive(sp, c, "", "rootfs_fd", "rootfs_rw_fd");
	if (k == -1)
		return -1;
	if (k == -2) {
		if (arg_has(c, "rootfs_path"))
			return arg_bad(sp->e, "", "rootfs_fd",
			    "paths are not opened here; pass the open file "
			    "too, as `postern start` does");
		return 0;
	}
	sp->q.flags |= CL_HAS_ROOTFS;
	if (ro && k == 1)
		return arg_bad(sp->e, "", "rootfs_rw_fd",
		    "a rootfs_read_only has none");
	if (k == 0)
		sp->q.flags |= CL_ROOTFS_RO;
	return 0;
}

static int
one_volume(struct spec *sp, const json_t *o, const char *at,
    struct cl_volume *v)
{
	static const char *const names[] = { "host", "guest", "size",
		"read_only", "fd", "rw_fd", NULL };
	char size[16];
	int ro = 0, k;

	if (!json_is_object(o))
		return arg_bad(sp->e, at, "host", "entry is not an object");
	if (arg_known(o, at, names, sp->e) < 0 ||
	    arg_path(o, at, "host", v->host, sizeof(v->host), sp->e) < 0 ||
	    arg_text(o, at, "guest", v->guest, sizeof(v->guest), sp->e) < 0 ||
	    arg_text(o, at, "size", size, sizeof(size), sp->e) < 0 ||
	    arg_bool(o, at, "read_only", &ro, sp->e) < 0)
		return -1;
	if (v->guest[0] != '/' || strpbrk(v->guest, " ,\\") != NULL)
		return arg_bad(sp->e, at, "guest", "say an absolute path "
		    "without blanks, commas and backslashes");
	k = drive(sp, o, at, "fd", "rw_fd");
	if (k == -1)
		return -1;
	if (k == -2 && size[0] != '\0')
		return arg_unsupported(sp->e,
		    backend_kind_name(sp->q.backend),
		    "volumes that the daemon makes (size without fd)");
	if (k == -2)
		return arg_bad(sp->e, at, "fd",
		    "missing; pass the open image file");
	if (ro && k == 1)
		return arg_bad(sp->e, at, "rw_fd",
		    "a read_only volume has none");
	v->readonly = k == 0;
	return 0;
}

static int
volumes(struct spec *sp)
{
	const json_t *list;
	char at[40];
	size_t i;

	if (arg_list(sp->config, "", "volumes", CL_VOLUMES_MAX, &list,
		sp->e) < 0)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		(void)snprintf(at, sizeof(at), "volumes[%zu].", i);
		if (one_volume(sp, json_array_get(list, i), at,
			&sp->q.volumes[i]) < 0)
			return -1;
	}
	sp->q.nvolumes = (uint32_t)json_array_size(list);
	return 0;
}

int
start_images(struct spec *sp)
{
	return boot_and_root(sp) < 0 ? -1 : volumes(sp);
}

/* Was this path kept as it was said, and does it mean the same to all? */
static int
path_kept(const json_t *o, const char *key, const char *kept)
{
	const char *p = json_string_value(json_object_get(o, key));

	return p != NULL && p[0] == '/' && strcmp(p, kept) == 0;
}

/* Of every image? */
static int
paths_kept(const struct spec *sp)
{
	const json_t *list = json_object_get(sp->config, "volumes");
	const struct clreq_start *q = &sp->q;
	int ok = path_kept(sp->config, "kernel_path", q->kernel_path);
	unsigned i;

	if ((q->flags & CL_HAS_INITRD) != 0)
		ok &= path_kept(sp->config, "initrd_path", q->initrd_path);
	if ((q->flags & CL_HAS_ROOTFS) != 0)
		ok &= path_kept(sp->config, "rootfs_path", q->rootfs_path);
	for (i = 0; i < q->nvolumes; i++)
		ok &= path_kept(json_array_get(list, i), "host",
		    q->volumes[i].host);
	return ok;
}

/* The same of a list of files. */
static int
files_kept(const struct spec *sp, const char *key, unsigned secret,
    unsigned *at)
{
	const json_t *list = json_object_get(sp->config, key);
	size_t i;

	for (i = 0; i < json_array_size(list) && *at < sp->q.nfiles; i++)
		if (sp->q.files[*at].secret != secret ||
		    !path_kept(json_array_get(list, i), "path",
			sp->q.files[(*at)++].host))
			return 0;
	return 1;
}

void
start_paths(struct spec *sp)
{
	unsigned at = 0;

	if (paths_kept(sp) && files_kept(sp, "config_files", 0, &at) &&
	    files_kept(sp, "secret_files", 1, &at))
		sp->q.flags |= CL_PATHS;
}

int
start_fds_named(struct spec *sp)
{
	if (sp->used != (1u << sp->s->c.nfds) - 1)
		return arg_bad(sp->e, "", "fds",
		    "a descriptor came that no member names; send none such");
	return 0;
}

/* The files of a defined VM, which its definition already describes. */
int
start_boot_images(struct spec *sp, struct clreq_boot *b)
{
	const json_t *list;
	char at[40];
	size_t i;
	int k;

	if (boot_and_root(sp) < 0 ||
	    arg_list(sp->config, "", "volumes", CL_VOLUMES_MAX, &list,
		sp->e) < 0)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		(void)snprintf(at, sizeof(at), "volumes[%zu].", i);
		k = drive(sp, json_array_get(list, i), at, "fd", "rw_fd");
		if (k == -1)
			return -1;
		if (k == -2)
			return arg_bad(sp->e, at, "fd",
			    "missing; pass the open image file");
		if (k == 0)
			b->volumes_ro |= 1u << i;
	}
	b->nvolumes = (uint32_t)json_array_size(list);
	b->flags = sp->q.flags;
	return 0;
}
