/* SPDX-License-Identifier: ISC */
/*
 * The bare program that `postern start` is measured beside. As root, alone
 * and with no check of anything, it makes what one start makes: the file of
 * intent with its fsyncs, the namespaces, links and addresses, the cgroups
 * with their limits, an idmapped mount of the kernel, the jail's tree, two
 * processes; and it executes a supervisor that sleeps and the VMM. It makes
 * no rule. When its standard input ends it kills both and takes all back.
 *
 * bare VMM KERNEL STATE-DIRECTORY INSTANCE SLOT
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysx.h"
#include "privd/jail/cgroup.h"
#include "tests/bench/barenet.h"
#include "tests/bench/drive.h"
#include "tests/bench/measure.h"

#define MUST(x) must((long)(x), #x, __LINE__)
#define ID_BASE 0x71000000u
#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

struct bare {
	const char *kernel, *state, *instance;
	unsigned slot;
	int vmm, image, netns, done;
	struct cgroups cg;
	struct cg_name name;
	int leaf_sup, leaf_vmm, attach[CG1_N];
};

static int
must(long r, const char *what, int line)
{
	if (r < 0)
		err(1, "bare.c:%d: %s", line, what);
	return (int)r;
}

/* As ctld keeps its file of a VM: durable once, then once more not. */
static void
save(const struct bare *b, int durable)
{
	static const char text[1500];
	int dir = MUST(open(b->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int fd = MUST(openat(
	    dir, "bare.tmp", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));

	MUST(fd_writen(fd, text, sizeof(text)));
	if (durable)
		MUST(fsync(fd));
	MUST(renameat(dir, "bare.tmp", dir, "bare.json"));
	if (durable)
		MUST(fsync(dir));
	(void)close(fd);
	(void)close(dir);
}

static void
cgroups(struct bare *b)
{
	static const char *const v1[CG1_N] = {[CG1_CPU] = "cpu",
	    [CG1_MEMORY] = "memory",
	    [CG1_PIDS] = "pids",
	    [CG1_DEVICES] = "devices",
	    [CG1_FREEZER] = "freezer",
	    [CG1_CPUSET] = "cpuset",
	    [CG1_BLKIO] = "blkio"};
	const struct req_limits limits = {1000, 100, 132, 81};
	char path[128];
	struct err e;
	int i;

	(void)snprintf(
	    path, sizeof(path), "/sys/fs/cgroup/unified/%s-vms", b->instance);
	b->cg.v2 = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->cg.v2 < 0) {
		(void)snprintf(
		    path, sizeof(path), "/sys/fs/cgroup/%s-vms", b->instance);
		b->cg.v2 = MUST(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	for (i = 0; i < CG1_N; i++) {
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s-vms",
		    v1[i], b->instance);
		b->cg.v1[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	b->name = (struct cg_name){
	    .slot = b->slot, .generation = 1, .owner = BENCH_TENANT};
	if (cg_make(&b->cg, &b->name, &e) < 0 ||
	    cg_limit(&b->cg, &b->name, &limits, &e) < 0 ||
	    cg_devices(&b->cg, &b->name, 0, &e) < 0)
		errx(1, "%s", e.msg);
	b->leaf_sup = MUST(cg_leaf(&b->cg, &b->name, CG_SUP));
	b->leaf_vmm = MUST(cg_leaf(&b->cg, &b->name, CG_VMM));
	MUST(cg_attach_fds(&b->cg, &b->name, b->attach));
}

static void
map(pid_t pid, const char *file, unsigned from, unsigned to)
{
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	(void)snprintf(text, sizeof(text), "%u %u 1", from, to);
	MUST(fd_put(AT_FDCWD, path, text));
}

/* The kernel as the VMM's own file, read-only. */
static void
idmap(struct bare *b)
{
	struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP | SAFE |
					   MOUNT_ATTR_RDONLY |
					   MOUNT_ATTR_NODEV};
	int file = MUST(open(b->kernel, O_RDONLY | O_CLOEXEC)), p[2];
	struct stat st;
	char path[64], c;
	pid_t pid;

	MUST(fstat(file, &st));
	MUST(pipe2(p, O_CLOEXEC));
	pid = MUST(fork());
	if (pid == 0) {
		MUST(unshare(CLONE_NEWUSER));
		MUST(write(p[1], "x", 1));
		for (;;)
			(void)pause();
	}
	MUST(read(p[0], &c, 1));
	map(pid, "uid_map", st.st_uid, ID_BASE + b->slot);
	map(pid, "gid_map", st.st_gid, ID_BASE + b->slot);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	a.userns_fd = (unsigned)MUST(open(path, O_RDONLY | O_CLOEXEC));
	MUST(kill(pid, SIGKILL));
	MUST(waitpid(pid, NULL, 0));
	b->image = MUST(open_tree(
	    file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
	MUST(mount_setattr(b->image, "", AT_EMPTY_PATH, &a, sizeof(a)));
	(void)close((int)a.userns_fd);
	(void)close(file);
	(void)close(p[0]);
	(void)close(p[1]);
}

static int
tmpfs(const char *mode)
{
	int fs = MUST(fsopen("tmpfs", FSOPEN_CLOEXEC)), fd;

	MUST(fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0));
	MUST(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0));
	MUST(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	fd = MUST(fsmount(fs, FSMOUNT_CLOEXEC, SAFE));
	(void)close(fs);
	return fd;
}

static void
put(int mount, int root, const char *path)
{
	MUST(move_mount(mount, "", root, path, MOVE_MOUNT_F_EMPTY_PATH));
}

/* The tree and the root of it. */
static void
tree(struct bare *b)
{
	struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
	int root, usr;

	MUST(unshare(CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	usr = MUST(
	    open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	root = tmpfs("0755");
	put(root, AT_FDCWD, "/proc");
	MUST(mkdirat(root, "dev", 0755));
	MUST(mknodat(root, "dev/null", S_IFCHR | 0666, makedev(1, 3)));
	MUST(mkdirat(root, "img", 0755));
	MUST(mknodat(root, "img/kernel", S_IFREG | 0400, 0));
	put(b->image, root, "img/kernel");
	MUST(mkdirat(root, "run", 0755));
	put(tmpfs("1770"), root, "run");
	MUST(mkdirat(root, "usr", 0755));
	put(usr, root, "usr");
	MUST(fchdir(root));
	MUST(sysx_pivot_root(".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
	MUST(mount_setattr(AT_FDCWD, "/", 0, &a, sizeof(a)));
}

static void
drop(unsigned id)
{
	MUST(setgroups(0, NULL));
	MUST(setresgid(id, id, id));
	MUST(setresuid(id, id, id));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static _Noreturn void
vmm(struct bare *b, int tun, int go)
{
	char name[] = "vmm", how[] = "bare", c;
	char *argv[] = {name, how, NULL}, *env[] = {NULL};
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int i;

	for (i = 0; i < CG1_N; i++)
		if (b->attach[i] >= 0)
			MUST(write(b->attach[i], "0", 1));
	(void)setsid();
	MUST(unshare(CLONE_NEWCGROUP));
	MUST(read(go, &c, 1)); /* the supervisor's exec ends it */
	drop(ID_BASE + b->slot);
	(void)memcpy(r.ifr_name, "tap0", 5);
	MUST(ioctl(tun, TUNSETIFF, &r));
	MUST(fcntl(tun, F_SETFD, 0));
	MUST(sysx_execveat(b->vmm, argv, env));
	_exit(1);
}

/* Pid 1 of the VM's pid namespace. */
static _Noreturn void
supervisor(struct bare *b)
{
	char name[] = "vmsup", how[] = "init", host[] = "vm";
	char *argv[] = {name, how, NULL}, *env[] = {NULL};
	int tun, go[2], pidfd;

	(void)setsid();
	MUST(setns(b->netns, CLONE_NEWNET));
	tun = MUST(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
	MUST(sethostname(host, 2));
	tree(b);
	MUST(pipe2(go, O_CLOEXEC));
	if (MUST(sysx_clone3(0, b->leaf_vmm, &pidfd)) == 0) {
		(void)close(go[1]);
		vmm(b, tun, go[0]);
	}
	MUST(unshare(CLONE_NEWCGROUP));
	drop(ID_BASE + 0x100000u + b->slot);
	MUST(sysx_execveat(b->vmm, argv, env));
	_exit(1);
}

/* Both have executed when nobody holds the other end any more. */
static pid_t
start(struct bare *b)
{
	int pidfd, done[2];
	pid_t pid;
	char c;

	MUST(pipe2(done, O_CLOEXEC));
	pid = MUST(sysx_clone3(
	    CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, b->leaf_sup, &pidfd));
	if (pid == 0)
		supervisor(b);
	(void)close(done[1]);
	if (MUST(read(done[0], &c, 1)) != 0)
		errx(1, "the start failed");
	return pid;
}

static void
take_back(struct bare *b, pid_t pid)
{
	struct err e;
	int i;

	MUST(kill(pid, SIGKILL));
	MUST(waitpid(pid, NULL, 0));
	fd_close(&b->netns);
	for (i = 0; i < 1000 && cg_remove(&b->cg, &b->name, &e) < 0; i++)
		(void)usleep(1000);
	if (i == 1000)
		errx(1, "%s", e.msg);
}

int
main(int argc, char *argv[])
{
	struct bare b = {0};
	char c;
	pid_t pid;

	if (argc != 6)
		errx(2, "VMM KERNEL STATE-DIRECTORY INSTANCE SLOT");
	b.vmm = MUST(open(argv[1], O_PATH | O_CLOEXEC));
	b.kernel = argv[2];
	b.state = argv[3];
	b.instance = argv[4];
	b.slot = measure_number(argv[5], 65535);
	save(&b, 1);
	save(&b, 0);
	b.netns = barenet(b.slot, ID_BASE + b.slot);
	cgroups(&b);
	idmap(&b);
	pid = start(&b);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	take_back(&b, pid);
	return 0;
}
