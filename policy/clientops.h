/* SPDX-License-Identifier: ISC */
/*
 * The wire structs between a client's own process and ctld. JSON ends in
 * ctld/client: ctld sees these only. Strings are NUL-terminated inside their
 * array with zeros after (wire_str_ok).
 */
#ifndef POLICY_CLIENTOPS_H
#define POLICY_CLIENTOPS_H

#include <stddef.h>
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
	CLE_QUOTA,	/* field: resource; limit, used, reason */
	CLE_STATE,	/* reason: the state it is in */
	CLE_UNSUPPORTED,/* field: backend; reason: operation */
	CLE_HOST,	/* step, code (errno) */
	CLE_TIMEOUT,
};
struct rep_cl {
	uint16_t error;	   /* enum cl_error */
	uint16_t step;	   /* enum step */
	int32_t code;	   /* errno */
	uint32_t limit, used; /* of CLE_QUOTA; used UINT32_MAX: not counted */
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
 * writable; absent if none), volumes likewise, then the guest's files as
 * sealed memfds: drive mvm-config, drive mvm-secrets (cl_drive_of()). */
#define CL_VOLUMES_MAX 8
#define CL_HAS_INITRD 1u
#define CL_HAS_ROOTFS 2u
#define CL_ROOTFS_RO 4u
#define CL_RM 8u		/* remove when it ends */
#define CL_DEFINED 16u		/* ctld's: it stays when a start fails */
#define CL_PATHS 32u		/* the paths are whole and absolute: its owner
				   may start it again by its name alone */
struct cl_volume {
	char guest[64];		/* mount point, told to the guest */
	char host[256];		/* as the user wrote it */
	uint32_t readonly;
	uint32_t zero;
};

/* Config and secret files. Their contents are no record's: the client's own
 * process lays them out as file systems. */
#define CL_FILES_MAX 12		/* of both kinds together */
#define CL_FILE_BYTES (256u << 10) /* of one */
#define CL_FILES_BYTES (1u << 20)  /* of all */
struct cl_file {
	char name[48];		/* cl_file_name_ok() */
	char host[256];		/* as the user wrote it, "" */
	uint32_t mode;
	uint32_t secret;
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
				   user wrote them; nothing of ours opens one */
	struct cl_volume volumes[CL_VOLUMES_MAX];
	uint32_t nchannels;
	uint32_t nfiles;
	uint16_t channels[CHANNELS_MAX]; /* guest channel ports, 1-65535 */
	struct cl_file files[CL_FILES_MAX];
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
struct clreq_logs { struct cl_ref ref; uint32_t hypervisor;
	uint32_t follow; };	/* the client will go on reading: a stream */
#define CL_LOGS_RING 1u		/* the fd is a ring (common/ring.h); else a file */
struct clrep_logs { struct rep_cl r; uint32_t flags; uint32_t zero; };

/* ---- create: the files are looked at, and given back */
#define clreq_create clreq_start
#define clrep_create clrep_start

/* ---- boot: start a VM that is defined and does not run. Descriptors as with
 * start; the definition must want exactly these. */
struct clreq_boot {
	struct cl_ref ref;
	uint32_t flags;		/* CL_HAS_INITRD, CL_HAS_ROOTFS, CL_ROOTFS_RO */
	uint32_t nvolumes;
	uint32_t volumes_ro;	/* bit i: volume i came read-only */
	uint32_t ready;		/* READY_NONE: as the definition says */
	uint32_t ready_timeout_ms;
	uint32_t zero;
	char ready_text[64];
};
#define clrep_boot clrep_start
struct clreq_definition { struct cl_ref ref; };
struct clrep_definition { struct rep_cl r; struct clreq_start spec; };

struct clreq_pause { struct cl_ref ref; };
struct clrep_pause { struct rep_cl r; };
struct clreq_resume { struct cl_ref ref; };
struct clrep_resume { struct rep_cl r; };

/* ---- wait: how it was when nothing of its run was left */
struct clreq_wait { struct cl_ref ref; };
struct clrep_wait { struct rep_cl r; uint32_t removed; uint32_t zero;
	struct cl_vm vm; };

/* ---- events: those after a number, oldest first. FOLLOW: if there are none,
 * answer when there is one. */
enum event_kind { EVENT_CREATED = 1, EVENT_STARTED, EVENT_NOT_STARTED,
	EVENT_STOPPED, EVENT_FAILED, EVENT_REMOVED, EVENT_PAUSED,
	EVENT_RESUMED, EVENT_REFUSED, EVENT_DAEMON_STARTED,
	EVENT_DAEMON_ENDED, EVENT_END };
struct cl_event {
	uint64_t seq;		/* counts from 1, on across ctld's lives */
	int64_t ms;		/* wall clock */
	uint32_t owner;
	uint32_t kind;		/* enum event_kind */
	char id[32], name[64];
	char reason[128];
};
#define CL_EVENTS_MAX 24
#define CL_EVENTS_FOLLOW 1u
#define CL_EVENTS_STREAM 2u	/* answered at once, and FOLLOW will come */
struct clreq_events { uint64_t after; uint32_t flags; uint32_t zero; };
struct clrep_events {
	struct rep_cl r;
	uint32_t n;
	uint32_t lost;		/* 1: some after `after` are forgotten */
	struct cl_event ev[CL_EVENTS_MAX];
};

#define CL_BACKENDS_MAX 4
struct cl_backend {
	char name[16];
	uint32_t kind;
	uint32_t available;
	uint32_t caps;		/* BCAP_ of ctld/backend/backend.h */
	uint32_t zero;
	char path[112];		/* of the VMM */
	char why[160];		/* not available: the remedy */
};
struct clreq_backends { uint64_t zero; };
struct clrep_backends { struct rep_cl r; uint32_t n; uint32_t zero;
	struct cl_backend b[CL_BACKENDS_MAX]; };

struct clreq_stats { struct cl_ref ref; };
struct clrep_stats {
	struct rep_cl r;
	uint32_t slot;		/* its host link is <prefix><slot> */
	uint32_t zero;
	struct rep_stats use;	/* but its rep_hdr */
};
/* ---- firewall, ports: of a running VM in force at once or not at all; of a
 * stopped one in its definition. FW_SHOW: live: from the kernel, else the
 * definition's lists, counts 0. The others answer as FW_SHOW of a VM that
 * does not run. */
enum fw_what { FW_SHOW = 1, FW_SET, FW_ADD, FW_REMOVE };
struct clreq_firewall {
	struct cl_ref ref;
	uint32_t what;		/* enum fw_what */
	uint32_t n;
	struct net_allow allow[NET_ALLOW_MAX];
};
struct clrep_firewall {
	struct rep_cl r;
	uint32_t live;
	uint32_t zero;
	struct rep_net_show show;
};
struct clreq_ports {
	struct cl_ref ref;
	uint32_t what;		/* FW_ADD or FW_REMOVE */
	uint32_t n;
	struct net_port ports[NET_PORTS_MAX];
};
struct clrep_ports { struct rep_cl r; };

/* ---- console, connect, channel */
struct clreq_console { struct cl_ref ref; };
struct clrep_console { struct rep_cl r; };
struct clreq_connect { struct cl_ref ref; uint32_t port; uint32_t zero; };
struct clrep_connect { struct rep_cl r; };
struct clreq_channel { struct cl_ref ref; };
struct clrep_channel {
	struct rep_cl r;
	uint32_t nports;
	uint32_t zero;
	uint16_t ports[CHANNELS_MAX];
	char path[160];
};

enum clientop {
	CLIENTOP_NONE = 0,
#define CLIENTOP(NAME, name, about, i0, i1, o0, o1) CLIENTOP_##NAME,
#include "policy/clientops.def"
#undef CLIENTOP
	CLIENTOP_END
};
#define REF_ASKER(rq) 1
#define REF_VM(rq) (offsetof(rq, ref) == 0)
#define CLIENTOP(NAME, name, about, i0, i1, o0, o1)                      \
	_Static_assert(sizeof(struct clreq_##name) <= WIRE_BODY_MAX &&   \
	    sizeof(struct clreq_##name) % 8 == 0 &&                      \
	    REF_##about(struct clreq_##name), "clreq_" #name);           \
	_Static_assert(sizeof(struct clrep_##name) <= WIRE_BODY_MAX &&   \
	    sizeof(struct clrep_##name) % 8 == 0, "clrep_" #name);
#include "policy/clientops.def"
#undef CLIENTOP

enum about { ABOUT_ASKER = 1, ABOUT_VM /* a struct cl_ref comes first */ };
struct clientop_row { struct wire_row w; uint8_t about; };
const struct clientop_row *clientop_row(uint16_t type); /* policy/clientops.c */
/* policy/rows.c: one path component, of at most 47 of A-Z a-z 0-9 . _ + @ - */
int cl_file_name_ok(const char *s);
/* 1 when this VM has drive mvm-config (secret 0; volumes alone make one, for
 * their places are told there) or mvm-secrets; else 0. */
unsigned cl_drive_of(const struct clreq_start *s, uint32_t secret);
const char *vm_status_name(uint32_t status);	 /* "Running", or "?" */
const char *event_name(uint32_t kind);		 /* "started", or "?" */

#endif
