/* SPDX-License-Identifier: ISC */
/*
 * What net knows of each VM, by slot, and everything a handler needs: passed
 * as a context, nothing is global.
 */
#ifndef PRIVD_NET_SLOT_H
#define PRIVD_NET_SLOT_H

#include <stdint.h>

#include "common/sysconf.h"
#include "policy/privops.h"
#include "privd/net/linger.h"
#include "privd/net/nl.h"
#include "privd/net/vmrules.h"

enum vmnet_state {
	VMNET_FREE = 0,
	VMNET_FDS,	/* jail's descriptors have come, not used yet */
	VMNET_UP,	/* elements in the host's table, ports held */
};

struct held_port {
	uint32_t addr;		/* UINT32_MAX never; 0: every address */
	uint16_t host, guest;
	uint8_t proto;
	int fd;			/* bound, never listening; -1: below 1024 */
};

struct vmnet {
	uint64_t generation;
	uint32_t owner;
	uint16_t state;		/* enum vmnet_state */
	uint16_t networked;	/* its elements are in the host's table */
	uint16_t granted;	/* and one in the set of that name */
	uint16_t nports, nallow;
	uint16_t is_live;	/* live[] is owned */
	int fds[NSFD_N];	/* owned while VMNET_FDS */
	int live[NSLIVE_N];	/* for one change or look, then closed */
	struct held_port *ports; /* nports of them, or NULL */
	struct net_allow *allow; /* nallow of them, or NULL */
};

struct net {
	const struct sysconf *c;
	struct nlsock route, nft, diag;	/* the host's */
	int sys4, sys6;			/* the host's sysctl directories */
	int front, jail;		/* wires */
	int addr_watch;			/* tells of changed host addresses */
	int nft_watch;			/* tells of changed host rules */
	uint32_t nft_port;		/* netlink's number of nft */
	int nft_stolen;			/* the host's tables want repair */
	int nft_look;			/* iptables' rules want a look */
	int64_t nft_next;		/* not before this */
	int committed;			/* the host's table is there */
	int was_routing;		/* forwarding was on before us */
	unsigned pending;		/* slots in VMNET_FDS or is_live */
	unsigned held;			/* open reservation sockets */
	struct lingering linger;		/* sockets of past changes */
	uint64_t host_ns[2];		/* dev, ino of the host's namespace */
	uint32_t deny[HOST_ADDRS_MAX];	/* the host's own addresses */
	unsigned ndeny;
	struct vmnet *vm;		/* c->slots of them */
	unsigned char *buf;		/* scratch for one batch */
	size_t buf_size;
};

/* The slot of a request: in range, or NULL (malformed). */
struct vmnet *vmnet_of(struct net *n, const struct wire_hdr *h);
/* Drop descriptors and ports; the slot is free afterwards. Idempotent. */
void vmnet_clear(struct net *n, struct vmnet *v);
void vmnet_drop_fds(struct net *n, struct vmnet *v);
/* Of a change that is over. A netlink socket keeps its namespace: it is kept
 * for a moment only, and never one on which something failed. Idempotent. */
void vmnet_drop_live(struct net *n, struct vmnet *v, int failed);
/* Keep a copy of the list in force. 0, or -1 with the old one kept. */
int vmnet_keep_allow(struct vmnet *v, const struct req_net_up *rq);

#endif
