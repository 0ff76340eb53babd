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
#include "ctld/client/shape.h"
#include "ctld/client/startspec.h"

#define BOOT_MS 180000		/* ctld's own deadlines are shorter */
#define TIMEOUT_MAX_MS 3600000
#define TIMEOUT_DEFAULT_MS 60000
#define CPUS_MAX 32

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
	    texts(sp) < 0 || start_images(sp) < 0 ||
	    guestfiles_take(sp, NULL) < 0)
		return -1;
	start_paths(sp);
	if (start_fds_named(sp) < 0)
		return -1;
	return guestfiles_drives(sp, &sp->q);
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

/* The definition, which says what its files are called and where its volumes
 * belong. */
static int
definition(struct spec *sp, const struct cl_ref *ref, struct clreq_start *def)
{
	const struct clreq_definition q = { .ref = *ref };
	const struct clrep_definition *r;

	if (serve_call(sp->s, CLIENTOP_DEFINITION, &q, sizeof(q), NULL, 0,
		BOOT_MS, sp->e) < 0)
		return -1;
	r = (const struct clrep_definition *)(const void *)sp->s->m.body;
	*def = r->spec;
	if (shape_spec_ok(def))
		return 0;
	sp->s->end = sp->s->c.dead = 1;
	return -1;
}

/* Start with defined: true. */
static int
boot(struct spec *sp, int timeout)
{
	static const char *const names[] = { "name", "kernel_fd", "initrd_fd",
		"rootfs_fd", "rootfs_rw_fd", "volumes", "config_files",
		"secret_files", "ready", NULL };
	struct clreq_start def;
	struct clreq_boot b;

	memset(&b, 0, sizeof(b));
	if (arg_known(sp->config, "", names, sp->e) < 0 ||
	    arg_ref(sp->config, &b.ref, sp->e) < 0 || ready(sp) < 0)
		return -1;
	/* whose files it may be given, as far as we know: ctld knows */
	sp->q.owner = b.ref.owner;
	sp->s->vm = json_string_value(json_object_get(sp->config, "name"));
	if (start_boot_images(sp, &b) < 0 ||
	    definition(sp, &b.ref, &def) < 0 ||
	    guestfiles_take(sp, &def) < 0 || start_fds_named(sp) < 0 ||
	    guestfiles_drives(sp, &def) < 0)
		return -1;
	b.ready = sp->q.ready;
	b.ready_timeout_ms = (uint32_t)timeout;
	memcpy(b.ready_text, sp->q.ready_text, sizeof(b.ready_text));
	if (serve_call(sp->s, CLIENTOP_BOOT, &b, sizeof(b), sp->fds, sp->nfds,
		timeout + BOOT_MS, sp->e) < 0)
		return -1;
	return reply_vm(sp->s, json_array());
}

static void
begin(struct spec *sp, struct serve *s, const json_t *params,
    struct rep_cl *e)
{
	memset(sp, 0, sizeof(*sp));
	sp->s = s;
	sp->e = e;
	sp->config = json_object_get(params, "config");
	sp->own[0] = sp->own[1] = -1;
}

/* One request of a new VM. */
static int
make(struct spec *sp, uint16_t type, int ms)
{
	if (config(sp) < 0 ||
	    serve_call(sp->s, type, &sp->q, sizeof(sp->q), sp->fds, sp->nfds,
		ms, sp->e) < 0)
		return -1;
	return reply_vm(sp->s, notes(sp->s, &sp->q));
}

int
method_create(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "config", NULL };
	static struct spec sp;
	int r;

	begin(&sp, s, params, e);
	if (arg_known(params, "", names, e) < 0)
		return -1;
	if (!json_is_object(sp.config))
		return arg_bad(e, "", "config", "missing; say what to define");
	r = make(&sp, CLIENTOP_CREATE, BOOT_MS);
	guestfiles_free(&sp);
	return r;
}

int
method_start(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "config", "timeout_ms",
		"defined", NULL };
	static struct spec sp; /* 16 KiB */
	int64_t timeout = TIMEOUT_DEFAULT_MS;
	int defined = 0, r;

	begin(&sp, s, params, e);
	if (arg_known(params, "", names, e) < 0 ||
	    arg_int(params, "", "timeout_ms", 1, TIMEOUT_MAX_MS, &timeout,
		e) < 0 ||
	    arg_bool(params, "", "defined", &defined, e) < 0)
		return -1;
	if (!json_is_object(sp.config))
		return arg_bad(e, "", "config", "missing; say what to start");
	sp.q.ready_timeout_ms = (uint32_t)timeout;
	r = defined ? boot(&sp, (int)timeout) :
		make(&sp, CLIENTOP_START, (int)timeout + BOOT_MS);
	guestfiles_free(&sp);
	return r;
}
