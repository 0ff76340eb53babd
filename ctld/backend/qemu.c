/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld, without any right: turns a checked request into QEMU's
 * arguments for one microVM. Pure but for the memfd it returns.
 *
 * Invariant: no string of a user is any part of an argument but of the one
 * after -append, which QEMU hands to the guest as it is. Images are open
 * descriptors and fixed paths; everything else is computed from numbers.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "ctld/backend/backend.h"

/*
 * Beside the guest's memory, measured with Debian's QEMU 7.2: 22 MiB of its
 * own, the translation cache, a kernel image it may hold in memory (16), and
 * room for queues and stacks. What grows with the guest comes on top: the
 * software TLB (which has an entry a page and doubles when it is full) and
 * page tables, less than 1/32 of the guest's memory for each CPU. A large
 * guest whose every CPU walks all of its memory would need more than the most
 * that is given; it meets its own limit then, under emulation only.
 */
#define QEMU_OVERHEAD_MOST_MIB 1024u
#define QEMU_OVERHEAD_MIB 128u
#define QEMU_TB_MIB 64u
#define QEMU_CPU_MIB 8u
#define QEMU_CPUS_MAX 64u
/* threads beside the CPUs': main, RCU, and QEMU's pool of up to 64 */
#define QEMU_THREADS 80u
/*
 * virtio-mmio transports of microvm with a second I/O APIC (without: 8).
 * Linux finds the last one first, so drives go downwards from there and drive
 * 0 is /dev/vda. Transport 0 is left alone: its interrupt (GSI 24) never
 * arrives.
 */
#define QEMU_BUS_DRIVE 23u
#define QEMU_BUS_CHANNEL 3u
#define QEMU_BUS_NET 2u
#define QEMU_BUS_RNG 1u

#define KERNEL_ARGS "console=ttyS0 reboot=t panic=-1 quiet"

struct args {
	char buf[SPAWN_ARGV_MAX];
	size_t n;
	int full;
};

/* One more argument. */
static void __attribute__((format(printf, 2, 3)))
arg(struct args *a, const char *fmt, ...)
{
	size_t room = sizeof(a->buf) - a->n;
	va_list ap;
	int k;

	va_start(ap, fmt);
	k = vsnprintf(a->buf + a->n, room, fmt, ap);
	va_end(ap);
	if (k < 0 || (size_t)k >= room) {
		a->full = 1;
		return;
	}
	a->n += (size_t)k + 1;
}

static void
args_machine(struct args *a, const struct sysconf *c,
    const struct clreq_start *req)
{
	arg(a, "qemu-system-x86_64");
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	/* a guest's reset ends it, and QMP tells that it was one */
	arg(a, "-no-reboot");
	/* vmsup lets it run once it is heard: see qmp.c */
	arg(a, "-S");
	arg(a, "-display");
	arg(a, "none");
	arg(a, "-sandbox");
	arg(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
	       "resourcecontrol=deny");
	/* mem-merge: pages shared with other tenants' would be a side
	 * channel; ioapic2: room for every drive */
	arg(a, "-M");
	arg(a, "microvm,acpi=on,rtc=on,pcie=off,usb=off,graphics=off,"
	       "ioapic2=on,mem-merge=off,dump-guest-core=off");
	arg(a, "-accel");
	if (c->accel)
		arg(a, "kvm");
	else
		arg(a, "tcg,tb-size=%u", QEMU_TB_MIB);
	arg(a, "-cpu");
	arg(a, "%s", c->accel ? "host" : "qemu64");
	arg(a, "-smp");
	arg(a, "%u", req->cpus);
	arg(a, "-m");
	arg(a, "%u", req->memory_mib);
	/* virtio 1, as every other VMM speaks it */
	arg(a, "-global");
	arg(a, "virtio-mmio.force-legacy=false");
}

/*
 * Console, control, and how a guest says that it panicked: pvpanic on the ISA
 * bus, which Linux finds by ACPI (module pvpanic-mmio). QEMU then tells
 * GUEST_PANICKED and SHUTDOWN, and ends. Without the module panic=-1 makes it
 * a reset; vmsup knows the difference by the console.
 */
static void
args_devices(struct args *a)
{
	arg(a, "-chardev");
	arg(a, "stdio,id=con,signal=off");
	arg(a, "-serial");
	arg(a, "chardev:con");
	arg(a, "-chardev");
	arg(a, "socket,id=qmp,fd=%d", VMM_FD_CTL);
	arg(a, "-mon");
	arg(a, "chardev=qmp,mode=control");
	arg(a, "-device");
	arg(a, "pvpanic");
}

static unsigned
ndrives(const struct clreq_start *req)
{
	return ((req->flags & CL_HAS_ROOTFS) != 0) + req->nvolumes +
	    cl_drive_of(req, 0) + cl_drive_of(req, 1);
}

static int
drive_readonly(const struct clreq_start *req, unsigned i)
{
	unsigned volume = i - ((req->flags & CL_HAS_ROOTFS) != 0);

	if (i == 0 && (req->flags & CL_HAS_ROOTFS) != 0)
		return (req->flags & CL_ROOTFS_RO) != 0;
	/* after the volumes come those of the guest's files */
	return volume >= req->nvolumes || req->volumes[volume].readonly != 0;
}

/*
 * Drive i is an fd set of its own. QEMU opens a writable image read-only
 * first, so that set needs both. The locks it would take are refused by the
 * outer filter; jail already admits only one writer.
 */
static void
args_drive(struct args *a, unsigned i, int readonly, int direct)
{
	arg(a, "-add-fd");
	arg(a, "fd=%u,set=%u", VMM_FD_DRIVE + 2 * i, i + 1);
	if (!readonly) {
		arg(a, "-add-fd");
		arg(a, "fd=%u,set=%u", VMM_FD_DRIVE + 2 * i + 1, i + 1);
	}
	arg(a, "-drive");
	arg(a, "id=d%u,file=/dev/fdset/%u,format=raw,if=none,"
	       "file.locking=off%s%s", i, i + 1,
	    readonly ? ",readonly=on" : "", direct ? ",cache.direct=on" : "");
	arg(a, "-device");
	arg(a, "virtio-blk-device,drive=d%u,bus=virtio-mmio-bus.%u", i,
	    QEMU_BUS_DRIVE - i);
}

static void
args_network(struct args *a)
{
	arg(a, "-netdev");
	arg(a, "tap,id=n0,fd=%d,vhost=off", VMM_FD_TAP);
	arg(a, "-device");
	arg(a, "virtio-net-device,netdev=n0,mac=%s,bus=virtio-mmio-bus.%u",
	    GUEST_MAC, QEMU_BUS_NET);
}

/* One port each, beside number 0, which is kept for a console. Its stream is
 * open from the start, so the guest always sees somebody at the other end;
 * vmsup learns by VSERPORT_CHANGE, with the id, when the guest opens it. */
static void
args_channels(struct args *a, const struct clreq_start *req)
{
	unsigned i;

	if (req->nchannels == 0)
		return;
	arg(a, "-device");
	arg(a, "virtio-serial-device,max_ports=%u,bus=virtio-mmio-bus.%u",
	    req->nchannels + 1, QEMU_BUS_CHANNEL);
	for (i = 0; i < req->nchannels; i++) {
		arg(a, "-chardev");
		arg(a, "socket,id=s%u,fd=%u", i, VMM_FD_CHANNEL + i);
		arg(a, "-device");
		arg(a, "virtserialport,id=c%u,chardev=s%u,nr=%u,"
		       "name=io.postern.%u", i, i, i + 1,
		    (unsigned)req->channels[i]);
	}
}

/* Does the line have a word that begins with this? */
static int
has_word(const char *line, const char *begin)
{
	const char *p;
	size_t n = strlen(begin);

	for (p = line; (p = strstr(p, begin)) != NULL; p += n)
		if (p == line || p[-1] == ' ')
			return 1;
	return 0;
}

static void
dotted(char out[16], uint32_t addr)
{
	(void)snprintf(out, 16, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff,
	    addr >> 8 & 0xff, addr & 0xff);
}

/* Ours come first: what follows a lone "--" in the user's is for its init. */
static void
args_kernel_line(struct args *a, const struct sysconf *c,
    const struct clreq_start *req)
{
	const char *user = req->boot_args[0] != '\0' ? req->boot_args :
						       KERNEL_ARGS;
	char tsc[40] = "", root[24] = "", ip[96] = "", me[16], gw[16], dns[16];

	/* without it one boot in nine never ends under emulation */
	if (!c->accel && c->tsc_khz != 0)
		(void)snprintf(tsc, sizeof(tsc), "tsc_early_khz=%u ",
		    c->tsc_khz);
	if ((req->flags & CL_HAS_ROOTFS) != 0 && !has_word(user, "root="))
		(void)snprintf(root, sizeof(root), "root=/dev/vda %s ",
		    (req->flags & CL_ROOTFS_RO) != 0 ? "ro" : "rw");
	if (req->net == NET_NAT) {
		dotted(me, GUEST_ADDR);
		dotted(gw, GUEST_GATEWAY);
		dotted(dns, c->dns);
		(void)snprintf(ip, sizeof(ip),
		    "ip=%s::%s:255.255.255.252::eth0:off%s%s ", me, gw,
		    c->dns != 0 ? ":" : "", c->dns != 0 ? dns : "");
	}
	arg(a, "-append");
	arg(a, "%s%s%s%s", tsc, root, ip, user);
}

static int
check(const struct clreq_start *req, struct err *e)
{
	const char *p;

	if (req->cpus == 0 || req->cpus > QEMU_CPUS_MAX)
		return err_field(e, "cpus", EINVAL,
		    "%u is not between 1 and %u", req->cpus, QEMU_CPUS_MAX);
	if (req->memory_mib == 0 || req->memory_mib > 1u << 20)
		return err_field(e, "memory_mib", EINVAL,
		    "%u is not between 1 and 1048576", req->memory_mib);
	if (req->nchannels > CHANNELS_MAX)
		return err_field(e, "channel_ports", EINVAL,
		    "%u is more than %u", req->nchannels, CHANNELS_MAX);
	if (req->nvolumes > CL_VOLUMES_MAX)
		return err_field(e, "volumes", EINVAL, "%u is more than %u",
		    req->nvolumes, CL_VOLUMES_MAX);
	if (req->net != NET_NAT && req->net != NET_NONE)
		return err_field(e, "network", EOPNOTSUPP,
		    "backend qemu has nat and none");
	if (!wire_str_ok(req->boot_args, sizeof(req->boot_args)))
		return err_field(e, "boot_args", EINVAL,
		    "longer than %zu bytes", sizeof(req->boot_args) - 1);
	for (p = req->boot_args; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return err_field(e, "boot_args", EINVAL,
			    "byte %td is not printable ASCII",
			    p - req->boot_args);
	return 0;
}

static void
plan_numbers(const struct sysconf *c, const struct clreq_start *req,
    struct backend_plan *out)
{
	uint64_t grows = QEMU_CPU_MIB + (c->accel ? 0 : req->memory_mib / 32);
	uint64_t mib = QEMU_OVERHEAD_MIB + req->cpus * grows;

	if (mib > QEMU_OVERHEAD_MOST_MIB)
		mib = QEMU_OVERHEAD_MOST_MIB;
	out->limits.cpu_permille = req->cpus * 1000;
	out->limits.cpu_weight = 100;
	out->limits.memory_mib = req->memory_mib + (uint32_t)mib;
	out->limits.pids = req->cpus + QEMU_THREADS;
	out->spawn.vmm = VMM_QEMU;
	out->spawn.channels = req->nchannels;
	if (c->accel)
		out->spawn.flags |= SPAWN_KVM;
	if (req->net != NET_NONE)
		out->spawn.flags |= SPAWN_TAP_FD;
}

static int
qemu_plan(const struct sysconf *c, const struct clreq_start *req,
    uint32_t direct, struct backend_plan *out, struct err *e)
{
	struct args a;
	unsigned i;

	memset(out, 0, sizeof(*out));
	out->argv_fd = -1;
	if (check(req, e) < 0)
		return -1;
	a.n = 0;
	a.full = 0;
	args_machine(&a, c, req);
	args_devices(&a);
	for (i = 0; i < ndrives(req); i++)
		args_drive(&a, i, drive_readonly(req, i), direct >> i & 1);
	arg(&a, "-device");
	arg(&a, "virtio-rng-device,bus=virtio-mmio-bus.%u", QEMU_BUS_RNG);
	if (req->net != NET_NONE)
		args_network(&a);
	args_channels(&a, req);
	arg(&a, "-kernel");
	arg(&a, VMM_PATH_KERNEL);
	if ((req->flags & CL_HAS_INITRD) != 0) {
		arg(&a, "-initrd");
		arg(&a, VMM_PATH_INITRD);
	}
	args_kernel_line(&a, c, req);
	if (a.full)
		return err_set(e, E2BIG, "arguments of the VMM: more than %u "
		    "bytes", SPAWN_ARGV_MAX);
	plan_numbers(c, req, out);
	out->argv_fd = fd_sealed("vmm-argv", a.buf, a.n);
	if (out->argv_fd < 0)
		return err_set(e, errno, "memfd for the VMM's arguments: %s",
		    strerror(errno));
	return 0;
}

static int
qemu_is_available(const struct sysconf *c, struct err *e)
{
	if (access(c->qemu_path, X_OK) == 0)
		return 1;
	(void)err_field(e, "backend", errno, "qemu: %s: %s "
	    "(apt-get install qemu-system-x86)", c->qemu_path,
	    strerror(errno));
	return 0;
}

static const char *
qemu_path(const struct sysconf *c)
{
	return c->qemu_path;
}

const struct backend backend_qemu = {
	.name = "qemu",
	.kind = BACKEND_QEMU,
	.caps = BCAP_PAUSE | BCAP_TAP,
	.path = qemu_path,
	.overhead_mib = QEMU_OVERHEAD_MIB,
	.is_available = qemu_is_available,
	.plan = qemu_plan,
};
