/* SPDX-License-Identifier: ISC */
/*
 * The programs in the kernel: a child loads one and makes one call. Each
 * case is made without the program first (negative control): there the call
 * returns, so that dying with it proves the program and nothing else.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "policy/seccomp.h"

#define TRAPPED 159

static struct sysconf c;

static int
program(enum seccomp_list list)
{
	struct err e = { .code = 0 };
	int fd;

	sysconf_default(&c);
	c.uid.jail = c.gid.jail = 61003;
	fd = seccomp_compile(list, &c, &e);
	ATF_REQUIRE_MSG(fd >= 0, "%s", e.msg);
	return fd;
}

/* The sanitizers' runtime makes calls of its own in the filtered child. */
static void
needs_plain_build(void)
{
#ifdef WITH_SANITIZERS
	atf_tc_skip("a confined process does not run with sanitizers");
#endif
}

/* The wait status of a child that makes this call, with or without filter
 * (fd < 0). The call's result does not matter. */
static int
try_call(int fd, int handler, long nr, long a, long b, long d)
{
	int status, null;
	pid_t pid = fork();

	ATF_REQUIRE(pid >= 0);
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		(void)dup2(null, STDERR_FILENO);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    (fd >= 0 && sandbox_load(fd, handler) < 0))
			_exit(99);
		(void)syscall(nr, a, b, d, 0, 0, 0);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

static void
check(enum seccomp_list list, int want, const char *what, long nr, long a,
    long b, long d)
{
	int fd CLEANUP_FD = program(list);
	int kills = list == SEC_QEMU || list == SEC_FC;
	int got = try_call(-1, 0, nr, a, b, d);

	ATF_CHECK_MSG(got == 0, "control: %s dies by itself (0x%x)", what,
	    (unsigned)got);
	got = try_call(fd, !kills, nr, a, b, d);
	ATF_CHECK_MSG(got == want, "%s: %s: status 0x%x, not 0x%x",
	    seccomp_list_name(list), what, (unsigned)got, (unsigned)want);
}

#define GOES 0
#define TRAP (TRAPPED << 8)
#define KILL SIGSYS

/* WCOREDUMP says nothing here */
static void
no_core(void)
{
	ATF_REQUIRE_EQ(0, prctl(PR_SET_DUMPABLE, 0));
}

ATF_TC_WITHOUT_HEAD(every_list);
ATF_TC_BODY(every_list, tc)
{
	enum seccomp_list l;
	int want;

	(void)tc;
	needs_plain_build();
	no_core();
	for (l = 0; l < SEC_N; l++) {
		want = l == SEC_QEMU || l == SEC_FC ? KILL : TRAP;
		check(l, GOES, "close", SYS_close, -1, 0, 0);
		check(l, GOES, "write", SYS_write, -1, 0, 0);
		check(l, want, "ptrace", SYS_ptrace, -1, 0, 0);
		check(l, want, "execve", SYS_execve, 0, 0, 0);
		check(l, want, "setuid", SYS_setuid, -1, 0, 0);
		check(l, want, "bpf", SYS_bpf, -1, 0, 0);
		check(l, want, "keyctl", SYS_keyctl, -1, 0, 0);
		check(l, KILL, "x32 write", SYS_write | 0x40000000, -1, 0, 0);
		check(l, KILL, "x32 ptrace", SYS_ptrace | 0x40000000, -1, 0,
		    0);
	}
}

ATF_TC_WITHOUT_HEAD(arguments);
ATF_TC_BODY(arguments, tc)
{
	long lo;

	(void)tc;
	needs_plain_build();
	no_core();
	(void)close(program(SEC_JAIL));
	lo = (long)c.vm_id_base;
	check(SEC_JAIL, GOES, "setresuid VM", SYS_setresuid, 0xffffffff, lo,
	    0xffffffff);
	check(SEC_JAIL, TRAP, "setresuid 0", SYS_setresuid, 0xffffffff,
	    1L << 32, 0xffffffff);
	check(SEC_JAIL, TRAP, "setresuid beyond", SYS_setresuid, 0xffffffff,
	    lo + (long)c.vm_id_count, 0xffffffff);
	check(SEC_S, TRAP, "setresgid", SYS_setresgid, 1000, lo, lo);
	check(SEC_NET, GOES, "tcp", SYS_socket, AF_INET, SOCK_STREAM, 6);
	check(SEC_NET, TRAP, "icmp", SYS_socket, AF_INET, SOCK_DGRAM, 1);
	check(SEC_NET, TRAP, "unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	check(SEC_CTLD, GOES, "unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	check(SEC_CTLD, TRAP, "inet", SYS_socket, AF_INET, SOCK_STREAM, 0);
	check(SEC_CTLD, TRAP, "fork", SYS_clone, SIGCHLD, 0, 0);
	check(SEC_CTLD, GOES, "mmap", SYS_mmap, 0, 4096, PROT_READ);
	check(SEC_CTLD, TRAP, "mmap x", SYS_mmap, 0, 4096,
	    PROT_READ | PROT_EXEC);
	check(SEC_SUP, TRAP, "mprotect x", SYS_mprotect, 0, 4096, PROT_EXEC);
	check(SEC_QEMU, GOES, "getfl", SYS_fcntl, -1, F_GETFL, 0);
	check(SEC_QEMU, KILL, "lease", SYS_fcntl, -1, F_SETLEASE, 0);
	check(SEC_QEMU, KILL, "lock", SYS_fcntl, -1, F_OFD_SETLK, 0);
	check(SEC_QEMU, KILL, "fchmod", SYS_fchmod, -1, 0, 0);
	check(SEC_QEMU, KILL, "setxattr", SYS_fsetxattr, -1, 0, 0);
	check(SEC_QEMU, GOES, "clone3", SYS_clone3, 0, 0, 0);
	check(SEC_QEMU, KILL, "inet", SYS_socket, AF_INET, SOCK_STREAM, 0);
	check(SEC_FC, KILL, "netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0);
	check(SEC_FC, KILL, "execveat", SYS_execveat, 5, 0, 0);
}

ATF_TC_WITHOUT_HEAD(refused_with_errno);
ATF_TC_BODY(refused_with_errno, tc)
{
	int fd = program(SEC_QEMU), status;
	pid_t pid = fork();

	(void)tc;
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_load(fd, 0) < 0)
			_exit(99);
		_exit(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 0 :
									    1);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(0, status);
}

ATF_TC_WITHOUT_HEAD(stacked);
ATF_TC_BODY(stacked, tc)
{
	static const enum seccomp_list order[] = { SEC_JAIL, SEC_S, SEC_QEMU };
	int fd[3], status, i;
	pid_t pid;

	(void)tc;
	for (i = 0; i < 3; i++)
		fd[i] = program(order[i]);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		/* each program lets the next be loaded, and ENOSYS through */
		for (i = 0; i < 3; i++)
			if (sandbox_load(fd[i], 0) < 0)
				_exit(99);
		_exit(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 0 :
									    1);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(0, status);
}

ATF_TC_WITHOUT_HEAD(message);
ATF_TC_BODY(message, tc)
{
	char buf[256] = "";
	int fd = program(SEC_FRONT), p[2], status;
	pid_t pid;

	(void)tc;
	needs_plain_build();
	ATF_REQUIRE_EQ(0, pipe(p));
	pid = fork();
	if (pid == 0) {
		(void)dup2(p[1], STDERR_FILENO);
		log_init("privd: front", 0);
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		role_seal(fd);
		(void)syscall(SYS_ptrace, 0, 0, 0, 0);
		_exit(0);
	}
	(void)close(p[1]);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(TRAP, status);
	ATF_REQUIRE(read(p[0], buf, sizeof(buf) - 1) > 0);
	ATF_CHECK_STREQ("privd: front: fatal: forbidden system call ptrace "
	    "(101, arch 0xc000003e)\n", buf);
}

ATF_TC_WITHOUT_HEAD(no_filter_no_service);
ATF_TC_BODY(no_filter_no_service, tc)
{
	static const unsigned char junk[64];
	int fd, status;
	pid_t pid;

	(void)tc;
	ATF_CHECK(sandbox_load(-1, 0) < 0);
	ATF_CHECK(sandbox_load(open("/dev/null", O_RDONLY), 0) < 0);
	ATF_CHECK(sandbox_load(fd_sealed("f", junk, 0), 0) < 0);
	ATF_CHECK(sandbox_load(fd_sealed("f", junk, 63), 0) < 0);
	fd = memfd_create("f", MFD_ALLOW_SEALING); /* not sealed */
	ATF_REQUIRE_EQ(0, fd_writen(fd, junk, sizeof(junk)));
	ATF_CHECK(sandbox_load(fd, 0) < 0 && errno == EBADMSG);
	/* role_seal ends the role instead of going on without */
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		role_seal(fd_sealed("f", junk, sizeof(junk)));
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ(1 << 8, status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_list);
	ATF_TP_ADD_TC(tp, arguments);
	ATF_TP_ADD_TC(tp, refused_with_errno);
	ATF_TP_ADD_TC(tp, stacked);
	ATF_TP_ADD_TC(tp, message);
	ATF_TP_ADD_TC(tp, no_filter_no_service);
	return atf_no_error();
}
