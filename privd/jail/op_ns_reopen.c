/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, NS_REOPEN: a running VM's network namespace for one change or
 * look by net, which has it before front hears that it is done. The process
 * whose namespace is opened is the VM's vmsup: found in its cgroup, held by
 * its pidfd, alive before and after; net looks at the namespace again.
 */
#include <errno.h>
#include <poll.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/netns.h"

static int
is_dead(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return pidfd < 0 || poll(&p, 1, 0) != 0;
}

static int
reopen(const struct jail *j, const struct slot *s, int fds[NSLIVE_N],
    struct err *e)
{
	struct cg_name n = slot_cg(s);
	struct netns_of o = { .uid = slot_uid_sup(&j->conf, s->slot),
		.gid = slot_gid(&j->conf, s->slot),
		.jail_uid = j->conf.uid.jail, .jail_gid = j->conf.gid.jail };

	if (cg_pids(&j->cg, &n, CG_SUP, &o.pid, 1) != 1 || is_dead(s->pidfd))
		return err_step(e, STEP_NETNS, ESRCH, "no vmsup lives");
	if (netns_reopen(&o, fds, e) < 0)
		return -1;
	/* alive still, so that the number was its own all the time */
	if (!is_dead(s->pidfd))
		return 0;
	fd_close(&fds[NSLIVE_NS]);
	fd_close(&fds[NSLIVE_NFT]);
	return err_step(e, STEP_NETNS, ESRCH, "vmsup has ended");
}

int
op_ns_reopen(struct jail *j, struct op *o, const struct req_ns_reopen *req,
    struct rep_ns_reopen *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	struct wire_hdr h = { .type = PRIVOP_NS_LIVE, .slot = o->m->h.slot,
		.generation = o->m->h.generation };
	struct req_ns_live q = { 0 };
	int fds[NSLIVE_N], r = OP_DONE;

	(void)rep;
	if (s == NULL)
		return -1;
	if (req->zero != 0 || s->spawning)
		return err_step(&o->e, STEP_STATE, EBUSY, "not running yet");
	if (reopen(j, s, fds, &o->e) < 0)
		return -1;
	if (send_wait(JAIL_FD_NET, &h, &q, sizeof(q), fds, NSLIVE_N) < 0)
		r = err_step(&o->e, STEP_NET_FDS, errno,
		    "cannot hand the namespace to net");
	fd_close(&fds[NSLIVE_NS]);
	fd_close(&fds[NSLIVE_NFT]);
	return r;
}
