/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. The table lets a release through only after jail said that
 * no process, cgroup or mount is left and net that no rule, port or flow is:
 * only then may the slot's uids, names and address belong to somebody else.
 */
#include "privd/front.h"

enum verdict
op_release(struct front *f, struct slot *s, struct call *c,
    const struct req_release *req, struct rep_release *rep)
{
	(void)c;
	(void)req;
	(void)rep;
	slot_free(f, s);
	return V_DONE;
}
