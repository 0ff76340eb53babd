/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process. The JSON is a tenant's; jansson has
 * checked that strings are UTF-8 and hold no NUL.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/client/args.h"
#include "ctld/conf/value.h"

#define MEMORY_MIN 16u		/* MiB */
#define MEMORY_MAX (1u << 24)

int
arg_bad(struct rep_cl *e, const char *at, const char *key, const char *fmt,
    ...)
{
	va_list ap;

	memset(e, 0, sizeof(*e));
	e->error = CLE_INVALID;
	(void)strlcpy(e->field, at, sizeof(e->field));
	(void)strlcat(e->field, key, sizeof(e->field));
	va_start(ap, fmt);
	(void)vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
	va_end(ap);
	return -1;
}

int
arg_unsupported(struct rep_cl *e, const char *backend, const char *operation)
{
	memset(e, 0, sizeof(*e));
	e->error = CLE_UNSUPPORTED;
	(void)strlcpy(e->field, backend, sizeof(e->field));
	(void)strlcpy(e->reason, operation, sizeof(e->reason));
	return -1;
}

int
arg_known(const json_t *o, const char *at, const char *const *names,
    struct rep_cl *e)
{
	const char *key;
	json_t *value;
	size_t i;

	/* jansson's iteration wants a mutable object and changes nothing */
	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		for (i = 0; names[i] != NULL; i++) {
			if (strcmp(key, names[i]) == 0)
				break;
		}
		if (names[i] == NULL)
			return arg_bad(e, at, key,
			    "unknown member; remove it");
	}
	return 0;
}

static const json_t *
get(const json_t *o, const char *key)
{
	const json_t *j = json_object_get(o, key);

	return json_is_null(j) ? NULL : j;
}

int
arg_has(const json_t *o, const char *key)
{
	return get(o, key) != NULL;
}

int
arg_int(const json_t *o, const char *at, const char *key, int64_t lo,
    int64_t hi, int64_t *out, struct rep_cl *e)
{
	const json_t *j = get(o, key);

	if (j == NULL)
		return 0;
	if (!json_is_integer(j))
		return arg_bad(e, at, key,
		    "not an integer; say %lld to %lld", (long long)lo,
		    (long long)hi);
	if (json_integer_value(j) < lo || json_integer_value(j) > hi)
		return arg_bad(e, at, key, "%lld; say %lld to %lld",
		    (long long)json_integer_value(j), (long long)lo,
		    (long long)hi);
	*out = json_integer_value(j);
	return 0;
}

int
arg_bool(const json_t *o, const char *at, const char *key, int *out,
    struct rep_cl *e)
{
	const json_t *j = get(o, key);

	if (j == NULL)
		return 0;
	if (!json_is_boolean(j))
		return arg_bad(e, at, key, "not true or false");
	*out = json_is_true(j);
	return 0;
}

/* A byte below blank, DEL, or the two-byte form of U+0080 to U+009F. */
static int
control(const char *s)
{
	unsigned char a = (unsigned char)s[0];

	return a < 0x20 || a == 0x7f ||
	    (a == 0xc2 && (unsigned char)s[1] < 0xa0);
}

int
arg_text(const json_t *o, const char *at, const char *key, char *dst,
    size_t size, struct rep_cl *e)
{
	const json_t *j = get(o, key);
	const char *s, *p;

	memset(dst, 0, size);
	if (j == NULL)
		return 0;
	if (!json_is_string(j))
		return arg_bad(e, at, key, "not a string");
	s = json_string_value(j);
	if (strlen(s) >= size)
		return arg_bad(e, at, key, "longer than %zu bytes", size - 1);
	for (p = s; *p != '\0'; p++) {
		if (control(p))
			return arg_bad(e, at, key,
			    "byte %zu is a control character; remove it",
			    (size_t)(p - s));
	}
	memcpy(dst, s, strlen(s));
	return 0;
}

int
arg_path(const json_t *o, const char *at, const char *key, char *dst,
    size_t size, struct rep_cl *e)
{
	const json_t *j = get(o, key);
	size_t n, i;

	memset(dst, 0, size);
	if (j == NULL)
		return 0;
	if (!json_is_string(j))
		return arg_bad(e, at, key, "not a string");
	n = strlcpy(dst, json_string_value(j), size);
	if (n >= size) {
		n = size - 4;
		while (n > 0 && ((unsigned char)dst[n] & 0xc0) == 0x80)
			n--; /* not within a character */
		memset(dst + n, 0, size - n);
		memcpy(dst + n, "...", 3);
	}
	for (i = 0; dst[i] != '\0'; i++) {
		if (control(&dst[i])) {
			if ((unsigned char)dst[i] == 0xc2)
				dst[i + 1] = '?';
			dst[i] = '?';
		}
	}
	return 0;
}

int
arg_list(const json_t *o, const char *at, const char *key, size_t max,
    const json_t **out, struct rep_cl *e)
{
	const json_t *j = get(o, key);

	*out = NULL;
	if (j == NULL)
		return 0;
	if (!json_is_array(j))
		return arg_bad(e, at, key, "not an array");
	if (json_array_size(j) > max)
		return arg_bad(e, at, key, "%zu entries; at most %zu",
		    json_array_size(j), max);
	*out = j;
	return 0;
}

int
arg_memory(const json_t *o, const char *key, uint32_t *out, struct rep_cl *e)
{
	const json_t *j = get(o, key);
	int64_t v = *out;
	char shown[48];
	uint32_t mib;

	if (json_is_string(j)) {
		(void)arg_path(o, "", key, shown, sizeof(shown), e);
		if (value_mib(json_string_value(j), &mib) < 0)
			return arg_bad(e, "", key, "%s is not a size; say "
			    "MiB, or like 512M or 2G", shown);
		v = mib;
		if (v < MEMORY_MIN || v > MEMORY_MAX)
			return arg_bad(e, "", key,
			    "%u MiB; say %u to %u", mib, MEMORY_MIN,
			    MEMORY_MAX);
	} else if (arg_int(o, "", key, MEMORY_MIN, MEMORY_MAX, &v, e) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
vm_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= VM_NAME_MAX && s[0] != '-' &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int
arg_ref(const json_t *o, struct cl_ref *ref, struct rep_cl *e)
{
	const json_t *j = get(o, "name");
	const char *s, *slash;
	char uid[16];

	memset(ref, 0, sizeof(*ref));
	ref->owner = OWNER_SELF;
	if (!json_is_string(j))
		return arg_bad(e, "", "name", "missing; say which VM");
	s = json_string_value(j);
	slash = strchr(s, '/');
	if (slash != NULL) {
		if ((size_t)(slash - s) >= sizeof(uid))
			return arg_bad(e, "", "name",
			    "owner too long; write UID/NAME");
		memcpy(uid, s, (size_t)(slash - s));
		uid[slash - s] = '\0';
		if (value_number(uid, 0, UINT32_MAX - 1, &ref->owner) < 0)
			return arg_bad(e, "", "name",
			    "owner is no uid; write UID/NAME");
		s = slash + 1;
	}
	if (!vm_name_ok(s))
		return arg_bad(e, "", "name",
		    "say 1 to %d of a-z, 0-9 and -, not beginning with -",
		    VM_NAME_MAX);
	(void)strlcpy(ref->name, s, sizeof(ref->name));
	return 0;
}

static int
port_proto(const json_t *o, const char *at, uint8_t *proto, struct rep_cl *e)
{
	char name[32];

	if (arg_text(o, at, "proto", name, sizeof(name), e) < 0)
		return -1;
	if (name[0] == '\0' || strcmp(name, "tcp") == 0)
		*proto = IPPROTO_TCP;
	else if (strcmp(name, "udp") == 0)
		*proto = IPPROTO_UDP;
	else
		return arg_bad(e, at, "proto", "%s; say tcp or udp", name);
	return 0;
}

static int
one_port(const json_t *o, const char *at, struct net_port *p,
    struct rep_cl *e)
{
	static const char *const names[] = { "host", "guest", "proto",
		"address", NULL };
	int64_t host = 0, guest = 0;
	char addr[64];

	if (!json_is_object(o))
		return arg_bad(e, at, "host", "entry is not an object");
	if (arg_known(o, at, names, e) < 0 ||
	    arg_int(o, at, "host", 1, 65535, &host, e) < 0 ||
	    arg_int(o, at, "guest", 1, 65535, &guest, e) < 0 ||
	    port_proto(o, at, &p->proto, e) < 0 ||
	    arg_text(o, at, "address", addr, sizeof(addr), e) < 0)
		return -1;
	if (host == 0 || guest == 0)
		return arg_bad(e, at, host == 0 ? "host" : "guest",
		    "missing; say 1 to 65535");
	if (addr[0] != '\0' && value_ipv4(addr, &p->addr) < 0)
		return arg_bad(e, at, "address", "%s is not an IPv4 address; "
		    "names are not looked up", addr);
	/* 0.0.0.0 was said; net takes 0 for "nothing was said" */
	if (addr[0] != '\0' && p->addr == 0)
		p->addr = NET_ADDR_ANY;
	p->host = (uint16_t)host;
	p->guest = (uint16_t)guest;
	return 0;
}

int
arg_ports(const json_t *o, struct req_net_up *up, struct rep_cl *e)
{
	const struct net_port *a;
	struct net_port *p;
	const json_t *list;
	char at[40];
	size_t i, j;

	if (arg_list(o, "", "ports", NET_PORTS_MAX, &list, e) < 0)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		(void)snprintf(at, sizeof(at), "ports[%zu].", i);
		p = &up->ports[i];
		if (one_port(json_array_get(list, i), at, p, e) < 0)
			return -1;
		for (j = 0; j < i; j++) {
			a = &up->ports[j];
			if (a->host == p->host && a->proto == p->proto &&
			    a->addr == p->addr)
				return arg_bad(e, at, "host",
				    "%u is ports[%zu]'s already", p->host, j);
		}
	}
	up->nports = (uint16_t)json_array_size(list);
	return 0;
}

static int
allow_proto(const json_t *o, const char *at, uint8_t *proto,
    struct rep_cl *e)
{
	static const struct { const char *name; uint8_t proto; } t[] = {
		{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
		{ "icmp", IPPROTO_ICMP }, { "any", 0 },
	};
	char name[32];
	size_t i;

	if (arg_text(o, at, "proto", name, sizeof(name), e) < 0)
		return -1;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (strcmp(name, t[i].name) == 0) {
			*proto = t[i].proto;
			return 0;
		}
	}
	return arg_bad(e, at, "proto", "%s; say tcp, udp, icmp or any",
	    name[0] != '\0' ? name : "missing");
}

static int
one_allow(const json_t *o, const char *at, struct net_allow *a,
    struct rep_cl *e)
{
	static const char *const names[] = { "proto", "cidr", "ports", NULL };
	char cidr[64], ports[32];
	uint32_t prefix = 32;

	if (!json_is_object(o))
		return arg_bad(e, at, "cidr", "entry is not an object");
	if (arg_known(o, at, names, e) < 0 ||
	    allow_proto(o, at, &a->proto, e) < 0 ||
	    arg_text(o, at, "cidr", cidr, sizeof(cidr), e) < 0 ||
	    arg_text(o, at, "ports", ports, sizeof(ports), e) < 0)
		return -1;
	if (strchr(cidr, '/') == NULL ? value_ipv4(cidr, &a->addr) < 0 :
		value_cidr(cidr, &a->addr, &prefix) < 0)
		return arg_bad(e, at, "cidr", "%s; say an IPv4 network like "
		    "192.0.2.0/24, with no bit set after the prefix; names "
		    "are not looked up", cidr[0] != '\0' ? cidr : "missing");
	a->prefix = (uint8_t)prefix;
	if (ports[0] == '\0')
		return 0;
	if (a->proto != IPPROTO_TCP && a->proto != IPPROTO_UDP)
		return arg_bad(e, at, "ports", "only tcp and udp have ports");
	if (value_ports(ports, &a->port_lo, &a->port_hi) < 0)
		return arg_bad(e, at, "ports", "%s; say PORT or LOW-HIGH",
		    ports);
	return 0;
}

int
arg_allow(const json_t *o, struct req_net_up *up, struct rep_cl *e)
{
	const json_t *list;
	char at[40];
	size_t i;

	if (arg_list(o, "", "allow", NET_ALLOW_MAX, &list, e) < 0)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		(void)snprintf(at, sizeof(at), "allow[%zu].", i);
		if (one_allow(json_array_get(list, i), at, &up->allow[i],
			e) < 0)
			return -1;
	}
	up->nallow = (uint16_t)json_array_size(list);
	return 0;
}
