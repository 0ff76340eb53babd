/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see jailharness.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/wire.h"
#include "policy/seccomp.h"
#include "tests/integration/jailharness.h"
#include "tests/lib/files.h"

#define ANSWER_MS 15000
#define RING_BYTES 65536

void
jh_init(struct jh *j, const char *instance, const char *build,
    const char *usr)
{
	memset(j, 0, sizeof(*j));
	j->front = j->net = -1;
	rh_conf(&j->conf, instance);
	rh_run_dir(&j->conf);
	(void)strlcpy(j->build, build, sizeof(j->build));
	(void)strlcpy(j->usr, usr, sizeof(j->usr));
	(void)strlcpy(j->sup, "tests/lib/fakesup", sizeof(j->sup));
	(void)rh_cg_clean(instance);
	rh_cg_make(&j->cg, instance, RH_JAIL);
}

void
jh_build(const atf_tc_t *tc, char build[256])
{
	(void)snprintf(build, 256, "%s/../..",
	    atf_tc_get_config_var(tc, "srcdir"));
}

void
jh_evil(struct jh *j, const atf_tc_t *tc, const char *instance)
{
	static const char *const dirs[] = { "usr", "usr/bin", "usr/lib",
		"usr/lib64" };
	char build[256], path[300];
	unsigned i;

	jh_build(tc, build);
	(void)snprintf(path, sizeof(path), "%s/tests/lib/evilvmm", build);
	tf_remove("usr");
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		tf_dir(dirs[i], 0755);
	tf_copy(path, "usr/bin/evilvmm", 0755);
	jh_init(j, instance, build, "usr");
	memset(j->conf.qemu_path, 0, sizeof(j->conf.qemu_path));
	(void)strlcpy(j->conf.qemu_path, "/usr/bin/evilvmm",
	    sizeof(j->conf.qemu_path));
	jh_file("kernel", RH_TENANT, 0600, 65536);
	jh_file("drive", RH_TENANT, 0600, 1 << 20);
}

static int
filter(const struct jh *j, enum seccomp_list list)
{
	struct err e;
	int fd = seccomp_compile(list, &j->conf, &e);

	if (fd < 0)
		rh_die("%s", e.msg);
	return fd;
}

void
jh_run(struct jh *j)
{
	char path[336];
	int k[JAIL_FD_END - RFD_CONF], front[2], net[2];
	unsigned i;

	memset(k, -1, sizeof(k));
	RH(wire_pair(front));
	RH(wire_pair(net));
	k[RFD_CONF - 3] = rh_conf_fd(&j->conf);
	k[RFD_FILTER - 3] = filter(j, SEC_JAIL);
	k[JAIL_FD_FRONT - 3] = front[1];
	k[JAIL_FD_NET - 3] = net[1];
	k[JAIL_FD_PROC - 3] = rh_clone("/proc", MOUNT_ATTR_NOSUID);
	k[JAIL_FD_HOSTNET - 3] = RH(open("/proc/self/ns/net",
	    O_RDONLY | O_CLOEXEC));
	k[JAIL_FD_EMPTYNS - 3] = rh_empty_ns();
	k[JAIL_FD_USR - 3] = rh_clone(j->usr, MOUNT_ATTR_RDONLY);
	k[JAIL_FD_DEV - 3] = rh_dev(RH_JAIL);
	(void)snprintf(path, sizeof(path), "%s/%s", j->build, j->sup);
	k[JAIL_FD_VMSUP - 3] = RH(open(path, O_PATH | O_CLOEXEC));
	k[JAIL_FD_FILTER_S - 3] = filter(j, SEC_S);
	k[JAIL_FD_FILTER_SUP - 3] = filter(j, SEC_SUP);
	k[JAIL_FD_FILTER_QEMU - 3] = filter(j, SEC_QEMU);
	k[JAIL_FD_FILTER_FC - 3] = filter(j, SEC_FC);
	k[JAIL_FD_VMMDIR - 3] = -1;
	k[JAIL_FD_MOUNTS - 3] = RH(open("/proc/self/mountinfo",
	    O_RDONLY | O_CLOEXEC));
	k[JAIL_FD_DISKS - 3] = RH(open("/sys/dev/block", O_PATH | O_CLOEXEC));
	k[JAIL_FD_CG2 - 3] = fcntl(j->cg.v2, F_DUPFD_CLOEXEC, 3);
	for (i = 0; i < 7; i++)
		k[JAIL_FD_CG1 - 3 + i] = j->cg.v1[i] < 0 ? -1 :
		    fcntl(j->cg.v1[i], F_DUPFD_CLOEXEC, 3);
	(void)snprintf(path, sizeof(path), "%s/privd-jail", j->build);
	j->pid = rh_start(ROLE_JAIL, RH_JAIL, path, k, JAIL_FD_END - RFD_CONF,
	    j->cg.priv);
	for (i = 0; i < JAIL_FD_END - RFD_CONF; i++)
		fd_close(&k[i]);
	j->front = front[0];
	j->net = net[0];
}

void
jh_end(struct jh *j)
{
	int status;

	fd_close(&j->front);
	fd_close(&j->net);
	if (j->pid > 0)
		RH(waitpid(j->pid, &status, 0));
	j->pid = 0;
}

int
jh_clean(struct jh *j)
{
	unsigned i;

	jh_end(j);
	fd_close(&j->cg.v2);
	fd_close(&j->cg.priv);
	rh_run_clean(&j->conf);
	for (i = 0; i < 7; i++)
		fd_close(&j->cg.v1[i]);
	return rh_cg_clean(j->conf.instance);
}

uint32_t
jh_ask(struct jh *j, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, const int *fds, unsigned nfds)
{
	struct wire_hdr h = { .type = type, .seq = ++j->seq, .slot = slot,
		.generation = gen };

	RH(wire_send(j->front, &h, req, privop_row(type)->w.req_len, fds,
	    nfds));
	return j->seq;
}

int
jh_answer(struct jh *j, uint32_t seq, void *rep, int *out)
{
	static struct wire_msg m;
	const struct privop_row *row;
	struct rep_hdr r;
	int k = wire_recv_wait(j->front, &m, ANSWER_MS);

	if (k <= 0)
		rh_die("no answer of privd-jail: %s", k == 0 ? "it ended" :
		    strerror(errno));
	row = privop_row(m.h.type & (uint16_t)~WIRE_REPLY);
	if (row == NULL || wire_check_reply(&m, &row->w) < 0 ||
	    (seq != 0 && m.h.seq != seq))
		rh_die("answer %u does not fit the request", m.h.type);
	memcpy(&r, m.body, sizeof(r));
	if (rep != NULL)
		memcpy(rep, m.body, m.h.len);
	if (out != NULL)
		*out = m.nfds > 0 ? fd_steal(&m.fds[0]) : -1;
	wire_drop_fds(&m);
	j->step = r.step;
	return r.code;
}

int
jh_call(struct jh *j, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, const int *fds, unsigned nfds, void *rep, int *out)
{
	return jh_answer(j, jh_ask(j, type, slot, gen, req, fds, nfds), rep,
	    out);
}

int
jh_attest(struct jh *j, uint32_t slot, uint64_t gen, uid_t uid)
{
	struct req_attest q = { .owner = UINT32_MAX };
	int fd = rh_client(&j->conf, uid), r;

	r = jh_call(j, PRIVOP_ATTEST, slot, gen, &q, &fd, 1, NULL, NULL);
	fd_close(&fd);
	return r;
}

static int
take_net(struct jh *j, uint32_t slot, uint64_t gen, struct wire_msg *m)
{
	struct req_ns_make q = { .mode = NET_NAT };
	int code;

	code = jh_call(j, PRIVOP_NS_MAKE, slot, gen, &q, NULL, 0, NULL, NULL);
	if (code != 0)
		return code;
	if (wire_recv(j->net, m) != 1 || m->h.type != PRIVOP_NS_FDS ||
	    m->nfds != NSFD_N || m->h.slot != slot || m->h.generation != gen)
		rh_die("net was not told before the answer");
	return 0;
}

int
jh_net_no_tap(struct jh *j, uint32_t slot, uint64_t gen)
{
	static struct wire_msg m;
	int code = take_net(j, slot, gen, &m);

	if (code == 0)
		wire_drop_fds(&m);
	return code;
}

int
jh_net(struct jh *j, uint32_t slot, uint64_t gen)
{
	static struct wire_msg m;
	struct ifreq r;
	int code = take_net(j, slot, gen, &m);

	if (code != 0)
		return code;
	memset(&r, 0, sizeof(r));
	(void)strlcpy(r.ifr_name, "tap0", sizeof(r.ifr_name));
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	RH(ioctl(m.fds[NSFD_TUN], TUNSETIFF, &r));
	RH(ioctl(m.fds[NSFD_TUN], TUNSETOWNER, slot_uid_vmm(&j->conf, slot)));
	RH(ioctl(m.fds[NSFD_TUN], TUNSETGROUP, slot_gid(&j->conf, slot)));
	RH(ioctl(m.fds[NSFD_TUN], TUNSETPERSIST, 1));
	wire_drop_fds(&m);
	return 0;
}

int
jh_limits(struct jh *j, uint32_t slot, uint64_t gen, uint32_t mib)
{
	struct req_limits q = { .cpu_permille = 1000, .cpu_weight = 100,
		.memory_mib = mib, .pids = 64 };

	return jh_call(j, PRIVOP_LIMITS, slot, gen, &q, NULL, 0, NULL, NULL);
}

int
jh_image(struct jh *j, uint32_t slot, uint64_t gen, uint32_t kind,
    uint32_t index, int ro, int rw)
{
	struct req_image q = { .kind = kind, .index = index };
	int fds[2] = { ro, rw };

	return jh_call(j, PRIVOP_IMAGE, slot, gen, &q, fds, rw >= 0 ? 2 : 1,
	    NULL, NULL);
}

int
jh_prepare(struct jh *j, uint32_t slot, uint64_t gen, uid_t uid)
{
	int r = jh_attest(j, slot, gen, uid);

	if (r == 0)
		r = jh_net(j, slot, gen);
	if (r == 0)
		r = jh_limits(j, slot, gen, 256);
	return r;
}

static int
ring(const char *name)
{
	int fd = RH(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));

	RH(ftruncate(fd, RING_BYTES));
	RH(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
	return fd;
}

void
jh_vm_init(struct jh_vm *v, const char *args, size_t n)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	v->pidfd = -1;
	v->argv = RH(fd_sealed("argv", args, n));
	v->console = ring("console");
	v->log = ring("log");
	v->listen = RH(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	/* an abstract name of the kernel's choice: nobody connects */
	RH(bind(v->listen, (struct sockaddr *)&sun, sizeof(sa_family_t)));
	RH(listen(v->listen, 4));
}

void
jh_vm_close(struct jh_vm *v)
{
	fd_close(&v->argv);
	fd_close(&v->console);
	fd_close(&v->log);
	fd_close(&v->listen);
	fd_close(&v->pidfd);
}

int
jh_spawn(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v,
    uint32_t flags)
{
	struct req_spawn q = { .vmm = VMM_QEMU, .flags = flags };
	int fds[4] = { v->listen, v->argv, v->console, v->log };

	return jh_call(j, PRIVOP_SPAWN, slot, gen, &q, fds, 4, NULL,
	    &v->pidfd);
}

int
jh_console(const struct jh_vm *v, int log, char *buf, size_t size)
{
	ssize_t n = pread(log ? v->log : v->console, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return (int)strlen(buf);
}

int
jh_vm_wait(const struct jh_vm *v, int ms)
{
	int status = 0;

	for (; ms > 0; ms -= 2) {
		RH(pread(v->console, &status, sizeof(status),
		    RING_BYTES - (off_t)sizeof(status)));
		if (status != 0)
			return status & ~(1 << 30);
		(void)usleep(2000);
	}
	return -1;
}

int
jh_kill(struct jh *j, uint32_t slot, uint64_t gen, uint32_t how)
{
	struct req_kill q = { .how = how };

	return jh_call(j, PRIVOP_KILL, slot, gen, &q, NULL, 0, NULL, NULL);
}

int
jh_reap(struct jh *j, uint32_t slot, uint64_t gen)
{
	struct req_reap q = { 0 };
	int i, r = EBUSY;

	for (i = 0; i < 400 && r == EBUSY; i++) {
		if (i > 0)
			(void)usleep(5000);
		r = jh_call(j, PRIVOP_REAP, slot, gen, &q, NULL, 0, NULL,
		    NULL);
	}
	return r;
}

pid_t
jh_pid(struct jh *j, uint32_t slot, uint64_t gen, const char *leaf)
{
	char path[128], buf[1024];

	(void)snprintf(path, sizeof(path), "v%" PRIu32 "-%" PRIu64
	    "-%d/%s/cgroup.procs", slot, gen, (int)RH_TENANT, leaf);
	if (fd_slurp(j->cg.v2, path, buf, sizeof(buf)) < 0)
		return 0;
	return (pid_t)strtol(buf, NULL, 10);
}

void
jh_file(const char *name, uid_t uid, mode_t mode, size_t n)
{
	int fd;

	(void)unlink(name);
	fd = RH(open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
	RH(ftruncate(fd, (off_t)n));
	RH(fchown(fd, uid, uid));
	RH(fchmod(fd, mode));
	fd_close(&fd);
}
