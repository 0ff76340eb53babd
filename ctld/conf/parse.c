/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf. The texts are root's; what is distrusted is the hand that
 * wrote them: an unknown section or key, a value of the wrong kind, a key
 * given twice in a file are errors, never ignored. [owner NAME] sections are
 * applied in a second pass, so that they start from [owner default] wherever
 * that stands.
 */
#include <errno.h>
#include <ini.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "common/log.h"
#include "ctld/conf/compose.h"
#include "ctld/conf/names.h"
#include "ctld/conf/parse.h"
#include "ctld/conf/value.h"

#define LINE_BYTES 1024
#define KEYS_MAX 128

struct parse {
	struct sysconf *c;
	struct conf_extra *x;
	struct err *e;
	const struct conf_text *file;
	const char *at;			/* next byte to read */
	unsigned line;
	int pass;			/* 1: all but [owner NAME]; 2: those */
	char seen[KEYS_MAX];		/* keys of this file */
	char owner[64];			/* section that `mine` is about */
	char mine[KEYS_MAX];		/* keys of this owner's section */
	struct owner_conf *o;
};

struct key {
	const char *section, *name;
	int (*set)(struct parse *p, const struct key *k, const char *value);
	size_t off;		/* of the member, in sysconf or owner_conf */
	uint32_t a, b;		/* range, size or bit; see the setter */
	const char *want;	/* ends the sentence "write ..."; NULL: a
				   number from a to b */
};

static void *
target(struct parse *p, const struct key *k)
{
	unsigned char *base = strcmp(k->section, "owner") == 0 ?
	    (unsigned char *)p->o :
	    (unsigned char *)p->c;

	return base + k->off;
}

static int
set_u32(struct parse *p, const struct key *k, const char *value)
{
	return value_number(value, k->a, k->b, target(p, k));
}

static int
set_mib(struct parse *p, const struct key *k, const char *value)
{
	return value_mib(value, target(p, k));
}

static int
set_bytes(struct parse *p, const struct key *k, const char *value)
{
	return value_bytes(value, target(p, k));
}

static int
set_msec(struct parse *p, const struct key *k, const char *value)
{
	return value_msec(value, target(p, k));
}

/* a: size of the member */
static int
set_str(struct parse *p, const struct key *k, const char *value)
{
	char *dst = target(p, k);

	memset(dst, 0, k->a);
	return strlcpy(dst, value, k->a) < k->a && value[0] != '\0' ? 0 : -1;
}

/* a: the bit that yes sets in the uint32_t and no clears */
static int
set_bit(struct parse *p, const struct key *k, const char *value)
{
	uint32_t *dst = target(p, k);
	int on;

	if (value_bool(value, &on) < 0)
		return -1;
	*dst = on ? *dst | k->a : *dst & ~k->a;
	return 0;
}

static int
set_uid(struct parse *p, const struct key *k, const char *value)
{
	uint32_t *dst = target(p, k);

	return names_uid(value, dst) == 0 && *dst != 0 ? 0 : -1;
}

static int
set_gid(struct parse *p, const struct key *k, const char *value)
{
	uint32_t *dst = target(p, k);

	return names_gid(value, dst) == 0 && *dst != 0 ? 0 : -1;
}

static int
set_admin_group(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	return names_gid(value, &p->x->admin_group) == 0 &&
	    p->x->admin_group != 0 ? 0 : -1;
}

/* a: 1 for admins. Users separated by blanks or commas; they add up. */
static int
set_users(struct parse *p, const struct key *k, const char *value)
{
	uint32_t *list = k->a ? p->x->admins : p->x->members;
	uint32_t *n = k->a ? &p->x->nadmins : &p->x->nmembers;
	char buf[LINE_BYTES], *next = buf;
	const char *word;

	if (strlcpy(buf, value, sizeof(buf)) >= sizeof(buf))
		return -1;
	while ((word = strsep(&next, " \t,")) != NULL) {
		if (*word == '\0')
			continue;
		if (*n == CONF_EXTRA_MAX || names_uid(word, &list[*n]) < 0 ||
		    list[*n] == 0)
			return -1;
		(*n)++;
	}
	return 0;
}

static int
set_accel(struct parse *p, const struct key *k, const char *value)
{
	static const char *const names[] = { "auto", "kvm", "tcg" };
	unsigned i;

	(void)k;
	for (i = 0; i < 3; i++) {
		if (strcmp(value, names[i]) == 0) {
			p->x->accel = (enum accel_mode)i;
			return 0;
		}
	}
	return -1;
}

static int
set_pool(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	return value_cidr(value, &p->c->pool_addr, &p->c->pool_prefix);
}

static int
set_dns(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	if (strcmp(value, "none") == 0) {
		p->c->dns = 0;
		return 0;
	}
	return value_ipv4(value, &p->c->dns);
}

static int
set_port_range(struct parse *p, const struct key *k, const char *value)
{
	(void)k;
	return value_ports(value, &p->o->port_lo, &p->o->port_hi);
}

static int
set_binds(struct parse *p, const struct key *k, const char *value)
{
	struct owner_conf *o = p->o;
	char buf[LINE_BYTES], *next = buf;
	const char *word;

	(void)k;
	if (strlcpy(buf, value, sizeof(buf)) >= sizeof(buf))
		return -1;
	o->nbinds = 0;
	memset(o->binds, 0, sizeof(o->binds));
	if (strcmp(value, "none") == 0)
		return 0;
	while ((word = strsep(&next, " \t,")) != NULL) {
		if (*word == '\0')
			continue;
		if (o->nbinds == CONF_BINDS_MAX ||
		    value_ipv4(word, &o->binds[o->nbinds]) < 0)
			return -1;
		o->nbinds++;
	}
	return o->nbinds > 0 ? 0 : -1;
}
/* PROTO:CIDR[:PORT[-PORT]], as in an allow list. */
static int
one_private(char *word, struct conf_net *n)
{
	static const struct { const char *name; uint8_t proto; } t[] = {
		{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
		{ "icmp", IPPROTO_ICMP }, { "any", 0 },
	};
	char *cidr, *ports = word;
	const char *proto = strsep(&ports, ":");
	uint32_t prefix = 32;
	size_t i;

	memset(n, 0, sizeof(*n));
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (strcmp(proto, t[i].name) == 0)
			break;
	if (i == sizeof(t) / sizeof(t[0]) || ports == NULL)
		return -1;
	n->proto = t[i].proto;
	cidr = strsep(&ports, ":");
	if (strchr(cidr, '/') == NULL ? value_ipv4(cidr, &n->addr) < 0 :
	    value_cidr(cidr, &n->addr, &prefix) < 0)
		return -1;
	n->prefix = (uint8_t)prefix;
	if (ports == NULL)
		return 0;
	if (n->proto != IPPROTO_TCP && n->proto != IPPROTO_UDP)
		return -1;
	return value_ports(ports, &n->port_lo, &n->port_hi);
}

static int
set_private(struct parse *p, const struct key *k, const char *value)
{
	struct owner_conf *o = p->o;
	char buf[LINE_BYTES], *next = buf, *word;

	(void)k;
	if (strlcpy(buf, value, sizeof(buf)) >= sizeof(buf))
		return -1;
	o->nprivate = 0;
	memset(o->private, 0, sizeof(o->private));
	if (strcmp(value, "none") == 0)
		return 0;
	while ((word = strsep(&next, " \t,")) != NULL) {
		if (*word == '\0')
			continue;
		if (o->nprivate == CONF_PRIVATE_MAX ||
		    one_private(word, &o->private[o->nprivate]) < 0)
			return -1;
		o->nprivate++;
	}
	return o->nprivate > 0 ? 0 : -1;
}

#define C(m) offsetof(struct sysconf, m)
#define O(m) offsetof(struct owner_conf, m)
#define PATH "an absolute path of at most 107 bytes"
#define USER "a user that exists, not root (adduser --system), or its number"
#define GROUP "a group that exists, not root (addgroup), or its number"
#define USERS "up to 64 users that exist, or their numbers, with blanks between"
#define YESNO "yes or no"
#define MIB "MiB as a number, or like 512M or 2G"
#define NOWHERE "\n"		/* no section can be called that */
#define WANT_N NULL
#define WANT_MIB MIB
#define WANT_BYTES "bytes, or like 64K or 2M"
#define SET_N set_u32
#define SET_MIB set_mib
#define SET_BYTES set_bytes
static const struct key keys[] = {
#define CEILING(NAME, name, key, unit, lo, hi, def, nlo, nhi, ndef, who, fix) \
	{ "owner", key, SET_##unit, O(name), lo, hi, WANT_##unit },           \
	{ nhi > 0 ? "vms" : NOWHERE, "max_" key, SET_##unit, C(max_##name), nlo,   \
	    nhi, WANT_##unit },
#include "policy/ceilings.def"
#undef CEILING
	{ "daemon", "instance", set_str, C(instance), 16, 0,
	    "1 to 8 of a-z and 0-9" },
	{ "daemon", "run_dir", set_str, C(run_dir), 108, 0, PATH },
	{ "daemon", "state_dir", set_str, C(state_dir), 108, 0, PATH },
	{ "daemon", "libexec_dir", set_str, C(libexec_dir), 108, 0, PATH },
	{ "daemon", "interface_prefix", set_str, C(ifprefix), 8, 0,
	    "1 to 7 of a-z" },
	{ "daemon", "debug", set_bit, C(debug), 1, 0, YESNO },
	{ "users", "front", set_uid, C(uid.front), 0, 0, USER },
	{ "users", "net", set_uid, C(uid.net), 0, 0, USER },
	{ "users", "jail", set_uid, C(uid.jail), 0, 0, USER },
	{ "users", "ctld", set_uid, C(uid.ctld), 0, 0, USER },
	{ "users", "client", set_uid, C(uid.client), 0, 0, USER },
	{ "users", "conf", set_uid, C(uid.conf), 0, 0, USER },
	{ "users", "fetch", set_uid, C(uid.fetch), 0, 0, USER },
	{ "users", "group", set_gid, C(group), 0, 0, GROUP },
	{ "users", "admin_group", set_admin_group, 0, 0, 0, GROUP },
	{ "users", "members", set_users, 0, 0, 0, USERS },
	{ "users", "admins", set_users, 0, 1, 0, USERS },
	{ "vms", "id_base", set_u32, C(vm_id_base), 65536, INT32_MAX,
	    "a number from 65536 to 2147483647, a multiple of id_count" },
	{ "vms", "id_count", set_u32, C(vm_id_count), 32, 1u << 24,
	    "a power of two from 32 to 16777216, at least 2 * slots" },
	{ "vms", "slots", set_u32, C(slots), 16, 8192,
	    "a power of two from 16 to 8192" },
	{ "vms", "memory_reserve", set_mib, C(memory_reserve_mib), 0, 0, MIB },
	{ "vms", "disk_mib_per_second", set_u32, C(disk_mib), 0, 1u << 20,
	    "a number from 0 (no limit) to 1048576" },
	{ "vms", "disk_ops_per_second", set_u32, C(disk_ops), 0, 1u << 30,
	    "a number from 0 (no limit) to 1073741824" },
	{ "vms", "grace", set_msec, C(grace_ms), 0, 0,
	    "seconds like 2s, or 500ms, at most an hour" },
	{ "vms", "console", set_bytes, C(console_bytes), 0, 0,
	    "a power of two from 4K to 4M" },
	{ "vms", "qemu", set_str, C(qemu_path), 108, 0,
	    "an absolute path beneath /usr" },
	{ "vms", "firecracker", set_str, C(firecracker_path), 108, 0, PATH },
	{ "vms", "accel", set_accel, 0, 0, 0, "auto, kvm or tcg" },
	{ "network", "pool", set_pool, 0, 0, 0,
	    "a network like 10.200.0.0/16, no bit set after the prefix" },
	{ "network", "dns", set_dns, 0, 0, 0, "an IPv4 address, or none" },
	{ "network", "flows", set_u32, C(flows), 16, 1u << 20,
	    "a number from 16 to 1048576" },
	{ "network", "flow_rate", set_u32, C(flow_rate), 1, 1u << 20,
	    "a number from 1 to 1048576" },
	{ "owner", "port_range", set_port_range, 0, 0, 0,
	    "LOW-HIGH, from 1 to 65535" },
	{ "owner", "bind", set_binds, 0, 0, 0,
	    "up to 8 IPv4 addresses with blanks between, or none" },
	{ "owner", "allow_private", set_private, 0, 0, 0,
	    "up to 16 of PROTO:CIDR[:PORT[-PORT]], like tcp:10.0.0.5:5432, "
	    "with blanks between, or none" },
	{ "owner", "runner", set_bit, O(flags), OWNER_RUNNER, 0, YESNO },
	{ "owner", "bridge", set_bit, O(flags), OWNER_BRIDGE, 0, YESNO },
	{ "compose", "network", set_bit, C(compose), COMPOSE_NETWORK, 0,
	    YESNO },
	{ "compose", "vsock", set_bit, C(compose), COMPOSE_VSOCK, 0,
	    YESNO },
	{ "compose", "firewall", set_bit, C(compose), COMPOSE_FIREWALL, 0,
	    YESNO },
	{ "compose", "jailer", set_bit, C(compose), COMPOSE_JAILER, 0,
	    YESNO },
	{ "compose", "console", set_bit, C(compose), COMPOSE_CONSOLE, 0,
	    YESNO },
	{ "compose", "graceful_shutdown", set_bit, C(compose),
	    COMPOSE_SHUTDOWN, 0, YESNO },
};
#define NKEYS (sizeof(keys) / sizeof(keys[0]))
_Static_assert(NKEYS <= KEYS_MAX, "`seen` has a place for each key");

static int
complain(struct parse *p, const char *what, const char *value,
    const char *remedy)
{
	char shown[80];

	return err_set(p->e, EINVAL, "%s:%u: %s \"%s\": %s", p->file->name,
	    p->line, what, log_vis(shown, sizeof(shown), value), remedy);
}

/* Find or begin the section of one owner; p->o is set. */
static int
begin_owner(struct parse *p, const char *name)
{
	struct sysconf *c = p->c;
	uint32_t uid, i;

	if (strcmp(p->owner, name) != 0)
		memset(p->mine, 0, sizeof(p->mine));
	(void)strlcpy(p->owner, name, sizeof(p->owner));
	if (strcmp(name, "default") == 0) {
		p->o = &c->fallback;
		return 0;
	}
	if (names_uid(name, &uid) < 0)
		return complain(p, "[owner]", name,
		    "no such user; write a user's name, its number or default");
	for (i = 0; i < c->nowners; i++) {
		if (c->owners[i].uid == uid) {
			p->o = &c->owners[i];
			return 0;
		}
	}
	if (c->nowners == CONF_OWNERS_MAX)
		return complain(p, "[owner]", name,
		    "more than 64 owners; use [owner default] for most");
	p->o = &c->owners[c->nowners++];
	*p->o = c->fallback;
	p->o->uid = uid;
	return 0;
}

static int
apply(struct parse *p, const struct key *k, const char *value)
{
	char *seen = strcmp(k->section, "owner") == 0 ? p->mine : p->seen;
	char what[64], remedy[112];

	(void)snprintf(what, sizeof(what), "[%s] %s =", k->section, k->name);
	if (seen[k - keys])
		return complain(p, what, value,
		    "given twice in this file; remove one");
	seen[k - keys] = 1;
	if (k->set(p, k, value) == 0)
		return 0;
	if (k->want != NULL)
		(void)snprintf(remedy, sizeof(remedy), "write %s", k->want);
	else
		(void)snprintf(remedy, sizeof(remedy),
		    "write a number from %u to %u", k->a, k->b);
	return complain(p, what, value, remedy);
}

/* inih's callback: nonzero to go on. */
static int
on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct parse *p = arg;
	const char *sec = section;
	int known = 0, owner = strncmp(section, "owner ", 6) == 0;
	size_t i;

	if (p->e->code != 0)
		return 0;
	if (owner) {
		sec = "owner";
		section += 6 + strspn(section + 6, " \t");
		if ((strcmp(section, "default") == 0) != (p->pass == 1))
			return 1;
		if (begin_owner(p, section) < 0)
			return 0;
	} else if (p->pass == 2)
		return 1;
	else if (strcmp(section, "owner") == 0)
		sec = "?"; /* of whom? */
	for (i = 0; i < NKEYS; i++) {
		if (strcmp(keys[i].section, sec) != 0)
			continue;
		known = 1;
		if (strcmp(keys[i].name, name) == 0)
			return apply(p, &keys[i], value) == 0;
	}
	if (!known)
		(void)complain(p, "section", section,
		    "unknown; the sections are daemon, users, vms, network, "
		    "owner NAME, compose");
	else
		(void)complain(p, "key", name,
		    "unknown in this section; see postern.conf(5)");
	return 0;
}

/* inih's reader, fgets(3) on a text in memory; it counts the lines. */
static char *
next_line(char *buf, int size, void *arg)
{
	struct parse *p = arg;
	size_t n;

	if (p->e->code != 0 || *p->at == '\0')
		return NULL;
	p->line++;
	n = strcspn(p->at, "\n");
	if (p->at[n] == '\n')
		n++;
	if (n + 1 > (size_t)size) {
		(void)complain(p, "line", "",
		    "longer than 1000 bytes; shorten it");
		return NULL;
	}
	memcpy(buf, p->at, n);
	buf[n] = '\0';
	p->at += n;
	return buf;
}

static int
parse_text(struct parse *p, const struct conf_text *f)
{
	int r;

	p->file = f;
	p->at = f->text;
	p->line = 0;
	memset(p->seen, 0, sizeof(p->seen));
	memset(p->mine, 0, sizeof(p->mine));
	p->owner[0] = '\0';
	r = ini_parse_stream(next_line, p, on_key, p);
	if (p->e->code != 0)
		return -1;
	if (r != 0) {
		p->line = (unsigned)r;
		return complain(p, "line", "",
		    "neither [section] nor KEY = VALUE");
	}
	return 0;
}

int
conf_parse(const struct conf_texts *t, struct sysconf *c,
    struct conf_extra *x, struct err *e)
{
	static char inline_comments[] = ";#";
	struct parse p = { .c = c, .x = x, .e = e };
	unsigned i;

	ini_allow_multiline = false;
	ini_stop_on_first_error = true;
	ini_max_line = LINE_BYTES;
	ini_inline_comment_prefixes = inline_comments;
	memset(e, 0, sizeof(*e));
	for (p.pass = 1; p.pass <= 2; p.pass++) {
		for (i = 0; i < t->n; i++) {
			if (parse_text(&p, &t->file[i]) < 0)
				return -1;
		}
	}
	return 0;
}
