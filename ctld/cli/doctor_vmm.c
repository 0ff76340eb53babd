/* SPDX-License-Identifier: ISC */
/*
 * postern doctor: which Firecracker is installed, and is it one that guests
 * can get out of? Its version stands nowhere but in what it says, so a file
 * that is root's alone is asked, without rights and not for long.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/doctor.h"

#define NOBODY 65534
#define ANSWER_MS 3000

/* CVE-2026-5747 (1.13.0 to 1.14.3, 1.15.0): a guest writes outside of its
 * memory; what is older has no fixes any more. */
void
judge_firecracker(const char *text, struct doc_found *f)
{
	const char *p = strstr(text, "Firecracker v");
	unsigned major, minor, patch;

	if (p == NULL || sscanf(p, "Firecracker v%u.%u.%u", &major, &minor,
		&patch) != 3)
		doc_say(f, DOC_WARN, "says no version: %.60s", text);
	else if (major > 1 || (major == 1 && (minor > 15 ||
		(minor == 15 && patch >= 1) || (minor == 14 && patch >= 4))))
		doc_say(f, DOC_OK, "%u.%u.%u", major, minor, patch);
	else if (major == 1 && minor >= 13)
		doc_say(f, DOC_REFUSE, "%u.%u.%u: CVE-2026-5747, guests get "
		    "out of it", major, minor, patch);
	else
		doc_say(f, DOC_REFUSE, "%u.%u.%u: out of support", major,
		    minor, patch);
}

/* In the child. */
static _Noreturn void
become(int exe, int out)
{
	char name[] = "firecracker", arg[] = "--version";
	char *argv[] = { name, arg, NULL }, *env[] = { NULL };

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 ||
		setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(1);
	if (dup2(out, STDOUT_FILENO) >= 0)
		(void)fexecve(exe, argv, env);
	_exit(1);
}

/* What it says first, in text[size]. 0 or -1 with errno. */
static int
ask(int exe, char *text, size_t size)
{
	int in CLEANUP_FD = -1, out CLEANUP_FD = -1, p[2], st;
	struct pollfd pfd;
	ssize_t n = -1;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -1;
	in = p[0];
	out = p[1];
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0)
		become(exe, out);
	fd_close(&out);
	pfd = (struct pollfd){ .fd = in, .events = POLLIN };
	if (poll(&pfd, 1, ANSWER_MS) == 1)
		n = read(in, text, size - 1);
	else
		errno = ETIMEDOUT;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &st, 0);
	text[n > 0 ? n : 0] = '\0';
	return n >= 0 ? 0 : -1;
}

static void
probe_firecracker(const struct doctor *d, struct doc_found *f)
{
	static const char *const paths[] = { "usr/local/bin/firecracker",
		"usr/bin/firecracker", LIBEXECDIR "/firecracker" };
	int exe CLEANUP_FD = -1;
	char text[256];
	struct stat st;
	size_t i;

	for (i = 0; exe < 0 && i < sizeof(paths) / sizeof(paths[0]); i++)
		exe = openat(d->root, paths[i] + (paths[i][0] == '/'),
		    O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (exe < 0)
		doc_say(f, DOC_OK, "not installed");
	else if (fstat(exe, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != 0 || (st.st_mode & 022) != 0)
		doc_say(f, DOC_REFUSE, "/%s: not root's alone",
		    paths[i - 1] + (paths[i - 1][0] == '/'));
	else if (ask(exe, text, sizeof(text)) < 0)
		doc_say(f, DOC_WARN, "does not answer: %s", strerror(errno));
	else
		judge_firecracker(text, f);
}

/* Names of the modules that are in force, by commas. */
void
judge_lsm(const char *text, struct doc_found *f)
{
	if (doc_has_word(text, "apparmor") || doc_has_word(text, "selinux") ||
	    doc_has_word(text, "smack") || doc_has_word(text, "tomoyo"))
		doc_say(f, DOC_OK, "%.100s", text);
	else
		doc_say(f, DOC_WARN, "none: %.100s", text);
}

static void
judge_apparmor(const char *text, struct doc_found *f)
{
	doc_say(f, strncmp(text, "enforce", 7) == 0 ? DOC_OK : DOC_WARN,
	    "%.20s", text);
}

static const struct doc_check checks[] = {
	{ .name = "firecracker", .probe = probe_firecracker,
	    .wanted = "1.14.4, 1.15.1 or newer",
	    .why = "the VMM is the wall that guests lean on first",
	    .fix = "install a newer release" },
	{ .name = "mandatory access", .path = "sys/kernel/security/lsm",
	    .judge = judge_lsm, .absent = DOC_UNSEEN,
	    .wanted = "AppArmor or SELinux in force",
	    .why = "other services of this host are held by nothing else; "
		   "Postern's own walls do not need it",
	    .fix = "add apparmor or selinux to the kernel's lsm= list" },
	{ .name = "apparmor", .path = "sys/module/apparmor/parameters/mode",
	    .judge = judge_apparmor, .absent = DOC_OK, .wanted = "enforce",
	    .why = "in complain mode it only writes down",
	    .fix = "aa-enforce; no apparmor=0 on the kernel's line" },
	{ .name = "selinux", .path = "sys/fs/selinux/enforce", .lo = 1,
	    .hi = 1, .bad = DOC_WARN, .absent = DOC_OK, .wanted = "1",
	    .why = "permissive, it only writes down", .fix = "setenforce 1" },
};
const struct doc_group doc_vmm = { "vmm", checks,
	sizeof(checks) / sizeof(checks[0]) };
