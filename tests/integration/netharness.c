/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see netharness.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>
#include <linux/netlink.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "policy/seccomp.h"
#include "tests/integration/netharness.h"

#define ANSWER_MS 10000

void
nh_setup(struct nh *h, const atf_tc_t *tc)
{
	char program[sizeof(h->program)];

	(void)snprintf(program, sizeof(program), "%s/../../privd-net",
	    atf_tc_get_config_var(tc, "srcdir"));
	nh_open(h, program);
}

void
nh_open(struct nh *h, const char *program)
{
	memset(h, 0, sizeof(*h));
	h->pid = -1;
	h->front = h->jail = -1;
	(void)strlcpy(h->program, program, sizeof(h->program));
	lab_open(&h->lab);
	rh_conf(&h->conf, "pnt");
	memset(h->conf.ifprefix, 0, sizeof(h->conf.ifprefix));
	(void)strlcpy(h->conf.ifprefix, "pnt", sizeof(h->conf.ifprefix));
}

#define AT(n) keep[(n) - RFD_CONF]

static void
keep_host(struct nh *h, int keep[])
{
	struct err e;
	int i;

	for (i = 0; i < NET_FD_END - RFD_CONF; i++)
		keep[i] = -1;
	AT(RFD_CONF) = rh_conf_fd(&h->conf);
	AT(RFD_FILTER) = seccomp_compile(SEC_NET, &h->conf, &e);
	if (AT(RFD_FILTER) < 0)
		rh_die("filter: %s", e.msg);
	AT(NET_FD_ROUTE) = RH(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE));
	AT(NET_FD_NFT) = RH(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER));
}

static void
drop(int keep[])
{
	int i;

	for (i = 0; i < NET_FD_END - RFD_CONF; i++)
		fd_close(&keep[i]);
}

void
nh_run(struct nh *h)
{
	const int dir = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int keep[NET_FD_END - RFD_CONF], front[2], jail[2];

	RH(wire_pair(front));
	RH(wire_pair(jail));
	keep_host(h, keep);
	AT(NET_FD_FRONT) = front[1];
	AT(NET_FD_JAIL) = jail[1];
	AT(NET_FD_SYS4) = RH(open("/proc/sys/net/ipv4", dir));
	AT(NET_FD_SYS6) = RH(open("/proc/sys/net/ipv6", dir));
	if (h->was_off)
		AT(NET_FD_WASOFF) = RH(open("/dev/null", O_RDONLY));
	h->pid = rh_start(ROLE_NET, RH_NET, h->program, keep,
	    NET_FD_END - RFD_CONF, -1);
	drop(keep);
	h->front = front[0];
	h->jail = jail[0];
}

int
nh_exit(struct nh *h)
{
	int st;

	RH(waitpid(h->pid, &st, 0));
	h->pid = -1;
	fd_close(&h->front);
	fd_close(&h->jail);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

void
nh_kill(struct nh *h)
{
	RH(kill(h->pid, SIGKILL));
	(void)nh_exit(h);
}

int
nh_down(struct nh *h)
{
	char title[] = "privd: net", word[] = "down";
	char *argv[] = { title, word, NULL }, *env[] = { NULL };
	int keep[NET_FD_END - RFD_CONF + 1], st;
	pid_t pid;

	keep_host(h, keep);
	keep[NET_FD_END - RFD_CONF] = RH(open(h->program, O_PATH | O_CLOEXEC));
	pid = RH(fork());
	if (pid == 0) {
		role_become(ROLE_NET, RH_NET, RH_NET);
		RH(fd_arrange(keep, NET_FD_END - RFD_CONF + 1, RFD_CONF));
		RH(fcntl(NET_FD_END, F_SETFD, FD_CLOEXEC));
		RH(sysx_execveat(NET_FD_END, argv, env));
		_exit(127);
	}
	RH(waitpid(pid, &st, 0));
	fd_close(&keep[NET_FD_END - RFD_CONF]);
	drop(keep);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static int
call_fd(struct nh *h, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, void *rep, int fd)
{
	const struct privop_row *row = privop_row(type);
	struct wire_hdr w = { .type = type, .seq = ++h->seq, .slot = slot,
		.generation = gen };
	static struct wire_msg m;
	struct rep_hdr r;

	RH(wire_send(h->front, &w, req, row->w.req_len, &fd, fd >= 0));
	if (wire_recv_wait(h->front, &m, ANSWER_MS) != 1)
		rh_die("no answer to %s: %s", row->w.name, strerror(errno));
	RH(wire_check_reply(&m, &row->w));
	if (m.h.seq != h->seq || m.h.type != (type | WIRE_REPLY) ||
	    m.h.slot != slot || m.h.generation != gen)
		rh_die("not the answer to %s", row->w.name);
	memcpy(&r, m.body, sizeof(r));
	h->step = r.step;
	if (rep != NULL)
		memcpy(rep, m.body, row->w.rep_len);
	return r.code;
}

int
nh_call(struct nh *h, uint16_t type, uint32_t slot, uint64_t gen,
    const void *req, void *rep)
{
	return call_fd(h, type, slot, gen, req, rep, -1);
}

void
nh_commit(struct nh *h)
{
	struct req_net_commit rq = { 0 };
	int code = nh_call(h, PRIVOP_NET_COMMIT, 0, 0, &rq, NULL);

	if (code != 0)
		rh_die("NET_COMMIT: %s", strerror(code));
}

void
nh_setup_run(struct nh *h, const atf_tc_t *tc)
{
	nh_setup(h, tc);
	nh_run(h);
	nh_commit(h);
}

/* ---- one VM */

void
nh_vm(struct nh_vm *v, uint32_t slot, uint64_t gen)
{
	const int dir = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int back = RH(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));

	memset(v, 0, sizeof(*v));
	v->slot = slot;
	v->generation = gen;
	v->req.mode = NET_NAT;
	v->fds[NSFD_NS] = lab_ns();
	lab_enter(v->fds[NSFD_NS]);
	v->fds[NSFD_ROUTE] = RH(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE));
	v->fds[NSFD_NFT] = RH(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER));
	v->fds[NSFD_TUN] = RH(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
	v->fds[NSFD_SYS4] = RH(open("/proc/sys/net/ipv4", dir));
	v->fds[NSFD_SYS6] = RH(open("/proc/sys/net/ipv6", dir));
	lab_enter(back);
	(void)close(back);
}

void
nh_vm_close(struct nh_vm *v)
{
	int i;

	for (i = 0; i < NSFD_N; i++)
		fd_close(&v->fds[i]);
}

void
nh_port(struct nh_vm *v, uint32_t addr, uint16_t host, uint16_t guest,
    uint8_t proto)
{
	struct net_port *p = &v->req.ports[v->req.nports++];

	p->addr = addr;
	p->host = host;
	p->guest = guest;
	p->proto = proto;
}

void
nh_allow(struct nh_vm *v, uint8_t proto, uint32_t addr, uint8_t prefix,
    uint16_t port)
{
	struct net_allow *a = &v->req.allow[v->req.nallow++];

	a->proto = proto;
	a->addr = addr;
	a->prefix = prefix;
	a->port_lo = a->port_hi = port;
}

void
nh_fds(struct nh *h, const struct nh_vm *v)
{
	struct wire_hdr w = { .type = PRIVOP_NS_FDS, .seq = ++h->seq,
		.slot = v->slot, .generation = v->generation };
	struct req_ns_fds rq = { .owner = RH_TENANT };

	RH(wire_send(h->jail, &w, &rq, sizeof(rq), v->fds, NSFD_N));
}

int
nh_up(struct nh *h, const struct nh_vm *v)
{
	struct rep_net_up rp;
	int code = nh_call(h, PRIVOP_NET_UP, v->slot, v->generation, &v->req,
	    &rp);

	h->bad = rp.bad;
	return code;
}

int
nh_start(struct nh *h, struct nh_vm *v)
{
	int code;

	nh_fds(h, v);
	code = nh_up(h, v);
	if (code != 0)
		rh_die("NET_UP: %s", strerror(code));
	if (v->req.mode == NET_NONE)
		return -1;
	fd_close(&v->fds[NSFD_TUN]);
	return lab_tap(v->fds[NSFD_NS], slot_uid_vmm(&h->conf, v->slot),
	    slot_gid(&h->conf, v->slot));
}

void
nh_live(struct nh *h, const struct nh_vm *v, int ns)
{
	struct wire_hdr w = { .type = PRIVOP_NS_LIVE, .seq = ++h->seq,
		.slot = v->slot, .generation = v->generation };
	struct req_ns_live rq = { 0 };
	int fds[NSLIVE_N];

	if (ns < 0)
		return;
	fds[NSLIVE_NS] = ns;
	lab_enter(ns);
	fds[NSLIVE_NFT] = RH(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER));
	lab_enter(h->lab.host);
	RH(wire_send(h->jail, &w, &rq, sizeof(rq), fds, NSLIVE_N));
	fd_close(&fds[NSLIVE_NFT]);
}

int
nh_set(struct nh *h, const struct nh_vm *v, int ns, int client)
{
	struct req_net_set rq = { .up = v->req };
	struct rep_net_set rp;
	int code;

	nh_live(h, v, ns);
	code = call_fd(h, PRIVOP_NET_SET, v->slot, v->generation, &rq, &rp,
	    client);
	h->bad = rp.bad;
	return code;
}

int
nh_show(struct nh *h, const struct nh_vm *v, int ns, struct rep_net_show *rp)
{
	struct req_net_show rq = { 0 };

	nh_live(h, v, ns);
	return nh_call(h, PRIVOP_NET_SHOW, v->slot, v->generation, &rq, rp);
}

int
nh_net_down(struct nh *h, const struct nh_vm *v)
{
	struct req_net_down rq = { 0 };

	return nh_call(h, PRIVOP_NET_DOWN, v->slot, v->generation, &rq, NULL);
}

int
nh_restore(struct nh *h, const struct nh_vm *v)
{
	struct req_net_restore rq;

	memset(&rq, 0, sizeof(rq));
	rq.owner = RH_TENANT;
	rq.up = v->req;
	return nh_call(h, PRIVOP_NET_RESTORE, v->slot, v->generation, &rq,
	    NULL);
}

uint32_t
nh_vm_addr(const struct nh *h, const struct nh_vm *v)
{
	return slot_addr_vm(&h->conf, v->slot);
}
