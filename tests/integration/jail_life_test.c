/* SPDX-License-Identifier: ISC */
/*
 * privd-jail: who may own a VM, which images are taken, what a failed start
 * leaves (nothing), restarts, many at once. As root.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "tests/integration/jailharness.h"

static const char wait_args[] = "evilvmm\0wait";

#define CASE(name, instance, text)                                      \
	ATF_TC_WITH_CLEANUP(name);                                      \
	ATF_TC_HEAD(name, tc)                                           \
	{                                                               \
		atf_tc_set_md_var(tc, "descr", text);                   \
		atf_tc_set_md_var(tc, "require.user", "root");          \
	}                                                               \
	ATF_TC_CLEANUP(name, tc)                                        \
	{                                                               \
		(void)tc;                                               \
		(void)rh_cg_clean(instance);                            \
	}                                                               \
	ATF_TC_BODY(name, tc)

static void
kill_and_reap(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v)
{
	ATF_CHECK_EQ(0, jh_kill(j, slot, gen, KILL_ALL));
	ATF_CHECK_EQ(0, jh_reap(j, slot, gen));
	if (v != NULL)
		jh_vm_close(v);
}

/* ---- owners */

static int
attest(struct jh *j, uint32_t slot, uint64_t gen, int fd, uint32_t owner)
{
	struct req_attest q = { .owner = owner };
	int r = jh_call(j, PRIVOP_ATTEST, slot, gen, &q, &fd, 1, NULL, NULL);

	fd_close(&fd);
	return r;
}

CASE(owners, "jown", "the owner is who the kernel says")
{
	struct req_list_next q = { .after = UINT32_MAX };
	struct rep_list_next rep;
	struct jh j;

	jh_evil(&j, tc, "jown");
	jh_run(&j);
	ATF_CHECK_EQ(EADDRNOTAVAIL, attest(&j, 1, 1,
	    rh_false_client(RH_TENANT), UINT32_MAX));
	ATF_CHECK_EQ(EPERM, attest(&j, 1, 1, rh_client(&j.conf, RH_CTLD),
	    UINT32_MAX));
	ATF_CHECK_EQ(EPERM, attest(&j, 1, 1, rh_client(&j.conf, RH_TENANT),
	    RH_TENANT2));
	ATF_CHECK_EQ(EPERM, attest(&j, 1, 1, rh_client(&j.conf, RH_TENANT),
	    0));
	ATF_CHECK_EQ(EPERM, attest(&j, 1, 1, rh_client(&j.conf, 0), 12345));
	ATF_CHECK_EQ(0, attest(&j, 1, 1, rh_client(&j.conf, RH_TENANT),
	    RH_TENANT));
	ATF_CHECK_EQ(EBUSY, attest(&j, 1, 2, rh_client(&j.conf, RH_TENANT),
	    UINT32_MAX));
	ATF_CHECK_EQ(0, jh_call(&j, PRIVOP_LIST_NEXT, 0, 0, &q, NULL, 0,
	    &rep, NULL));
	ATF_CHECK_EQ(RH_TENANT, rep.owner);
	ATF_CHECK_EQ(0, rep.alive);
	ATF_CHECK_EQ(ESTALE, jh_net(&j, 1, 2));	/* another generation */
	ATF_CHECK_EQ(ESTALE, jh_net(&j, 2, 1));
	ATF_CHECK_EQ(0, jh_reap(&j, 1, 1));
	ATF_CHECK_EQ(0, jh_reap(&j, 1, 1));	/* once more: as good */
	ATF_CHECK_EQ(ESTALE, attest(&j, 1, 1, rh_client(&j.conf, RH_TENANT),
	    UINT32_MAX));
	ATF_CHECK_EQ(0, attest(&j, 1, 2, rh_client(&j.conf, 0), RH_TENANT2));
	ATF_CHECK_EQ(0, jh_reap(&j, 1, 2));
	ATF_CHECK_EQ(0, jh_clean(&j));
}

/* ---- images */

static struct jh ij;

/* Refused with this error; takes fd. */
static void
bad(const char *what, int code, uint32_t kind, int fd)
{
	int r;

	ATF_REQUIRE_MSG(fd >= 0, "%s: %s", what, strerror(errno));
	r = jh_image(&ij, 1, 1, kind, 0, fd, -1);
	ATF_CHECK_MSG(r == code && ij.step == STEP_IMAGE,
	    "%s: %s, step %s", what, strerror(r), step_name(ij.step));
	fd_close(&fd);
}

static void
bad_pair(const char *what, int code, int ro, int rw)
{
	int r;

	ATF_REQUIRE_MSG(ro >= 0 && rw >= 0, "%s", what);
	r = jh_image(&ij, 1, 1, IMG_DRIVE, 0, ro, rw);
	ATF_CHECK_MSG(r == code, "%s: %s", what, strerror(r));
	fd_close(&ro);
	fd_close(&rw);
}

static int
deleted(void)
{
	int fd;

	jh_file("gone", RH_TENANT, 0600, 65536);
	fd = open("gone", O_RDONLY | O_CLOEXEC);
	(void)unlink("gone");
	return fd;
}

static void
bad_kinds(void)
{
	jh_file("secret", 0, 0600, 65536);
	jh_file("other", RH_TENANT2, 0666, 65536);
	jh_file("empty", RH_TENANT, 0600, 0);
	jh_file("tiny", RH_TENANT, 0600, 100);
	jh_file("huge", RH_TENANT, 0600, 129 << 20);
	RH(mkfifo("fifo", 0666));
	bad("fifo", EINVAL, IMG_DRIVE, open("fifo", O_RDWR | O_CLOEXEC));
	bad("directory", EINVAL, IMG_DRIVE, open(".", O_RDONLY | O_CLOEXEC));
	bad("device", EINVAL, IMG_DRIVE, open("/dev/zero",
	    O_RDONLY | O_CLOEXEC));
	bad("O_PATH of root's", EBADF, IMG_DRIVE, open("secret",
	    O_PATH | O_CLOEXEC));
	bad("deleted", ENOENT, IMG_DRIVE, deleted());
	bad("O_TMPFILE", EBADF, IMG_DRIVE, open(".",
	    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	bad("write-only", EBADF, IMG_DRIVE, open("drive",
	    O_WRONLY | O_CLOEXEC));
	bad("writable alone", EBADF, IMG_DRIVE, open("drive",
	    O_RDWR | O_CLOEXEC));
	bad("another tenant's", EPERM, IMG_DRIVE, open("other",
	    O_RDONLY | O_CLOEXEC));
	bad("memfd", EBADF, IMG_DRIVE, memfd_create("x", MFD_CLOEXEC));
	bad("socket", EINVAL, IMG_DRIVE, socket(AF_UNIX, SOCK_STREAM, 0));
	bad("proc", EOPNOTSUPP, IMG_KERNEL, open("/proc/self/status",
	    O_RDONLY | O_CLOEXEC));
	bad("sysfs", EOPNOTSUPP, IMG_KERNEL, open("/sys/kernel/notes",
	    O_RDONLY | O_CLOEXEC));
	bad("empty", EINVAL, IMG_KERNEL, open("empty",
	    O_RDONLY | O_CLOEXEC));
	bad("tiny", EFBIG, IMG_KERNEL, open("tiny", O_RDONLY | O_CLOEXEC));
	bad("huge", EFBIG, IMG_KERNEL, open("huge", O_RDONLY | O_CLOEXEC));
}

static void
bad_pairs(void)
{
	jh_file("root666", 0, 0666, 65536);
	bad_pair("two files", EINVAL, open("kernel", O_RDONLY | O_CLOEXEC),
	    open("drive", O_RDWR | O_CLOEXEC));
	bad_pair("swapped", EBADF, open("drive", O_RDWR | O_CLOEXEC),
	    open("drive", O_RDONLY | O_CLOEXEC));
	bad_pair("append", EINVAL, open("drive", O_RDONLY | O_CLOEXEC),
	    open("drive", O_RDWR | O_APPEND | O_CLOEXEC));
	bad_pair("root's, writable", EPERM,
	    open("root666", O_RDONLY | O_CLOEXEC),
	    open("root666", O_RDWR | O_CLOEXEC));
	bad_pair("another's, writable", EPERM,
	    open("other", O_RDONLY | O_CLOEXEC),
	    open("other", O_RDWR | O_CLOEXEC));
}

CASE(images, "jimg", "each bad image is refused, and nothing is kept of it")
{
	char path[64];
	struct stat st;
	int ro, rw, rw2, i, open_before = 0, open_after = 0;

	jh_evil(&ij, tc, "jimg");
	jh_run(&ij);
	ATF_REQUIRE_EQ(0, jh_prepare(&ij, 1, 1, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_prepare(&ij, 2, 1, RH_TENANT));
	for (i = 0; i < 200; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
		    (int)ij.pid, i);
		open_before += lstat(path, &st) == 0;
	}
	bad_kinds();
	bad_pairs();
	for (i = 0; i < 200; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
		    (int)ij.pid, i);
		open_after += lstat(path, &st) == 0;
	}
	ATF_CHECK_EQ(open_before, open_after);
	/* the good ones: root's to be read; one writer of the tenant's */
	ro = RH(open("secret", O_RDONLY | O_CLOEXEC));
	ATF_CHECK_EQ(0, jh_image(&ij, 1, 1, IMG_KERNEL, 0, ro, -1));
	ATF_CHECK_EQ(EEXIST, jh_image(&ij, 1, 1, IMG_KERNEL, 0, ro, -1));
	fd_close(&ro);
	ro = RH(open("drive", O_RDONLY | O_CLOEXEC));
	rw = RH(open("drive", O_RDWR | O_CLOEXEC));
	rw2 = RH(open("drive", O_RDWR | O_CLOEXEC));
	ATF_CHECK_EQ(0, jh_image(&ij, 1, 1, IMG_DRIVE, 0, ro, rw));
	ATF_CHECK_EQ(EBUSY, jh_image(&ij, 2, 1, IMG_DRIVE, 0, ro, rw2));
	fd_close(&rw);
	ATF_CHECK_EQ(EBUSY, jh_image(&ij, 2, 1, IMG_DRIVE, 0, ro, rw2));
	ATF_CHECK_EQ(0, jh_reap(&ij, 1, 1));
	ATF_CHECK_EQ(0, jh_image(&ij, 2, 1, IMG_DRIVE, 0, ro, rw2));
	ATF_CHECK_EQ(0, jh_reap(&ij, 2, 1));
	ATF_CHECK_EQ(0, jh_clean(&ij));
}

/* The kernel as the VMM sees it: its own, read-only, the same bytes. */
static void
see_kernel(struct jh *j, uint32_t slot, uint64_t gen)
{
	char path[96];
	struct stat st;
	pid_t vmm = jh_pid(j, slot, gen, "vmm");

	(void)snprintf(path, sizeof(path), "/proc/%d/root/img/kernel",
	    (int)vmm);
	ATF_REQUIRE_EQ(0, stat(path, &st));
	ATF_CHECK_EQ(slot_uid_vmm(&j->conf, slot), st.st_uid);
	ATF_CHECK_EQ(65536, st.st_size);
	ATF_CHECK(open(path, O_RDWR | O_CLOEXEC) < 0 && errno == EROFS);
}

/* Is it a mount of its own there, and not a copy? */
static int
is_mount(struct jh *j, uint32_t slot, uint64_t gen)
{
	char path[64], buf[8192];

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo",
	    (int)jh_pid(j, slot, gen, "vmm"));
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	return strstr(buf, " /img/kernel ") != NULL;
}

/* A descriptor of the file that was opened in another mount namespace. */
static int
open_elsewhere(const char *name)
{
	char path[64];
	int p[2], fd;
	char c;
	pid_t pid;

	RH(pipe2(p, O_CLOEXEC));
	pid = RH(fork());
	if (pid == 0) {
		RH(unshare(CLONE_NEWNS));
		/* through the copy of the mount, not ours */
		RH(chdir("/proc/self/cwd"));
		RH(open(name, O_RDONLY)); /* the lowest free number */
		RH(write(p[1], "x", 1));
		for (;;)
			(void)pause();
	}
	RH(read(p[0], &c, 1));
	for (fd = 100; fd > 2; fd--) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid,
		    fd);
		if (access(path, F_OK) == 0)
			break;
	}
	fd = RH(open(path, O_RDONLY | O_CLOEXEC));
	RH(kill(pid, SIGKILL));
	RH(waitpid(pid, NULL, 0));
	(void)close(p[0]);
	(void)close(p[1]);
	return fd;
}

/* Starts with this kernel; was it mapped? */
static int
one_kernel(struct jh *j, uint64_t gen, int fd)
{
	struct jh_vm v;
	int mapped;

	ATF_REQUIRE_EQ(0, jh_prepare(j, 1, gen, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_image(j, 1, gen, IMG_KERNEL, 0, fd, -1));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(j, 1, gen, &v, 0));
	see_kernel(j, 1, gen);
	mapped = is_mount(j, 1, gen);
	kill_and_reap(j, 1, gen, &v);
	fd_close(&fd);
	return mapped;
}

CASE(kernels, "jkern", "a kernel is mapped, or copied where it cannot be")
{
	struct jh j;

	jh_evil(&j, tc, "jkern");
	jh_run(&j);
	printf("kernel was %s\n", one_kernel(&j, 1, RH(open("kernel",
	    O_RDONLY | O_CLOEXEC))) ? "mapped" : "copied");
	ATF_CHECK_EQ(0, one_kernel(&j, 2, open_elsewhere("kernel")));
	ATF_CHECK_EQ(0, jh_clean(&j));
}

/* ---- failed starts */

struct failure {
	const char *what;
	int code;
	uint16_t step;
};

static void
fails(struct jh *j, uint64_t gen, struct jh_vm *v, uint32_t flags,
    const struct failure *f)
{
	int r = jh_spawn(j, 6, gen, v, flags);

	ATF_CHECK_MSG(r == f->code && j->step == f->step,
	    "%s: %s at %s", f->what, strerror(r), step_name(j->step));
	ATF_CHECK_EQ_MSG(0, jh_pid(j, 6, gen, "sup"), "%s", f->what);
	ATF_CHECK_EQ_MSG(0, jh_pid(j, 6, gen, "vmm"), "%s", f->what);
	kill_and_reap(j, 6, gen, v);
}

static void
fresh(struct jh *j, uint64_t gen, struct jh_vm *v, const char *args, size_t n)
{
	ATF_REQUIRE_EQ(0, jh_prepare(j, 6, gen, RH_TENANT));
	jh_vm_init(v, args, n);
}

/* In the request itself. */
static void
fail_early(struct jh *j)
{
	struct jh_vm v;

	ATF_REQUIRE_EQ(0, jh_attest(j, 6, 1, RH_TENANT));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	fails(j, 1, &v, 0, &(struct failure){ "out of order", EBUSY,
	    STEP_STATE });
	fresh(j, 2, &v, wait_args, sizeof(wait_args));
	fails(j, 2, &v, SPAWN_TUN, &(struct failure){ "wrong flag", EINVAL,
	    STEP_EXEC_VMM });
	fresh(j, 3, &v, wait_args, sizeof(wait_args));
	fd_close(&v.argv);
	v.argv = RH(memfd_create("x", MFD_ALLOW_SEALING | MFD_CLOEXEC));
	fails(j, 3, &v, 0, &(struct failure){ "unsealed", EINVAL,
	    STEP_EXEC_SUP });
	fresh(j, 4, &v, wait_args, sizeof(wait_args));
	fd_close(&v.listen);
	v.listen = RH(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	fails(j, 4, &v, 0, &(struct failure){ "not listening", EINVAL,
	    STEP_EXEC_SUP });
}

/* In S and V. */
static void
fail_late(struct jh *j)
{
	struct jh_vm v;

	fresh(j, 11, &v, "evilvmm\0wai", 11);
	fails(j, 11, &v, 0, &(struct failure){ "no NUL", EBADMSG,
	    STEP_EXEC_VMM });
	fresh(j, 12, &v, "", 0);
	fails(j, 12, &v, 0, &(struct failure){ "no arguments", EBADMSG,
	    STEP_EXEC_VMM });
	ATF_REQUIRE_EQ(0, jh_attest(j, 6, 13, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_net_no_tap(j, 6, 13));
	ATF_REQUIRE_EQ(0, jh_limits(j, 6, 13, 128));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	fails(j, 13, &v, SPAWN_TAP_FD, &(struct failure){ "no TAP", EPERM,
	    STEP_TAP });
}

/* Because of the program. */
static void
fail_program(struct jh *j)
{
	struct jh_vm v;

	RH(chmod("usr/bin/evilvmm", 0775));
	fresh(j, 21, &v, wait_args, sizeof(wait_args));
	fails(j, 21, &v, 0, &(struct failure){ "writable by its group",
	    EPERM, STEP_EXEC_VMM });
	RH(chmod("usr/bin/evilvmm", 0700));
	fresh(j, 22, &v, wait_args, sizeof(wait_args));
	fails(j, 22, &v, 0, &(struct failure){ "not executable", EACCES,
	    STEP_EXEC_VMM });
	RH(chown("usr/bin/evilvmm", RH_TENANT, 0));
	fresh(j, 23, &v, wait_args, sizeof(wait_args));
	fails(j, 23, &v, 0, &(struct failure){ "a tenant's", EPERM,
	    STEP_EXEC_VMM });
	RH(unlink("usr/bin/evilvmm"));
	fresh(j, 24, &v, wait_args, sizeof(wait_args));
	fails(j, 24, &v, 0, &(struct failure){ "absent", ENOENT,
	    STEP_EXEC_VMM });
	RH(symlink("/bin/true", "usr/bin/evilvmm"));
	fresh(j, 25, &v, wait_args, sizeof(wait_args));
	fails(j, 25, &v, 0, &(struct failure){ "link out of /usr", EXDEV,
	    STEP_EXEC_VMM });
	RH(unlink("usr/bin/evilvmm"));
	jh_file("usr/bin/evilvmm", 0, 0755, 100);
	fresh(j, 26, &v, wait_args, sizeof(wait_args));
	fails(j, 26, &v, 0, &(struct failure){ "no program", ENOEXEC,
	    STEP_EXEC_VMM });
}

CASE(failures, "jfail", "a start that fails names its step and leaves "
    "nothing")
{
	struct jh j;
	char before[65536], after[65536];

	RH(fd_slurp(AT_FDCWD, "/proc/self/mountinfo", before,
	    sizeof(before)));
	jh_evil(&j, tc, "jfail");
	jh_run(&j);
	fail_early(&j);
	fail_late(&j);
	fail_program(&j);
	ATF_CHECK_EQ(0, jh_clean(&j));
	RH(fd_slurp(AT_FDCWD, "/proc/self/mountinfo", after, sizeof(after)));
	ATF_CHECK_STREQ(before, after);
}

/* ---- restarts and numbers */

/* What the living VM uses; the half-made one has cgroups and uses nothing. */
static void
stats(struct jh *j)
{
	struct req_stats q = { 0 }, bad = { 1 };
	struct rep_stats rep;

	ATF_REQUIRE_EQ(0, jh_call(j, PRIVOP_STATS, 7, 70, &q, NULL, 0, &rep,
	    NULL));
	ATF_CHECK(rep.cpu_usec > 0 && rep.cpu_usec < 60000000);
	ATF_CHECK(rep.memory > 0 && rep.memory <= rep.memory_max);
	ATF_CHECK(rep.memory_max < 1ull << 40);
	ATF_CHECK_EQ(1, rep.pids);
	ATF_CHECK_EQ(0, rep.oom);
	ATF_REQUIRE_EQ(0, jh_call(j, PRIVOP_STATS, 9, 90, &q, NULL, 0, &rep,
	    NULL));
	ATF_CHECK(rep.cpu_usec == 0 && rep.pids == 0);
	ATF_CHECK_EQ(ENOENT, jh_call(j, PRIVOP_STATS, 7, 70, &bad, NULL, 0,
	    NULL, NULL));
	ATF_CHECK_EQ(ESTALE, jh_call(j, PRIVOP_STATS, 7, 71, &q, NULL, 0,
	    NULL, NULL));
}

CASE(restart, "jrest", "killed and started anew, jail finds, adopts, kills "
    "and reaps its VMs")
{
	struct req_list_next q = { .after = UINT32_MAX };
	struct req_adopt a = { 0 };
	struct rep_list_next rep;
	struct jh j;
	struct jh_vm v;
	struct pollfd p;
	int pidfd;

	jh_evil(&j, tc, "jrest");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 7, 70, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 9, 90, RH_TENANT)); /* half-made */
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 7, 70, &v, 0));
	RH(kill(j.pid, SIGKILL));
	jh_end(&j);
	ATF_CHECK_EQ(-1, jh_vm_wait(&v, 50));
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_call(&j, PRIVOP_LIST_NEXT, 0, 0, &q, NULL, 0,
	    &rep, NULL));
	ATF_CHECK(rep.slot == 7 && rep.generation == 70 && rep.alive == 1 &&
	    rep.owner == RH_TENANT);
	q.after = 7;
	ATF_REQUIRE_EQ(0, jh_call(&j, PRIVOP_LIST_NEXT, 0, 0, &q, NULL, 0,
	    &rep, NULL));
	ATF_CHECK(rep.slot == 9 && rep.generation == 90 && rep.alive == 0);
	q.after = 9;
	ATF_CHECK_EQ(ENOENT, jh_call(&j, PRIVOP_LIST_NEXT, 0, 0, &q, NULL, 0,
	    NULL, NULL));
	ATF_CHECK_EQ(EBUSY, jh_spawn(&j, 7, 70, &v, 0));
	ATF_CHECK_EQ(ESRCH, jh_call(&j, PRIVOP_ADOPT, 9, 90, &a, NULL, 0,
	    NULL, NULL));
	ATF_REQUIRE_EQ(0, jh_call(&j, PRIVOP_ADOPT, 7, 70, &a, NULL, 0, NULL,
	    &pidfd));
	stats(&j);
	ATF_CHECK_EQ(0, jh_kill(&j, 7, 70, KILL_TERM_VMM));
	ATF_CHECK_EQ(SIGTERM, jh_vm_wait(&v, 2000));
	p = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	ATF_CHECK_EQ(0, poll(&p, 1, 0)); /* vmsup lives on */
	kill_and_reap(&j, 7, 70, &v);
	ATF_CHECK_EQ(1, poll(&p, 1, 0));
	fd_close(&pidfd);
	ATF_CHECK_EQ(0, jh_reap(&j, 9, 90));
	ATF_CHECK_EQ(0, jh_clean(&j));
}

CASE(kills, "jkill", "TERM, then the VMM alone, then all")
{
	struct req_reap r = { 0 };
	struct jh j;
	struct jh_vm v;

	jh_evil(&j, tc, "jkill");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 7, 1, RH_TENANT));
	ATF_CHECK_EQ(0, jh_kill(&j, 7, 1, KILL_ALL)); /* nobody there */
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 7, 1, &v, 0));
	ATF_CHECK_EQ(EINVAL, jh_kill(&j, 7, 1, 0));
	ATF_CHECK_EQ(EINVAL, jh_kill(&j, 7, 1, KILL_ALL + 1));
	ATF_CHECK_EQ(EBUSY, jh_call(&j, PRIVOP_REAP, 7, 1, &r, NULL, 0, NULL,
	    NULL));
	ATF_CHECK_EQ(0, jh_kill(&j, 7, 1, KILL_VMM));
	ATF_CHECK_EQ(SIGKILL, jh_vm_wait(&v, 2000));
	ATF_CHECK(jh_pid(&j, 7, 1, "sup") > 0);
	ATF_CHECK_EQ(EBUSY, jh_call(&j, PRIVOP_REAP, 7, 1, &r, NULL, 0, NULL,
	    NULL));
	kill_and_reap(&j, 7, 1, &v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

#define MANY 20
CASE(twenty, "jmany", "twenty starts at once")
{
	struct req_spawn q = { .vmm = VMM_QEMU, .flags = SPAWN_TAP_FD };
	struct jh j;
	struct jh_vm v[MANY];
	int64_t t, one;
	uint32_t i;

	jh_evil(&j, tc, "jmany");
	jh_run(&j);
	for (i = 0; i < MANY; i++) {
		ATF_REQUIRE_EQ(0, jh_prepare(&j, i, 5, RH_TENANT));
		jh_vm_init(&v[i], wait_args, sizeof(wait_args));
	}
	t = now_ms();
	for (i = 0; i < MANY; i++)
		(void)jh_ask(&j, PRIVOP_SPAWN, i, 5, &q, (const int[]){
		    v[i].listen, v[i].argv, v[i].console, v[i].log }, 4);
	for (i = 0; i < MANY; i++)
		ATF_CHECK_EQ(0, jh_answer(&j, 0, NULL, NULL));
	one = now_ms() - t;
	for (i = 0; i < MANY; i++)
		ATF_CHECK(jh_pid(&j, i, 5, "vmm") > 0);
	t = now_ms();
	for (i = 0; i < MANY; i++)
		ATF_CHECK_EQ(0, jh_kill(&j, i, 5, KILL_ALL));
	for (i = 0; i < MANY; i++) {
		ATF_CHECK_EQ(0, jh_reap(&j, i, 5));
		jh_vm_close(&v[i]);
	}
	printf("%d starts at once took %lld ms, their end %lld ms\n", MANY,
	    (long long)one, (long long)(now_ms() - t));
	ATF_CHECK_EQ(0, jh_clean(&j));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, owners);
	ATF_TP_ADD_TC(tp, images);
	ATF_TP_ADD_TC(tp, kernels);
	ATF_TP_ADD_TC(tp, failures);
	ATF_TP_ADD_TC(tp, restart);
	ATF_TP_ADD_TC(tp, kills);
	ATF_TP_ADD_TC(tp, twenty);
	return atf_no_error();
}
