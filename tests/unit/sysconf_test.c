/* SPDX-License-Identifier: ISC */
/*
 * sysconf_check(): each member with one value too low, too high or crooked is
 * refused and named; the defaults with ids are taken. Runs as anybody.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysconf.h"

static struct sysconf c;

static void
fresh(void)
{
	sysconf_default(&c);
	c.uid.front = 61001;
	c.uid.net = 61002;
	c.uid.jail = 61003;
	c.uid.ctld = 61004;
	c.uid.client = 61005;
	c.uid.conf = 61006;
	c.uid.fetch = 61007;
	c.group = 61010;
	c.gid = c.uid;
}

static void
taken(const char *what)
{
	struct err e = { .code = 0 };

	ATF_CHECK_EQ_MSG(0, sysconf_check(&c, &e), "%s: %s", what, e.msg);
	fresh();
}

static void
refused(const char *field)
{
	struct err e = { .code = 0 };

	ATF_CHECK_MSG(sysconf_check(&c, &e) == -1 && errno != 0,
	    "%s was taken", field);
	ATF_CHECK_MSG(strcmp(e.field, field) == 0, "%s named, not %s: %s",
	    e.field, field, e.msg);
	ATF_CHECK(e.msg[0] != '\0' && e.code != 0);
	fresh();
}

#define BAD(member, value, field) \
	do {                      \
		c.member = value; \
		refused(field);   \
	} while (0)
#define OK(member, value)          \
	do {                       \
		c.member = value;  \
		taken(#member);    \
	} while (0)
#define TEXT(member, value) \
	(void)strlcpy(c.member, value, sizeof(c.member))

ATF_TC_WITHOUT_HEAD(defaults);
ATF_TC_BODY(defaults, tc)
{
	struct err e;

	(void)tc;
	fresh();
	taken("defaults");
	sysconf_default(&c);
	ATF_CHECK(sysconf_check(&c, &e) < 0); /* no ids yet */
	fresh();
	BAD(magic, 1, "");
	BAD(version, SYSCONF_VERSION + 1, "");
	BAD(zero[0], 1, "");
	BAD(zero[14], 1, "");
}

ATF_TC_WITHOUT_HEAD(text);
ATF_TC_BODY(text, tc)
{
	static const char *const names[] = { "", "Up", "a b", "../x", "a_b",
		"9ninechars" };
	static const char *const paths[] = { "", "/", "relative", "/a//b",
		"/a/", "/a/./b", "/a/../b", "/.." };
	unsigned i;

	(void)tc;
	fresh();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(c.instance, 0, sizeof(c.instance));
		TEXT(instance, names[i]);
		refused("instance");
		memset(c.ifprefix, 0, sizeof(c.ifprefix));
		TEXT(ifprefix, names[i]);
		refused("ifprefix");
	}
	memset(c.instance, 'a', sizeof(c.instance)); /* no NUL */
	refused("instance");
	c.instance[12] = 'x'; /* something after the NUL */
	refused("instance");
	memset(c.ifprefix, 'a', sizeof(c.ifprefix));
	refused("ifprefix");
	(void)memcpy(c.ifprefix, "ps1", 3); /* ps1 2 or ps 12 */
	refused("ifprefix");
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		memset(c.run_dir, 0, sizeof(c.run_dir));
		TEXT(run_dir, paths[i]);
		refused("run_dir");
		memset(c.state_dir, 0, sizeof(c.state_dir));
		TEXT(state_dir, paths[i]);
		refused("state_dir");
		memset(c.qemu_path, 0, sizeof(c.qemu_path));
		TEXT(qemu_path, paths[i]);
		refused("qemu_path");
		if (paths[i][0] == '\0')
			continue;
		memset(c.firecracker_path, 0, sizeof(c.firecracker_path));
		TEXT(firecracker_path, paths[i]);
		refused("firecracker_path");
	}
	memset(c.run_dir, 'a', sizeof(c.run_dir) - 1);
	c.run_dir[0] = '/';
	refused("run_dir"); /* a socket's name must still fit behind */
	memset(c.qemu_path, 0, sizeof(c.qemu_path));
	TEXT(qemu_path, "/opt/qemu");
	refused("qemu_path");
	TEXT(firecracker_path, "/opt/firecracker");
	taken("firecracker_path");
}

ATF_TC_WITHOUT_HEAD(slots);
ATF_TC_BODY(slots, tc)
{
	(void)tc;
	fresh();
	BAD(slots, 0, "slots");
	BAD(slots, 8, "slots");
	BAD(slots, 16384, "slots");
	BAD(slots, 4095, "slots");
	BAD(max_vms, 0, "max_vms");
	BAD(max_vms, 2049, "max_vms");
	OK(max_vms, 2048);
	BAD(max_cpus, 0, "max_cpus");
	BAD(max_memory_mib, 0, "max_memory_mib");
	BAD(vm_id_count, 8191, "vm_id_count");
	BAD(vm_id_count, 8193, "vm_id_count");
	OK(vm_id_count, 8192);
	BAD(vm_id_base, 0, "vm_id_base");
	BAD(vm_id_base, 0x70000001u, "vm_id_base");
	BAD(vm_id_base, 0x80000000u, "vm_id_base");
	BAD(vm_id_base, UINT32_MAX, "vm_id_base");
}

/* Each row of the table: its default is taken, one beyond its ends is not. */
ATF_TC_WITHOUT_HEAD(every_ceiling);
ATF_TC_BODY(every_ceiling, tc)
{
	const struct ceiling_row *r;
	char field[32];
	uint32_t v;

	(void)tc;
	fresh();
	for (r = ceilings; r < ceilings + CEIL_N; r++) {
		ATF_CHECK_EQ(r->def,
		    ceiling_owner(&c.fallback, (enum ceiling)(r - ceilings)));
		ATF_CHECK_EQ(r->ndef,
		    ceiling_node(&c, (enum ceiling)(r - ceilings)));
		(void)snprintf(field, sizeof(field), "owner.%s", r->key);
		v = r->hi + 1;
		memcpy((char *)&c.fallback + r->off_owner, &v, sizeof(v));
		refused(field);
		v = r->lo - 1;
		memcpy((char *)&c.fallback + r->off_owner, &v, sizeof(v));
		refused(field);
		(void)snprintf(field, sizeof(field), "max_%s", r->name);
		v = r->nhi + 1;
		memcpy((char *)&c + r->off_node, &v, sizeof(v));
		refused(field);
	}
}

ATF_TC_WITHOUT_HEAD(ids);
ATF_TC_BODY(ids, tc)
{
	(void)tc;
	fresh();
	BAD(uid.front, 0, "uid.front");
	BAD(uid.net, 0, "uid.net");
	BAD(uid.jail, 0, "uid.jail");
	BAD(uid.ctld, 0, "uid.ctld");
	BAD(uid.client, 0, "uid.client");
	BAD(uid.conf, 0, "uid.conf");
	BAD(uid.fetch, 0, "uid.fetch");
	BAD(uid.net, 61001, "uid.net");
	BAD(gid.jail, 0, "gid.jail");
	BAD(gid.ctld, 61001, "gid.ctld");
	BAD(gid.client, 61010, "gid.client");
	BAD(gid.net, 0x70000001u, "gid.net");
	BAD(uid.fetch, 61001, "uid.fetch");
	BAD(uid.jail, UINT32_MAX, "uid.jail");
	BAD(uid.ctld, 0x70000000u, "uid.ctld");
	BAD(uid.ctld, 0x70000000u + 16383, "uid.ctld");
	OK(uid.ctld, 0x70000000u + 16384);
	BAD(group, 0, "group");
	BAD(group, 0x70000001u, "group");
}

ATF_TC_WITHOUT_HEAD(members);
ATF_TC_BODY(members, tc)
{
	(void)tc;
	fresh();
	BAD(nmembers, CONF_MEMBERS_MAX + 1, "members");
	BAD(nadmins, CONF_MEMBERS_MAX + 1, "admins");
	c.nmembers = 1;
	c.members[0] = 0x70000005u;
	refused("members");
	c.nadmins = 1;
	c.admins[0] = 1000;
	refused("admins"); /* an admin is a member too */
	c.nmembers = 2;
	c.members[1] = 1000;
	c.nadmins = 1;
	c.admins[0] = 1000;
	ATF_CHECK(sysconf_member(&c, 1000) && sysconf_admin(&c, 1000));
	ATF_CHECK(sysconf_member(&c, 0) && sysconf_admin(&c, 0));
	ATF_CHECK(!sysconf_member(&c, 1001) && !sysconf_admin(&c, 1001));
	taken("admin");
}

ATF_TC_WITHOUT_HEAD(network);
ATF_TC_BODY(network, tc)
{
	(void)tc;
	fresh();
	BAD(pool_prefix, 0, "pool_prefix");
	BAD(pool_prefix, 32, "pool_prefix");
	BAD(pool_prefix, 20, "pool_prefix"); /* 4096 addresses, 8192 needed */
	OK(pool_prefix, 19);
	BAD(pool_addr, 0x0ac80002u, "pool_addr");
	BAD(pool_addr, 0x7f000000u, "pool_addr");
	BAD(pool_addr, 0xe0000000u, "pool_addr");
	BAD(pool_addr, 0xa9fe0000u, "pool_addr");
	BAD(pool_addr, 0, "pool_addr");
	BAD(pool_addr, 0xac100000u, "pool_addr"); /* the guests' 172.16/30 */
	BAD(dns, 0x7f000001u, "dns");
	OK(dns, 0x01010101u);
	BAD(flows, 0, "flows");
	BAD(flow_rate, 0, "flow_rate");
	BAD(flows, UINT32_MAX, "flows");
}

ATF_TC_WITHOUT_HEAD(owners);
ATF_TC_BODY(owners, tc)
{
	static const struct {
		uint32_t addr;
		uint8_t prefix, ok;
	} nets[] = { { 0x0a000000, 8, 1 }, { 0xc0a80105, 32, 1 },
		{ 0x05060701, 32, 1 }, { 0x0a000001, 8, 0 },
		{ 0x7f000001, 32, 0 }, { 0xa9fea9fe, 32, 0 },
		{ 0xa9000000, 8, 0 }, { 0xac100002, 32, 0 },
		{ 0xe0000001, 32, 0 }, { 0x00000000, 0, 0 },
		{ 0x00000000, 8, 0 } };
	struct err e = { 0 };
	unsigned i;

	(void)tc;
	fresh();
	BAD(fallback.uid, 1000, "owner.uid");
	BAD(fallback.port_lo, 0, "owner.port_lo");
	BAD(fallback.port_hi, 1023, "owner.port_hi");
	BAD(fallback.vms, 4097, "owner.vms");
	BAD(fallback.cpus, UINT32_MAX, "owner.cpus");
	BAD(fallback.memory_mib, UINT32_MAX, "owner.memory");
	BAD(fallback.ports, 65536, "owner.ports");
	BAD(fallback.connections, 0, "owner.connections");
	BAD(fallback.nbinds, CONF_BINDS_MAX + 1, "owner.binds");
	BAD(fallback.binds[0], 0xe0000001u, "owner.binds");
	OK(fallback.binds[0], 0);
	BAD(fallback.nprivate, CONF_PRIVATE_MAX + 1, "owner.allow_private");
	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		struct conf_net n = { .addr = nets[i].addr,
			.prefix = nets[i].prefix };

		fresh();
		c.fallback.nprivate = 1;
		c.fallback.private[0] = n;
		ATF_CHECK_EQ_MSG(nets[i].ok, sysconf_check(&c, &e) == 0,
		    "%08x/%u: %s", n.addr, n.prefix, e.msg);
	}
	fresh();
	BAD(fallback.flags, 4, "owner.flags");
	BAD(nowners, CONF_OWNERS_MAX + 1, "owners");
	c.nowners = 2;
	c.owners[0] = c.owners[1] = c.fallback;
	c.owners[0].uid = c.owners[1].uid = 1000;
	refused("owner.uid");
	c.nowners = 1;
	c.owners[0] = c.fallback;
	refused("owner.uid");
	c.nowners = 1;
	c.owners[0] = c.fallback;
	c.owners[0].uid = 1000;
	c.owners[0].vms = 3;
	ATF_CHECK_EQ(3, sysconf_owner(&c, 1000)->vms);
	ATF_CHECK_EQ(20, sysconf_owner(&c, 1001)->vms);
	taken("owner");
}

ATF_TC_WITHOUT_HEAD(rest);
ATF_TC_BODY(rest, tc)
{
	(void)tc;
	fresh();
	BAD(compose, 64, "compose");
	OK(compose, 0);
	BAD(accel, 2, "accel");
	BAD(debug, 2, "debug");
	BAD(grace_ms, UINT32_MAX, "grace_ms");
	BAD(console_bytes, 1024, "console_bytes");
	BAD(console_bytes, 65535, "console_bytes");
	BAD(console_bytes, 1u << 30, "console_bytes");
	BAD(tsc_khz, 1, "tsc_khz");
	BAD(tsc_khz, UINT32_MAX, "tsc_khz");
	OK(tsc_khz, 2596000);
}

ATF_TC_WITHOUT_HEAD(computed);
ATF_TC_BODY(computed, tc)
{
	uint32_t last = 4095;
	char name[16];

	(void)tc;
	fresh();
	ATF_CHECK_EQ(0x70000000u, slot_uid_sup(&c, 0));
	ATF_CHECK_EQ(0x70000001u, slot_uid_vmm(&c, 0));
	ATF_CHECK_EQ(0x70000000u + 8191, slot_uid_vmm(&c, last));
	ATF_CHECK_EQ(0x70000000u + 8190, slot_gid(&c, last));
	ATF_CHECK_EQ(0x0ac80000u, slot_addr_host(&c, 0));
	ATF_CHECK_EQ(slot_addr_host(&c, last) + 1, slot_addr_vm(&c, last));
	slot_ifname(&c, 12, name);
	ATF_CHECK_STREQ("pst12", name);
	memset(c.ifprefix, 0, sizeof(c.ifprefix));
	TEXT(ifprefix, "abcdefg");
	slot_ifname(&c, 8191, name);
	ATF_CHECK_STREQ("abcdefg8191", name);
}

ATF_TC_WITHOUT_HEAD(load);
ATF_TC_BODY(load, tc)
{
	static struct sysconf got;
	struct err e;
	int fd;

	(void)tc;
	fresh();
	fd = fd_sealed("conf", &c, sizeof(c));
	ATF_REQUIRE(fd >= 0);
	ATF_CHECK_EQ(0, sysconf_load(fd, &got, &e));
	ATF_CHECK_EQ(0, memcmp(&c, &got, sizeof(c)));
	fd = fd_sealed("conf", &c, sizeof(c) - 1);
	ATF_CHECK(sysconf_load(fd, &got, &e) < 0 && e.code == EBADMSG);
	c.accel = 9;
	fd = fd_sealed("conf", &c, sizeof(c));
	ATF_CHECK(sysconf_load(fd, &got, &e) < 0 && e.code == EINVAL);
	/* right bytes, but somebody could still change them */
	fresh();
	fd = memfd_create("conf", MFD_ALLOW_SEALING);
	ATF_REQUIRE_EQ(0, fd_writen(fd, &c, sizeof(c)));
	ATF_CHECK(sysconf_load(fd, &got, &e) < 0 && e.code == EBADMSG);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, defaults);
	ATF_TP_ADD_TC(tp, text);
	ATF_TP_ADD_TC(tp, slots);
	ATF_TP_ADD_TC(tp, every_ceiling);
	ATF_TP_ADD_TC(tp, ids);
	ATF_TP_ADD_TC(tp, members);
	ATF_TP_ADD_TC(tp, network);
	ATF_TP_ADD_TC(tp, owners);
	ATF_TP_ADD_TC(tp, rest);
	ATF_TP_ADD_TC(tp, computed);
	ATF_TP_ADD_TC(tp, load);
	return atf_no_error();
}
