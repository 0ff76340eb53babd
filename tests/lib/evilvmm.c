/* SPDX-License-Identifier: ISC */
/*
 * A hostile VMM: tries, by name, one thing that a VMM must not be able to do.
 *	evilvmm ACTION [BASE]	says "done" or "refused ERRNO"
 *	evilvmm all		every action that a filter alone does not stop
 *	evilvmm list		names, those that need special hosts marked
 *	evilvmm wait		stays
 * BASE: prefix of the tree's paths, for the control run outside a jail. A
 * trap of a filter counts as refused; being killed is for the test to see.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sys/file.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <ucontext.h>

static const char *base = "";
static char *self;

static const char *
at(const char *path)
{
	static char buf[2][512];
	static int i;

	i ^= 1;
	(void)snprintf(buf[i], sizeof(buf[i]), "%s%s", base, path);
	return buf[i];
}

/* The kernel looked for what the pointer points to: it was let through. */
static long
let_through(long r)
{
	return r < 0 && errno == EFAULT ? 0 : r;
}

#define TRY(name, expr) static long try_##name(void) { return (expr); }

TRY(open_host, open("/etc/passwd", O_RDONLY))
TRY(open_dotdot, open("../../../../../../../../etc/passwd", O_RDONLY))
TRY(open_proc, open("/proc/self/status", O_RDONLY))
TRY(open_kvm, open("/dev/kvm", O_RDWR))
TRY(open_tun, open("/dev/net/tun", O_RDWR))
TRY(open_mem, open("/dev/kmsg", O_RDONLY))
TRY(mknod_null, mknod(at("/run/node"), S_IFCHR | 0666, makedev(1, 3)))
TRY(mknod_disk, mknod(at("/run/disk"), S_IFBLK | 0666, makedev(254, 0)))
TRY(mount, mount("x", at("/run"), "tmpfs", 0, NULL))
TRY(bind, mount(at("/img"), at("/run"), NULL, MS_BIND, NULL))
TRY(fsopen, fsopen("tmpfs", 0))
TRY(open_tree, open_tree(AT_FDCWD, at("/img"), OPEN_TREE_CLONE))
TRY(chroot, chroot(at("/run")))
TRY(unshare_user, unshare(CLONE_NEWUSER))
TRY(unshare_mount, unshare(CLONE_NEWNS))
TRY(unshare_net, unshare(CLONE_NEWNET))
TRY(unshare_pid, unshare(CLONE_NEWPID))
TRY(ptrace_init, ptrace(PTRACE_SEIZE, getppid(), NULL, NULL))
TRY(ptrace_me, ptrace(PTRACE_TRACEME, 0, NULL, NULL))
TRY(kill_all, kill(-1, 0))
TRY(kill_init, kill(1, 0))
TRY(kill_parent, kill(getppid(), SIGCONT))
TRY(setuid_root, setuid(0))
TRY(setresuid_root, syscall(SYS_setresuid, 0, 0, 0))
TRY(setresuid_next, syscall(SYS_setresuid, getuid() + 1, -1, -1))
TRY(setgid_root, setgid(0))
TRY(setgroups, setgroups(1, (const gid_t[]){ 0 }))
TRY(chmod_image, chmod(at("/img/kernel"), 04777))
TRY(fchmod_image, fchmod(open(at("/img/kernel"), O_RDONLY), 04777))
TRY(chown_image, chown(at("/img/kernel"), 1, 1))
TRY(xattr_image, setxattr(at("/img/kernel"), "user.x", "y", 1, 0))
TRY(write_image, open(at("/img/kernel"), O_RDWR))
TRY(truncate_image, truncate(at("/img/kernel"), 0))
TRY(link_image, link(at("/img/kernel"), at("/img/kernel2")))
TRY(rename_image, rename(at("/img/kernel"), at("/img/kernel3")))
TRY(unlink_image, unlink(at("/img/kernel")))
TRY(utime_image, utimensat(AT_FDCWD, at("/img/kernel"), NULL, 0))
TRY(create_root, open(at("/x"), O_CREAT | O_WRONLY, 0600))
TRY(create_dev, open(at("/dev/x"), O_CREAT | O_WRONLY, 0600))
TRY(create_usr, open(at("/usr/bin/x"), O_CREAT | O_WRONLY, 0700))
TRY(setuid_file, fchmod(open(at("/run/s"), O_CREAT | O_RDWR, 0700), 06755))
TRY(exec_self, execl(self, self, "done", (char *)NULL))
TRY(raw, socket(AF_INET, SOCK_RAW, 1))
TRY(packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(inet, socket(AF_INET, SOCK_STREAM, 0))
TRY(inet6, socket(AF_INET6, SOCK_DGRAM, 0))
TRY(netlink, socket(AF_NETLINK, SOCK_RAW, 0))
TRY(vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
TRY(alg, socket(AF_ALG, SOCK_SEQPACKET, 0))
TRY(lease, fcntl(open(at("/img/kernel"), O_RDONLY), F_SETLEASE, F_RDLCK))
TRY(flock, flock(open(at("/img/kernel"), O_RDONLY), LOCK_EX))
TRY(posix_lock, fcntl(open(at("/img/kernel"), O_RDONLY), F_SETLK,
    &(struct flock){ .l_type = F_RDLCK }))
TRY(keyctl, syscall(SYS_keyctl, 0, -3, 1))
TRY(add_key, syscall(SYS_add_key, "user", "x", "y", 1, -2))
TRY(bpf, syscall(SYS_bpf, BPF_MAP_CREATE, &(union bpf_attr){
    .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
    .max_entries = 1 }, sizeof(union bpf_attr)))
TRY(perf, syscall(SYS_perf_event_open, &(struct perf_event_attr){
    .type = PERF_TYPE_SOFTWARE, .size = sizeof(struct perf_event_attr) },
    0, -1, -1, 0))
TRY(io_uring, syscall(SYS_io_uring_setup, 1, &(struct io_uring_params){ 0 }))
TRY(userfaultfd, syscall(SYS_userfaultfd, 0))
TRY(fanotify, fanotify_init(0, 0))
TRY(inotify, inotify_init1(0))
TRY(handle, let_through(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)))
TRY(sethostname, sethostname("x", 1))
TRY(syslog, syscall(SYS_syslog, 10, NULL, 0))
TRY(personality, personality(READ_IMPLIES_EXEC))
TRY(process_vm, let_through(process_vm_readv(getppid(), &(struct iovec){
    (char[8]){ 0 }, 8 }, 1, &(struct iovec){ (void *)0x1000, 8 }, 1, 0)))
TRY(pidfd, syscall(SYS_pidfd_open, getppid(), 0))
TRY(shm, shmget(IPC_PRIVATE, 4096, 0600))
TRY(msg, msgget(IPC_PRIVATE, 0600))
TRY(mlockall, mlockall(MCL_CURRENT))
TRY(core, setrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }))
TRY(nofile, setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 300, 300 }))
TRY(fifo, sched_setscheduler(0, SCHED_FIFO,
    &(struct sched_param){ .sched_priority = 1 }))
TRY(nice, setpriority(PRIO_PROCESS, 0, -5))
TRY(iopl, syscall(SYS_iopl, 3))
TRY(ldt, syscall(SYS_modify_ldt, 0, (char[64]){ 0 }, 64))
TRY(kcmp, syscall(SYS_kcmp, getppid(), getppid(), 2, 0, 0))
TRY(symlink, symlink("/etc", at("/run/link")))

static long
try_clone3(void)
{
	struct clone_args a = { .flags = CLONE_NEWUSER,
		.exit_signal = SIGCHLD };
	long r = syscall(SYS_clone3, &a, sizeof(a));

	if (r == 0)
		_exit(0);
	return r;
}

static long
try_fork(void)
{
	long r = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (r == 0)
		_exit(0);
	return r;
}

static long
try_setns(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getppid(), 0);

	return setns(fd < 0 ? 0 : fd, CLONE_NEWUTS);
}

static long
try_caps(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 1u << CAP_CHOWN,
	    1u << CAP_CHOWN, 0 }, { 0, 0, 0 } };

	return syscall(SYS_capset, &h, d);
}

static long
try_tiocsti(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	return ioctl(fd < 0 ? 0 : fd, TIOCSTI, "x");
}

static long
try_exec_fd(void)
{
	int fd = open(self, O_RDONLY);
	char word[] = "done";
	char *argv[] = { self, word, NULL }, *env[] = { NULL };

	return syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}

/* Executable memory that was written, then a mapping of it: TCG needs it, so
 * it is no action. A memfd that is executed is one. */
static long
try_exec_memfd(void)
{
	char buf[65536], word[] = "done";
	char *argv[] = { self, word, NULL }, *env[] = { NULL };
	int fd = (int)syscall(SYS_memfd_create, "x", 0);
	int in = open(self, O_RDONLY);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			return -1;
	return syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}

TRY(huge_memfd, syscall(SYS_memfd_create, "x", MFD_HUGETLB))
TRY(huge_mmap, (long)mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE |
    MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB, -1, 0))

enum { HOST = 1,	/* not every host has it: the control may fail */
	FILTER = 2 };	/* harmless in itself: only the filter stops it */
#define A(name, how) { #name, try_##name, how }
static const struct {
	const char *name;
	long (*run)(void);
	int how;
} actions[] = {
	A(open_host, 0), A(open_dotdot, 0), A(open_proc, 0),
	A(open_kvm, HOST), A(open_tun, HOST), A(open_mem, HOST),
	A(mknod_null, 0), A(mknod_disk, 0), A(mount, 0), A(bind, 0),
	A(fsopen, 0), A(open_tree, 0), A(chroot, 0),
	A(unshare_user, 0), A(unshare_mount, 0), A(unshare_net, 0),
	A(unshare_pid, 0), A(clone3, 0), A(fork, FILTER), A(setns, 0),
	A(ptrace_init, 0), A(ptrace_me, 0), A(kill_all, FILTER),
	A(kill_init, 0), A(kill_parent, 0), A(setuid_root, 0),
	A(setresuid_root, 0), A(setresuid_next, 0), A(setgid_root, 0),
	A(setgroups, 0), A(caps, 0), A(chmod_image, 0), A(fchmod_image, 0),
	A(chown_image, 0), A(xattr_image, 0), A(write_image, 0),
	A(truncate_image, 0), A(link_image, 0), A(utime_image, 0),
	A(rename_image, 0), A(unlink_image, HOST), A(create_root, 0),
	A(create_dev, 0), A(create_usr, 0), A(setuid_file, 0),
	A(exec_self, FILTER), A(exec_fd, FILTER), A(exec_memfd, FILTER),
	A(raw, 0), A(packet, 0), A(inet, 0), A(inet6, HOST),
	A(netlink, FILTER), A(vsock, HOST), A(alg, HOST), A(lease, 0),
	A(flock, FILTER), A(posix_lock, 0), A(keyctl, 0), A(add_key, 0),
	A(bpf, 0), A(perf, HOST), A(io_uring, HOST), A(userfaultfd, HOST),
	A(fanotify, HOST), A(inotify, 0), A(handle, HOST),
	A(sethostname, 0), A(syslog, 0), A(personality, 0),
	A(process_vm, 0), A(pidfd, FILTER), A(shm, 0), A(msg, 0),
	A(mlockall, 0), A(core, 0), A(nofile, 0), A(fifo, HOST),
	A(nice, HOST), A(iopl, HOST), A(ldt, HOST), A(kcmp, HOST),
	A(symlink, FILTER), A(tiocsti, HOST),
	A(huge_memfd, FILTER), A(huge_mmap, FILTER | HOST),
};
#define N (sizeof(actions) / sizeof(actions[0]))

/* A trapped call answers EPERM and the program goes on. */
static void
on_sigsys(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *u = ctx;

	(void)sig;
	(void)si;
#ifdef __x86_64__
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
#else
	_exit(9);
#endif
}

static int
run(size_t i)
{
	long r;

	errno = 0;
	r = actions[i].run();
	if (r < 0)
		(void)printf("%s refused %d\n", actions[i].name, errno);
	else
		(void)printf("%s done\n", actions[i].name);
	return r >= 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct sigaction sa = { .sa_sigaction = on_sigsys,
		.sa_flags = SA_SIGINFO | SA_NODEFER };
	static char in_jail[] = "/usr/bin/evilvmm";
	size_t i;

	base = argc > 2 ? argv[2] : "";
	self = argc > 2 ? argv[0] : in_jail;
	(void)setvbuf(stdout, NULL, _IONBF, 0);
	(void)sigaction(SIGSYS, &sa, NULL);
	if (strcmp(what, "done") == 0)
		return puts("done") < 0;
	if (strcmp(what, "wait") == 0) {
		(void)puts("waiting");
		for (;;)
			(void)poll(NULL, 0, -1);
	}
	for (i = 0; i < N; i++)
		if (strcmp(what, "list") == 0)
			(void)printf("%s %d\n", actions[i].name,
			    actions[i].how);
		else if (strcmp(what, "all") == 0) {
			if ((actions[i].how & FILTER) == 0)
				(void)run(i);
		} else if (strcmp(what, actions[i].name) == 0)
			return run(i);
	(void)puts("end");
	return 0;
}
