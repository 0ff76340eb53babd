/* SPDX-License-Identifier: ISC */
/*
 * postern doctor: processor and memory, after Firecracker's recommendations
 * for production hosts. Tenants share both.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/doctor.h"

#define VULN "sys/devices/system/cpu/vulnerabilities"

void
judge_vulnerability(const char *name, const char *text, struct doc_found *f)
{
	if (strncmp(text, "Vulnerable", 10) == 0)
		doc_say(f, DOC_WARN, "%.40s: %.80s", name, text);
}

static void
probe_vulnerabilities(const struct doctor *d, struct doc_found *f)
{
	char path[320], text[256];
	struct dirent *e;
	unsigned n = 0;
	int fd = openat(d->root, VULN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		fd_close(&fd);
		doc_say(f, DOC_UNSEEN, VULN ": %s", strerror(errno));
		return;
	}
	doc_say(f, DOC_OK, "none");
	while (f->level == DOC_OK && (e = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), VULN "/%s", e->d_name);
		if (e->d_name[0] == '.' ||
		    fd_slurp(d->root, path, text, sizeof(text)) < 0)
			continue;
		n++;
		judge_vulnerability(e->d_name, text, f);
	}
	(void)closedir(dir);
	if (f->level == DOC_OK)
		doc_say(f, DOC_OK, "none of %u known ones", n);
}

void
judge_swaps(const char *text, struct doc_found *f)
{
	const char *p = strchr(text, '\n');
	size_t n;

	if (p == NULL || p[1] == '\0') {
		doc_say(f, DOC_OK, "none");
		return;
	}
	n = strcspn(p + 1, " \t");
	if (strncmp(p + 1, "/dev/zram", 9) == 0)
		doc_say(f, DOC_OK, "zram");
	else
		doc_say(f, DOC_WARN, "%.*s", (int)(n < 80 ? n : 80), p + 1);
}

/* The first number: what is printed on the console. */
void
judge_printk(const char *text, struct doc_found *f)
{
	int level = -1;

	if (sscanf(text, "%d", &level) != 1)
		doc_say(f, DOC_WARN, "%.40s", text);
	else
		doc_say(f, level <= 4 ? DOC_OK : DOC_WARN, "level %d", level);
}

static void
judge_dynmods(const char *text, struct doc_found *f)
{
	if (strstr(text, " - cgroup2 ") == NULL)
		doc_say(f, DOC_OK, "no v2 tree");
	else
		doc_say(f, strstr(text, "favordynmods") != NULL ? DOC_OK :
								  DOC_WARN,
		    "%s", strstr(text, "favordynmods") != NULL ? "on" : "off");
}

static void
judge_nx(const char *text, struct doc_found *f)
{
	doc_say(f, DOC_OK, "%.40s", text);
}

static void
judge_microcode(const char *text, struct doc_found *f)
{
	const char *p = strstr(text, "microcode");

	p = p != NULL ? strchr(p, ':') : NULL;
	doc_say(f, DOC_OK, "%.30s", p != NULL ? p + 2 : "not told");
}

static const struct doc_check checks[] = {
	{ .name = "vulnerabilities", .probe = probe_vulnerabilities,
	    .wanted = "each mitigated",
	    .why = "a guest could read other tenants' memory",
	    .fix = "microcode and kernel updates; boot without mitigations=off"
	},
	{ .name = "smt", .path = "sys/devices/system/cpu/smt/active", .lo = 0,
	    .hi = 0, .bad = DOC_WARN, .absent = DOC_OK, .wanted = "0 (off)",
	    .why = "two tenants on one core see each other's caches",
	    .fix = "boot with nosmt, or say that all tenants are one" },
	{ .name = "ksm", .path = "sys/kernel/mm/ksm/run", .lo = 0, .hi = 0,
	    .bad = DOC_WARN, .absent = DOC_OK, .wanted = "0 (off)",
	    .why = "sharing pages tells what others have in memory",
	    .fix = "echo 2 > /sys/kernel/mm/ksm/run" },
	{ .name = "swap", .path = "proc/swaps", .judge = judge_swaps,
	    .absent = DOC_OK, .wanted = "none, or encrypted",
	    .why = "guests' memory would be on a disk",
	    .fix = "swapoff -a, and out of /etc/fstab" },
	{ .name = "microcode", .path = "proc/cpuinfo",
	    .judge = judge_microcode, .absent = DOC_OK,
	    .wanted = "your vendor's newest (not judged)",
	    .why = "it carries half of the mitigations",
	    .fix = "install intel-microcode or amd64-microcode" },
	{ .name = "console log", .path = "proc/sys/kernel/printk",
	    .judge = judge_printk, .absent = DOC_OK,
	    .wanted = "level 4 or less (boot with quiet loglevel=1)",
	    .why = "a slow serial console stops the kernel while it prints",
	    .fix = "sysctl -w kernel.printk='1 4 1 7'" },
	{ .name = "kvm timers",
	    .path = "sys/module/kvm/parameters/min_timer_period_us",
	    .lo = 200, .hi = INT64_MAX, .bad = DOC_WARN, .absent = DOC_OK,
	    .wanted = "200 or more",
	    .why = "a guest's short timers take time outside of its limits",
	    .fix = "options kvm min_timer_period_us=500 in modprobe.d" },
	{ .name = "kvm huge pages",
	    .path = "sys/module/kvm/parameters/nx_huge_pages",
	    .judge = judge_nx, .absent = DOC_OK,
	    .wanted = "never where itlb_multihit is \"Not affected\" "
		      "(not judged)",
	    .why = "since 6.1 it slows starts down",
	    .fix = "options kvm nx_huge_pages=never in modprobe.d" },
	{ .name = "favordynmods", .path = "proc/self/mountinfo",
	    .judge = judge_dynmods, .absent = DOC_OK, .wanted = "on",
	    .why = "without it each start waits for the kernel's grace "
		   "periods",
	    .fix = "mount -o remount,favordynmods /sys/fs/cgroup" },
};
const struct doc_group doc_cpu = { "cpu", checks,
	sizeof(checks) / sizeof(checks[0]) };
