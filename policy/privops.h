/* SPDX-License-Identifier: ISC */
/*
 * The wire structs of policy/privops.def and what is generated from it.
 * Every struct is fixed, without implicit padding; `zero` members must be 0.
 * Addresses and ports are in host byte order. No struct can carry a path, an
 * interface name, a uid, a pid or a rule: privd computes those from the slot.
 */
#ifndef POLICY_PRIVOPS_H
#define POLICY_PRIVOPS_H

#include <stdint.h>

#include "common/wire.h"

/* States of a VM's slot in front. One bit each, so that a row can name a set. */
enum slot_state {
	ST_SAME = 0,		/* only as "next state" */
	ST_FREE = 1 << 0,
	ST_RESERVED = 1 << 1,	/* owner, slot, generation, ceilings taken */
	ST_NS = 1 << 2,		/* network namespace made, its fds at net */
	ST_NET = 1 << 3,	/* links, rules, ports */
	ST_LIMITED = 1 << 4,	/* cgroups */
	ST_RUNNING = 1 << 5,	/* vmsup and VMM have executed */
	ST_DYING = 1 << 6,	/* a stop was accepted, or a start is undone */
	ST_REAPED = 1 << 7,	/* no process, cgroup or mount is left */
	ST_CLOSED = 1 << 8,	/* no host rule, port, flow is left */
};
#define ST_HALF (ST_RESERVED | ST_NS | ST_NET | ST_LIMITED)
#define ST_ANY 0xffffu

enum priv_server { SRV_FRONT = 1, SRV_NET, SRV_JAIL };
enum priv_asker { ASK_CTLD = 1, ASK_FRONT, ASK_JAIL };

/* ---- reserve: the client's own accepted socket comes along; front and jail
 * read its SO_PEERCRED themselves: the owner is what the kernel says. */
struct req_reserve {
	uint32_t cpus;
	uint32_t memory_mib;
	uint32_t nports;
	uint32_t owner;	    /* only root and admins may name another uid;
			       UINT32_MAX: the peer itself */
	uint32_t nallow;
	uint32_t zero;
};
struct rep_reserve {
	struct rep_hdr r;
	uint32_t slot;
	uint32_t owner;
	uint64_t generation;
	uint32_t vm_addr;   /* its /31 address on this host */
	uint32_t host_addr;
	uint32_t need_mib;  /* with STEP_HOST_MEM: with all that is kept, */
	uint32_t available_mib; /* and what the kernel says there is */
};

/* ---- attest: front hands the same socket on, so that jail knows the owner
 * by itself. `owner` is judged as in reserve. */
struct req_attest {
	uint32_t owner;
	uint32_t zero;
};
struct rep_attest { struct rep_hdr r; };

enum net_mode { NET_NAT = 1, NET_BRIDGE, NET_NONE };

struct req_ns_make { uint32_t mode; uint32_t zero; };
struct rep_ns_make { struct rep_hdr r; };

/* ---- ns_fds, jail to net only, no reply. fds in order: network namespace,
 * NETLINK_ROUTE socket, NETLINK_NETFILTER socket, tun, O_PATH of
 * /proc/sys/net/ipv4, O_PATH of /proc/sys/net/ipv6, all opened inside. */
enum { NSFD_NS, NSFD_ROUTE, NSFD_NFT, NSFD_TUN, NSFD_SYS4, NSFD_SYS6, NSFD_N };
struct req_ns_fds { uint32_t owner; uint32_t zero; };
struct rep_ns_fds { struct rep_hdr r; };

#define NET_PORTS_MAX 32
#define NET_ALLOW_MAX 1000
#define NET_ADDR_ANY UINT32_MAX /* what a person writes as 0.0.0.0 */
struct net_port {
	uint32_t addr;	   /* address to bind on the host; 0: the owner's
			      first granted one; NET_ADDR_ANY: every one */
	uint16_t host;	   /* 1-65535 */
	uint16_t guest;
	uint8_t proto;	   /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t zero[3];
};
struct net_allow {
	uint32_t addr;	   /* network; host bits must be 0 */
	uint16_t port_lo, port_hi; /* 0,0: every port */
	uint8_t proto;	   /* 6, 17, 1, or 0 for any */
	uint8_t prefix;	   /* 0-32 */
	uint8_t zero[2];
};
struct req_net_up {
	uint32_t mode;	   /* enum net_mode, as in ns_make */
	uint16_t nports, nallow;
	struct net_port ports[NET_PORTS_MAX];
	struct net_allow allow[NET_ALLOW_MAX];
};
struct rep_net_up {
	struct rep_hdr r;
	uint32_t vm_addr, host_addr;
	uint8_t bad;	   /* with code != 0: 1 + index of the port, or 128 +
			      index of the allow entry (capped) at fault */
	uint8_t zero[7];
};

struct req_limits {
	uint32_t cpu_permille;	/* 1000: one whole CPU */
	uint32_t cpu_weight;	/* 1-10000, 100 is usual */
	uint32_t memory_mib;	/* memory.max of the VMM's leaf */
	uint32_t pids;		/* pids.max of the VMM's leaf */
};
struct rep_limits { struct rep_hdr r; };

/* ---- image: one file for the VM, already open. fds: [0] read-only, [1] for
 * a writable drive the same file read-write. */
enum image_kind { IMG_KERNEL = 1, IMG_INITRD, IMG_DRIVE };
#define IMAGE_DRIVES_MAX 12
struct req_image {
	uint32_t kind;
	uint32_t index;	   /* of the drive: 0 .. IMAGE_DRIVES_MAX - 1 */
};
struct rep_image { struct rep_hdr r; };

/* ---- spawn. fds in: vmsup's listening socket, sealed memfd with the VMM's
 * arguments (NUL-terminated strings, read by the VMM child alone after it
 * gave up everything), console ring, hypervisor log ring, and with channels
 * the listening socket for who connects to them. fd out: pidfd of vmsup. */
enum { SPAWN_LISTEN, SPAWN_ARGV, SPAWN_CONSOLE, SPAWN_LOG, SPAWN_CHANNEL };
enum vmm_kind { VMM_QEMU = 1, VMM_FIRECRACKER };
#define SPAWN_KVM 1u	   /* /dev/kvm in the tree */
#define SPAWN_TAP_FD 2u	   /* TAP attached and handed over as an open fd */
#define SPAWN_TUN 4u	   /* /dev/net/tun in the tree */
#define SPAWN_ARGV_MAX 16384u /* bytes of the argument memfd */
struct req_spawn {
	uint32_t vmm;
	uint32_t flags;
	uint32_t channels; /* socketpairs between vmsup and VMM */
	uint32_t zero;
};
struct rep_spawn { struct rep_hdr r; };

/* ---- stop: an owner's decision; the client's socket comes along. From here
 * on ctld may kill, reap and release without it. */
struct req_stop { uint64_t zero; };
struct rep_stop { struct rep_hdr r; };

enum kill_how { KILL_TERM_VMM = 1, KILL_VMM, KILL_ALL };
struct req_kill { uint32_t how; uint32_t zero; };
struct rep_kill { struct rep_hdr r; };

/* EBUSY while a process of the VM still lives. Idempotent. oom: how often the
 * kernel killed in the VMM's cgroup for want of memory, 0 when not known. */
struct req_reap { uint64_t zero; };
struct rep_reap {
	struct rep_hdr r;
	uint32_t oom;
	uint32_t zero;
};

struct req_net_down { uint64_t zero; };
struct rep_net_down { struct rep_hdr r; };

struct req_release { uint64_t zero; };
struct rep_release { struct rep_hdr r; };

/* ---- slot_next: the first slot in use after `after` (UINT32_MAX to begin);
 * ENOENT at the end. For ctld's and front's comparison after a start. */
struct req_slot_next { uint32_t after; uint32_t zero; };
struct rep_slot_next {
	struct rep_hdr r;
	uint32_t slot;
	uint32_t owner;
	uint64_t generation;
	uint32_t state;
	uint32_t vm_addr;
};

struct req_adopt { uint64_t zero; };
struct rep_adopt { struct rep_hdr r; };

/* ---- stats: what the VMM's cgroup has used since the VM's start. 0: not
 * counted on this host. memory_max is huge where nothing limits. */
struct req_stats { uint64_t zero; };
struct rep_stats {
	struct rep_hdr r;
	uint64_t cpu_usec;
	uint64_t throttled, throttled_usec; /* how often, how long */
	uint64_t memory, memory_max;	/* bytes */
	uint64_t pids;
	uint64_t oom;			/* kills for want of memory */
};

struct req_list_next { uint32_t after; uint32_t zero; };
struct rep_list_next {
	struct rep_hdr r;
	uint32_t slot;
	uint32_t owner;
	uint64_t generation;
	uint32_t alive;	   /* 1: its vmsup lives */
	uint32_t zero;
};

/* ---- net_restore: after a start, front replays what it had recorded of each
 * living VM; net_commit then installs the host's table in one batch with all
 * of them. Before it, net_up is refused (EAGAIN). */
struct req_net_restore {
	uint32_t owner;
	uint32_t zero;
	struct req_net_up up;
};
struct rep_net_restore { struct rep_hdr r; };
struct req_net_commit { uint64_t zero; };
struct rep_net_commit { struct rep_hdr r; };

/* ---- ns_reopen: jail opens the namespace of a running VM anew and hands to
 * net (ns_live, no reply) what it needs there: the namespace and a
 * NETLINK_NETFILTER socket. Sent right before net_set or net_show. */
struct req_ns_reopen { uint64_t zero; };
struct rep_ns_reopen { struct rep_hdr r; };
enum { NSLIVE_NS, NSLIVE_NFT, NSLIVE_N };
struct req_ns_live { uint64_t zero; };
struct rep_ns_live { struct rep_hdr r; };

/* ---- net_set: a running VM's list and ports, both as they are to be from
 * now on, instead of those it has. The client's socket comes along; front
 * and net read its SO_PEERCRED. On failure everything is as it was. */
struct req_net_set { struct req_net_up up; };
struct rep_net_set {
	struct rep_hdr r;
	uint8_t bad;	   /* as in rep_net_up */
	uint8_t zero[7];
};

/* ---- net_show: what is in force in the kernel, with its counters. */
#define NET_RULES_MAX 56
struct net_allow_count {
	struct net_allow allow;
	uint32_t zero;
	uint64_t packets, bytes;
};
struct net_port_count {	   /* packets of its guest port, both directions */
	struct net_port port;
	uint32_t zero;
	uint64_t packets, bytes;
};
struct net_rule_count {	   /* a standing rule, or several of one name */
	char name[32];
	uint64_t packets, bytes;
};
struct req_net_show { uint64_t zero; };
struct rep_net_show {
	struct rep_hdr r;
	uint16_t nallow, nports, nrules, zero;
	struct net_allow_count allow[NET_ALLOW_MAX];
	struct net_port_count ports[NET_PORTS_MAX];
	struct net_rule_count rules[NET_RULES_MAX];
};

enum privop {
	PRIVOP_NONE = 0,
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) PRIVOP_##NAME,
#include "policy/privops.def"
#undef PRIVOP
	PRIVOP_END
};

#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx)             \
	_Static_assert(sizeof(struct req_##name) <= WIRE_BODY_MAX &&     \
	    sizeof(struct req_##name) % 8 == 0, "req_" #name);           \
	_Static_assert(sizeof(struct rep_##name) <= WIRE_BODY_MAX &&     \
	    sizeof(struct rep_##name) % 8 == 0, "rep_" #name);
#include "policy/privops.def"
#undef PRIVOP

struct privop_row {
	struct wire_row w;	/* for PRIVOP_NS_FDS rep_len is 0 */
	uint8_t server, asker;
	uint16_t states, next;
};

/* The row of a request type, or NULL. policy/privops.c */
const struct privop_row *privop_row(uint16_t type);
const char *privop_name(uint16_t type);	   /* "?" for an unknown one */
const char *slot_state_name(uint32_t state);

#endif
