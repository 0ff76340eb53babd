/* SPDX-License-Identifier: ISC */
/* postern doctor: settings of the kernel that distributions choose
 * differently. */
#include <string.h>

#include "ctld/cli/doctor.h"

#define SYS(n, p, l, h, b, a, wa, wy) \
	{ .name = n, .path = "proc/sys/" p, .lo = (l), .hi = (h), .bad = (b), \
	    .absent = (a), .wanted = wa, .why = wy, \
	    .fix = "sysctl -w " n "=..., and in /etc/sysctl.d" }

/* A relative pattern writes beside whatever crashed. */
void
judge_core_pattern(const char *text, struct doc_found *f)
{
	if (text[0] == '|' || text[0] == '/' || text[0] == '\n' ||
	    text[0] == '\0')
		doc_say(f, strncmp(text, "/tmp/", 5) == 0 ||
			strncmp(text, "/var/tmp/", 9) == 0 ? DOC_WARN : DOC_OK,
		    "%.100s", text[0] == '\n' || text[0] == '\0' ? "(empty)" :
								     text);
	else
		doc_say(f, DOC_WARN, "%.100s (relative)", text);
}

static const struct doc_check checks[] = {
	SYS("fs.protected_symlinks", "fs/protected_symlinks", 1, 1, DOC_WARN,
	    DOC_WARN, "1", "links of others are not followed in /tmp"),
	SYS("fs.protected_hardlinks", "fs/protected_hardlinks", 1, 1,
	    DOC_REFUSE, DOC_REFUSE, "1",
	    "a tenant could link somebody's file and give it as an image"),
	SYS("fs.protected_fifos", "fs/protected_fifos", 1, 2, DOC_WARN,
	    DOC_WARN, "1 or 2", "files of others are not written in /tmp"),
	SYS("fs.protected_regular", "fs/protected_regular", 1, 2, DOC_WARN,
	    DOC_WARN, "1 or 2", "files of others are not written in /tmp"),
	SYS("fs.suid_dumpable", "fs/suid_dumpable", 0, 0, DOC_WARN, DOC_OK,
	    "0", "a privileged program's memory is in no file"),
	SYS("dev.tty.legacy_tiocsti", "dev/tty/legacy_tiocsti", 0, 0,
	    DOC_WARN, DOC_OK, "0",
	    "nobody types into somebody else's terminal"),
	SYS("kernel.yama.ptrace_scope", "kernel/yama/ptrace_scope", 1, 3,
	    DOC_WARN, DOC_WARN, "1 or more",
	    "processes of one uid do not read each other"),
	SYS("kernel.unprivileged_bpf_disabled",
	    "kernel/unprivileged_bpf_disabled", 1, 2, DOC_WARN, DOC_OK,
	    "1 or 2", "a tenant loads no program into the kernel"),
	SYS("kernel.kptr_restrict", "kernel/kptr_restrict", 1, 2, DOC_WARN,
	    DOC_WARN, "1 or 2", "addresses of the kernel are no secret else"),
	SYS("kernel.dmesg_restrict", "kernel/dmesg_restrict", 1, 1, DOC_WARN,
	    DOC_WARN, "1", "the kernel's log tells of other tenants"),
	SYS("kernel.perf_event_paranoid", "kernel/perf_event_paranoid", 2, 4,
	    DOC_WARN, DOC_WARN, "2 or more",
	    "counters of the kernel tell of other tenants"),
	SYS("kernel.pid_max", "kernel/pid_max", 131072, INT64_MAX, DOC_WARN,
	    DOC_WARN, "131072 or more",
	    "each VM has a few processes and threads"),
	SYS("fs.nr_open", "fs/nr_open", 65536, INT64_MAX, DOC_WARN, DOC_WARN,
	    "65536 or more", "jail and net hold some for each VM"),
	{ .name = "kernel.core_pattern", .path = "proc/sys/kernel/core_pattern",
	    .judge = judge_core_pattern, .absent = DOC_OK,
	    .wanted = "a program, or a directory of root's",
	    .why = "a dump of a VMM is a guest's memory",
	    .fix = "sysctl -w kernel.core_pattern='|/bin/false'" },
};
const struct doc_group doc_sysctl = { "sysctl", checks,
	sizeof(checks) / sizeof(checks[0]) };
