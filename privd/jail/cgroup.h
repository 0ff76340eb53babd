/* SPDX-License-Identifier: ISC */
/*
 * The cgroups of VMs, the same calls whether the host has v2 alone or v1
 * controllers beside a v2 tree (hybrid). Every VM has v<slot>-<generation>-
 * <owner>/{sup,vmm} in the v2 tree, which kills, counts and is cloned into;
 * limits are on the VMM's leaf, or in a directory of the same name in each
 * v1 controller that the host has. A limit that no controller can hold is an
 * error, never silently absent. Everything is relative to the delegated
 * directories, and the only names used are made from cg_name.
 */
#ifndef JAIL_CGROUP_H
#define JAIL_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/sysconf.h"
#include "policy/privops.h"

/* The order of descriptors from JAIL_FD_CG1 on. */
enum cg1 {
	CG1_CPU, CG1_MEMORY, CG1_PIDS, CG1_DEVICES, CG1_FREEZER, CG1_CPUSET,
	CG1_BLKIO, CG1_N
};

#define CG_NAME_MAX 48
#define CG_SUP "sup"
#define CG_VMM "vmm"

struct cg_name {
	uint32_t slot, owner;
	uint64_t generation;
};

struct cgroups {
	int v2;
	int v1[CG1_N];		/* -1: the host has no such controller */
	uint8_t v2_cpu, v2_memory, v2_pids, v2_io; /* usable in the v2 tree */
};

void cg_format(char buf[CG_NAME_MAX], const struct cg_name *n);
/* Exactly what cg_format() writes for slots below nslots, nothing else. 0 or
 * -1. */
int cg_parse(const char *s, uint32_t nslots, struct cg_name *n);

/* Look what the descriptors are. -1 with *e: no v2 tree, or a needed
 * controller nowhere. */
int cg_init(struct cgroups *g, int v2, int v1_base, struct err *e);
/* Make every directory; on failure none is left. */
int cg_make(const struct cgroups *g, const struct cg_name *n, struct err *e);
int cg_limit(const struct cgroups *g, const struct cg_name *n,
    const struct req_limits *q, struct err *e);
/* The few device nodes of the VM's tree; nothing to do without v1 devices
 * (then the tree alone decides). flags: SPAWN_KVM, SPAWN_TUN. */
int cg_devices(const struct cgroups *g, const struct cg_name *n,
    uint32_t flags, struct err *e);
/* What the VMM may read and write a second on the disk that holds dev, as the
 * operator limits it; disks: JAIL_FD_DISKS. -1 with *e: nothing can hold it
 * to that; ENOTBLK: dev is on no disk. */
int cg_disk(const struct cgroups *g, const struct cg_name *n,
    const struct sysconf *c, int disks, dev_t dev, struct err *e);
/* Room in vmsup's leaf for bytes of images that S copies into the tree. */
int cg_copy_room(const struct cgroups *g, const struct cg_name *n,
    uint64_t bytes, struct err *e);
/* Directory of a leaf (CG_SUP, CG_VMM); the caller owns it. -1. */
int cg_leaf(const struct cgroups *g, const struct cg_name *n,
    const char *leaf);
/* Open cgroup.procs of each v1 controller, -1 where absent. 0 or -1. */
int cg_attach_fds(const struct cgroups *g, const struct cg_name *n,
    int fds[CG1_N]);
/* SIGKILL everything in a leaf, or with NULL in both. 0 or -1. */
int cg_kill(const struct cgroups *g, const struct cg_name *n,
    const char *leaf);
/* 1: a process lives there, 0: none, -1. leaf NULL: anywhere in the VM. */
int cg_populated(const struct cgroups *g, const struct cg_name *n,
    const char *leaf);
/* Up to max process ids of a leaf. Count or -1. */
int cg_pids(const struct cgroups *g, const struct cg_name *n,
    const char *leaf, pid_t *pids, unsigned max);
/* Out-of-memory kills in the VMM's leaf so far. */
uint32_t cg_oom_kills(const struct cgroups *g, const struct cg_name *n);
/* Remove every directory, gone ones included. 0, or -1 (EBUSY). */
int cg_remove(const struct cgroups *g, const struct cg_name *n,
    struct err *e);
/* Call fn for each VM that has a directory. 0 or -1. */
int cg_scan(const struct cgroups *g, uint32_t nslots,
    void (*fn)(void *arg, const struct cg_name *n), void *arg);

/* Parts for one hierarchy, used by cgroup.c alone. name: from cg_format. */
int cg1_make(const struct cgroups *g, const char *name, struct err *e);
int cg1_limit(const struct cgroups *g, const char *name,
    const struct req_limits *q, struct err *e);
int cg1_remove(const struct cgroups *g, const char *name);
int cg2_make(const struct cgroups *g, const char *name, struct err *e);
int cg2_limit(const struct cgroups *g, const char *name,
    const struct req_limits *q, struct err *e);
int cg2_remove(const struct cgroups *g, const char *name);
/* Write text into <dir>/<name>/<file>; <leaf> between them unless NULL.
 * -1 with *e naming the file. */
int cg_put(int dir, const char *name, const char *leaf, const char *file,
    const char *text, struct err *e);
/* The number after the line's first word `key`, or with "" the only one;
 * 0 where there is none. */
uint64_t cg_stat(int dir, const char *name, const char *leaf,
    const char *file, const char *key);

#endif
