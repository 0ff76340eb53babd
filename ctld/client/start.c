/* SPDX-License-Identifier: ISC */
/*
 * Start: a StartConfig and its descriptors into struct clreq_start. Runs in
 * a connection's own process; everything here is a tenant's wish. Policy
 * (ceilings, who may publish what) is judged by ctld and privd, shape here.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/client/args.h"
#include "ctld/client/image.h"
#include "ctld/client/serve.h"
#include "ctld/client/shape.h"

#define BOOT_MS 180000		/* ctld's own deadlines are shorter */
#define TIMEOUT_MAX_MS 3600000
#define TIMEOUT_DEFAULT_MS 60000
#define CPUS_MAX 32

/* What is gathered: the record, and descriptors in the wire's order. */
struct spec {
	struct serve *s;
	const json_t *config;
	struct rep_cl *e;
	unsigned used;		/* bit i: the message's descriptor i */
	unsigned nfds;
	int fds[CONN_FDS_MAX];	/* borrowed from s->c.fds */
	struct clreq_start q;
};

static int
text_to_enum(struct spec *sp, const char *key, const char *const *names,
    uint32_t *out, const char *say)
{
	char text[64];
	uint32_t i;

	if (arg_text(sp->config, "", key, text, sizeof(text), sp->e) < 0)
		return -1;
	if (text[0] == '\0')
		return 0;
	for (i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = i;
			return 0;
		}
	}
	return arg_bad(sp->e, "", key, "%s; say %s", text, say);
}

static int
modes(struct spec *sp)
{
	static const char *const backends[] = { "auto", "qemu", "firecracker",
		"runner", NULL };
	static const char *const nets[] = { "", "nat", "bridge", "none",
		NULL };
	struct clreq_start *q = &sp->q;

	q->net = NET_NAT;
	if (text_to_enum(sp, "backend", backends, &q->backend,
		"auto, qemu or firecracker") < 0 ||
	    text_to_enum(sp, "network", nets, &q->net, "nat or none") < 0)
		return -1;
	if (q->backend == BACKEND_RUNNER || arg_has(sp->config, "runner_dir"))
		return arg_unsupported(sp->e, "runner", "Start");
	if (q->net == NET_BRIDGE)
		return arg_unsupported(sp->e, backend_kind_name(q->backend),
		    "network: bridge");
	q->net_up.mode = q->net;
	if (arg_ports(sp->config, &q->net_up, sp->e) < 0 ||
	    arg_allow(sp->config, &q->net_up, sp->e) < 0)
		return -1;
	if (q->net == NET_NONE && q->net_up.nports > 0)
		return arg_bad(sp->e, "", "ports",
		    "a VM with network none publishes none");
	if (q->net == NET_NONE && q->net_up.nallow > 0)
		return arg_bad(sp->e, "", "allow",
		    "a VM with network none reaches nothing");
	return 0;
}

static int
channels(struct spec *sp)
{
	struct clreq_start *q = &sp->q;
	const json_t *list, *j;
	size_t i;

	if (arg_list(sp->config, "", "channel_ports", CHANNELS_MAX, &list,
		sp->e) < 0)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		j = json_array_get(list, i);
		if (!json_is_integer(j) || json_integer_value(j) < 1 ||
		    json_integer_value(j) > 65535)
			return arg_bad(sp->e, "", "channel_ports",
			    "entry %zu: say 1 to 65535", i);
		q->channels[q->nchannels++] =
		    (uint16_t)json_integer_value(j);
	}
	return 0;
}

/* Its port is declared by this alone. */
static int
agent(struct spec *sp)
{
	struct clreq_start *q = &sp->q;
	unsigned i;

	q->ready = READY_AGENT;
	for (i = 0; i < q->nchannels; i++)
		if (q->channels[i] == CHANNEL_AGENT)
			return 0;
	if (q->nchannels == CHANNELS_MAX)
		return arg_bad(sp->e, "", "channel_ports",
		    "ready: agent needs port %u, and %u are declared already",
		    CHANNEL_AGENT, CHANNELS_MAX);
	q->channels[q->nchannels++] = CHANNEL_AGENT;
	return 0;
}

static int
ready(struct spec *sp)
{
	struct clreq_start *q = &sp->q;
	char text[80];

	if (arg_text(sp->config, "", "ready", text, sizeof(text), sp->e) < 0)
		return -1;
	if (text[0] == '\0')
		return 0;
	if (strcmp(text, "agent") == 0)
		return agent(sp);
	if (strncmp(text, "console:", 8) != 0 || text[8] == '\0')
		return arg_bad(sp->e, "", "ready",
		    "say agent or console:TEXT (tcp:PORT is tried by the "
		    "command itself)");
	if (strlcpy(q->ready_text, text + 8, sizeof(q->ready_text)) >=
	    sizeof(q->ready_text))
		return arg_bad(sp->e, "", "ready", "text over 63 bytes");
	q->ready = READY_CONSOLE;
	return 0;
}

static int
numbers(struct spec *sp)
{
	struct clreq_start *q = &sp->q;
	int64_t cpus = 1, grace = UINT32_MAX, owner = OWNER_SELF;
	int rm = 0;

	q->memory_mib = 256;
	if (arg_int(sp->config, "", "cpus", 1, CPUS_MAX, &cpus, sp->e) < 0 ||
	    arg_memory(sp->config, "memory_mib", &q->memory_mib, sp->e) < 0 ||
	    arg_int(sp->config, "", "grace_ms", 0, TIMEOUT_MAX_MS, &grace,
		sp->e) < 0 ||
	    arg_int(sp->config, "", "owner", 0, UINT32_MAX - 1, &owner,
		sp->e) < 0 ||
	    arg_bool(sp->config, "", "rm", &rm, sp->e) < 0)
		return -1;
	q->cpus = (uint32_t)cpus;
	q->grace_ms = (uint32_t)grace;
	q->owner = (uint32_t)owner;
	if (rm)
		q->flags |= CL_RM;
	return 0;
}

static int
texts(struct spec *sp)
{
	struct clreq_start *q = &sp->q;
	const json_t *c = sp->config;
	struct rep_cl *e = sp->e;

	if (arg_text(c, "", "boot_args", q->boot_args, sizeof(q->boot_args),
		e) < 0 ||
	    arg_text(c, "", "profile", q->profile, sizeof(q->profile), e) <
		0 ||
	    arg_text(c, "", "revision_hash", q->revision,
		sizeof(q->revision), e) < 0 ||
	    arg_text(c, "", "flake_ref", q->flake_ref, sizeof(q->flake_ref),
		e) < 0 ||
	    arg_path(c, "", "kernel_path", q->kernel_path,
		sizeof(q->kernel_path), e) < 0 ||
	    arg_path(c, "", "initrd_path", q->initrd_path,
		sizeof(q->initrd_path), e) < 0)
		return -1;
	return arg_path(c, "", "rootfs_path", q->rootfs_path,
	    sizeof(q->rootfs_path), e);
}

/* Take the descriptor that member at.key names. 1: taken, judged and put at
 * the end of sp->fds; 0: the member is absent; -1. */
static int
take_fd(struct spec *sp, const json_t *o, const char *at, const char *key,
    int rw)
{
	uint32_t owner = sp->q.owner == OWNER_SELF ? sp->s->uid :
						     sp->q.owner;
	char field[32];
	int64_t i = -1;

	(void)strlcpy(field, at, sizeof(field));
	(void)strlcat(field, key, sizeof(field));
	if (arg_int(o, at, key, 0, CONN_FDS_MAX - 1, &i, sp->e) < 0)
		return -1;
	if (i < 0)
		return 0;
	if (i >= sp->s->c.nfds)
		return arg_bad(sp->e, "", field,
		    "index %lld, but %u descriptors came with the call",
		    (long long)i, sp->s->c.nfds);
	if ((sp->used & (1u << i)) != 0)
		return arg_bad(sp->e, "", field,
		    "index %lld is another member's too", (long long)i);
	sp->used |= 1u << i;
	if ((sp->s->fds_bad & (1u << i)) != 0)
		return arg_bad(sp->e, "", field,
		    "not on a local file system of this host (FUSE, network "
		    "and private mounts are not); copy it to one");
	if (image_check(sp->s->c.fds[i], field, rw, sp->s->uid, owner,
		sp->e) < 0)
		return -1;
	sp->fds[sp->nfds++] = sp->s->c.fds[i];
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
images(struct spec *sp)
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
	if (v->guest[0] != '/' || strpbrk(v->guest, " ,") != NULL)
		return arg_bad(sp->e, at, "guest",
		    "say an absolute path without blanks or commas");
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

static int
files(struct spec *sp, const char *key)
{
	const json_t *list;

	if (arg_list(sp->config, "", key, 64, &list, sp->e) < 0)
		return -1;
	if (json_array_size(list) > 0)
		return arg_unsupported(sp->e,
		    backend_kind_name(sp->q.backend), key);
	return 0;
}

/* Was this path kept as it was said, and does it mean the same to all? */
static int
path_kept(const json_t *o, const char *key, const char *kept)
{
	const char *p = json_string_value(json_object_get(o, key));

	return p != NULL && p[0] == '/' && strcmp(p, kept) == 0;
}

/* May whoever has the right open the files again by the kept paths? */
static void
paths(struct spec *sp)
{
	const json_t *list = json_object_get(sp->config, "volumes");
	struct clreq_start *q = &sp->q;
	int ok = path_kept(sp->config, "kernel_path", q->kernel_path);
	unsigned i;

	if ((q->flags & CL_HAS_INITRD) != 0)
		ok &= path_kept(sp->config, "initrd_path", q->initrd_path);
	if ((q->flags & CL_HAS_ROOTFS) != 0)
		ok &= path_kept(sp->config, "rootfs_path", q->rootfs_path);
	for (i = 0; i < q->nvolumes; i++)
		ok &= path_kept(json_array_get(list, i), "host",
		    q->volumes[i].host);
	if (ok)
		q->flags |= CL_PATHS;
}

static int
fds_named(struct spec *sp)
{
	if (sp->used != (1u << sp->s->c.nfds) - 1)
		return arg_bad(sp->e, "", "fds",
		    "a descriptor came that no member names; send none such");
	return 0;
}

static int
config(struct spec *sp)
{
	static const char *const names[] = { "name", "owner", "kernel_path",
		"kernel_fd", "initrd_path", "initrd_fd", "rootfs_path",
		"rootfs_fd", "rootfs_rw_fd", "rootfs_read_only", "boot_args", "cpus",
		"memory_mib", "ports", "volumes", "allow", "config_files",
		"secret_files", "revision_hash", "flake_ref", "profile",
		"runner_dir", "backend", "network", "grace_ms", "rm",
		"ready", "channel_ports", NULL };
	const char *name = json_string_value(
	    json_object_get(sp->config, "name"));

	if (arg_known(sp->config, "", names, sp->e) < 0)
		return -1;
	if (name == NULL)
		return arg_bad(sp->e, "", "name", "missing; name the VM");
	if (!vm_name_ok(name))
		return arg_bad(sp->e, "", "name",
		    "say 1 to %d of a-z, 0-9 and -, not beginning with -",
		    VM_NAME_MAX);
	(void)strlcpy(sp->q.name, name, sizeof(sp->q.name));
	sp->s->vm = name;
	if (numbers(sp) < 0 || modes(sp) < 0 ||
	    channels(sp) < 0 || ready(sp) < 0 ||
	    texts(sp) < 0 || files(sp, "config_files") < 0 ||
	    files(sp, "secret_files") < 0 || images(sp) < 0 ||
	    volumes(sp) < 0)
		return -1;
	paths(sp);
	return fds_named(sp);
}

/* What works otherwise than its caller may think. */
static json_t *
notes(const struct serve *s, const struct clreq_start *q)
{
	json_t *list = json_array();

	if (s->dns == 0 && q->net == NET_NAT && q->net_up.nallow > 0)
		(void)json_array_append_new(list,
		    json_string("names will not resolve in the guest: the "
			"operator has set no dns in postern.conf"));
	return list;
}

/* A good answer's VM; notes: sentences for people. */
static int
reply_vm(struct serve *s, json_t *notes_list)
{
	const struct clrep_start *r =
	    (const struct clrep_start *)(const void *)s->m.body;

	if (!shape_vm_ok(&r->vm)) {
		json_decref(notes_list);
		s->end = s->c.dead = 1;
		return 0;
	}
	return reply(s,
	    json_pack("{s:o,s:o}", "vm", shape_vm(&r->vm), "notes",
		notes_list),
	    0);
}

/* The files of a defined VM, which its definition already describes. */
static int
boot_files(struct spec *sp, struct clreq_boot *b)
{
	const json_t *list;
	char at[40];
	size_t i;
	int k;

	if (images(sp) < 0 ||
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
	return fds_named(sp);
}

/* Start with defined: true. */
static int
boot(struct spec *sp, int timeout)
{
	static const char *const names[] = { "name", "kernel_fd", "initrd_fd",
		"rootfs_fd", "rootfs_rw_fd", "volumes", "ready", NULL };
	struct clreq_boot b;

	memset(&b, 0, sizeof(b));
	if (arg_known(sp->config, "", names, sp->e) < 0 ||
	    arg_ref(sp->config, &b.ref, sp->e) < 0 || ready(sp) < 0)
		return -1;
	/* whose files it may be given, as far as we know: ctld knows */
	sp->q.owner = b.ref.owner;
	sp->s->vm = json_string_value(json_object_get(sp->config, "name"));
	if (boot_files(sp, &b) < 0)
		return -1;
	b.ready = sp->q.ready;
	b.ready_timeout_ms = (uint32_t)timeout;
	memcpy(b.ready_text, sp->q.ready_text, sizeof(b.ready_text));
	if (serve_call(sp->s, CLIENTOP_BOOT, &b, sizeof(b), sp->fds, sp->nfds,
		timeout + BOOT_MS, sp->e) < 0)
		return -1;
	return reply_vm(sp->s, json_array());
}

int
method_create(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "config", NULL };
	static struct spec sp;

	memset(&sp, 0, sizeof(sp));
	sp.s = s;
	sp.e = e;
	sp.config = json_object_get(params, "config");
	if (arg_known(params, "", names, e) < 0)
		return -1;
	if (!json_is_object(sp.config))
		return arg_bad(e, "", "config", "missing; say what to define");
	if (config(&sp) < 0 ||
	    serve_call(s, CLIENTOP_CREATE, &sp.q, sizeof(sp.q), sp.fds,
		sp.nfds, BOOT_MS, e) < 0)
		return -1;
	return reply_vm(s, notes(s, &sp.q));
}

int
method_start(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "config", "timeout_ms",
		"defined", NULL };
	static struct spec sp; /* 12 KiB */
	int64_t timeout = TIMEOUT_DEFAULT_MS;
	int defined = 0;

	memset(&sp, 0, sizeof(sp));
	sp.s = s;
	sp.e = e;
	sp.config = json_object_get(params, "config");
	if (arg_known(params, "", names, e) < 0 ||
	    arg_int(params, "", "timeout_ms", 1, TIMEOUT_MAX_MS, &timeout,
		e) < 0 ||
	    arg_bool(params, "", "defined", &defined, e) < 0)
		return -1;
	if (!json_is_object(sp.config))
		return arg_bad(e, "", "config", "missing; say what to start");
	if (defined)
		return boot(&sp, (int)timeout);
	sp.q.ready_timeout_ms = (uint32_t)timeout;
	if (config(&sp) < 0 ||
	    serve_call(s, CLIENTOP_START, &sp.q, sizeof(sp.q), sp.fds,
		sp.nfds, (int)timeout + BOOT_MS, e) < 0)
		return -1;
	return reply_vm(s, notes(s, &sp.q));
}
