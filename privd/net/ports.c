/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Distrusts ctld's numbers: range and addresses are judged
 * by the sealed configuration for the owner that jail attested. Invariant: a
 * port in the host's map was free on the host and among the VMs when it came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hostport.h"
#include "privd/net/hostrules.h"
#include "privd/net/ports.h"

#define PORT_UNPRIVILEGED 1024
#define FIRST_RESERVED 0xe0000000u /* multicast and beyond */
#define HELD_MAX 8192u	/* reservation sockets, of RLIMIT_NOFILE 16384 */

const char *
ip_text(uint32_t addr, char text[INET_ADDRSTRLEN])
{
	uint32_t raw = htonl(addr);

	return inet_ntop(AF_INET, &raw, text, INET_ADDRSTRLEN);
}

int
in_net(uint32_t addr, uint32_t net, unsigned prefix)
{
	return prefix == 0 || (addr ^ net) >> (32 - prefix) == 0;
}

static int
granted(const struct owner_conf *o, uint32_t addr)
{
	unsigned i;

	for (i = 0; i < o->nbinds && i < CONF_BINDS_MAX; i++)
		if (o->binds[i] == addr || o->binds[i] == INADDR_ANY)
			return 1;
	return 0;
}

/* Which address 0 and NET_ADDR_ANY mean for this owner. */
static uint32_t
resolve(const struct owner_conf *o, uint32_t addr)
{
	if (addr == 0)
		return o->nbinds > 0 ? o->binds[0] : INADDR_LOOPBACK;
	return addr == NET_ADDR_ANY ? INADDR_ANY : addr;
}

static int
one_port(const struct sysconf *c, const struct owner_conf *o,
    struct net_port *p, struct err *e)
{
	char text[INET_ADDRSTRLEN];

	if ((p->zero[0] | p->zero[1] | p->zero[2]) != 0)
		return err_field(e, "ports", EBADMSG, "padding is not zero");
	if ((p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP) ||
	    p->host == 0 || p->guest == 0)
		return err_field(e, "ports", EINVAL,
		    "a port is 1 to 65535, tcp or udp");
	if (p->host < o->port_lo || p->host > o->port_hi)
		return err_field(e, "ports", EACCES,
		    "host port %u is not among yours, %u to %u", p->host,
		    o->port_lo, o->port_hi);
	if (!granted(o, p->addr))
		return err_field(e, "ports", EACCES,
		    "binding %s is not granted to you", ip_text(p->addr, text));
	if (p->addr != INADDR_ANY &&
	    (p->addr >> 24 == 0 || p->addr >= FIRST_RESERVED ||
		in_net(p->addr, c->pool_addr, c->pool_prefix)))
		return err_field(e, "ports", EINVAL,
		    "%s is no address to bind", ip_text(p->addr, text));
	return 0;
}

static int
clash(uint32_t a, uint32_t b)
{
	return a == b || a == INADDR_ANY || b == INADDR_ANY;
}

const struct held_port *
ports_find(const struct vmnet *v, const struct net_port *p)
{
	unsigned i;

	for (i = 0; i < v->nports; i++)
		if (v->ports[i].proto == p->proto &&
		    v->ports[i].host == p->host && v->ports[i].addr == p->addr)
			return &v->ports[i];
	return NULL;
}

int
ports_check(const struct sysconf *c, uint32_t owner, struct req_net_up *rq,
    uint8_t *bad, struct err *e)
{
	static const struct vmnet none;

	return ports_check_change(c, owner, &none, rq, bad, e);
}

int
ports_check_change(const struct sysconf *c, uint32_t owner,
    const struct vmnet *v, struct req_net_up *rq, uint8_t *bad, struct err *e)
{
	const struct owner_conf *o = sysconf_owner(c, owner);
	struct net_port *p = rq->ports;
	unsigned i, j;

	if (rq->nports > NET_PORTS_MAX)
		return err_field(e, "ports", EBADMSG, "too many ports");
	/* first, for op_net_restore.c goes on where only policy forbids */
	for (i = 0; i < rq->nports; i++)
		p[i].addr = resolve(o, p[i].addr);
	if (rq->nports > o->ports)
		return err_field(e, "ports", EACCES,
		    "%u ports are more than your %u", rq->nports, o->ports);
	for (i = 0; i < rq->nports; i++) {
		*bad = (uint8_t)(1 + i);
		if (one_port(c, o, &p[i], e) < 0 &&
		    (e->code != EACCES || ports_find(v, &p[i]) == NULL))
			return -1;
		for (j = 0; j < i; j++)
			if (p[j].proto == p[i].proto &&
			    p[j].host == p[i].host &&
			    clash(p[j].addr, p[i].addr))
				return err_field(e, "ports", EINVAL,
				    "host port %u is named twice", p[i].host);
	}
	*bad = 0;
	return 0;
}

int
ports_local(const struct req_net_up *rq)
{
	unsigned i;

	for (i = 0; i < rq->nports; i++)
		if (rq->ports[i].addr == INADDR_ANY ||
		    rq->ports[i].addr >> 24 == IN_LOOPBACKNET)
			return 1;
	return 0;
}

/* ---- reservation */

static int
bound(int proto, uint32_t addr, uint16_t port)
{
	int type = proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };
	int fd CLEANUP_FD = socket(AF_INET, type | SOCK_CLOEXEC, proto);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) < 0)
		return -1;
	return fd_steal(&fd);
}

/* Below 1024 only the operator's grants come; there the VMs are compared. */
static int
taken_by_vm(const struct net *n, const struct held_port *p)
{
	const struct vmnet *v;
	unsigned i, j;

	for (i = 0; i < n->c->slots; i++) {
		v = &n->vm[i];
		for (j = 0; j < v->nports; j++)
			if (v->ports[j].host == p->host &&
			    v->ports[j].proto == p->proto &&
			    clash(v->ports[j].addr, p->addr))
				return 1;
	}
	return 0;
}

static int
look_below_1024(struct net *n, const struct held_port *p)
{
	int probe CLEANUP_FD = -1, taken = taken_by_vm(n, p);

	if (!taken)
		taken = hostport_taken(&n->diag, p->proto, p->addr, p->host);
	if (taken < 0 && errno == ENOENT) {
		log_warn("port %u: this kernel has no inet_diag to tell "
			 "whether it is in use", p->host);
		taken = 0;
	}
	if (taken > 0)
		errno = EADDRINUSE;
	if (taken != 0)
		return -1;
	/* is it an address of this host at all? */
	probe = bound(IPPROTO_UDP, p->addr, 0);
	return probe < 0 ? -1 : 0;
}

int
port_hold(struct net *n, struct held_port *p)
{
	if (p->host < PORT_UNPRIVILEGED)
		return look_below_1024(n, p);
	if (n->held >= HELD_MAX) {
		errno = EMFILE;
		return -1;
	}
	p->fd = bound(p->proto, p->addr, p->host);
	if (p->fd < 0)
		return -1;
	n->held++;
	return 0;
}

int
port_refused(const struct held_port *p, struct err *e)
{
	char text[INET_ADDRSTRLEN];

	return err_step(e, STEP_PORT, errno, "host port %s:%u/%s",
	    ip_text(p->addr, text), p->host,
	    p->proto == IPPROTO_TCP ? "tcp" : "udp");
}

static int
ports_alloc(struct vmnet *v, const struct req_net_up *rq, struct err *e)
{
	if (rq->nports == 0)
		return 0;
	v->ports = calloc(rq->nports, sizeof(v->ports[0]));
	if (v->ports == NULL)
		return err_step(e, STEP_PORT, ENOMEM, "no memory");
	return 0;
}

struct held_port
port_of(const struct net_port *from)
{
	return (struct held_port){ .addr = from->addr, .host = from->host,
		.guest = from->guest, .proto = from->proto, .fd = -1 };
}

static struct held_port *
ports_next(struct vmnet *v, const struct net_port *from)
{
	struct held_port *p = &v->ports[v->nports];

	*p = port_of(from);
	return p;
}

int
ports_hold(struct net *n, struct vmnet *v, const struct req_net_up *rq,
    uint8_t *bad, struct err *e)
{
	struct held_port *p;
	unsigned i;

	if (ports_alloc(v, rq, e) < 0)
		return -1;
	for (i = 0; i < rq->nports; i++) {
		p = ports_next(v, &rq->ports[i]);
		if (port_hold(n, p) < 0) {
			*bad = (uint8_t)(1 + i);
			return port_refused(p, e);
		}
		v->nports++;
	}
	return 0;
}

/* A port that the record names and that was not in force, is asked for anew:
 * net may have refused it, or the record is not what was asked. */
static int
again(struct net *n, const struct vmnet *v, uint32_t slot,
    struct net_port *from, struct held_port *p)
{
	int was = hostelem_there(n, slot, p);
	struct err e;

	if (!was && one_port(n->c, sysconf_owner(n->c, v->owner), from,
		&e) < 0) {
		log_warn("host port %u: stays closed: %s", p->host, e.msg);
		return 0;
	}
	if (port_hold(n, p) == 0)
		return 1;
	log_warn("host port %u: %s: %s", p->host,
	    was ? "not reserved any more" : "stays closed", strerror(errno));
	return was;
}

int
ports_hold_again(struct net *n, struct vmnet *v, uint32_t slot,
    struct req_net_up *rq, struct err *e)
{
	struct held_port *p;
	unsigned i;

	if (ports_alloc(v, rq, e) < 0)
		return -1;
	for (i = 0; i < rq->nports; i++) {
		p = ports_next(v, &rq->ports[i]);
		if (taken_by_vm(n, p)) {
			log_warn("host port %u: another VM has it", p->host);
			continue;
		}
		if (again(n, v, slot, &rq->ports[i], p))
			v->nports++;
	}
	return 0;
}
