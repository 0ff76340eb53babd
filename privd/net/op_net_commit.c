/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net, asked by front after the last NET_RESTORE: the host's
 * tables, deleted and written anew with the elements of all living VMs in one
 * batch, so that no packet ever meets a table without its VM. May be asked
 * again, when somebody flushed the host's rules.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hosthook.h"
#include "privd/net/hostrules.h"
#include "privd/net/ops.h"
#include "privd/net/readback.h"
#include "privd/net/sysctl.h"

#define RULES_SIZE (64u << 10)	/* the constant part is below half of it */
#define ELEM_SIZE 256u		/* one element's message is below that */

static size_t
batch_size(const struct net *n)
{
	size_t size = RULES_SIZE;
	unsigned i;

	for (i = 0; i < n->c->slots; i++)
		if (n->vm[i].networked)
			size += (2u + n->vm[i].nports) * ELEM_SIZE;
	return size;
}

static void
vm_elements(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct vmnet *v)
{
	hostelems(t, c, slot, v->ports, v->nports, 0);
	if (v->granted)
		hostelem_granted(t, c, slot, 0);
}

static int
commit(struct net *n, void *buf, size_t size, struct err *e)
{
	struct nft t;
	unsigned i, bad = 0;

	nft_begin(&t, &n->nft, buf, size);
	hostrules(&t, n->c, n->was_routing);
	for (i = 0; i < n->c->slots; i++)
		if (n->vm[i].networked)
			vm_elements(&t, n->c, i, &n->vm[i]);
	if (nft_commit(&t, &bad) < 0)
		return err_step(e, STEP_HOST_RULES, errno,
		    "the kernel refused object %u of the host's tables", bad);
	if (readback(&n->nft, &t, 0, e) < 0) {
		e->step = STEP_HOST_RULES;
		e->code = EIO;
		return -1;
	}
	return 0;
}

int
host_commit(struct net *n, struct err *e)
{
	size_t size = batch_size(n);
	void *buf;
	int rc;

	buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		return err_step(e, STEP_HOST_RULES, errno, "no memory");
	rc = commit(n, buf, size, e);
	(void)munmap(buf, size);
	return rc;
}

int
op_net_commit(struct net *n, struct wire_msg *m,
    const struct req_net_commit *rq, struct rep_net_commit *rp,
    struct err *e)
{
	struct err why;

	(void)m;
	(void)rp;
	if (rq->zero != 0)
		return err_set(e, EBADMSG, "padding is not zero");
	if (host_commit(n, e) < 0)
		return -1;
	/* another's table that cannot be written is no reason to serve none */
	if (hosthook_put(n, &why) < 0)
		log_warn("%s: %s", why.msg, strerror(why.code));
	/* only now: the table drops what is not ours, so nobody else's packets
	 * were ever forwarded */
	if (!n->was_routing && sysctl_forward(n->sys4, e) < 0)
		return -1;
	n->committed = 1;
	return 0;
}
