/* SPDX-License-Identifier: ISC */
/* privd-jail itself: starts, limits, ends, restarts. As root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atf-c.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "common/wire.h"
#include "policy/steps.h"
#include "tests/integration/jailharness.h"

static const char qemu_args[] = "qemu\0-M\0microvm\0-accel\0tcg\0-m\0" "32\0"
    "-nodefaults\0-no-user-config\0-display\0none\0-serial\0stdio\0"
    "-chardev\0socket,id=q,fd=3\0-mon\0chardev=q,mode=control";
static const char wait_args[] = "evilvmm\0wait";

/* A case that runs as root and leaves nothing of its instance. */
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

static int
count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* What jail has open, and its children: must not grow. */
static int
jail_fds(const struct jh *j)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)j->pid);
	return count(path);
}

/* The host's mounts, as text. */
static void
mounts(char *buf, size_t size)
{
	RH(fd_slurp(AT_FDCWD, "/proc/self/mountinfo", buf, size));
}

static void
kill_and_reap(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v)
{
	ATF_CHECK_EQ(0, jh_kill(j, slot, gen, KILL_ALL));
	ATF_CHECK_EQ(0, jh_reap(j, slot, gen));
	if (v != NULL)
		jh_vm_close(v);
}

CASE(qemu, "jqemu", "qemu starts, lives, is killed; nothing is left")
{
	char build[256], buf[8192], before[65536], after[65536];
	struct jh j;
	struct jh_vm v;
	int64_t t;
	int fds;

	jh_build(tc, build);
	mounts(before, sizeof(before));
	jh_init(&j, "jqemu", build, "/usr");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_attest(&j, 3, 6, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_reap(&j, 3, 6));
	fds = jail_fds(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 3, 7, RH_TENANT));
	jh_vm_init(&v, qemu_args, sizeof(qemu_args));
	t = now_ms();
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 3, 7, &v, SPAWN_TAP_FD));
	printf("a start of qemu took %lld ms\n", (long long)(now_ms() - t));
	ATF_CHECK_EQ(-1, jh_vm_wait(&v, 300));
	(void)jh_console(&v, 1, buf, sizeof(buf));
	ATF_CHECK_STREQ("", buf);
	ATF_CHECK(jh_pid(&j, 3, 7, "vmm") > 0);
	kill_and_reap(&j, 3, 7, &v);
	ATF_CHECK_EQ(fds, jail_fds(&j));
	ATF_CHECK_EQ(0, jh_clean(&j));
	mounts(after, sizeof(after));
	ATF_CHECK_STREQ(before, after);
}

/* ---- what /proc says of a live VM */

static void
status_line(pid_t pid, const char *key, char *out, size_t size)
{
	char path[64], buf[8192], *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	p = strstr(buf, key);
	ATF_REQUIRE_MSG(p != NULL, "no %s", key);
	p += strlen(key);
	p += strspn(p, ":\t ");
	p[strcspn(p, "\n")] = '\0';
	(void)strlcpy(out, p, size);
}

static void
check_status(pid_t pid, uint32_t uid, uint32_t gid)
{
	static const char *const none[] = { "\nCapInh", "\nCapPrm",
		"\nCapEff", "\nCapBnd", "\nCapAmb" };
	char got[128], want[128];
	unsigned i;

	for (i = 0; i < 5; i++) {
		status_line(pid, none[i], got, sizeof(got));
		ATF_CHECK_STREQ("0000000000000000", got);
	}
	(void)snprintf(want, sizeof(want), "%u\t%u\t%u\t%u", uid, uid, uid,
	    uid);
	status_line(pid, "\nUid", got, sizeof(got));
	ATF_CHECK_STREQ(want, got);
	(void)snprintf(want, sizeof(want), "%u\t%u\t%u\t%u", gid, gid, gid,
	    gid);
	status_line(pid, "\nGid", got, sizeof(got));
	ATF_CHECK_STREQ(want, got);
	status_line(pid, "\nGroups", got, sizeof(got));
	ATF_CHECK_STREQ("", got);
	status_line(pid, "\nNoNewPrivs", got, sizeof(got));
	ATF_CHECK_STREQ("1", got);
	status_line(pid, "\nSeccomp", got, sizeof(got));
	ATF_CHECK_STREQ("2", got);
	status_line(pid, "\nUmask", got, sizeof(got));
	ATF_CHECK_STREQ("0007", got);
}

/* Exactly these descriptors, in order. */
static void
check_fds(pid_t pid, const char *want)
{
	char path[80], got[512] = "", num[16];
	int fd;

	for (fd = 0; fd < 128; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid,
		    fd);
		if (access(path, F_OK) < 0 && readlink(path, num, 1) < 0)
			continue;
		(void)snprintf(num, sizeof(num), "%d ", fd);
		(void)strlcat(got, num, sizeof(got));
	}
	ATF_CHECK_STREQ(want, got);
}

static void
check_mounts(pid_t pid)
{
	char path[64], buf[8192], line[1024], *rest = buf, *p;
	char point[256], opts[256];
	int n = 0, kernel;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	/* where the file system cannot be mapped, it is a copy */
	kernel = strstr(buf, " /img/kernel ") != NULL;
	while ((p = strsep(&rest, "\n")) != NULL && *p != '\0') {
		(void)strlcpy(line, p, sizeof(line));
		ATF_REQUIRE_EQ(2, sscanf(line, "%*d %*d %*s %*s %255s %255s",
		    point, opts));
		n++;
		ATF_CHECK_MSG(strstr(opts, "nosuid") != NULL, "%s", line);
		if (strcmp(point, "/run") == 0) {
			ATF_CHECK(strncmp(opts, "rw,", 3) == 0);
			ATF_CHECK(strstr(line, "size=1024k") != NULL);
		} else
			ATF_CHECK_MSG(strncmp(opts, "ro,", 3) == 0, "%s",
			    line);
		if (strcmp(point, "/") != 0)
			ATF_CHECK_MSG(strstr(opts, "nodev") != NULL, "%s",
			    line);
		if (strcmp(point, "/usr") != 0)
			ATF_CHECK_MSG(strstr(opts, "noexec") != NULL, "%s",
			    line);
		ATF_CHECK_MSG(strstr(line, "shared:") == NULL &&
		    strstr(line, "master:") == NULL, "%s", line);
	}
	/* the root twice: see cover() of tree.c */
	ATF_CHECK_EQ(4 + kernel, n);
}

/* The same namespace as ours? */
static int
ours(pid_t pid, const char *ns)
{
	char path[64];
	struct stat a, b;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, ns);
	RH(stat(path, &a));
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", ns);
	RH(stat(path, &b));
	return a.st_ino == b.st_ino;
}

static void
check_namespaces(pid_t pid)
{
	static const char *const ns[] = { "mnt", "pid", "net", "ipc", "uts",
		"cgroup" };
	unsigned i;

	for (i = 0; i < 6; i++)
		ATF_CHECK_MSG(!ours(pid, ns[i]), "%s", ns[i]);
}

CASE(proc, "jproc", "ids, capabilities, filters, descriptors, mounts and "
    "namespaces of VMM and vmsup are exactly the table's")
{
	struct jh j;
	struct jh_vm v;
	int ro, rw;
	pid_t vmm, sup;

	jh_evil(&j, tc, "jproc");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 5, 9, RH_TENANT));
	ro = RH(open("kernel", O_RDONLY | O_CLOEXEC));
	ATF_REQUIRE_EQ(0, jh_image(&j, 5, 9, IMG_KERNEL, 0, ro, -1));
	ATF_REQUIRE_EQ(0, jh_image(&j, 5, 9, IMG_DRIVE, 1, ro, -1));
	fd_close(&ro);
	ro = RH(open("drive", O_RDONLY | O_CLOEXEC));
	rw = RH(open("drive", O_RDWR | O_CLOEXEC));
	ATF_REQUIRE_EQ(0, jh_image(&j, 5, 9, IMG_DRIVE, 0, ro, rw));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 5, 9, &v, SPAWN_TAP_FD));
	vmm = jh_pid(&j, 5, 9, "vmm");
	sup = jh_pid(&j, 5, 9, "sup");
	ATF_REQUIRE(vmm > 0 && sup > 0);
	check_status(vmm, slot_uid_vmm(&j.conf, 5), slot_gid(&j.conf, 5));
	check_status(sup, slot_uid_sup(&j.conf, 5), slot_gid(&j.conf, 5));
	check_fds(vmm, "0 1 2 3 4 10 11 12 ");
	check_fds(sup, "0 1 2 3 4 5 6 7 8 9 10 11 ");
	check_mounts(vmm);
	check_mounts(sup);
	check_namespaces(vmm);
	check_namespaces(sup);
	kill_and_reap(&j, 5, 9, &v);
	fd_close(&ro);
	fd_close(&rw);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

/* ---- limits */

static const char *const v1_names[] = { "cpu", "memory", "pids", "devices",
	"freezer", "cpuset", "blkio" };

/* A file of the VMM's limits, in whichever hierarchy it is. */
static void
limit_is(struct jh *j, int c1, const char *v1, const char *v2,
    const char *want)
{
	char path[160], got[256];
	int dir = c1 >= 0 && j->cg.v1[c1] >= 0 ? j->cg.v1[c1] : j->cg.v2;

	(void)snprintf(path, sizeof(path), "v4-2-%d/%s%s", (int)RH_TENANT,
	    dir == j->cg.v2 ? "vmm/" : "", dir == j->cg.v2 ? v2 : v1);
	ATF_REQUIRE_MSG(fd_slurp(dir, path, got, sizeof(got)) >= 0, "%s",
	    path);
	got[strcspn(got, "\n")] = '\0';
	ATF_CHECK_STREQ(want, got);
}

static void
check_attached(struct jh *j, pid_t vmm)
{
	char path[64], buf[4096], want[96];
	int i;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)vmm);
	RH(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)));
	for (i = 0; i < 7; i++) {
		if (j->cg.v1[i] < 0)
			continue;
		(void)snprintf(want, sizeof(want), ":%s:/%s-vms/v4-2-%d\n",
		    v1_names[i], j->conf.instance, (int)RH_TENANT);
		ATF_CHECK_MSG(strstr(buf, want) != NULL, "%s in %s", want,
		    buf);
	}
	(void)snprintf(want, sizeof(want), "0::/%s-vms/v4-2-%d/vmm\n",
	    j->conf.instance, (int)RH_TENANT);
	ATF_CHECK_MSG(strstr(buf, want) != NULL, "%s in %s", want, buf);
}

CASE(limits, "jlim", "every limit holds the VMM, and vmsup is apart")
{
	struct req_limits q = { .cpu_permille = 1500, .cpu_weight = 200,
		.memory_mib = 300, .pids = 77 };
	struct jh j;
	struct jh_vm v;

	jh_evil(&j, tc, "jlim");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_attest(&j, 4, 2, RH_TENANT));
	ATF_REQUIRE_EQ(0, jh_net(&j, 4, 2));
	q.pids = 0;
	ATF_CHECK_EQ(EINVAL, jh_call(&j, PRIVOP_LIMITS, 4, 2, &q, NULL, 0,
	    NULL, NULL));
	q.pids = 77;
	ATF_REQUIRE_EQ(0, jh_call(&j, PRIVOP_LIMITS, 4, 2, &q, NULL, 0, NULL,
	    NULL));
	ATF_CHECK_EQ(EEXIST, jh_call(&j, PRIVOP_LIMITS, 4, 2, &q, NULL, 0,
	    NULL, NULL));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 4, 2, &v, 0));
	limit_is(&j, 1, "memory.limit_in_bytes", "memory.max", "314572800");
	limit_is(&j, 2, "pids.max", "pids.max", "77");
	limit_is(&j, 0, "cpu.cfs_quota_us", "cpu.max",
	    j.cg.v1[0] >= 0 ? "150000" : "150000 100000");
	limit_is(&j, 0, "cpu.shares", "cpu.weight",
	    j.cg.v1[0] >= 0 ? "2048" : "200");
	if (j.cg.v1[3] >= 0)
		limit_is(&j, 3, "devices.list", "", "c 1:3 rw");
	check_attached(&j, jh_pid(&j, 4, 2, "vmm"));
	kill_and_reap(&j, 4, 2, &v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, qemu);
	ATF_TP_ADD_TC(tp, proc);
	ATF_TP_ADD_TC(tp, limits);
	return atf_no_error();
}
