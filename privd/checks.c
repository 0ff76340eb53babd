/* SPDX-License-Identifier: ISC */
/*
 * Runs in front; pure. One function for each request that ctld may make.
 * Reserved bytes that are not 0 are malformed. A bound that only the ledger
 * knows (what RESERVE took) is enforced here; everything that the op-server
 * can judge by itself is judged there, for it does not believe front.
 */
#include <errno.h>

#include "common/vmfd.h"
#include "policy/steps.h"
#include "privd/front.h"

/* What a VMM may need beside the guest's memory: of its own, and for each CPU
 * (stacks, page tables, a software TLB). More is a guest in disguise. */
#define OVERHEAD_MIB 256u
#define OVERHEAD_CPU_MIB 32u
#define OVERHEAD_CPU_PART 32u

static enum verdict
refuse(struct rep_hdr *no, int code, uint16_t step)
{
	*no = rep_no(code, step);
	return V_DONE;
}

enum verdict
check_reserve(const struct front *f, const struct slot *s,
    const struct req_reserve *req, struct rep_hdr *no)
{
	(void)f;
	(void)s;
	if (req->zero != 0)
		return V_MALFORMED;
	if (req->cpus == 0 || req->memory_mib == 0 ||
	    req->nports > NET_PORTS_MAX || req->nallow > NET_ALLOW_MAX)
		return refuse(no, EINVAL, STEP_NONE);
	return V_LATER;
}

enum verdict
check_ns_make(const struct front *f, const struct slot *s,
    const struct req_ns_make *req, struct rep_hdr *no)
{
	if (req->zero != 0)
		return V_MALFORMED;
	if (req->mode < NET_NAT || req->mode > NET_NONE)
		return refuse(no, EINVAL, STEP_NETNS);
	if (req->mode == NET_BRIDGE &&
	    (sysconf_owner(&f->conf, s->rec.owner)->flags & OWNER_BRIDGE) == 0)
		return refuse(no, EPERM, STEP_NETNS);
	return V_LATER;
}

static int
lists_wellformed(const struct req_net_up *req)
{
	unsigned i;

	for (i = 0; i < NET_PORTS_MAX; i++)
		if (req->ports[i].zero[0] != 0 || req->ports[i].zero[1] != 0 ||
		    req->ports[i].zero[2] != 0)
			return 0;
	for (i = 0; i < NET_ALLOW_MAX; i++)
		if (req->allow[i].zero[0] != 0 || req->allow[i].zero[1] != 0)
			return 0;
	return req->nports <= NET_PORTS_MAX && req->nallow <= NET_ALLOW_MAX;
}

enum verdict
check_net_up(const struct front *f, const struct slot *s,
    const struct req_net_up *req, struct rep_hdr *no)
{
	(void)f;
	if (!lists_wellformed(req))
		return V_MALFORMED;
	if (req->mode != s->rec.net_mode)
		return refuse(no, EINVAL, STEP_NETNS);
	if (req->nports > s->rec.nports)
		return refuse(no, EDQUOT, STEP_QUOTA_PORTS);
	if (req->nallow > s->rec.nallow)
		return refuse(no, EDQUOT, STEP_QUOTA_ENTRIES);
	return V_LATER;
}

/* How long they may be is netset.c's: the owner's ceilings decide. */
enum verdict
check_net_set(const struct front *f, const struct slot *s,
    const struct req_net_set *req, struct rep_hdr *no)
{
	(void)f;
	if (!lists_wellformed(&req->up))
		return V_MALFORMED;
	if (req->up.mode != s->rec.net_mode || req->up.mode == NET_NONE)
		return refuse(no, EINVAL, STEP_NETNS);
	return V_LATER;
}

enum verdict
check_limits(const struct front *f, const struct slot *s,
    const struct req_limits *req, struct rep_hdr *no)
{
	uint64_t cpus = s->rec.cpus, mem = s->rec.memory_mib;

	(void)f;
	if (req->cpu_permille == 0 || req->memory_mib == 0 || req->pids == 0)
		return refuse(no, EINVAL, STEP_LIMIT);
	/* one CPU more than the guest's for the VMM's own threads */
	if (req->cpu_permille > (cpus + 1) * 1000)
		return refuse(no, EDQUOT, STEP_QUOTA_CPUS);
	if (req->memory_mib > mem + OVERHEAD_MIB +
	    cpus * (OVERHEAD_CPU_MIB + mem / OVERHEAD_CPU_PART))
		return refuse(no, EDQUOT, STEP_QUOTA_MEM);
	return V_LATER;
}

enum verdict
check_image(const struct front *f, const struct slot *s,
    const struct req_image *req, struct rep_hdr *no)
{
	(void)f;
	(void)s;
	if (req->kind < IMG_KERNEL || req->kind > IMG_DRIVE ||
	    req->index >= IMAGE_DRIVES_MAX)
		return refuse(no, EINVAL, STEP_IMAGE);
	return V_LATER;
}

enum verdict
check_spawn(const struct front *f, const struct slot *s,
    const struct req_spawn *req, struct rep_hdr *no)
{
	(void)s;
	if ((req->flags & ~(SPAWN_KVM | SPAWN_TAP_FD | SPAWN_TUN)) != 0 ||
	    req->zero != 0 || req->channels > CHANNELS_MAX)
		return V_MALFORMED;
	if (req->vmm != VMM_QEMU && req->vmm != VMM_FIRECRACKER)
		return refuse(no, EINVAL, STEP_EXEC_VMM);
	/* the operator's word, not ctld's, decides on /dev/kvm */
	if ((req->flags & SPAWN_KVM) != 0 && f->conf.accel == 0)
		return refuse(no, EPERM, STEP_DEVICE);
	return V_LATER;
}

enum verdict
check_kill(const struct front *f, const struct slot *s,
    const struct req_kill *req, struct rep_hdr *no)
{
	(void)f;
	(void)s;
	if (req->zero != 0)
		return V_MALFORMED;
	if (req->how < KILL_TERM_VMM || req->how > KILL_ALL)
		return refuse(no, EINVAL, STEP_KILL);
	return V_LATER;
}

enum verdict
check_slot_next(const struct front *f, const struct slot *s,
    const struct req_slot_next *req, struct rep_hdr *no)
{
	(void)f;
	(void)s;
	(void)no;
	return req->zero != 0 ? V_MALFORMED : V_LATER;
}

/* Requests that say nothing but their name and their slot. */
#define CHECK_EMPTY(name)                                              \
	enum verdict check_##name(const struct front *f,               \
	    const struct slot *s, const struct req_##name *req,        \
	    struct rep_hdr *no)                                        \
	{                                                              \
		(void)f;                                               \
		(void)s;                                               \
		(void)no;                                              \
		return req->zero != 0 ? V_MALFORMED : V_LATER;         \
	}

CHECK_EMPTY(stop)
CHECK_EMPTY(reap)
CHECK_EMPTY(net_down)
CHECK_EMPTY(release)
CHECK_EMPTY(adopt)
CHECK_EMPTY(stats)
CHECK_EMPTY(ns_reopen)
CHECK_EMPTY(net_show)
