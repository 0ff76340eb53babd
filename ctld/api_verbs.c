/* SPDX-License-Identifier: ISC */
/* PAUSE, RESUME, WAIT, DEFINITION, BACKENDS: run in ctld. */
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/api.h"
#include "ctld/backend/backend.h"
#include "ctld/ctld.h"
#include "ctld/vm.h"
#include "ctld/vm_pause.h"

int
api_pause(struct ticket *t, struct wire_msg *m)
{
	(void)m;
	vm_pause(t->vm, t, SUPOP_PAUSE);
	return 0;
}

int
api_resume(struct ticket *t, struct wire_msg *m)
{
	(void)m;
	vm_pause(t->vm, t, SUPOP_RESUME);
	return 0;
}

/* vm_gone() answers those that wait. */
int
api_wait(struct ticket *t, struct wire_msg *m)
{
	struct clrep_wait rep = { 0 };
	struct vm *vm = t->vm;

	(void)m;
	if (vm->phase != PH_IDLE) {
		if (ticket_stream(t) == 0)
			ticket_wait(t, &vm->watchers);
		return 0;
	}
	rep.vm = vm->pub;
	ticket_reply(t, &rep, NULL, 0);
	return 0;
}

int
api_definition(struct ticket *t, struct wire_msg *m)
{
	struct clrep_definition rep;
	struct vm *vm = t->vm;

	(void)m;
	memset(&rep, 0, sizeof(rep));
	rep.spec = vm->spec;
	ticket_reply(t, &rep, NULL, 0);
	return 0;
}

int
api_backends(struct ticket *t, struct wire_msg *m)
{
	struct clrep_backends rep = { 0 };
	const struct sysconf *c = &t->ctld->conf;
	const struct backend *b;
	struct clreq_backends rq;
	struct cl_backend *o;
	struct err e;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.zero != 0)
		return -1;
	while (rep.n < CL_BACKENDS_MAX && (b = backend_at(rep.n)) != NULL) {
		o = &rep.b[rep.n++];
		memset(&e, 0, sizeof(e));
		(void)strlcpy(o->name, b->name, sizeof(o->name));
		(void)strlcpy(o->path, b->path(c), sizeof(o->path));
		o->kind = (uint32_t)b->kind;
		o->caps = b->caps;
		o->available = b->is_available(c, &e) != 0;
		if (!o->available)
			(void)strlcpy(o->why, e.msg, sizeof(o->why));
	}
	ticket_reply(t, &rep, NULL, 0);
	return 0;
}
