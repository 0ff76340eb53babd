/* SPDX-License-Identifier: ISC */
/*
 * Runs in every process. conf fills the struct, everybody else reads it from
 * a sealed memfd and distrusts it: whatever a role computes from it later
 * (ids, names, addresses, sizes of tables) is sound once sysconf_check()
 * returned 0, so no role checks a member again.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/sysconf.h"
#include "common/wire.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"
#define PORT_LOOPBACK 0x7f000001u
#define RUN_DIR_MAX 80 /* so that socket names below it fit in sun_path */
#define TSC_KHZ_MIN 100000u
#define TSC_KHZ_MAX 10000000u
#define CONSOLE_MAX (4u << 20)
#define GRACE_MS_MAX 3600000u
#define FLOWS_MAX (1u << 20)
#define MEMORY_MIB_MAX (1u << 26)

void
sysconf_default(struct sysconf *c)
{
	struct owner_conf *o = &c->fallback;
	const struct ceiling_row *r;

	memset(c, 0, sizeof(*c));
	c->magic = SYSCONF_MAGIC;
	c->version = SYSCONF_VERSION;
	(void)strlcpy(c->instance, "postern", sizeof(c->instance));
	(void)strlcpy(c->ifprefix, "pst", sizeof(c->ifprefix));
	(void)strlcpy(c->run_dir, "/run/postern", sizeof(c->run_dir));
	(void)strlcpy(c->state_dir, "/var/lib/postern", sizeof(c->state_dir));
	(void)strlcpy(c->libexec_dir, LIBEXECDIR, sizeof(c->libexec_dir));
	(void)strlcpy(c->qemu_path, "/usr/bin/qemu-system-x86_64",
	    sizeof(c->qemu_path));
	c->vm_id_base = 0x70000000u;
	c->vm_id_count = 16384;
	c->slots = 4096;
	for (r = ceilings; r < ceilings + CEIL_N; r++) {
		memcpy((char *)o + r->off_owner, &r->def, sizeof(r->def));
		memcpy((char *)c + r->off_node, &r->ndef, sizeof(r->ndef));
	}
	c->memory_reserve_mib = 256;
	c->pool_addr = 0x0ac80000u; /* 10.200.0.0 */
	c->pool_prefix = 16;
	c->flows = 4096;
	c->flow_rate = 1000;
	c->compose = COMPOSE_ALL;
	c->grace_ms = 2000;
	c->console_bytes = 65536;
	o->uid = UINT32_MAX;
	o->port_lo = 1024;
	o->port_hi = 32767;
	o->nbinds = 1;
	o->binds[0] = PORT_LOOPBACK;
}

static int
range(struct err *e, const char *field, uint32_t v, uint32_t lo, uint32_t hi)
{
	if (v >= lo && v <= hi)
		return 0;
	return err_field(e, field, EINVAL, "%s is %u; say %u to %u", field, v,
	    lo, hi);
}

static int
power_of_two(uint32_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static int
check_name(struct err *e, const char *field, const char *s, size_t size,
    size_t most)
{
	size_t n;

	if (!wire_str_ok(s, size))
		return err_field(e, field, EINVAL,
		    "%s is not a terminated string", field);
	n = strlen(s);
	if (n < 1 || n > most || strspn(s, LOWER DIGIT) != n)
		return err_field(e, field, EINVAL,
		    "%s must be 1 to %zu of a-z and 0-9", field, most);
	return 0;
}

/* Absolute, and in the one form that names it: no //, ., .. or / at the end */
static int
check_path(struct err *e, const char *field, const char *s, size_t size,
    size_t most)
{
	const char *p;
	size_t n;

	if (!wire_str_ok(s, size))
		return err_field(e, field, EINVAL,
		    "%s is not a terminated string", field);
	if (s[0] != '/' || s[1] == '\0' || strlen(s) > most)
		return err_field(e, field, EINVAL,
		    "%s must be an absolute path of at most %zu bytes", field,
		    most);
	for (p = s; *p != '\0'; p += n + 1) {
		n = strcspn(p + 1, "/");
		if (n == 0 || (n == 1 && p[1] == '.') ||
		    (n == 2 && p[1] == '.' && p[2] == '.'))
			return err_field(e, field, EINVAL,
			    "%s has an empty, . or .. component", field);
		if (p[n + 1] == '\0')
			break;
	}
	return 0;
}

static int
check_strings(const struct sysconf *c, struct err *e)
{
	static const size_t whole = sizeof(c->state_dir) - 1;
	size_t n;

	if (check_name(e, "instance", c->instance, sizeof(c->instance),
		8) < 0 ||
	    check_name(e, "ifprefix", c->ifprefix, sizeof(c->ifprefix), 7) < 0)
		return -1;
	/* pst1 + 2 and pst + 12 would be one name */
	n = strlen(c->ifprefix);
	if (strspn(c->ifprefix, LOWER) != n)
		return err_field(e, "ifprefix", EINVAL,
		    "ifprefix is \"%s\"; use letters only", c->ifprefix);
	if (check_path(e, "run_dir", c->run_dir, sizeof(c->run_dir),
		RUN_DIR_MAX) < 0 ||
	    check_path(e, "state_dir", c->state_dir, sizeof(c->state_dir),
		whole) < 0 ||
	    check_path(e, "libexec_dir", c->libexec_dir,
		sizeof(c->libexec_dir), whole) < 0 ||
	    check_path(e, "qemu_path", c->qemu_path, sizeof(c->qemu_path),
		whole) < 0)
		return -1;
	if (strncmp(c->qemu_path, "/usr/", 5) != 0)
		return err_field(e, "qemu_path", EINVAL,
		    "qemu_path is not beneath /usr, all that a jail shows");
	if (!wire_str_ok(c->firecracker_path, sizeof(c->firecracker_path)))
		return err_field(e, "firecracker_path", EINVAL,
		    "firecracker_path is not a terminated string");
	return c->firecracker_path[0] == '\0' ?
	    0 :
	    check_path(e, "firecracker_path", c->firecracker_path,
		sizeof(c->firecracker_path), whole);
}

/* vm_id_base and vm_id_count have been checked. */
static int
in_vm_range(const struct sysconf *c, uint32_t id)
{
	return (id & ~(c->vm_id_count - 1)) == c->vm_id_base;
}

static int
check_slots(const struct sysconf *c, struct err *e)
{
	if (range(e, "slots", c->slots, 16, 8192) < 0)
		return -1;
	if (!power_of_two(c->slots))
		return err_field(e, "slots", EINVAL,
		    "slots is %u; say a power of two", c->slots);
	if (range(e, "max_vms", c->max_vms, 1, c->slots / 2) < 0 ||
	    range(e, "memory_reserve_mib", c->memory_reserve_mib, 0,
		MEMORY_MIB_MAX) < 0 ||
	    range(e, "vm_id_count", c->vm_id_count, 2 * c->slots,
		1u << 24) < 0)
		return -1;
	if (!power_of_two(c->vm_id_count))
		return err_field(e, "vm_id_count", EINVAL,
		    "vm_id_count is %u; say a power of two", c->vm_id_count);
	/* 2^31 and up is what some programs take for negative */
	if (range(e, "vm_id_base", c->vm_id_base, 65536,
		INT32_MAX - c->vm_id_count) < 0)
		return -1;
	if ((c->vm_id_base & (c->vm_id_count - 1)) != 0)
		return err_field(e, "vm_id_base", EINVAL,
		    "vm_id_base is %u; say a multiple of vm_id_count (%u)",
		    c->vm_id_base, c->vm_id_count);
	return 0;
}

/* One id a role: not root's, not a VM's, nobody else's. */
static int
check_role_ids(const struct sysconf *c, const char *kind,
    const struct sysconf_uids *ids, struct err *e)
{
	const struct { const char *name; uint32_t id; } u[] = {
		{ "front", ids->front }, { "net", ids->net },
		{ "jail", ids->jail }, { "ctld", ids->ctld },
		{ "client", ids->client }, { "conf", ids->conf },
		{ "fetch", ids->fetch },
	};
	char field[32];
	unsigned i, j;

	for (i = 0; i < sizeof(u) / sizeof(u[0]); i++) {
		(void)snprintf(field, sizeof(field), "%s.%s", kind, u[i].name);
		if (range(e, field, u[i].id, 1, UINT32_MAX - 2) < 0)
			return -1;
		if (in_vm_range(c, u[i].id))
			return err_field(e, field, EINVAL,
			    "%s is %u, in the range of VMs; choose another",
			    field, u[i].id);
		for (j = 0; j < i; j++)
			if (u[j].id == u[i].id)
				return err_field(e, field, EINVAL,
				    "%s is %u, as %s.%s is; each role needs "
				    "one of its own", field, u[i].id, kind,
				    u[j].name);
		/* who is in it may connect to the control socket */
		if (ids == &c->gid && u[i].id == c->group)
			return err_field(e, field, EINVAL, "%s is the "
			    "clients' group; give the user a group of its own",
			    field);
	}
	return 0;
}

static int
check_ids(const struct sysconf *c, struct err *e)
{
	if (check_role_ids(c, "uid", &c->uid, e) < 0 ||
	    check_role_ids(c, "gid", &c->gid, e) < 0 ||
	    range(e, "group", c->group, 1, UINT32_MAX - 2) < 0)
		return -1;
	if (in_vm_range(c, c->group))
		return err_field(e, "group", EINVAL,
		    "group is %u, in the range of VMs", c->group);
	return 0;
}

static int
check_members(const struct sysconf *c, struct err *e)
{
	uint32_t i, j;

	if (range(e, "members", c->nmembers, 0, CONF_MEMBERS_MAX) < 0 ||
	    range(e, "admins", c->nadmins, 0, CONF_MEMBERS_MAX) < 0)
		return -1;
	for (i = 0; i < c->nmembers; i++)
		if (c->members[i] > UINT32_MAX - 2 ||
		    in_vm_range(c, c->members[i]))
			return err_field(e, "members", EINVAL,
			    "member uid %u is no user, or one of VMs",
			    c->members[i]);
	for (i = 0; i < c->nadmins; i++) {
		for (j = 0; j < c->nmembers; j++)
			if (c->members[j] == c->admins[i])
				break;
		if (j == c->nmembers)
			return err_field(e, "admins", EINVAL,
			    "admin uid %u is not a member of the group too",
			    c->admins[i]);
	}
	return 0;
}

static int
unicast(uint32_t a)
{
	uint32_t top = a >> 24;

	return top != 0 && top != 127 && top < 224 && a >> 16 != 0xa9fe;
}

static int
check_network(const struct sysconf *c, struct err *e)
{
	uint32_t size;

	if (range(e, "pool_prefix", c->pool_prefix, 8, 27) < 0)
		return -1;
	size = 1u << (32 - c->pool_prefix);
	if (size < 2 * c->slots)
		return err_field(e, "pool_prefix", EINVAL,
		    "a pool of %u addresses is too small for %u slots of two; "
		    "make it larger or slots fewer", size, c->slots);
	if ((c->pool_addr & (size - 1)) != 0 || !unicast(c->pool_addr))
		return err_field(e, "pool_addr", EINVAL,
		    "pool 0x%08x/%u is no unicast network", c->pool_addr,
		    c->pool_prefix);
	/* what every guest has inside its own namespace */
	if ((0xac100000u & ~(size - 1)) == c->pool_addr)
		return err_field(e, "pool_addr", EINVAL,
		    "the pool contains 172.16.0.0, the guests' own network");
	if (c->dns != 0 && !unicast(c->dns))
		return err_field(e, "dns", EINVAL,
		    "dns 0x%08x is no unicast address that a guest can reach",
		    c->dns);
	if (range(e, "flow_rate", c->flow_rate, 1, FLOWS_MAX) < 0)
		return -1;
	return range(e, "flows", c->flows, 16, FLOWS_MAX);
}

/* What no grant opens: this host itself, and metadata. */
static int
check_private(const struct conf_net *p, struct err *e)
{
	static const struct {
		uint32_t addr;
		uint8_t prefix;
	} never[] = { { 0x00000000, 8 }, { 0x7f000000, 8 }, { 0xa9fe0000, 16 },
		{ 0xac100000, 30 }, { 0xe0000000, 3 } };
	uint32_t mask = p->prefix == 0 ? 0 : UINT32_MAX << (32 - p->prefix);
	unsigned i;

	if (p->prefix < 8 || p->prefix > 32 || (p->addr & ~mask) != 0 ||
	    p->port_lo > p->port_hi || (p->port_lo == 0) != (p->port_hi == 0))
		return err_field(e, "owner.allow_private", EINVAL,
		    "0x%08x/%u is no network of /8 or smaller with ports",
		    p->addr, p->prefix);
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		mask = UINT32_MAX << (32 - (p->prefix < never[i].prefix ?
		    p->prefix : never[i].prefix));
		if ((p->addr & mask) == (never[i].addr & mask))
			return err_field(e, "owner.allow_private", EINVAL,
			    "0x%08x/%u has loopback, link-local (metadata) or "
			    "multicast in it, which nobody is granted",
			    p->addr, p->prefix);
	}
	return 0;
}

static int
check_owner(const struct sysconf *c, const struct owner_conf *o, struct err *e)
{
	char field[32];
	uint32_t i;

	for (i = 0; i < CEIL_N; i++) {
		(void)snprintf(field, sizeof(field), "owner.%s",
		    ceilings[i].key);
		if (range(e, field, ceiling_owner(o, i), ceilings[i].lo,
			ceilings[i].hi) < 0)
			return -1;
	}
	if (range(e, "owner.vms", o->vms, 0, c->slots) < 0 ||
	    range(e, "owner.port_lo", o->port_lo, 1, 65535) < 0 ||
	    range(e, "owner.port_hi", o->port_hi, o->port_lo, 65535) < 0 ||
	    range(e, "owner.binds", o->nbinds, 0, CONF_BINDS_MAX) < 0 ||
	    range(e, "owner.allow_private", o->nprivate, 0,
		CONF_PRIVATE_MAX) < 0)
		return -1;
	for (i = 0; i < o->nbinds; i++)
		if (o->binds[i] >= 0xe0000000u)
			return err_field(e, "owner.binds", EINVAL,
			    "0x%08x is no address to bind", o->binds[i]);
	for (i = 0; i < o->nprivate; i++)
		if (check_private(&o->private[i], e) < 0)
			return -1;
	if ((o->flags & ~(OWNER_RUNNER | OWNER_BRIDGE)) != 0)
		return err_field(e, "owner.flags", EINVAL,
		    "unknown flags 0x%x", o->flags);
	return 0;
}

static int
check_node(const struct sysconf *c, struct err *e)
{
	char field[32];
	uint32_t i;

	for (i = 0; i < CEIL_N; i++) {
		(void)snprintf(field, sizeof(field), "max_%s",
		    ceilings[i].name);
		if (range(e, field, ceiling_node(c, i), ceilings[i].nlo,
			ceilings[i].nhi) < 0)
			return -1;
	}
	return 0;
}

static int
check_owners(const struct sysconf *c, struct err *e)
{
	uint32_t i, j;

	if (c->fallback.uid != UINT32_MAX)
		return err_field(e, "owner.uid", EINVAL,
		    "the fallback owner has uid %u", c->fallback.uid);
	if (check_owner(c, &c->fallback, e) < 0 ||
	    range(e, "owners", c->nowners, 0, CONF_OWNERS_MAX) < 0)
		return -1;
	for (i = 0; i < c->nowners; i++) {
		if (c->owners[i].uid > UINT32_MAX - 2 ||
		    in_vm_range(c, c->owners[i].uid))
			return err_field(e, "owner.uid", EINVAL,
			    "owner uid %u is no user, or one of VMs",
			    c->owners[i].uid);
		for (j = 0; j < i; j++)
			if (c->owners[j].uid == c->owners[i].uid)
				return err_field(e, "owner.uid", EEXIST,
				    "two sections for uid %u",
				    c->owners[i].uid);
		if (check_owner(c, &c->owners[i], e) < 0)
			return err_wrap(e, "owner %u", c->owners[i].uid);
	}
	return 0;
}

static int
check_rest(const struct sysconf *c, struct err *e)
{
	unsigned i;

	if ((c->compose & ~COMPOSE_ALL) != 0)
		return err_field(e, "compose", EINVAL, "unknown bits 0x%x",
		    c->compose);
	if (range(e, "accel", c->accel, 0, 1) < 0 ||
	    range(e, "debug", c->debug, 0, 1) < 0 ||
	    range(e, "grace_ms", c->grace_ms, 0, GRACE_MS_MAX) < 0 ||
	    range(e, "console_bytes", c->console_bytes, 4096,
		CONSOLE_MAX) < 0)
		return -1;
	if (!power_of_two(c->console_bytes))
		return err_field(e, "console_bytes", EINVAL,
		    "console_bytes is %u; say a power of two",
		    c->console_bytes);
	if (c->tsc_khz != 0 &&
	    range(e, "tsc_khz", c->tsc_khz, TSC_KHZ_MIN, TSC_KHZ_MAX) < 0)
		return -1;
	for (i = 0; i < sizeof(c->zero) / sizeof(c->zero[0]); i++)
		if (c->zero[i] != 0)
			return err_set(e, EBADMSG,
			    "configuration: reserved member %u is not 0", i);
	return 0;
}

int
sysconf_check(const struct sysconf *c, struct err *e)
{
	if (c->magic != SYSCONF_MAGIC || c->version != SYSCONF_VERSION)
		return err_set(e, EBADMSG,
		    "configuration: version %u, not %u; programs of two "
		    "releases are mixed", c->version, SYSCONF_VERSION);
	if (check_strings(c, e) < 0 || check_slots(c, e) < 0 ||
	    check_ids(c, e) < 0 || check_members(c, e) < 0 ||
	    check_network(c, e) < 0 || check_node(c, e) < 0 ||
	    check_owners(c, e) < 0)
		return -1;
	return check_rest(c, e);
}

int
sysconf_load(int fd, struct sysconf *c, struct err *e)
{
	if (fd_unseal(fd, c, sizeof(*c)) < 0)
		return err_set(e, errno,
		    "configuration: not a sealed memfd of %zu bytes",
		    sizeof(*c));
	return sysconf_check(c, e);
}

const struct owner_conf *
sysconf_owner(const struct sysconf *c, uint32_t uid)
{
	uint32_t i;

	for (i = 0; i < c->nowners; i++)
		if (c->owners[i].uid == uid)
			return &c->owners[i];
	return &c->fallback;
}

static int
listed(const uint32_t *list, uint32_t n, uint32_t uid)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (list[i] == uid)
			return 1;
	return 0;
}

int
sysconf_member(const struct sysconf *c, uint32_t uid)
{
	return uid == 0 || listed(c->members, c->nmembers, uid);
}

int
sysconf_admin(const struct sysconf *c, uint32_t uid)
{
	return uid == 0 || listed(c->admins, c->nadmins, uid);
}

uint32_t
slot_uid_sup(const struct sysconf *c, uint32_t slot)
{
	return c->vm_id_base + 2 * slot;
}

uint32_t
slot_uid_vmm(const struct sysconf *c, uint32_t slot)
{
	return c->vm_id_base + 2 * slot + 1;
}

uint32_t
slot_gid(const struct sysconf *c, uint32_t slot)
{
	return c->vm_id_base + 2 * slot;
}

uint32_t
slot_addr_host(const struct sysconf *c, uint32_t slot)
{
	return c->pool_addr + 2 * slot;
}

uint32_t
slot_addr_vm(const struct sysconf *c, uint32_t slot)
{
	return c->pool_addr + 2 * slot + 1;
}

void
slot_ifname(const struct sysconf *c, uint32_t slot, char name[16])
{
	(void)snprintf(name, 16, "%s%u", c->ifprefix, slot);
}
