/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Our own files are read as if somebody else had written them:
 * depth, duplicates, types, ranges, lengths and the set of members are all
 * fixed. Tables say what a record is, once, for both directions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <jansson.h>

#include "ctld/spec.h"
#include "ctld/state_json.h"
#include "ctld/vm.h"

enum kind { U8, U16, U32, I32, I64, U64, STR };
struct field { const char *key; size_t off; enum kind kind; size_t size; };

#define F(s, key, m, kind) \
	{ key, offsetof(struct s, m), kind, sizeof(((struct s *)0)->m) }

static const struct field record_fields[] = {
	F(record, "id", pub.id, STR), F(record, "name", pub.name, STR),
	F(record, "owner", pub.owner, U32),
	F(record, "status", pub.status, U32),
	F(record, "reason", pub.reason, STR),
	F(record, "backend", pub.backend, U32),
	F(record, "slot", pub.slot, U32),
	F(record, "generation", h.generation, U64),
	F(record, "boot_id", boot_id, STR),
	F(record, "vm_addr", pub.vm_addr, U32),
	F(record, "host_addr", pub.host_addr, U32),
	F(record, "exit_code", pub.exit_code, I32),
	F(record, "created_ms", pub.created_ms, I64),
	F(record, "started_ms", pub.started_ms, I64),
	F(record, "ended_ms", pub.ended_ms, I64),
};

static const struct field spec_fields[] = {
	F(clreq_start, "flags", flags, U32), F(clreq_start, "cpus", cpus, U32),
	F(clreq_start, "memory_mib", memory_mib, U32),
	F(clreq_start, "backend", backend, U32),
	F(clreq_start, "net", net, U32),
	F(clreq_start, "grace_ms", grace_ms, U32),
	F(clreq_start, "ready", ready, U32),
	F(clreq_start, "ready_timeout_ms", ready_timeout_ms, U32),
	F(clreq_start, "ready_text", ready_text, STR),
	F(clreq_start, "boot_args", boot_args, STR),
	F(clreq_start, "profile", profile, STR),
	F(clreq_start, "revision", revision, STR),
	F(clreq_start, "flake_ref", flake_ref, STR),
	F(clreq_start, "kernel_path", kernel_path, STR),
	F(clreq_start, "rootfs_path", rootfs_path, STR),
	F(clreq_start, "initrd_path", initrd_path, STR),
};

static const struct field volume_fields[] = {
	F(cl_volume, "guest", guest, STR), F(cl_volume, "host", host, STR),
	F(cl_volume, "readonly", readonly, U32),
};

static const struct field file_fields[] = {
	F(cl_file, "name", name, STR), F(cl_file, "host", host, STR),
	F(cl_file, "mode", mode, U32), F(cl_file, "secret", secret, U32),
};

static const struct field port_fields[] = {
	F(net_port, "addr", addr, U32), F(net_port, "host", host, U16),
	F(net_port, "guest", guest, U16), F(net_port, "proto", proto, U8),
};

static const struct field allow_fields[] = {
	F(net_allow, "addr", addr, U32), F(net_allow, "port_lo", port_lo, U16),
	F(net_allow, "port_hi", port_hi, U16),
	F(net_allow, "proto", proto, U8), F(net_allow, "prefix", prefix, U8),
};

#define N(t) (sizeof(t) / sizeof((t)[0]))

static json_t *
field_dump(const struct field *f, const unsigned char *base)
{
	char text[24];
	uint64_t u64;
	int64_t i64;
	uint32_t u32;
	uint16_t u16;
	int32_t i32;

	switch (f->kind) {
	case U8:
		return json_integer(base[f->off]);
	case U16:
		memcpy(&u16, base + f->off, sizeof(u16));
		return json_integer(u16);
	case U32:
		memcpy(&u32, base + f->off, sizeof(u32));
		return json_integer(u32);
	case I32:
		memcpy(&i32, base + f->off, sizeof(i32));
		return json_integer(i32);
	case I64:
		memcpy(&i64, base + f->off, sizeof(i64));
		return json_integer(i64);
	case U64: /* JSON numbers do not hold it */
		memcpy(&u64, base + f->off, sizeof(u64));
		(void)snprintf(text, sizeof(text), "%llu",
		    (unsigned long long)u64);
		return json_string(text);
	case STR:
		return json_string((const char *)base + f->off);
	}
	return NULL;
}

static json_t *
object_dump(const struct field *f, size_t n, const void *base)
{
	json_t *o = json_object();

	for (; n > 0 && o != NULL; n--, f++)
		if (json_object_set_new(o, f->key, field_dump(f, base)) < 0) {
			json_decref(o);
			o = NULL;
		}
	return o;
}

static json_t *
array_dump(const struct field *f, size_t nf, const void *base, size_t size,
    size_t n)
{
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < n && a != NULL; i++)
		if (json_array_append_new(a, object_dump(f, nf,
			(const unsigned char *)base + i * size)) < 0) {
			json_decref(a);
			a = NULL;
		}
	return a;
}

static json_t *
channels_dump(const struct clreq_start *s)
{
	json_t *a = json_array();
	unsigned i;

	for (i = 0; i < s->nchannels && a != NULL; i++)
		if (json_array_append_new(a, json_integer(s->channels[i])) <
		    0) {
			json_decref(a);
			a = NULL;
		}
	return a;
}

char *
record_dump(const struct record *r)
{
	json_t *o = object_dump(record_fields, N(record_fields), r);
	json_t *s = object_dump(spec_fields, N(spec_fields), &r->spec);
	const struct req_net_up *u = &r->spec.net_up;
	char *text = NULL;

	/* each call takes its new value, also on failure, also NULL */
	if ((json_object_set_new(s, "volumes", array_dump(volume_fields,
		 N(volume_fields), r->spec.volumes,
		 sizeof(r->spec.volumes[0]), r->spec.nvolumes)) |
		json_object_set_new(s, "ports", array_dump(port_fields,
		    N(port_fields), u->ports, sizeof(u->ports[0]),
		    u->nports)) |
		json_object_set_new(s, "allow", array_dump(allow_fields,
		    N(allow_fields), u->allow, sizeof(u->allow[0]),
		    u->nallow)) |
		json_object_set_new(o, "format",
		    json_integer(STATE_FORMAT))) == 0 &&
	    (r->spec.nchannels == 0 || json_object_set_new(s, "channels",
		channels_dump(&r->spec)) == 0) &&
	    (r->spec.nfiles == 0 || json_object_set_new(s, "files",
		array_dump(file_fields, N(file_fields), r->spec.files,
		    sizeof(r->spec.files[0]), r->spec.nfiles)) == 0) &&
	    json_object_set(o, "spec", s) == 0)
		text = json_dumps(o, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(s);
	json_decref(o);
	return text;
}

static int
integer(const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
	if (!json_is_integer(v))
		return -1;
	*out = json_integer_value(v);
	return *out >= lo && *out <= hi ? 0 : -1;
}

static int
decimal(const char *s, uint64_t *out)
{
	size_t n = s != NULL ? strlen(s) : 0;
	char *end;

	if (n < 1 || n > 20 || strspn(s, "0123456789") != n)
		return -1;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0' ? 0 : -1;
}

static int
field_parse(const struct field *f, const json_t *v, unsigned char *base)
{
	unsigned char *p = base + f->off;
	const char *s = json_string_value(v);
	uint64_t u64;
	int64_t i = 0;
	uint32_t u32;
	uint16_t u16;
	int32_t i32;
	int rc = 0;

	switch (f->kind) {
	case U8:
		rc = integer(v, 0, UINT8_MAX, &i);
		*p = (unsigned char)i;
		return rc;
	case U16:
		rc = integer(v, 0, UINT16_MAX, &i);
		u16 = (uint16_t)i;
		memcpy(p, &u16, sizeof(u16));
		return rc;
	case U32:
		rc = integer(v, 0, UINT32_MAX, &i);
		u32 = (uint32_t)i;
		memcpy(p, &u32, sizeof(u32));
		return rc;
	case I32:
		rc = integer(v, INT32_MIN, INT32_MAX, &i);
		i32 = (int32_t)i;
		memcpy(p, &i32, sizeof(i32));
		return rc;
	case I64:
		rc = integer(v, 0, INT64_MAX, &i);
		memcpy(p, &i, sizeof(i));
		return rc;
	case U64:
		if (decimal(s, &u64) < 0)
			return -1;
		memcpy(p, &u64, sizeof(u64));
		return 0;
	case STR:
		if (s == NULL || strlen(s) != json_string_length(v))
			return -1;
		return strlcpy((char *)p, s, f->size) < f->size ? 0 : -1;
	}
	return -1;
}

/* extra: how many further members the caller looks at itself. */
static int
object_parse(const struct field *f, size_t n, size_t extra, const json_t *o,
    void *base, struct err *e)
{
	if (!json_is_object(o) || json_object_size(o) != n + extra)
		return err_set(e, EINVAL, "members are missing or unknown");
	for (; n > 0; n--, f++)
		if (field_parse(f, json_object_get(o, f->key), base) < 0)
			return err_set(e, EINVAL, "%s: bad value", f->key);
	return 0;
}

static ssize_t
array_parse(const struct field *f, size_t nf, const json_t *a, void *base,
    size_t size, size_t max, struct err *e)
{
	size_t i, n = json_array_size(a);

	if (!json_is_array(a) || n > max)
		return err_set(e, EINVAL, "a list is missing or too long");
	for (i = 0; i < n; i++)
		if (object_parse(f, nf, 0, json_array_get(a, i),
			(unsigned char *)base + i * size, e) < 0)
			return -1;
	return (ssize_t)n;
}

/* Records of VMs without channels, and older ones, have no such member; the
 * same holds for files. */
static int
channels_parse(const json_t *a, struct clreq_start *s, struct err *e)
{
	size_t i, n = json_array_size(a);
	int64_t port;

	if (!json_is_array(a) || n > CHANNELS_MAX)
		return err_set(e, EINVAL, "channels: bad value");
	for (i = 0; i < n; i++) {
		if (integer(json_array_get(a, i), 1, UINT16_MAX, &port) < 0)
			return err_set(e, EINVAL, "channels: bad value");
		s->channels[i] = (uint16_t)port;
	}
	s->nchannels = (uint32_t)n;
	return 0;
}

static int
spec_parse(const json_t *o, struct clreq_start *s, struct err *e)
{
	const json_t *ch = json_object_get(o, "channels");
	const json_t *files = json_object_get(o, "files");
	size_t extra = 3u + (ch != NULL) + (files != NULL);
	struct req_net_up *u = &s->net_up;
	ssize_t nv, np, na, nf = 0;

	if (object_parse(spec_fields, N(spec_fields), extra, o, s, e) < 0 ||
	    (ch != NULL && channels_parse(ch, s, e) < 0))
		return -1;
	if (files != NULL)
		nf = array_parse(file_fields, N(file_fields), files, s->files,
		    sizeof(s->files[0]), CL_FILES_MAX, e);
	nv = array_parse(volume_fields, N(volume_fields),
	    json_object_get(o, "volumes"), s->volumes, sizeof(s->volumes[0]),
	    CL_VOLUMES_MAX, e);
	np = array_parse(port_fields, N(port_fields),
	    json_object_get(o, "ports"), u->ports, sizeof(u->ports[0]),
	    NET_PORTS_MAX, e);
	na = array_parse(allow_fields, N(allow_fields),
	    json_object_get(o, "allow"), u->allow, sizeof(u->allow[0]),
	    NET_ALLOW_MAX, e);
	if (nv < 0 || np < 0 || na < 0 || nf < 0)
		return -1;
	s->nfiles = (uint32_t)nf;
	s->nvolumes = (uint32_t)nv;
	u->nports = (uint16_t)np;
	u->nallow = (uint16_t)na;
	u->mode = s->net;
	return 0;
}

static int
record_check(struct record *r, struct err *e)
{
	if (!vm_is_id(r->pub.id) || spec_name(r->pub.name, e) < 0)
		return err_set(e, EINVAL, "id or name: bad value");
	if (r->pub.status < VM_STOPPED || r->pub.status > VM_FAILED)
		return err_set(e, EINVAL, "status: bad value");
	(void)strlcpy(r->spec.name, r->pub.name, sizeof(r->spec.name));
	r->spec.owner = r->pub.owner;
	if (spec_wellformed(&r->spec) < 0)
		return err_set(e, EINVAL, "spec: bad value");
	return 0;
}

int
record_parse(const char *text, size_t n, struct record *r, struct err *e)
{
	json_error_t je;
	json_t *o;
	int rc = -1;

	memset(r, 0, sizeof(*r));
	o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (o == NULL)
		return err_set(e, EINVAL, "line %d: no valid JSON", je.line);
	if (json_integer_value(json_object_get(o, "format")) != STATE_FORMAT)
		(void)err_set(e, EINVAL, "format: bad value");
	else if (object_parse(record_fields, N(record_fields), 2, o, r, e) ==
		0 && spec_parse(json_object_get(o, "spec"), &r->spec, e) == 0)
		rc = record_check(r, e);
	json_decref(o);
	return rc;
}
