/* SPDX-License-Identifier: ISC */
/*
 * The wire structs between a client's own process and ctld. JSON ends in
 * ctld/client: ctld sees these only. Strings are NUL-terminated inside their
 * array with zeros after (wire_str_ok).
 */
#ifndef POLICY_CLIENTOPS_H
#define POLICY_CLIENTOPS_H

#include <stdint.h>

#include "common/vmfd.h"
#include "common/wire.h"
#include "policy/privops.h"

#define VM_NAME_MAX 63
#define OWNER_SELF UINT32_MAX

/* How a request ended: the typed errors of io.postern.Vm. */
enum cl_error {
	CLE_NONE = 0,
	CLE_NOT_FOUND,
	CLE_EXISTS,
	CLE_INVALID,	/* field, reason */
	CLE_DENIED,
	CLE_QUOTA,	/* field: resource; limit */
	CLE_STATE,	/* reason: the state it is in */
	CLE_UNSUPPORTED,/* field: backend; reason: operation */
	CLE_HOST,	/* step, code (errno) */
	CLE_TIMEOUT,
};
struct rep_cl {
	uint16_t error;	   /* enum cl_error */
	uint16_t step;	   /* enum step */
	int32_t code;	   /* errno */
	uint64_t limit;
	char field[32];
	char reason[208];
};

/* Which VM: by name of an owner, or by id (owner ignored). */
struct cl_ref {
	uint32_t owner;	   /* OWNER_SELF: the peer's own */
	uint32_t zero;
	char name[64];	   /* VM's name, or its id */
};

enum vm_status {	/* as in JSON; FAILED carries reason */
	VM_STOPPED = 1, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPING,
	VM_FAILED,
};

enum backend_kind { BACKEND_AUTO = 0, BACKEND_QEMU, BACKEND_FIRECRACKER,
	BACKEND_RUNNER };

enum ready_kind { READY_NONE = 0, READY_CONSOLE, READY_AGENT };
#define CHANNEL_AGENT 1u	/* the port whose opening means READY_AGENT */

/* ---- conn: sent by the listener with [wire end, client's accepted socket] */
struct clreq_conn { uint32_t uid; uint32_t zero; };
struct clrep_conn { struct rep_cl r; };

/* ---- start. fds in the order kernel, initrd (if any), rootfs (ro, then rw if
 * writable; absent if none), volumes likewise. */
#define CL_VOLUMES_MAX 8
#define CL_HAS_INITRD 1u
#define CL_HAS_ROOTFS 2u
#define CL_ROOTFS_RO 4u
#define CL_RM 8u		/* remove when it ends */
struct cl_volume {
	char guest[64];		/* mount point, told to the guest */
	char host[128];		/* as the user wrote it; for `status` only */
	uint32_t readonly;
	uint32_t zero;
};
struct clreq_start {
	uint32_t owner;		/* OWNER_SELF, or for admins another uid */
	uint32_t flags;		/* CL_ */
	char name[64];
	uint32_t cpus, memory_mib;
	uint32_t backend;	/* enum backend_kind */
	uint32_t net;		/* enum net_mode */
	uint32_t grace_ms;	/* UINT32_MAX: the default */
	uint32_t ready;		/* enum ready_kind */
	uint32_t ready_timeout_ms;
	uint32_t nvolumes;
	char ready_text[64];
	char boot_args[1024];	/* replaces the backend's default if not "" */
	char profile[64], revision[128], flake_ref[256];
	char kernel_path[256], rootfs_path[256], initrd_path[256]; /* as the
				   user wrote them, for `status` only */
	struct cl_volume volumes[CL_VOLUMES_MAX];
	uint32_t nchannels;
	uint32_t zero;
	uint16_t channels[CHANNELS_MAX]; /* guest channel ports, 1-65535 */
	struct req_net_up net_up; /* mode = net */
};

/* All that is known of a VM: status, info, network, list. */
struct cl_vm {
	char id[32];		/* unique for ever: "vm-" and 16 hex digits */
	char name[64];
	uint32_t owner;
	uint32_t status;	/* enum vm_status */
	uint32_t cpus, memory_mib;
	uint32_t backend, net;
	uint32_t slot;		/* UINT32_MAX: holds none */
	uint32_t vm_addr, host_addr; /* 0: none */
	uint32_t nports;
	uint32_t nallow;
	int32_t exit_code;	/* of the VMM, -1: unknown */
	int64_t created_ms, started_ms, ended_ms; /* wall clock, 0: never */
	char profile[64], revision[128], flake_ref[256];
	char reason[128];	/* with VM_FAILED and VM_STOPPED */
	struct net_port ports[NET_PORTS_MAX];
};
struct clrep_start { struct rep_cl r; struct cl_vm vm; };

struct clreq_stop {
	struct cl_ref ref;
	uint32_t grace_ms;	/* UINT32_MAX: the VM's own */
	uint32_t zero;
};
struct clrep_stop { struct rep_cl r; };
struct clreq_kill { struct cl_ref ref; };
struct clrep_kill { struct rep_cl r; };
struct clreq_remove { struct cl_ref ref; uint32_t force; uint32_t zero; };
struct clrep_remove { struct rep_cl r; };
struct clreq_get { struct cl_ref ref; };
struct clrep_get { struct rep_cl r; struct cl_vm vm; struct req_net_up net_up; };
#define CL_LIST_ALL 1u		/* stopped ones too; admins: every owner's */
struct clreq_list { uint32_t flags; uint32_t zero; };
struct clrep_list { struct rep_cl r; uint32_t n; uint32_t zero; };
struct clreq_logs { struct cl_ref ref; uint32_t hypervisor; uint32_t zero; };
#define CL_LOGS_RING 1u		/* the fd is a ring (common/ring.h); else a file */
struct clrep_logs { struct rep_cl r; uint32_t flags; uint32_t zero; };

enum clientop {
	CLIENTOP_NONE = 0,
#define CLIENTOP(NAME, name, may, i0, i1, o0, o1) CLIENTOP_##NAME,
#include "policy/clientops.def"
#undef CLIENTOP
	CLIENTOP_END
};
#define CLIENTOP(NAME, name, may, i0, i1, o0, o1)                        \
	_Static_assert(sizeof(struct clreq_##name) <= WIRE_BODY_MAX &&   \
	    sizeof(struct clreq_##name) % 8 == 0, "clreq_" #name);       \
	_Static_assert(sizeof(struct clrep_##name) <= WIRE_BODY_MAX &&   \
	    sizeof(struct clrep_##name) % 8 == 0, "clrep_" #name);
#include "policy/clientops.def"
#undef CLIENTOP

enum may_call { MAY_ANY = 1, MAY_OWNER };
struct clientop_row { struct wire_row w; uint8_t may; };
const struct clientop_row *clientop_row(uint16_t type); /* policy/clientops.c */
const char *vm_status_name(uint32_t status);	 /* "Running", or "?" */

#endif
