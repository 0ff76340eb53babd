/* SPDX-License-Identifier: ISC */
/* postern doctor: what the kernel offers. Calls are tried, not deduced from
 * a version. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"
#include "ctld/cli/doctor.h"

void
judge_release(const char *text, struct doc_found *f)
{
	unsigned major = 0, minor = 0;

	if (sscanf(text, "%u.%u", &major, &minor) != 2)
		doc_say(f, DOC_WARN, "%.60s", text);
	else
		doc_say(f, major > 6 || (major == 6 && minor >= 1) ?
			DOC_OK : DOC_REFUSE, "%.60s", text);
}

/* mountinfo: " - cgroup2 " and " - cgroup " tell the two kinds apart. */
void
judge_cgroups(const char *text, struct doc_found *f)
{
	int v2 = strstr(text, " - cgroup2 ") != NULL;
	int v1 = strstr(text, " - cgroup ") != NULL;

	if (v2 && !v1)
		doc_say(f, DOC_OK, "v2");
	else
		doc_say(f, DOC_REFUSE, "%s: not fit for several tenants",
		    v2 ? "v1 controllers beside v2 (hybrid)" :
			 v1 ? "v1 alone" : "none mounted");
}

void
judge_controllers(const char *text, struct doc_found *f)
{
	static const char *const must[] = { "cpu", "memory", "pids" };
	static const char *const should[] = { "io", "cpuset" };
	enum doc_level l = DOC_OK;
	unsigned i;

	for (i = 0; i < 2; i++)
		if (!doc_has_word(text, should[i]))
			l = DOC_WARN;
	for (i = 0; i < 3; i++)
		if (!doc_has_word(text, must[i]))
			l = DOC_REFUSE;
	doc_say(f, l, "%.120s", text[0] == '\n' || text[0] == '\0' ? "none" :
								       text);
}

void
judge_seccomp(const char *text, struct doc_found *f)
{
	int all = doc_has_word(text, "kill_process") &&
	    doc_has_word(text, "trap") && doc_has_word(text, "errno");

	doc_say(f, all ? DOC_OK : DOC_REFUSE, "%.120s", text);
}

static void
probe_landlock(const struct doctor *d, struct doc_found *f)
{
	int abi = sysx_landlock_abi();

	(void)d;
	if (abi < 1)
		doc_say(f, DOC_REFUSE, "not there: ctld will not start");
	else
		doc_say(f, abi >= 3 ? DOC_OK : DOC_WARN, "ABI %d%s", abi,
		    abi < 3 ? ": truncation is not denied" :
		    abi < 4 ? ": TCP is left to seccomp" :
		    abi < 6 ? ": signals and abstract sockets are not "
			      "scoped" : "");
}

/* Asked with arguments that no kernel takes: only ENOSYS says "unknown". */
static void
probe_calls(const struct doctor *d, struct doc_found *f)
{
	static const struct { long nr; const char *name; } t[] = {
		{ SYS_openat2, "openat2" }, { SYS_pidfd_open, "pidfd_open" },
		{ SYS_clone3, "clone3" }, { SYS_close_range, "close_range" },
		{ SYS_open_tree, "open_tree" },
		{ SYS_move_mount, "move_mount" },
		{ SYS_mount_setattr, "mount_setattr" },
		{ SYS_pidfd_send_signal, "pidfd_send_signal" },
	};
	unsigned i;

	(void)d;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (syscall(t[i].nr, -1, NULL, 1, 0) < 0 && errno == ENOSYS) {
			doc_say(f, DOC_REFUSE, "no %s", t[i].name);
			return;
		}
	doc_say(f, DOC_OK, "all there");
}

static int
has_virt(const struct doctor *d)
{
	char text[8192];
	const char *p;
	int fd CLEANUP_FD = openat(d->root, "proc/cpuinfo",
	    O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strstr(text, "flags");
	return p != NULL && (doc_has_word(p, "vmx") || doc_has_word(p, "svm"));
}

static void
probe_kvm(const struct doctor *d, struct doc_found *f)
{
	struct stat st;

	if (fstatat(d->root, "dev/kvm", &st, 0) < 0)
		doc_say(f, DOC_WARN, "no /dev/kvm: guests are emulated");
	else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(10, 232))
		doc_say(f, DOC_WARN, "/dev/kvm is something else");
	else if (!has_virt(d))
		doc_say(f, DOC_WARN, "/dev/kvm, but the processor shows "
		    "neither vmx nor svm: guests are emulated");
	else if ((st.st_mode & 07) != 0)
		doc_say(f, DOC_WARN, "/dev/kvm is everybody's (mode %o)",
		    st.st_mode & 0777);
	else
		doc_say(f, DOC_OK, "there, group %u, mode %o", st.st_gid,
		    st.st_mode & 0777);
}

static void
probe_tun(const struct doctor *d, struct doc_found *f)
{
	struct stat st;

	if (fstatat(d->root, "dev/net/tun", &st, 0) < 0)
		doc_say(f, DOC_REFUSE, "no /dev/net/tun");
	else
		doc_say(f, DOC_OK, "there");
}

static const struct doc_check checks[] = {
	{ .name = "kernel", .path = "proc/sys/kernel/osrelease",
	    .judge = judge_release, .absent = DOC_REFUSE,
	    .wanted = "6.1 or newer, patched",
	    .why = "older ones lack calls and mitigations that jails need",
	    .fix = "install your distribution's current kernel" },
	{ .name = "system calls", .probe = probe_calls,
	    .wanted = "those of Linux 6.1",
	    .why = "paths, processes and mounts are held by descriptors",
	    .fix = "a newer kernel; in a container, its seccomp profile" },
	{ .name = "seccomp", .path = "proc/sys/kernel/seccomp/actions_avail",
	    .judge = judge_seccomp, .absent = DOC_REFUSE,
	    .wanted = "kill_process, trap, errno",
	    .why = "every process has a list of calls, or does not start",
	    .fix = "a kernel with CONFIG_SECCOMP_FILTER" },
	{ .name = "landlock", .probe = probe_landlock,
	    .wanted = "ABI 3 or newer",
	    .why = "ctld sees its own two directories and nothing else",
	    .fix = "add landlock to the kernel's lsm= list" },
	{ .name = "cgroups", .path = "proc/self/mountinfo",
	    .judge = judge_cgroups, .absent = DOC_REFUSE, .wanted = "v2 alone",
	    .why = "v1 cannot kill or count a VM as a whole, and limits no "
		   "buffered write",
	    .fix = "boot with systemd.unified_cgroup_hierarchy=1" },
	{ .name = "controllers", .path = "sys/fs/cgroup/cgroup.controllers",
	    .judge = judge_controllers, .absent = DOC_WARN,
	    .wanted = "cpu memory pids io cpuset, in v2",
	    .why = "a limit that no controller holds limits nothing",
	    .fix = "boot without cgroup_disable= and cgroup_no_v1=" },
	{ .name = "kvm", .probe = probe_kvm,
	    .wanted = "/dev/kvm for a group, on hardware that runs guests",
	    .why = "emulation is slow, and its isolation is not meant for "
		   "hostile guests",
	    .fix = "enable VT-x or AMD-V; chmod 0660 /dev/kvm" },
	{ .name = "tun", .probe = probe_tun, .wanted = "/dev/net/tun",
	    .why = "the guest's network is a TAP", .fix = "modprobe tun" },
	{ .name = "user namespaces",
	    .path = "proc/sys/user/max_user_namespaces", .lo = 1,
	    .hi = INT64_MAX, .bad = DOC_REFUSE, .absent = DOC_REFUSE,
	    .wanted = "1 or more (jail makes one for each image)",
	    .why = "images are bound with mapped ids",
	    .fix = "sysctl -w user.max_user_namespaces=65536" },
};
const struct doc_group doc_kernel = { "kernel", checks,
	sizeof(checks) / sizeof(checks[0]) };
