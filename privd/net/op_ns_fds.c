/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, for a record of jail: descriptors that it opened inside
 * a new VM's namespace. Distrusts each: with the host's sockets or another
 * VM's in their place, everything that net does for this VM would be done
 * there. Invariant: what is kept belongs to one namespace, which is not the
 * host's and has no link of a VM yet.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/nscheck.h"
#include "privd/net/ops.h"
#include "privd/net/sysctl.h"

#define TUN_MAJOR 10
#define TUN_MINOR 200

static int
check_tun(int fd, struct err *e)
{
	struct stat st;

	/* its namespace is asked for when the TAP is there: link.c */
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(TUN_MAJOR, TUN_MINOR))
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "not the tun device");
	return 0;
}

static int
check_all(const struct net *n, const int *fds, struct err *e)
{
	struct stat ns = { 0 };

	if (ns_check(n, fds[NSFD_NS], &ns, e) < 0 ||
	    ns_check_socket(fds[NSFD_ROUTE], NETLINK_ROUTE, &ns, e) < 0 ||
	    ns_check_socket(fds[NSFD_NFT], NETLINK_NETFILTER, &ns, e) < 0 ||
	    check_tun(fds[NSFD_TUN], e) < 0)
		return -1;
	return sysctl_is_fresh(fds[NSFD_SYS4], fds[NSFD_SYS6], e);
}

/* There is no reply: what is refused here is missing when NET_UP asks. */
int
op_ns_fds(struct net *n, struct wire_msg *m, const struct req_ns_fds *rq,
    struct rep_ns_fds *rp, struct err *e)
{
	struct vmnet *v = vmnet_of(n, &m->h);
	unsigned i;

	(void)rp;
	if (v == NULL || rq->zero != 0)
		return err_set(e, EBADMSG, "no such slot");
	if (v->state == VMNET_UP)
		return err_step(e, STEP_NET_FDS, EEXIST,
		    "the slot's network is up");
	if (check_all(n, m->fds, e) < 0) {
		e->code = EACCES; /* refused, but not malformed */
		return -1;
	}
	vmnet_clear(n, v);
	v->generation = m->h.generation;
	v->owner = rq->owner;
	v->state = VMNET_FDS;
	n->pending++;
	for (i = 0; i < NSFD_N; i++)
		v->fds[i] = fd_steal(&m->fds[i]);
	return 0;
}
