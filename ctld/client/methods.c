/* SPDX-License-Identifier: ISC */
/*
 * Stop, Kill, Remove, List, Status, Info and Network: a name in, one record
 * to ctld, one reply back. Runs in a connection's own process.
 */
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/client/args.h"
#include "ctld/client/serve.h"
#include "ctld/client/shape.h"

#define ANSWER_MS 60000		/* ctld's own deadlines are shorter */
#define GRACE_MAX_MS 3600000
#define LIST_MAX 65536u

int
method_stop(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", "grace_ms", NULL };
	struct clreq_stop q = { .grace_ms = UINT32_MAX };
	int64_t grace = -1;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    arg_int(params, "", "grace_ms", 0, GRACE_MAX_MS, &grace, e) < 0)
		return -1;
	if (grace >= 0)
		q.grace_ms = (uint32_t)grace;
	/* the VM's own grace may be as long as the longest */
	if (serve_call(s, CLIENTOP_STOP, &q, sizeof(q), NULL, 0,
		(grace >= 0 ? (int)grace : GRACE_MAX_MS) + ANSWER_MS, e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

int
method_kill(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	struct clreq_kill q;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    serve_call(s, CLIENTOP_KILL, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

int
method_remove(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", "force", NULL };
	struct clreq_remove q = { .force = 0 };
	int force = 0;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    arg_bool(params, "", "force", &force, e) < 0)
		return -1;
	q.force = force != 0;
	if (serve_call(s, CLIENTOP_REMOVE, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	return reply(s, json_object(), 0);
}

/* The records of a list are read and written one at a time, so that a long
 * list costs this process no memory. */
static void
put_list(struct serve *s, int fd, uint32_t n)
{
	struct cl_vm vm;
	uint32_t i;

	reply_begin(s);
	reply_put(s, "{\"vms\":[", 8);
	for (i = 0; i < n && !s->end; i++) {
		if (pread(fd, &vm, sizeof(vm),
			(off_t)(i * sizeof(vm))) != (ssize_t)sizeof(vm) ||
		    !shape_vm_ok(&vm)) {
			/* a reply cut short is seen as one */
			s->c.dead = s->end = 1;
			return;
		}
		if (i > 0)
			reply_put(s, ",", 1);
		reply_json(s, shape_vm(&vm));
	}
	reply_put(s, "]}", 2);
	reply_end(s, 0);
}

int
method_list(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "all", NULL };
	const struct clrep_list *r;
	struct clreq_list q = { .flags = 0 };
	ssize_t size;
	int all = 0;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_bool(params, "", "all", &all, e) < 0)
		return -1;
	if (all)
		q.flags |= CL_LIST_ALL;
	if (serve_call(s, CLIENTOP_LIST, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	r = (const struct clrep_list *)(const void *)s->m.body;
	size = fd_sealed_size(s->m.fds[0], LIST_MAX * sizeof(struct cl_vm));
	if (r->n > LIST_MAX || size < 0 ||
	    (size_t)size != r->n * sizeof(struct cl_vm)) {
		s->end = s->c.dead = 1;
		return 0;
	}
	put_list(s, s->m.fds[0], r->n);
	return 0;
}

/* Ask for one VM; *r points into s->m. */
static int
get(struct serve *s, const json_t *params, const struct clrep_get **r,
    struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	struct clreq_get q;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    serve_call(s, CLIENTOP_GET, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	*r = (const struct clrep_get *)(const void *)s->m.body;
	if (!shape_vm_ok(&(*r)->vm) || (*r)->net_up.nports > NET_PORTS_MAX ||
	    (*r)->net_up.nallow > NET_ALLOW_MAX) {
		s->end = s->c.dead = 1;
		return -1;
	}
	return 0;
}

int
method_status(struct serve *s, const json_t *params, struct rep_cl *e)
{
	const struct clrep_get *r;

	if (get(s, params, &r, e) < 0)
		return -1;
	return reply(s,
	    json_pack("{s:o}", "status", shape_status(&r->vm)), 0);
}

int
method_info(struct serve *s, const json_t *params, struct rep_cl *e)
{
	const struct clrep_get *r;

	if (get(s, params, &r, e) < 0)
		return -1;
	return reply(s, json_pack("{s:o}", "vm", shape_vm(&r->vm)), 0);
}

int
method_network(struct serve *s, const json_t *params, struct rep_cl *e)
{
	const struct clrep_get *r;

	if (get(s, params, &r, e) < 0)
		return -1;
	if (r->net_up.mode == NET_NONE)
		return arg_unsupported(e, backend_kind_name(r->vm.backend),
		    "network: the VM was started without one");
	return reply(s,
	    json_pack("{s:o}", "network",
		shape_network(&r->vm, &r->net_up)),
	    0);
}
