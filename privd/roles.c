/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter: opens what each role gets (common/rolefd.h),
 * starts net, jail, ctld and the client listener, each in its final
 * confinement, and becomes front. A role that does not come up ends, and the
 * end of its wire ends all others: there is nothing to unwind here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "common/wire.h"
#include "policy/seccomp.h"
#include "privd/starter.h"

/* Both ends of each wire, named by who holds them. */
struct wires {
	int ctld_front[2], front_net[2], front_jail[2], jail_net[2],
	    client_ctld[2];
};

void
role_exec(enum role_id id, uint32_t uid, uint32_t gid, int exe,
    const int *keep, unsigned n, char *const argv[], char *const env[])
{
	int all[64];
	unsigned i;

	if (n + 1 > sizeof(all) / sizeof(all[0]))
		fatalx("%s: too many descriptors", roles[id].title);
	for (i = 0; i < n; i++)
		all[i] = keep[i];
	all[n] = exe;
	role_become(id, uid, gid);
	if (fd_arrange(all, n + 1, RFD_CONF) < 0 ||
	    fcntl(RFD_CONF + (int)n, F_SETFD, FD_CLOEXEC) < 0)
		fatal("%s: descriptors", roles[id].title);
	(void)sysx_execveat(RFD_CONF + (int)n, argv, env);
	fatal("%s: exec of %s", roles[id].title, roles[id].program);
}

static uint32_t
role_number(const struct sysconf_uids *of, enum role_id id)
{
	const uint32_t n[ROLE_END] = { [ROLE_FRONT] = of->front,
		[ROLE_NET] = of->net, [ROLE_JAIL] = of->jail,
		[ROLE_CTLD] = of->ctld, [ROLE_CLIENT] = of->client,
		[ROLE_CONF] = of->conf };

	return n[id];
}

/* One role's descriptors: keep[RFD_x - RFD_CONF]. */
#define AT(n) keep[(n) - RFD_CONF]

struct launch {
	enum role_id id;
	enum seccomp_list list;
	int cgroup;	/* it moves there, or -1 */
	int *keep;
	unsigned n;
};

/* In the role's own process: what needs root is done before it is given up. */
_Noreturn static void
become(const struct starter *s, const struct launch *l, int exe, int root)
{
	char title[32];
	char *argv[] = { title, NULL }, *env[] = { NULL };

	(void)strlcpy(title, roles[l->id].title, sizeof(title));
	if (l->cgroup >= 0 && fd_put(l->cgroup, "cgroup.procs", "0") < 0)
		fatal("%s: move to its cgroup", title);
	if (root >= 0 &&
	    (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0))
		fatal("%s: chroot", title);
	role_exec(l->id, role_number(&s->conf.uid, l->id),
	    role_number(&s->conf.gid, l->id), exe, l->keep, l->n, argv, env);
}

static int
launch(const struct starter *s, const struct launch *l, struct err *e)
{
	int exe CLEANUP_FD = program_open(s->libexec, roles[l->id].program,
	    e);
	int filter CLEANUP_FD = -1, root CLEANUP_FD = -1;
	int *keep = l->keep;
	pid_t pid;

	if (exe < 0 ||
	    (roles[l->id].place.empty_root && (root = mount_empty(e)) < 0) ||
	    (filter = seccomp_compile(l->list, &s->conf, e)) < 0)
		return -1;
	AT(RFD_CONF) = s->conf_fd;
	AT(RFD_FILTER) = filter;
	/* front is this very process: the supervisor knows its pid */
	pid = l->id == ROLE_FRONT ? 0 : fork();
	if (pid < 0)
		return err_set(e, errno, "fork of %s", roles[l->id].title);
	if (pid == 0)
		become(s, l, exe, root);
	return 0;
}

static int
start_net(const struct starter *s, const struct wires *w, struct err *e)
{
	int keep[NET_FD_END - RFD_CONF];
	int null CLEANUP_FD = -1;
	const struct launch l = { ROLE_NET, SEC_NET, -1, keep,
		NET_FD_END - RFD_CONF };

	memset(keep, -1, sizeof(keep));
	AT(NET_FD_FRONT) = w->front_net[1];
	AT(NET_FD_JAIL) = w->jail_net[1];
	AT(NET_FD_ROUTE) = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE);
	AT(NET_FD_NFT) = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER);
	AT(NET_FD_SYS4) = open("/proc/sys/net/ipv4",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* a host without IPv6 has nothing to be shut there */
	AT(NET_FD_SYS6) = open("/proc/sys/net/ipv6",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (AT(NET_FD_ROUTE) < 0 || AT(NET_FD_NFT) < 0 ||
	    AT(NET_FD_SYS4) < 0)
		return err_set(e, errno, "net: netlink and sysctl");
	if (s->was_off) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0)
			return err_set(e, errno, "/dev/null");
		AT(NET_FD_WASOFF) = null;
	}
	AT(NET_FD_LOCK) = s->lock;
	return launch(s, &l, e);
}

/* The directory of an installed firecracker; none is no error. */
static int
vmm_dir(const struct sysconf *c, struct err *e)
{
	char dir[sizeof(c->firecracker_path)];
	char *slash;

	if (c->firecracker_path[0] == '\0' ||
	    access(c->firecracker_path, F_OK) < 0)
		return -1;
	(void)strlcpy(dir, c->firecracker_path, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	return dir_trusted(dir, e);
}

static int
jail_filters(const struct starter *s, int *keep, struct err *e)
{
	AT(JAIL_FD_FILTER_S) = seccomp_compile(SEC_S, &s->conf, e);
	if (AT(JAIL_FD_FILTER_S) < 0)
		return -1;
	AT(JAIL_FD_FILTER_SUP) = seccomp_compile(SEC_SUP, &s->conf, e);
	if (AT(JAIL_FD_FILTER_SUP) < 0)
		return -1;
	AT(JAIL_FD_FILTER_QEMU) = seccomp_compile(SEC_QEMU, &s->conf, e);
	if (AT(JAIL_FD_FILTER_QEMU) < 0)
		return -1;
	AT(JAIL_FD_FILTER_FC) = seccomp_compile(SEC_FC, &s->conf, e);
	return AT(JAIL_FD_FILTER_FC) < 0 ? -1 : 0;
}

static int
jail_mounts(const struct starter *s, int *keep, struct err *e)
{
	AT(JAIL_FD_PROC) = mount_clone("/proc",
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
	if (AT(JAIL_FD_PROC) < 0)
		return -1;
	AT(JAIL_FD_USR) = mount_clone("/usr",
	    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
	if (AT(JAIL_FD_USR) < 0)
		return -1;
	AT(JAIL_FD_DEV) = mount_dev(s->conf.uid.jail, e);
	if (AT(JAIL_FD_DEV) < 0)
		return -1;
	AT(JAIL_FD_EMPTYNS) = mount_empty_ns(e);
	return AT(JAIL_FD_EMPTYNS) < 0 ? -1 : 0;
}

static int
start_jail(const struct starter *s, const struct wires *w, struct err *e)
{
	int keep[JAIL_FD_END - RFD_CONF];
	const struct launch l = { ROLE_JAIL, SEC_JAIL, s->cg.priv, keep,
		JAIL_FD_END - RFD_CONF };
	unsigned i;

	memset(keep, -1, sizeof(keep));
	if (jail_filters(s, keep, e) < 0 ||
	    jail_mounts(s, keep, e) < 0)
		return -1;
	AT(JAIL_FD_FRONT) = w->front_jail[1];
	AT(JAIL_FD_NET) = w->jail_net[0];
	AT(JAIL_FD_HOSTNET) = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (AT(JAIL_FD_HOSTNET) < 0)
		return err_set(e, errno, "/proc/self/ns/net");
	AT(JAIL_FD_MOUNTS) = open("/proc/self/mountinfo",
	    O_RDONLY | O_CLOEXEC);
	if (AT(JAIL_FD_MOUNTS) < 0)
		return err_set(e, errno, "/proc/self/mountinfo");
	AT(JAIL_FD_DISKS) = open("/sys/dev/block",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (AT(JAIL_FD_DISKS) < 0)
		return err_set(e, errno, "/sys/dev/block");
	AT(JAIL_FD_VMSUP) = program_open(s->libexec, "vmsup", e);
	if (AT(JAIL_FD_VMSUP) < 0)
		return -1;
	AT(JAIL_FD_VMMDIR) = vmm_dir(&s->conf, e);
	if (AT(JAIL_FD_VMMDIR) < 0 && e->code != 0)
		return -1;
	AT(JAIL_FD_CG2) = s->cg.v2;
	for (i = 0; i < CG1_N; i++)
		AT(JAIL_FD_CG1 + (int)i) = s->cg.v1[i];
	AT(JAIL_FD_LOCK) = s->lock;
	return launch(s, &l, e);
}

static int
start_ctld(const struct starter *s, const struct wires *w, struct err *e)
{
	int keep[CTLD_FD_END - RFD_CONF];
	const struct launch l = { ROLE_CTLD, SEC_CTLD, -1, keep,
		CTLD_FD_END - RFD_CONF };

	memset(keep, -1, sizeof(keep));
	AT(CTLD_FD_FRONT) = w->ctld_front[0];
	AT(CTLD_FD_CLIENT) = w->client_ctld[1];
	AT(CTLD_FD_STATE) = s->ctld_state;
	AT(CTLD_FD_RUN) = s->ctld_run;
	AT(CTLD_FD_CHANNEL) = s->ctld_channel;
	AT(CTLD_FD_LOCK) = s->lock;
	return launch(s, &l, e);
}

static int
start_client(const struct starter *s, const struct wires *w, struct err *e)
{
	int keep[CLIENT_FD_END - RFD_CONF];
	int child CLEANUP_FD = seccomp_compile(SEC_CLIENT_CHILD, &s->conf, e);
	const struct launch l = { ROLE_CLIENT, SEC_CLIENT, -1, keep,
		CLIENT_FD_END - RFD_CONF };

	memset(keep, -1, sizeof(keep));
	if (child < 0)
		return -1;
	AT(CLIENT_FD_CTLD) = w->client_ctld[0];
	AT(CLIENT_FD_LISTEN) = s->listen;
	AT(CLIENT_FD_FILTER_CHILD) = child;
	return launch(s, &l, e);
}

static int
become_front(const struct starter *s, const struct wires *w, struct err *e)
{
	int keep[FRONT_FD_END - RFD_CONF];
	const struct launch l = { ROLE_FRONT, SEC_FRONT, -1, keep,
		FRONT_FD_END - RFD_CONF };

	memset(keep, -1, sizeof(keep));
	AT(FRONT_FD_CTLD) = w->ctld_front[1];
	AT(FRONT_FD_NET) = w->front_net[0];
	AT(FRONT_FD_JAIL) = w->front_jail[0];
	AT(FRONT_FD_LEDGER) = s->ledger;
	AT(FRONT_FD_LOCK) = s->lock;
	AT(FRONT_FD_NOTIFY) = s->notify;
	return launch(s, &l, e);
}

int
roles_start(struct starter *s, struct err *e)
{
	struct wires w;

	memset(&w, -1, sizeof(w));
	if (wire_pair(w.ctld_front) < 0 || wire_pair(w.front_net) < 0 ||
	    wire_pair(w.front_jail) < 0 || wire_pair(w.jail_net) < 0 ||
	    wire_pair(w.client_ctld) < 0)
		return err_set(e, errno, "socketpair");
	if (start_net(s, &w, e) < 0 || start_jail(s, &w, e) < 0 ||
	    start_ctld(s, &w, e) < 0 || start_client(s, &w, e) < 0)
		return -1;
	return become_front(s, &w, e);
}
