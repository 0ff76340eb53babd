/* SPDX-License-Identifier: ISC */
/*
 * The operator's configuration as every role sees it: one fixed struct in a
 * sealed memfd, written once by conf (the only parser), checked again by each
 * reader with sysconf_check(). No role but conf opens a configuration file.
 */
#ifndef COMMON_SYSCONF_H
#define COMMON_SYSCONF_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define SYSCONF_MAGIC 0x666e6f63u
#define SYSCONF_VERSION 2
#define CONF_MEMBERS_MAX 1024
#define CONF_OWNERS_MAX 64
#define CONF_BINDS_MAX 8
#define CONF_PRIVATE_MAX 16

/* What a list may name within the denied ranges; 0,0: every port, proto 0:
 * any. */
struct conf_net {
	uint32_t addr;
	uint16_t port_lo, port_hi;
	uint8_t proto, prefix;
	uint8_t zero[2];
};

/* Ceilings and grants of an owner (uid UINT32_MAX: everybody else). */
struct owner_conf {
	uint32_t uid;
#define CEILING(NAME, name, key, unit, lo, hi, def, nlo, nhi, ndef, who, fix) \
	uint32_t name;
#include "policy/ceilings.def"
#undef CEILING
	uint16_t port_lo, port_hi;	/* ports it may publish */
	uint32_t nprivate;
	struct conf_net private[CONF_PRIVATE_MAX];
	uint32_t nbinds;
	uint32_t binds[CONF_BINDS_MAX];	/* addresses it may bind; default
					   127.0.0.1; 0.0.0.0: every one */
	uint32_t flags;			/* OWNER_RUNNER, OWNER_BRIDGE */
};
#define OWNER_RUNNER 1u
#define OWNER_BRIDGE 2u

#define COMPOSE_NETWORK 1u
#define COMPOSE_VSOCK 2u
#define COMPOSE_FIREWALL 4u
#define COMPOSE_JAILER 8u
#define COMPOSE_CONSOLE 16u
#define COMPOSE_SHUTDOWN 32u
#define COMPOSE_ALL 63u

struct sysconf_uids {	/* one id a role */
	uint32_t front, net, jail, ctld, client, conf, fetch;
};

struct sysconf {
	uint32_t magic, version;
	char instance[16];	/* [a-z0-9]{1,8}; "postern" by default; prefix
				   of the cgroup, tables and so on */
	char ifprefix[8];	/* host ends of veths: "pst" by default */
	char run_dir[108];	/* /run/postern */
	char state_dir[108];	/* /var/lib/postern */
	char libexec_dir[108];	/* where the roles' programs are */
	char qemu_path[108];	/* beneath /usr */
	char firecracker_path[108]; /* "": none on this host */
	struct sysconf_uids uid;
	struct sysconf_uids gid; /* each role's own group, like its uid */
	uint32_t group;		/* gid of group postern */
	uint32_t nmembers, nadmins;
	uint32_t members[CONF_MEMBERS_MAX]; /* uids served at all */
	uint32_t admins[CONF_MEMBERS_MAX];  /* of them, those who see all */
	uint32_t vm_id_base;	/* first uid and gid of VMs; a multiple of
				   vm_id_count */
	uint32_t vm_id_count;	/* a power of two, >= 2 * slots */
	uint32_t slots;		/* handles: power of two, 16-8192 */
	/* node ceilings; max_vms <= slots / 2 */
#define CEILING(NAME, name, key, unit, lo, hi, def, nlo, nhi, ndef, who, fix) \
	uint32_t max_##name;
#include "policy/ceilings.def"
#undef CEILING
	uint32_t memory_reserve_mib; /* of the host's, that no VM gets */
	uint32_t disk_mib, disk_ops; /* of a VM, a second, disk and direction;
				   0: no limit */
	uint32_t pool_addr, pool_prefix; /* /31s for VMs are cut from it */
	uint32_t dns;		/* the guests' resolver; 0: none */
	uint32_t flows;		/* most conntrack flows of a VM */
	uint32_t flow_rate;	/* most new ones a second */
	uint32_t compose;	/* COMPOSE_ bits that are on */
	uint32_t accel;		/* 0 TCG, 1 KVM: whether guests run on it */
	uint32_t tsc_khz;	/* for tsc_early_khz= under TCG */
	uint32_t grace_ms;	/* default grace of a stop: 2000 */
	uint32_t console_bytes;
	uint32_t debug;
	uint32_t nowners;
	struct owner_conf fallback;	/* of every owner not listed */
	struct owner_conf owners[CONF_OWNERS_MAX];
	uint32_t zero[15];
};

/* The rows of policy/ceilings.def, by number. */
enum ceiling {
#define CEILING(NAME, name, key, unit, lo, hi, def, nlo, nhi, ndef, who, fix) \
	CEIL_##NAME,
#include "policy/ceilings.def"
#undef CEILING
	CEIL_N
};
struct ceiling_row {
	const char *name;	/* the resource, as errors name it */
	const char *key;
	uint32_t lo, hi, def;	/* an owner's */
	uint32_t nlo, nhi, ndef; /* the node's; nhi 0: there is none */
	const char *who, *remedy;
	size_t off_owner, off_node; /* in owner_conf and sysconf */
};
extern const struct ceiling_row ceilings[CEIL_N];
uint32_t ceiling_owner(const struct owner_conf *o, enum ceiling i);
uint32_t ceiling_node(const struct sysconf *c, enum ceiling i);
/* One that is reached, in words: figures (used UINT32_MAX: none) and remedy. */
void ceiling_text(char *buf, size_t size, enum ceiling i, int node,
    uint32_t limit, uint32_t used, uint32_t more);

/* Every default; role uids, group, members and owners are left empty: conf
 * resolves them. */
void sysconf_default(struct sysconf *c);
/* Read the sealed memfd and check it. 0, or -1 with *e (field, remedy). */
int sysconf_load(int fd, struct sysconf *c, struct err *e);
/* Every range, string, overlap and distinctness that roles rely on. */
int sysconf_check(const struct sysconf *c, struct err *e);
const struct owner_conf *sysconf_owner(const struct sysconf *c, uint32_t uid);
int sysconf_member(const struct sysconf *c, uint32_t uid); /* root: yes */
int sysconf_admin(const struct sysconf *c, uint32_t uid);  /* root: yes */

/* What is computed from a slot, the same everywhere. */
uint32_t slot_uid_sup(const struct sysconf *c, uint32_t slot);
uint32_t slot_uid_vmm(const struct sysconf *c, uint32_t slot);
uint32_t slot_gid(const struct sysconf *c, uint32_t slot); /* both's */
uint32_t slot_addr_host(const struct sysconf *c, uint32_t slot);
uint32_t slot_addr_vm(const struct sysconf *c, uint32_t slot);
/* "pst12" into name[16]. */
void slot_ifname(const struct sysconf *c, uint32_t slot, char name[16]);

#endif
