/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, for a record of jail: a running VM's namespace, opened
 * anew for the one request that follows. Distrusts it, and whatever was true
 * when the VM was started: its link here says which namespace is its.
 */
#include <errno.h>
#include <linux/netlink.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/net/nscheck.h"
#include "privd/net/ops.h"

/* The socket of the change before is as good, and its end would be waited
 * for; one that never sent anything is closed at once. */
static void
take_used(struct net *n, struct vmnet *v, const struct stat *ns)
{
	int used CLEANUP_FD = linger_take(&n->linger, v->generation);
	struct err e;

	if (used < 0 || ns_check_socket(used, NETLINK_NETFILTER, ns, &e) < 0)
		return;
	fd_close(&v->live[NSLIVE_NFT]);
	v->live[NSLIVE_NFT] = fd_steal(&used);
}

/* There is no reply: what is refused here is missing when it is needed. */
int
op_ns_live(struct net *n, struct wire_msg *m, const struct req_ns_live *rq,
    struct rep_ns_live *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	struct stat ns = { 0 };
	unsigned i;

	(void)rp;
	if (v == NULL || rq->zero != 0)
		return err_set(e, EBADMSG, "no such slot");
	if (v->state != VMNET_UP || v->generation != m->h.generation ||
	    !v->networked)
		return err_step(e, STEP_NET_FDS, ESTALE,
		    "the slot has no network that is up");
	if (ns_check(n, m->fds[NSLIVE_NS], &ns, e) < 0 ||
	    ns_check_socket(m->fds[NSLIVE_NFT], NETLINK_NETFILTER, &ns,
		e) < 0 ||
	    ns_check_slot(n, m->h.slot, m->fds[NSLIVE_NS], e) < 0) {
		e->code = EACCES; /* refused, but not malformed */
		return -1;
	}
	vmnet_drop_live(n, v, 1);
	for (i = 0; i < NSLIVE_N; i++)
		v->live[i] = fd_steal(&m->fds[i]);
	take_used(n, v, &ns);
	v->is_live = 1;
	n->pending++;
	return 0;
}
