/* SPDX-License-Identifier: ISC */
/* QEMU's arguments by their properties: whatever a user says, it stays
 * inside the one argument after -append. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "ctld/backend/backend.h"

static struct sysconf conf;
static struct clreq_start req;
static struct backend_plan plan;
static uint32_t direct;
static struct err err;
static char raw[SPAWN_ARGV_MAX];
static const char *argvec[256];
static unsigned argn;

/* As from a wire: zeros behind the text. */
static void
put(char *dst, size_t size, const char *text)
{
	memset(dst, 0, size);
	(void)strlcpy(dst, text, size);
}

static void
reset(void)
{
	memset(&conf, 0, sizeof(conf));
	(void)strlcpy(conf.qemu_path, "/bin/sh", sizeof(conf.qemu_path));
	conf.tsc_khz = 2596120;
	memset(&req, 0, sizeof(req));
	direct = 0;
	req.cpus = 2;
	req.memory_mib = 256;
	req.net = NET_NAT;
	req.flags = CL_HAS_ROOTFS;
	put(req.name, sizeof(req.name), "web");
}

/* Plan, and take the memfd apart as V will. */
static int
make(void)
{
	ssize_t n, i;

	argn = 0;
	memset(&err, 0, sizeof(err));
	if (backend_qemu.plan(&conf, &req, direct, &plan, &err) < 0)
		return -1;
	n = fd_sealed_size(plan.argv_fd, sizeof(raw));
	ATF_REQUIRE(n > 0);
	ATF_REQUIRE_EQ(0, fd_unseal(plan.argv_fd, raw, (size_t)n));
	ATF_REQUIRE_EQ('\0', raw[n - 1]);
	for (i = 0; i < n; i += (ssize_t)strlen(raw + i) + 1) {
		ATF_REQUIRE(argn < 256);
		argvec[argn++] = raw + i;
	}
	fd_close(&plan.argv_fd);
	return 0;
}

/* The value after the nth option of this name, or NULL. */
static const char *
opt(const char *name, unsigned nth)
{
	unsigned i;

	for (i = 1; i + 1 < argn; i++)
		if (strcmp(argvec[i], name) == 0 && nth-- == 0)
			return argvec[i + 1];
	return NULL;
}

static int
flag(const char *name)
{
	unsigned i;

	for (i = 1; i < argn; i++)
		if (strcmp(argvec[i], name) == 0)
			return 1;
	return 0;
}

ATF_TC_WITHOUT_HEAD(safe);
ATF_TC_BODY(safe, tc)
{
	const char *s;

	(void)tc;
	reset();
	ATF_REQUIRE_EQ_MSG(0, make(), "%s", err.msg);
	ATF_CHECK(flag("-nodefaults") && flag("-no-user-config") &&
	    flag("-no-reboot") && flag("-S"));
	s = opt("-sandbox", 0);
	ATF_REQUIRE(s != NULL);
	ATF_CHECK(strstr(s, "on,") == s && strstr(s, "spawn=deny") != NULL &&
	    strstr(s, "obsolete=deny") != NULL &&
	    strstr(s, "elevateprivileges=deny") != NULL &&
	    strstr(s, "resourcecontrol=deny") != NULL);
	ATF_CHECK_STREQ("2", opt("-smp", 0));
	ATF_CHECK_STREQ("256", opt("-m", 0));
	ATF_CHECK_STREQ(VMM_PATH_KERNEL, opt("-kernel", 0));
	ATF_CHECK_EQ(NULL, opt("-initrd", 0));
	ATF_CHECK(strstr(opt("-accel", 0), "tb-size=") != NULL);
	ATF_CHECK_STREQ("qemu64", opt("-cpu", 0));
	/* only -netdev with an open descriptor: nothing of a name */
	ATF_CHECK(strstr(opt("-netdev", 0), "fd=4") != NULL);
	ATF_CHECK(strstr(opt("-netdev", 0), "ifname") == NULL);
	ATF_CHECK_EQ(NULL, opt("-netdev", 1));
	ATF_CHECK_EQ((unsigned)VMM_QEMU, plan.spawn.vmm);
	ATF_CHECK_EQ(SPAWN_TAP_FD, plan.spawn.flags);
	conf.accel = 1;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ("kvm", opt("-accel", 0));
	ATF_CHECK_STREQ("host", opt("-cpu", 0));
	ATF_CHECK_EQ(SPAWN_TAP_FD | SPAWN_KVM, plan.spawn.flags);
	ATF_CHECK(strstr(opt("-append", 0), "tsc_early_khz") == NULL);
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	uint32_t cpus, mem;

	(void)tc;
	reset();
	for (cpus = 1; cpus <= 8; cpus *= 2)
		for (mem = 16; mem <= 16384; mem *= 4) {
			req.cpus = cpus;
			req.memory_mib = mem;
			ATF_REQUIRE_EQ(0, make());
			ATF_CHECK(plan.limits.memory_mib >=
			    mem + backend_qemu.overhead_mib);
			ATF_CHECK(plan.limits.memory_mib <= mem + 1024);
			ATF_CHECK_EQ(cpus * 1000, plan.limits.cpu_permille);
			ATF_CHECK(plan.limits.pids >= cpus + 66);
			ATF_CHECK(plan.limits.cpu_weight >= 1);
		}
}

ATF_TC_WITHOUT_HEAD(drives);
ATF_TC_BODY(drives, tc)
{
	char want[64];
	unsigned i;

	(void)tc;
	reset();
	req.nvolumes = CL_VOLUMES_MAX;
	req.volumes[1].readonly = 1;
	direct = 1u << 3 | 1u << 8;
	ATF_REQUIRE_EQ(0, make());
	for (i = 0; i < 1 + CL_VOLUMES_MAX; i++) {
		ATF_REQUIRE(opt("-drive", i) != NULL);
		ATF_CHECK(strstr(opt("-drive", i), "format=raw") != NULL);
		ATF_CHECK(strstr(opt("-drive", i), "file.locking=off"));
		(void)snprintf(want, sizeof(want), "file=/dev/fdset/%u,",
		    i + 1);
		ATF_CHECK(strstr(opt("-drive", i), want) != NULL);
		ATF_CHECK_EQ(i == 2, strstr(opt("-drive", i),
		    "readonly=on") != NULL);
		ATF_CHECK_EQ(i == 3 || i == 8, strstr(opt("-drive", i),
		    "cache.direct=on") != NULL);
	}
	/* and the one that tells the volumes' places */
	ATF_CHECK_EQ(NULL, opt("-drive", i + 1));
	/* ten drives: two descriptors each but for the read-only ones */
	ATF_CHECK(opt("-add-fd", 17) != NULL);
	ATF_CHECK_EQ(NULL, opt("-add-fd", 18));
	ATF_CHECK_STREQ("fd=10,set=1", opt("-add-fd", 0));
	ATF_CHECK_STREQ("fd=11,set=1", opt("-add-fd", 1));
	ATF_CHECK_STREQ("fd=14,set=3", opt("-add-fd", 4));
	ATF_CHECK_STREQ("fd=16,set=4", opt("-add-fd", 5));

	/* without a rootfs the first volume is drive 0 */
	req.flags = 0;
	req.nvolumes = 1;
	req.volumes[0].readonly = 1;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ("fd=10,set=1", opt("-add-fd", 0));
	ATF_CHECK_STREQ("fd=12,set=2", opt("-add-fd", 1));
	ATF_CHECK_EQ(NULL, opt("-add-fd", 2));
	ATF_CHECK(strstr(opt("-append", 0), "root=") == NULL);
	req.nvolumes = 0;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_EQ(NULL, opt("-drive", 0));
}

/* Every device has a transport of its own, and none has number 0. */
ATF_TC_WITHOUT_HEAD(transports);
ATF_TC_BODY(transports, tc)
{
	static const char bus[] = "bus=virtio-mmio-bus.";
	uint32_t used = 0;
	unsigned i, n, devices = 0, last = 24;
	const char *p;

	(void)tc;
	reset();
	req.nvolumes = CL_VOLUMES_MAX;
	req.nfiles = 1;
	req.files[0].secret = 1;
	ATF_REQUIRE_EQ(0, make());
	for (i = 0; (p = opt("-device", i)) != NULL; i++) {
		if (strncmp(p, "virtio-", 7) != 0)
			continue;
		p = strstr(p, bus);
		ATF_REQUIRE(p != NULL);
		ATF_REQUIRE_EQ(1, sscanf(p + sizeof(bus) - 1, "%u", &n));
		ATF_CHECK(n > 0 && n < 24 && (used & 1u << n) == 0);
		used |= 1u << n;
		devices++;
		/* Linux names the highest first */
		if (strstr(opt("-device", i), "virtio-blk") != NULL) {
			ATF_CHECK(n < last);
			last = n;
		}
	}
	/* with two drives for files */
	ATF_CHECK_EQ(1 + CL_VOLUMES_MAX + 2 + 2, devices);
}

/* After the volumes, read-only. */
ATF_TC_WITHOUT_HEAD(files);
ATF_TC_BODY(files, tc)
{
	const char *last = "id=d1,file=/dev/fdset/2,format=raw,if=none,"
			   "file.locking=off,readonly=on";

	(void)tc;
	reset();
	req.nfiles = 1;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ(last, opt("-drive", 1));
	ATF_CHECK_EQ(NULL, opt("-drive", 2));
	req.files[0].secret = 1;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ(last, opt("-drive", 1));
	ATF_CHECK_EQ(NULL, opt("-drive", 2));
	req.nvolumes = 1;
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK(strstr(opt("-drive", 1), "readonly") == NULL);
	ATF_CHECK(strstr(opt("-drive", 2), "readonly=on") != NULL);
	ATF_CHECK(strstr(opt("-drive", 3), "readonly=on") != NULL);
	ATF_CHECK_EQ(NULL, opt("-drive", 4));
}

ATF_TC_WITHOUT_HEAD(kernel_line);
ATF_TC_BODY(kernel_line, tc)
{
	(void)tc;
	reset();
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ("tsc_early_khz=2596120 root=/dev/vda rw "
	    "ip=172.16.0.2::172.16.0.1:255.255.255.252::eth0:off "
	    "console=ttyS0 reboot=t panic=-1 quiet", opt("-append", 0));
	conf.dns = 0x01010101;
	req.flags |= CL_ROOTFS_RO | CL_HAS_INITRD;
	put(req.boot_args, sizeof(req.boot_args), "console=ttyS0 -- single");
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ("tsc_early_khz=2596120 root=/dev/vda ro "
	    "ip=172.16.0.2::172.16.0.1:255.255.255.252::eth0:off:1.1.1.1 "
	    "console=ttyS0 -- single", opt("-append", 0));
	ATF_CHECK_STREQ(VMM_PATH_INITRD, opt("-initrd", 0));
	req.net = NET_NONE;
	put(req.boot_args, sizeof(req.boot_args), "xroot=1 root=LABEL=x");
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_STREQ("tsc_early_khz=2596120 xroot=1 root=LABEL=x",
	    opt("-append", 0));
	ATF_CHECK_EQ(NULL, opt("-netdev", 0));
	ATF_CHECK_EQ(0, plan.spawn.flags);
}

/* The same arguments but one, whatever stands in every string of a user. */
ATF_TC_WITHOUT_HEAD(hostile_strings);
ATF_TC_BODY(hostile_strings, tc)
{
	static const char *const evil[] = { "-device",
		"x -drive file=/etc/passwd",
		",,file=/etc/passwd,", "\" -monitor stdio", "$(id) `id` ;id",
		"%s%n%s", "--", "' 'x", "\\0-qmp", "-add-fd fd=3" };
	static char plain[SPAWN_ARGV_MAX];
	unsigned i, k, n;
	const char *p;
	char *q;

	(void)tc;
	reset();
	req.nvolumes = 1;
	put(req.boot_args, sizeof(req.boot_args), "x");
	ATF_REQUIRE_EQ(0, make());
	memcpy(plain, raw, sizeof(plain));
	n = argn;
	for (i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		p = evil[i];
		put(req.boot_args, sizeof(req.boot_args), p);
		put(req.name, sizeof(req.name), p);
		put(req.profile, sizeof(req.profile), p);
		put(req.kernel_path, sizeof(req.kernel_path), p);
		put(req.rootfs_path, sizeof(req.rootfs_path), p);
		put(req.volumes[0].host, sizeof(req.volumes[0].host), p);
		put(req.volumes[0].guest, sizeof(req.volumes[0].guest), p);
		put(req.ready_text, sizeof(req.ready_text), p);
		ATF_REQUIRE_EQ(0, make());
		ATF_REQUIRE_EQ(n, argn);
		for (k = 0, q = plain; k < n; k++, q += strlen(q) + 1)
			if (strcmp(argvec[k - (k > 0)], "-append") != 0)
				ATF_CHECK_STREQ(q, argvec[k]);
			else
				ATF_CHECK(strstr(argvec[k], p) != NULL);
	}
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	(void)tc;
	reset();
	put(req.boot_args, sizeof(req.boot_args), "a\nb");
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_STREQ("boot_args", err.field);
	ATF_CHECK_EQ(-1, plan.argv_fd);
	put(req.boot_args, sizeof(req.boot_args), "a\xc3\xa4");
	ATF_CHECK_EQ(-1, make());
	memset(req.boot_args, 'a', sizeof(req.boot_args));
	ATF_CHECK_EQ(-1, make());
	/* the longest line and every drive still fit */
	req.boot_args[sizeof(req.boot_args) - 1] = '\0';
	req.nvolumes = CL_VOLUMES_MAX;
	conf.dns = UINT32_MAX;
	ATF_CHECK_EQ(0, make());
	req.nvolumes = CL_VOLUMES_MAX + 1;
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_STREQ("volumes", err.field);
	reset();
	req.cpus = 0;
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_STREQ("cpus", err.field);
	reset();
	req.memory_mib = UINT32_MAX;
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_STREQ("memory_mib", err.field);
	reset();
	req.net = NET_BRIDGE;
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_EQ(EOPNOTSUPP, err.code);
}

ATF_TC_WITHOUT_HEAD(channels);
ATF_TC_BODY(channels, tc)
{
	unsigned i;

	(void)tc;
	reset();
	ATF_REQUIRE_EQ(0, make());
	ATF_CHECK_EQ(0, plan.spawn.channels);
	for (i = 0; i < argn; i++)
		ATF_CHECK(strstr(argvec[i], "serial-device") == NULL);
	req.nchannels = CHANNELS_MAX;
	for (i = 0; i < CHANNELS_MAX; i++)
		req.channels[i] = (uint16_t)(65535 - i);
	/* beside every drive and the longest line */
	req.nvolumes = CL_VOLUMES_MAX;
	memset(req.boot_args, 'x', sizeof(req.boot_args) - 1);
	ATF_REQUIRE_EQ_MSG(0, make(), "%s", err.msg);
	ATF_CHECK_EQ(CHANNELS_MAX, plan.spawn.channels);
	for (i = 0; i < argn; i++)
		if (strcmp(argvec[i], "virtserialport,id=c7,chardev=s7,nr=8,"
		    "name=io.postern.65528") == 0)
			break;
	ATF_CHECK(i < argn);
	for (i = 0; i < argn; i++)
		if (strcmp(argvec[i], "socket,id=s7,fd=47") == 0)
			break;
	ATF_CHECK(i < argn);
	req.nchannels++;
	ATF_CHECK_EQ(-1, make());
	ATF_CHECK_STREQ("channel_ports", err.field);
}

ATF_TC_WITHOUT_HEAD(which);
ATF_TC_BODY(which, tc)
{
	(void)tc;
	reset();
	ATF_CHECK_EQ(&backend_qemu, backend_get(&conf, BACKEND_AUTO, &err));
	ATF_CHECK_EQ(&backend_qemu, backend_get(&conf, BACKEND_QEMU, &err));
	ATF_CHECK_EQ(NULL, backend_get(&conf, BACKEND_RUNNER, &err));
	ATF_CHECK_EQ(EOPNOTSUPP, err.code);
	(void)strlcpy(conf.qemu_path, "/nonexistent", sizeof(conf.qemu_path));
	ATF_CHECK_EQ(NULL, backend_get(&conf, BACKEND_AUTO, &err));
	ATF_CHECK(strstr(err.msg, "apt-get install qemu-system-x86") != NULL);
	ATF_CHECK_STREQ("backend", err.field);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, safe);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, drives);
	ATF_TP_ADD_TC(tp, transports);
	ATF_TP_ADD_TC(tp, kernel_line);
	ATF_TP_ADD_TC(tp, hostile_strings);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, channels);
	ATF_TP_ADD_TC(tp, files);
	ATF_TP_ADD_TC(tp, which);
	return atf_no_error();
}
