/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see roleharness.h. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/peer.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "tests/lib/roleharness.h"

static const char *const v1_names[] = { "cpu", "memory", "pids", "devices",
	"freezer", "cpuset", "blkio" };

void
rh_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarnx(fmt, ap);
	va_end(ap);
	abort();
}

int
rh_must(long r, const char *what, const char *file, int line)
{
	if (r < 0)
		rh_die("%s:%d: %s: %s", file, line, what, strerror(errno));
	return (int)r;
}

/* Tests run side by side: each instance has its own ids of VMs. */
static uint32_t
id_base(const struct sysconf *c)
{
	const char *p;
	uint32_t h = 5381;

	for (p = c->instance; *p != '\0'; p++)
		h = h * 33 + (unsigned char)*p;
	return 0x60000000u + h % 1024 * c->vm_id_count;
}

void
rh_conf(struct sysconf *c, const char *instance)
{
	sysconf_default(c);
	memset(c->instance, 0, sizeof(c->instance));
	memset(c->ifprefix, 0, sizeof(c->ifprefix));
	(void)strlcpy(c->instance, instance, sizeof(c->instance));
	(void)strlcpy(c->ifprefix, "pjt", sizeof(c->ifprefix));
	c->vm_id_base = id_base(c);
	c->uid = (struct sysconf_uids){ RH_FRONT, RH_NET, RH_JAIL, RH_CTLD,
		RH_CLIENT, RH_CONF, RH_FETCH };
	c->gid = c->uid;
	c->group = RH_GROUP;
	c->nmembers = 2;
	c->members[0] = RH_TENANT;
	c->members[1] = RH_TENANT2;
}

int
rh_conf_fd(const struct sysconf *c)
{
	struct err e;

	if (sysconf_check(c, &e) < 0)
		rh_die("configuration: %s", e.msg);
	return RH(fd_sealed("conf", c, sizeof(*c)));
}

static int
tmpfs(unsigned attrs)
{
	int fs = RH(fsopen("tmpfs", FSOPEN_CLOEXEC)), fd;

	RH(fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	RH(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	fd = RH(fsmount(fs, FSMOUNT_CLOEXEC, attrs));
	(void)close(fs);
	return fd;
}

int
rh_empty(void)
{
	return tmpfs(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
}

int
rh_clone(const char *path, uint64_t attrs)
{
	struct mount_attr a = { .attr_set = attrs };
	int fd = RH(open_tree(AT_FDCWD, path,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));

	RH(mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)));
	return fd;
}

int
rh_dev(uid_t owner)
{
	int fd = tmpfs(0);

	RH(mknodat(fd, "tun", S_IFCHR | 0600, makedev(10, 200)));
	RH(fchownat(fd, "tun", owner, owner, AT_SYMLINK_NOFOLLOW));
	return fd;
}

static void
become_empty(void)
{
	int fd;

	RH(unshare(CLONE_NEWNS));
	RH(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	fd = tmpfs(MOUNT_ATTR_NODEV);
	RH(move_mount(fd, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH));
	RH(chdir("/proc"));
	RH(sysx_pivot_root(".", "."));
	RH(umount2(".", MNT_DETACH));
}

int
rh_empty_ns(void)
{
	char path[64], c;
	int p[2], fd;
	pid_t pid;

	RH(pipe2(p, O_CLOEXEC));
	pid = RH(fork());
	if (pid == 0) {
		become_empty();
		RH(write(p[1], "x", 1));
		for (;;)
			(void)pause();
	}
	if (read(p[0], &c, 1) != 1)
		rh_die("empty mount namespace");
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	fd = RH(open(path, O_RDONLY | O_CLOEXEC));
	RH(kill(pid, SIGKILL));
	RH(waitpid(pid, NULL, 0));
	(void)close(p[0]);
	(void)close(p[1]);
	return fd;
}

pid_t
rh_start(enum role_id id, uid_t uid, const char *program, const int *keep,
    unsigned n, int cgroup)
{
	char *argv[] = { (char *)(uintptr_t)roles[id].program, NULL };
	char *env[] = { NULL };
	int all[64], exe, empty;
	unsigned i;
	pid_t pid;

	exe = RH(open(program, O_PATH | O_CLOEXEC));
	empty = rh_empty();
	pid = RH(fork());
	if (pid != 0) {
		(void)close(exe);
		(void)close(empty);
		return pid;
	}
	if (cgroup >= 0)
		RH(fd_put(cgroup, "cgroup.procs", "0"));
	RH(fchdir(empty));
	RH(chroot("."));
	for (i = 0; i < n; i++)
		all[i] = keep[i];
	all[n] = exe;
	role_become(id, uid, uid);
	RH(fd_arrange(all, n + 1, RFD_CONF));
	RH(fcntl(RFD_CONF + (int)n, F_SETFD, FD_CLOEXEC));
	RH(sysx_execveat(RFD_CONF + (int)n, argv, env));
	_exit(127);
}

/* ---- cgroups: this machine's places, see /proc/self/mountinfo */

static const char *
v2_point(void)
{
	return access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ?
	    "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
}

static int
dir_make(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		rh_die("mkdir %s: %s", path, strerror(errno));
	return RH(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void
v2_make(struct rh_cg *cg, const char *instance, uid_t jail)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s-vms", v2_point(), instance);
	cg->v2 = dir_make(path);
	if (strcmp(v2_point(), "/sys/fs/cgroup") == 0) {
		(void)fd_put(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control",
		    "+cpu +memory +pids");
		RH(fd_put(cg->v2, "cgroup.subtree_control",
		    "+cpu +memory +pids"));
	}
	(void)strlcat(path, "/priv", sizeof(path));
	cg->priv = dir_make(path);
	RH(fchown(cg->v2, jail, (gid_t)-1));
	RH(fchownat(cg->v2, "cgroup.procs", jail, (gid_t)-1, 0));
}

void
rh_cg_make(struct rh_cg *cg, const char *instance, uid_t jail)
{
	char path[256], text[256];
	int i;

	v2_make(cg, instance, jail);
	for (i = 0; i < 7; i++) {
		cg->v1[i] = -1;
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s",
		    v1_names[i]);
		if (access(path, F_OK) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s-vms",
		    v1_names[i], instance);
		cg->v1[i] = dir_make(path);
		RH(fchown(cg->v1[i], jail, (gid_t)-1));
		if (strcmp(v1_names[i], "cpuset") != 0)
			continue;
		RH(fd_slurp(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.cpus",
		    text, sizeof(text)));
		RH(fd_put(cg->v1[i], "cpuset.cpus", text));
		RH(fd_slurp(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.mems",
		    text, sizeof(text)));
		RH(fd_put(cg->v1[i], "cpuset.mems", text));
	}
}

/* Remove a directory of cgroups from the leaves up. Counts VMs' ones. */
static int
clean(const char *path, int depth)
{
	char sub[512];
	struct dirent *d;
	DIR *dir = opendir(path);
	int found = 0, i;

	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		(void)snprintf(sub, sizeof(sub), "%s/%s", path, d->d_name);
		found += clean(sub, depth + 1);
		found += depth == 0 && strcmp(d->d_name, "priv") != 0;
	}
	(void)closedir(dir);
	for (i = 0; i < 500 && rmdir(path) < 0 && errno == EBUSY; i++)
		(void)usleep(10000);
	return found;
}

int
rh_cg_clean(const char *instance)
{
	char path[256];
	int i, found;

	(void)snprintf(path, sizeof(path), "%s/%s-vms/cgroup.kill",
	    v2_point(), instance);
	(void)fd_put(AT_FDCWD, path, "1");
	path[strlen(path) - strlen("/cgroup.kill")] = '\0';
	found = clean(path, 0);
	for (i = 0; i < 7; i++) {
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s-vms",
		    v1_names[i], instance);
		found += clean(path, 0);
	}
	return found;
}

/* One descriptor over a connected unix socket. */
static void
send_fd(int s, int fd)
{
	char cbuf[CMSG_SPACE(sizeof(int))], b = 0;
	struct iovec io = { &b, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
		.msg_control = cbuf, .msg_controllen = sizeof(cbuf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	RH(sendmsg(s, &m, 0));
}

static int
recv_fd(int s)
{
	char cbuf[CMSG_SPACE(sizeof(int))], b;
	struct iovec io = { &b, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
		.msg_control = cbuf, .msg_controllen = sizeof(cbuf) };
	struct cmsghdr *c;
	int fd;

	RH(recvmsg(s, &m, MSG_CMSG_CLOEXEC));
	c = CMSG_FIRSTHDR(&m);
	if (c == NULL)
		rh_die("no descriptor came");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

void
rh_run_dir(struct sysconf *c)
{
	memset(c->run_dir, 0, sizeof(c->run_dir));
	(void)snprintf(c->run_dir, sizeof(c->run_dir), "/tmp/%s-run",
	    c->instance);
	if (mkdir(c->run_dir, 0755) < 0 && errno != EEXIST)
		rh_die("%s: %s", c->run_dir, strerror(errno));
}

/* Where the control socket is. */
static void
control(const struct sysconf *c, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	(void)snprintf(sun->sun_path, sizeof(sun->sun_path), "%.80s/%s",
	    c->run_dir, CONTROL_SOCKET);
}

void
rh_run_clean(const struct sysconf *c)
{
	struct sockaddr_un sun;

	control(c, &sun);
	(void)unlink(sun.sun_path);
	(void)rmdir(c->run_dir);
}

int
rh_client(const struct sysconf *c, uid_t uid)
{
	struct sockaddr_un sun;
	int s, fd;
	pid_t pid;

	control(c, &sun);
	(void)unlink(sun.sun_path);
	s = RH(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	RH(bind(s, (struct sockaddr *)&sun, sizeof(sun)));
	RH(chmod(sun.sun_path, 0666));
	RH(listen(s, 1));
	pid = RH(fork());
	if (pid == 0) {
		RH(setgroups(0, NULL));
		RH(setresgid(uid, uid, uid));
		RH(setresuid(uid, uid, uid));
		fd = RH(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
		RH(connect(fd, (struct sockaddr *)&sun, sizeof(sun)));
		_exit(0);
	}
	fd = RH(accept4(s, NULL, NULL, SOCK_CLOEXEC));
	RH(fchown(fd, c->uid.client, (gid_t)-1)); /* as if that had */
	RH(waitpid(pid, NULL, 0));
	(void)close(s);
	return fd;
}

int
rh_false_client(uid_t uid)
{
	int sv[2], pair[2], fd;
	pid_t pid;

	RH(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	pid = RH(fork());
	if (pid == 0) {
		RH(setgroups(0, NULL));
		RH(setresgid(uid, uid, uid));
		RH(setresuid(uid, uid, uid));
		/* the credentials are those of who makes the pair */
		RH(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		send_fd(sv[1], pair[0]);
		_exit(0);
	}
	fd = recv_fd(sv[0]);
	RH(waitpid(pid, NULL, 0));
	(void)close(sv[0]);
	(void)close(sv[1]);
	return fd;
}
