/* SPDX-License-Identifier: ISC */
/*
 * Runs in the client listener. A process that hangs in the kernel on its
 * tenant's own file system stays counted until it is reaped, so it costs that
 * tenant alone.
 */
#include "ctld/client/admit.h"

enum admit
admit(struct conns *t, const struct sysconf *conf, uint32_t uid, int64_t now,
    uint32_t *limit, uint32_t *used)
{
	const struct owner_conf *o = sysconf_owner(conf, uid);
	unsigned i;

	if (!sysconf_member(conf, uid))
		return ADMIT_DENIED;
	*used = UINT32_MAX;
	*limit = o->connect_rate;
	if (bucket_take(&t->paces, uid, o->connect_rate,
		o->connect_rate * BUCKET_SECONDS, now) > 0)
		return ADMIT_PACE;
	*limit = o->connections;
	for (i = *used = 0; i < t->n; i++)
		*used += t->c[i].uid == uid;
	if (*used >= *limit)
		return ADMIT_OWNER;
	*limit = conf->max_connections;
	if (!sysconf_admin(conf, uid))
		*limit -= CONNS_KEPT;
	*used = t->n;
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
