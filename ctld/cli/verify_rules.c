/* SPDX-License-Identifier: ISC */
/*
 * Part of postern doctor --verify (root). The rules of each VM are written
 * anew, by the code that net writes them with, from what front's ledger says
 * was asked for, and compared with what the kernel lists in that VM's
 * namespace: chain by chain, rule by rule, expression by expression.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/fdutil.h"
#include "ctld/cli/verify.h"
#include "privd/net/hostaddr.h"
#include "privd/net/hostrules.h"
#include "privd/net/readback.h"

#define BATCH_SIZE (1u << 20)
#define RETRIES 5

/* As hostelems.c lays keys out: every field in whole 32 bits. */
struct vm_key {
	char ifname[16];
	uint32_t addr;
};
struct pub_key {
	uint8_t proto, pad[3];
	uint16_t port, pad2;
};

struct dump {
	struct world *w;
	const char *set;
};

static struct v_slot *
slot_at(struct world *w, uint32_t addr)
{
	uint32_t k = addr - w->conf.pool_addr;

	return k / 2 < w->conf.slots && (k & 1) == 1 ? &w->slot[k / 2] :
						       NULL;
}

/* The bytes of an element's key or data, NULL when there are none. */
static const unsigned char *
bytes(const struct nlattr *e, uint16_t type, size_t *n)
{
	const struct nlattr *a;

	*n = 0;
	a = nlm_inside(e, n);
	a = nlm_find(a, *n, type);
	if (a == NULL)
		return NULL;
	a = nlm_inside(a, n);
	a = nlm_find(a, *n, NFTA_DATA_VALUE);
	if (a == NULL)
		return NULL;
	*n = nlm_len(a);
	return nlm_data(a);
}

static void
port(struct world *w, uint32_t slot, const unsigned char *key, size_t n)
{
	struct pub_key k;
	struct v_port *p;
	uint32_t bound = 0;

	w->slot[slot].ports++;
	if (w->nports == w->ports_size) {
		p = reallocarray(w->ports, w->ports_size * 2 + 64,
		    sizeof(*p));
		if (p == NULL)
			return;
		w->ports = p;
		w->ports_size = w->ports_size * 2 + 64;
	}
	if (n >= sizeof(bound) + sizeof(k)) {
		memcpy(&bound, key, sizeof(bound));
		key += sizeof(bound);
	}
	memcpy(&k, key, sizeof(k));
	w->ports[w->nports++] = (struct v_port){ slot, ntohl(bound),
		ntohs(k.port), k.proto };
}

static void
element(struct dump *d, const struct nlattr *e)
{
	int of_vm = strcmp(d->set, "vm") == 0;
	const unsigned char *key, *data;
	size_t n, dn;
	struct v_slot *s;
	uint32_t addr;

	key = bytes(e, NFTA_SET_ELEM_KEY, &n);
	data = bytes(e, NFTA_SET_ELEM_DATA, &dn);
	if (key == NULL ||
	    n < (of_vm ? sizeof(struct vm_key) : sizeof(struct pub_key)) ||
	    (!of_vm && (data == NULL || dn < sizeof(addr))))
		return;
	memcpy(&addr, of_vm ? key + offsetof(struct vm_key, addr) : data,
	    sizeof(addr));
	addr = ntohl(addr);
	s = slot_at(d->w, addr);
	if (s == NULL || s->recorded != 1 ||
	    (s->led.state & (ST_FREE | ST_RESERVED | ST_CLOSED)) != 0) {
		v_problem(d->w, "I1", "start the daemon anew: it writes its "
		    "table anew", "an element of %s for %u.%u.%u.%u is no "
		    "VM's", d->set, addr >> 24, addr >> 16 & 255,
		    addr >> 8 & 255, addr & 255);
		return;
	}
	if (of_vm)
		s->elements++;
	else
		port(d->w, (uint32_t)(s - d->w->slot), key, n);
}

static int
elements(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a, *list;
	size_t n;

	a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
	list = nlm_find(a, n, NFTA_SET_ELEM_LIST_ELEMENTS);
	if (list == NULL)
		return 0;
	for (a = nlm_inside(list, &n); nlm_attr_ok(a, n);
	    a = nlm_attr_next(a, &n))
		element(arg, a);
	return 0;
}

int
v_elements(struct world *w)
{
	static const char *const sets[] = { "vm", "pub", "pubaddr" };
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nfgenmsg g = { .nfgen_family = NFPROTO_IPV4,
		.version = NFNETLINK_V0 };
	int fd CLEANUP_FD = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER);
	struct dump d = { .w = w };
	struct nlsock s;
	struct nlbatch b;
	unsigned i;

	if (fd < 0 || nlsock_init(&s, fd) < 0)
		return -1;
	for (i = 0; i < 3; i++) {
		d.set = sets[i];
		nl_begin(&b, &s, buf, sizeof(buf));
		nl_msg(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM,
		    NLM_F_DUMP, &g, sizeof(g));
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_TABLE, w->conf.instance);
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_SET, sets[i]);
		nl_end(&b);
		if (nl_dump(&b, elements, &d) == 0)
			continue;
		v_problem(w, "I3", "start the daemon anew: it writes its "
		    "table anew; VMs have no way in or out till then",
		    "set %s of the host's table %s cannot be listed: %s",
		    sets[i], w->conf.instance, strerror(errno));
		return -1;
	}
	return 0;
}

/* A netlink socket of the VM's namespace; -1. We come back at once. */
static int
socket_inside(pid_t sup)
{
	char path[64];
	int home CLEANUP_FD = open("/proc/self/ns/net",
	    O_RDONLY | O_CLOEXEC);
	int there CLEANUP_FD = -1, fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", sup);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (setns(home, CLONE_NEWNET) < 0)
		_exit(1); /* nothing true can be said from here on */
	return fd;
}

/* Where a port is bound that was asked for at the owner's first address. */
static uint32_t
bound(const struct world *w, uint32_t slot, const struct net_port *p)
{
	unsigned i;

	for (i = 0; i < w->nports; i++)
		if (w->ports[i].slot == slot && w->ports[i].host == p->host &&
		    w->ports[i].proto == p->proto)
			return w->ports[i].bound;
	return 0;
}

/* What was asked for, with the addresses that net chose. */
static int
asked(struct world *w, const struct ledger *l, uint32_t slot,
    struct req_net_up *rq)
{
	const struct v_slot *s = &w->slot[slot];
	unsigned i;

	if (ledger_read_net(l, slot, s->led.generation, rq) < 0) {
		v_problem(w, "I8", "stop that VM and start it again",
		    "the ledger's record of slot %u's network is damaged",
		    slot);
		return -1;
	}
	if ((w->conf.compose & COMPOSE_NETWORK) == 0)
		rq->mode = NET_NONE;
	for (i = 0; i < rq->nports && i < NET_PORTS_MAX; i++) {
		if (rq->ports[i].addr == 0)
			rq->ports[i].addr = bound(w, slot, &rq->ports[i]);
		else if (rq->ports[i].addr == NET_ADDR_ANY)
			rq->ports[i].addr = 0;
	}
	return rq->nports <= NET_PORTS_MAX && rq->nallow <= NET_ALLOW_MAX ?
	    0 : -1;
}

static void
rules_of(struct world *w, const struct net *n, const struct ledger *l,
    uint32_t slot)
{
	const struct v_slot *v = &w->slot[slot];
	struct req_net_up rq;
	struct vmrules in = { .c = &w->conf, .slot = slot,
		.vm = slot_addr_vm(&w->conf, slot),
		.host = slot_addr_host(&w->conf, slot), .rq = &rq,
		.o = sysconf_owner(&w->conf, v->led.owner),
		.deny = n->deny, .ndeny = n->ndeny };
	int fd CLEANUP_FD = -1;
	struct nlsock s;
	struct nft t;
	struct err e;

	if (asked(w, l, slot, &rq) < 0)
		return;
	fd = socket_inside(v->sup);
	if (fd < 0 || nlsock_init(&s, fd) < 0) {
		v_problem(w, "I3", "postern check that VM", "slot %u: its "
		    "network namespace cannot be entered: %s", slot,
		    strerror(errno));
		return;
	}
	nft_begin(&t, &s, n->buf, n->buf_size);
	vmrules(&t, &in);
	if (readback(&s, &t, 1, &e) < 0)
		v_problem(w, "I3", "restart that VM (postern restart): its "
		    "rules are put in anew, for the addresses that this host "
		    "has now", "%s in slot %u: %s", v->id, slot, e.msg);
	if (rq.mode != NET_NONE && (v->elements != 1 ||
	    v->ports != rq.nports))
		v_problem(w, "I1", "start the daemon anew: it writes its "
		    "table anew", "slot %u: %u elements and %u ports in the "
		    "host's table, not 1 and %u", slot, v->elements, v->ports,
		    rq.nports);
	if ((rq.mode != NET_NONE) != v->link)
		v_problem(w, "I1", "restart that VM", "slot %u: its link is "
		    "%s", slot, v->link ? "there, but it has no network" :
		    "gone");
}

void
v_rules(struct world *w)
{
	struct net n = { .c = &w->conf, .buf_size = BATCH_SIZE };
	struct ledger l = { .slots = w->conf.slots };
	int route CLEANUP_FD = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE);
	int fd CLEANUP_FD = -1;
	char path[160];
	struct err e;
	uint32_t i;

	(void)snprintf(path, sizeof(path), "%s/front/ledger",
	    w->conf.run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n.buf = malloc(n.buf_size);
	if (fd < 0 || n.buf == NULL || route < 0 ||
	    nlsock_init(&n.route, route) < 0 || hostaddr_init(&n, &e) < 0) {
		v_problem(w, "I3", "run it where the daemon runs",
		    "the VMs' rules cannot be looked at");
		free(n.buf);
		return;
	}
	l.fd = fd;
	for (i = 0; i < w->conf.slots; i++)
		if (w->slot[i].recorded == 1 && w->slot[i].sup != 0 &&
		    w->slot[i].led.state == ST_RUNNING)
			rules_of(w, &n, &l, i);
	fd_close(&n.addr_watch);
	free(n.buf);
}
