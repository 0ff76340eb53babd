/* SPDX-License-Identifier: ISC */
/* Stats: what a running VM uses. Runs in a connection's own process. */
#include <net/if.h>
#include <stdio.h>

#include "ctld/client/args.h"
#include "ctld/client/serve.h"

#define ANSWER_MS 15000	/* jail's own deadline is shorter */

int
method_stats(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	const struct clrep_stats *r;
	const struct rep_stats *u;
	struct clreq_stats q;
	char link[IFNAMSIZ];

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    serve_call(s, CLIENTOP_STATS, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	r = (const struct clrep_stats *)(const void *)s->m.body;
	u = &r->use;
	(void)snprintf(link, sizeof(link), "%s%u", s->policy.ifprefix,
	    r->slot);
	return reply(s, json_pack("{s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}}",
	    "stats", "cpu_usec", (json_int_t)u->cpu_usec,
	    "throttled", (json_int_t)u->throttled,
	    "throttled_usec", (json_int_t)u->throttled_usec,
	    "memory", (json_int_t)u->memory,
	    "memory_max", (json_int_t)u->memory_max,
	    "pids", (json_int_t)u->pids, "oom", (json_int_t)u->oom,
	    "link", link), 0);
}
