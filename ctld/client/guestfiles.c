/* SPDX-License-Identifier: ISC */
/*
 * Config and secret files of a Start call: read from the client's descriptors
 * or out of its message, and laid out as the drives mvm-config and mvm-secrets.
 * Runs in a connection's own process: contents end there and in the guest, no
 * record, log or state file has them. Distrusts all of it but keeps what is
 * copied within CL_FILES_BYTES.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/client/args.h"
#include "ctld/client/startspec.h"

#define OURS 2			/* files of ours on mvm-config */

static const char *const kinds[] = { "config_files", "secret_files" };

/* All of a file that may grow or shrink meanwhile. */
static int
slurp(struct spec *sp, unsigned i, const char *at, int fd)
{
	size_t n = 0, room = CL_FILE_BYTES + 1;
	char *buf = malloc(room);
	ssize_t k = 1;

	sp->content[i] = buf;
	if (buf == NULL)
		return arg_bad(sp->e, at, "fd", "no memory to read it");
	while (k != 0 && n < room) {
		k = pread(fd, buf + n, room - n, (off_t)n);
		if (k < 0 && errno != EINTR)
			return arg_bad(sp->e, at, "fd", "cannot be read: %s",
			    strerrordesc_np(errno));
		n += k > 0 ? (size_t)k : 0;
	}
	sp->file[i].data = buf;
	sp->file[i].n = n;
	return 0;
}

static int
content(struct spec *sp, unsigned i, const json_t *o, const char *at)
{
	const json_t *text = json_object_get(o, "content");
	int fd;

	if (start_fd(sp, o, at, "fd", &fd) < 0)
		return -1;
	if ((fd >= 0) == arg_has(o, "content"))
		return arg_bad(sp->e, at, "fd", "say either fd (an open file) "
		    "or content (text)");
	if (fd >= 0 && slurp(sp, i, at, fd) < 0)
		return -1;
	if (fd < 0 && !json_is_string(text))
		return arg_bad(sp->e, at, "content", "not a string");
	if (fd < 0) {
		sp->file[i].data = json_string_value(text);
		sp->file[i].n = json_string_length(text);
	}
	if (sp->file[i].n > CL_FILE_BYTES)
		return arg_bad(sp->e, at, "content",
		    "more than %u KiB", CL_FILE_BYTES >> 10);
	sp->bytes += sp->file[i].n;
	if (sp->bytes > CL_FILES_BYTES)
		return arg_bad(sp->e, at, "content", "with it all files have "
		    "more than %u KiB", CL_FILES_BYTES >> 10);
	return 0;
}

/* Name, mode and path, as far as the call says them. */
static int
describe(struct spec *sp, const json_t *o, const char *at, struct cl_file *f)
{
	int64_t mode = f->secret ? 0400 : 0444;
	const struct cl_file *g;

	if (arg_text(o, at, "name", f->name, sizeof(f->name), sp->e) < 0 ||
	    arg_int(o, at, "mode", 0, 0777, &mode, sp->e) < 0 ||
	    arg_path(o, at, "path", f->host, sizeof(f->host), sp->e) < 0)
		return -1;
	f->mode = (uint32_t)mode;
	if (!cl_file_name_ok(f->name))
		return arg_bad(sp->e, at, "name", "say 1 to %zu of A-Z, a-z, "
		    "0-9 and ._+@-; there are no directories",
		    sizeof(f->name) - 1);
	if (!f->secret && (strcmp(f->name, "config.json") == 0 ||
		strcmp(f->name, "fstab") == 0))
		return arg_bad(sp->e, at, "name", "%s is written by the "
		    "daemon; choose another", f->name);
	for (g = sp->q.files; g < f; g++)
		if (g->secret == f->secret && strcmp(g->name, f->name) == 0)
			return arg_bad(sp->e, at, "name",
			    "%s is there twice", f->name);
	return 0;
}

static int
one(struct spec *sp, const json_t *o, const char *at, unsigned secret,
    const struct clreq_start *def)
{
	static const char *const names[] = { "name", "content", "mode",
		"path", "fd", NULL };
	unsigned i = sp->q.nfiles;
	struct cl_file *f = &sp->q.files[i];

	if (!json_is_object(o))
		return arg_bad(sp->e, at, "name", "entry is not an object");
	if (i == CL_FILES_MAX)
		return arg_bad(sp->e, at, "name",
		    "more than %u files of both kinds", CL_FILES_MAX);
	if (arg_known(o, at, names, sp->e) < 0)
		return -1;
	f->secret = secret;
	if (def == NULL) {
		if (describe(sp, o, at, f) < 0)
			return -1;
	} else if (i >= def->nfiles || def->files[i].secret != secret) {
		return arg_bad(sp->e, at, "fd", "the definition has no such");
	} else {
		*f = def->files[i];
	}
	sp->q.nfiles++;
	sp->file[i].name = f->name;
	sp->file[i].mode = f->mode;
	return content(sp, i, o, at);
}

int
guestfiles_take(struct spec *sp, const struct clreq_start *def)
{
	const json_t *list;
	unsigned secret;
	char at[32];
	size_t i;

	for (secret = 0; secret < 2; secret++) {
		if (arg_list(sp->config, "", kinds[secret], CL_FILES_MAX,
			&list, sp->e) < 0)
			return -1;
		for (i = 0; i < json_array_size(list); i++) {
			(void)snprintf(at, sizeof(at), "%s[%zu].",
			    kinds[secret], i);
			if (one(sp, json_array_get(list, i), at, secret,
				def) < 0)
				return -1;
		}
	}
	if (def != NULL && sp->q.nfiles != def->nfiles)
		return arg_bad(sp->e, "", kinds[def->files[sp->q.nfiles]
		    .secret], "the definition has %u files, %u came",
		    def->nfiles, sp->q.nfiles);
	return 0;
}

static json_t *
address(uint32_t a)
{
	return a == 0 ? json_null() : json_sprintf("%u.%u.%u.%u", a >> 24,
	    a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* What a guest may want to know of itself. To be freed. */
static char *
config_json(const struct spec *sp, const struct clreq_start *q)
{
	int net = q->net != NET_NONE, first = (q->flags & CL_HAS_ROOTFS) != 0;
	json_t *list = json_array(), *o;
	char *text;
	unsigned i;

	for (i = 0; i < q->nvolumes; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:o,s:s,s:b}", "device",
			json_sprintf("/dev/vd%c", (int)('a' + first + (int)i)),
			"guest", q->volumes[i].guest, "read_only",
			q->volumes[i].readonly != 0));
	o = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "instance_id", q->name,
	    "role", q->profile[0] != '\0' ? json_string(q->profile) :
	    json_null(), "guest_ip", address(net ? GUEST_ADDR : 0),
	    "gateway_ip", address(net ? GUEST_GATEWAY : 0),
	    "dns", address(net ? sp->s->dns : 0), "volumes", list);
	text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	return text;
}

/* The volumes in the form of fstab(5), for guests without a JSON reader. */
static void
fstab(const struct clreq_start *q, char *buf, size_t size)
{
	int first = (q->flags & CL_HAS_ROOTFS) != 0;
	char line[128];
	unsigned i;

	buf[0] = '\0';
	for (i = 0; i < q->nvolumes; i++) {
		(void)snprintf(line, sizeof(line), "/dev/vd%c %s auto %s 0 0\n",
		    'a' + first + (int)i, q->volumes[i].guest,
		    q->volumes[i].readonly ? "ro" : "rw");
		(void)strlcat(buf, line, size);
	}
}

static int
drive(struct spec *sp, const char *label, unsigned secret,
    const struct fsfile *ours, unsigned nours)
{
	struct fsfile list[CL_FILES_MAX + OURS];
	unsigned i, n = 0;

	for (i = 0; i < nours; i++)
		list[n++] = ours[i];
	for (i = 0; i < sp->q.nfiles; i++)
		if (sp->q.files[i].secret == secret)
			list[n++] = sp->file[i];
	sp->own[secret] = fsimage_make(label, list, n);
	if (sp->own[secret] < 0) {
		sp->e->error = CLE_HOST;
		sp->e->code = errno;
		(void)snprintf(sp->e->reason, sizeof(sp->e->reason),
		    "cannot lay out %s: %s", label, strerrordesc_np(errno));
		return -1;
	}
	sp->fds[sp->nfds++] = sp->own[secret];
	return 0;
}

int
guestfiles_drives(struct spec *sp, const struct clreq_start *q)
{
	char mounts[CL_VOLUMES_MAX * 96];
	char *json CLEANUP_FREE = config_json(sp, q);
	struct fsfile ours[OURS] = {
		{ "config.json", json, 0, 0444 },
		{ "fstab", mounts, 0, 0444 },
	};

	if (json == NULL)
		return arg_bad(sp->e, "", kinds[0], "no memory");
	fstab(q, mounts, sizeof(mounts));
	ours[0].n = strlen(json);
	ours[1].n = strlen(mounts);
	if (cl_drive_of(q, 0) && drive(sp, "mvm-config", 0, ours, OURS) < 0)
		return -1;
	if (cl_drive_of(q, 1) && drive(sp, "mvm-secrets", 1, NULL, 0) < 0)
		return -1;
	if (sp->nfds > WIRE_FDS_MAX)
		return arg_bad(sp->e, "", "volumes", "%u descriptors, and %u "
		    "are the most; use fewer volumes", sp->nfds, WIRE_FDS_MAX);
	return 0;
}

void
guestfiles_free(struct spec *sp)
{
	unsigned i;

	for (i = 0; i < CL_FILES_MAX; i++) {
		if (sp->content[i] != NULL)
			explicit_bzero(sp->content[i], CL_FILE_BYTES + 1);
		free(sp->content[i]);
		sp->content[i] = NULL;
	}
	fd_close(&sp->own[0]);
	fd_close(&sp->own[1]);
}
