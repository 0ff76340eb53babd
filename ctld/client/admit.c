/* SPDX-License-Identifier: ISC */
/*
 * Runs in the client listener. A process that hangs in the kernel on its
 * tenant's own file system stays counted until it is reaped, so it costs that
 * tenant alone.
 */
#include "ctld/client/admit.h"

enum admit
admit(const struct conns *t, const struct sysconf *conf, uint32_t uid,
    uint32_t *limit)
{
	unsigned i, mine = 0;

	if (!sysconf_member(conf, uid))
		return ADMIT_DENIED;
	*limit = sysconf_owner(conf, uid)->connections;
	for (i = 0; i < t->n; i++)
		mine += t->c[i].uid == uid;
	if (mine >= *limit)
		return ADMIT_OWNER;
	*limit = sysconf_admin(conf, uid) ? CONNS_MAX :
					    CONNS_MAX - CONNS_KEPT;
	return t->n >= *limit ? ADMIT_FULL : ADMIT_OK;
}

void
conns_add(struct conns *t, pid_t pid, uint32_t uid)
{
	t->c[t->n].pid = pid;
	t->c[t->n].uid = uid;
	t->n++;
}

void
conns_remove(struct conns *t, pid_t pid)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (t->c[i].pid == pid) {
			t->c[i] = t->c[--t->n];
			return;
		}
	}
}
