/* SPDX-License-Identifier: ISC */
/*
 * CONSOLE, CONNECT, CHANNEL: run in ctld. One end of a new stream goes to the
 * VM's supervisor and, once that has taken it, the other to the client:
 * nothing that a guest or its user says ever passes ctld.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "ctld/api.h"
#include "ctld/backend/backend.h"
#include "ctld/channel.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"

/* One stream on its way. */
struct attach {
	struct ticket *ticket;
	struct vm *vm;		/* outlives its supervisor, which answers */
	struct sup_ask *ask;	/* the supervisor's answer is due */
	int fd;			/* the client's end */
};

static void
attach_free(struct attach *a)
{
	a->ticket->attach = NULL;
	fd_close(&a->fd);
	free(a);
}

void
attach_cancel(struct attach *a)
{
	sup_forget(a->ask);
	attach_free(a);
}

static const char *
vmm_name(const struct vm *vm)
{
	const struct backend *b = backend_of(vm->pub.backend);

	return b != NULL ? b->name : "?";
}

/* What the supervisor's errno means to the client. */
static void
attach_fault(const struct ticket *t, const struct vm *vm, int code,
    struct rep_cl *why)
{
	int console = t->h.type == CLIENTOP_CONSOLE;

	switch (code) {
	case EOPNOTSUPP:
		fault_set(why, CLE_UNSUPPORTED, vmm_name(vm), "%s: this VM "
		    "was started by an older version; restart it",
		    console ? "Console" : "Connect");
		break;
	case EBUSY:
		fault_set(why, console ? CLE_QUOTA : CLE_STATE,
		    console ? "consoles" : "port",
		    console ? "your ceiling of %u is reached: others are "
			"attached to it; end one" : "PortBusy", CONSOLES_MAX);
		why->limit = why->used = CONSOLES_MAX;
		break;
	case ECONNREFUSED:
		fault_set(why, CLE_STATE, "port", "PortClosed");
		break;
	case ESRCH:
	case EPIPE: /* it ends */
		fault_set(why, CLE_STATE, "name", "Stopping");
		break;
	case ENOTCONN:
	case EAGAIN:
		fault_set(why, CLE_STATE, "name", "Starting");
		break;
	default: /* a tenant's word: only what can be an errno goes on */
		fault_host(why, STEP_SUP, code > 0 && code < 4096 ? code :
			EPROTO, "supervisor");
	}
}

static void
on_answer(void *arg, int code)
{
	union { struct clrep_console console; struct clrep_connect connect; }
	    rep = { 0 };
	struct attach *a = arg;
	struct ticket *t = a->ticket;
	const struct vm *vm = a->vm;
	int fd CLEANUP_FD = fd_steal(&a->fd);
	struct rep_cl why;

	attach_free(a);
	if (code == 0) {
		ticket_reply(t, &rep, &fd, 1);
	} else {
		attach_fault(t, vm, code, &why);
		ticket_fault(t, &why);
	}
}

/* Ask vm's supervisor to take a stream. The ticket is answered, now or then. */
static void
attach(struct ticket *t, struct vm *vm, uint16_t op, const void *body)
{
	struct attach *a = calloc(1, sizeof(*a));
	struct rep_cl why;
	int sv[2] = { -1, -1 };

	if (a == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv) < 0) {
		fault_host(&why, STEP_CTLD, errno, "socketpair");
		free(a);
		ticket_fault(t, &why);
		return;
	}
	a->ticket = t;
	a->vm = vm;
	a->fd = sv[0];
	t->attach = a;
	a->ask = sup_request(vm->sup, op, body, sv[1], on_answer, a);
	if (a->ask == NULL) {
		attach_fault(t, vm, errno, &why);
		attach_free(a);
		ticket_fault(t, &why);
	}
	fd_close(&sv[1]);
}

/* Is there a guest to talk to? Otherwise the ticket is answered. */
static int
runs(struct ticket *t, const struct vm *vm)
{
	if (vm->sup != NULL && !vm->ended)
		return 1;
	ticket_deny(t, CLE_STATE, "name", vm_status_name(vm->pub.status));
	return 0;
}

int
api_console(struct ticket *t, struct wire_msg *m)
{
	struct supreq_console q = { 0 };
	struct vm *vm = t->vm;

	(void)m;
	if ((t->ctld->conf.compose & COMPOSE_CONSOLE) == 0)
		ticket_deny(t, CLE_DENIED, "name",
		    "the operator turned consoles off; see postern logs");
	else if (runs(t, vm) && ticket_stream(t) == 0)
		attach(t, vm, SUPOP_CONSOLE, &q);
	return 0;
}

static int
has_port(const struct vm *vm, uint32_t port)
{
	unsigned i;

	for (i = 0; i < vm->spec.nchannels; i++)
		if (vm->spec.channels[i] == port)
			return 1;
	return 0;
}

int
api_connect(struct ticket *t, struct wire_msg *m)
{
	struct supreq_connect q = { 0 };
	struct clreq_connect rq;
	struct vm *vm = t->vm;

	memcpy(&rq, m->body, sizeof(rq));
	if (rq.zero != 0)
		return -1;
	q.port = rq.port;
	if (!has_port(vm, rq.port))
		ticket_deny(t, CLE_INVALID, "port", "the VM has no such "
		    "channel port; declare it when it is started: --channel "
		    "PORT");
	else if (runs(t, vm) && ticket_stream(t) == 0)
		attach(t, vm, SUPOP_CONNECT, &q);
	return 0;
}

int
api_channel(struct ticket *t, struct wire_msg *m)
{
	struct clrep_channel rep = { 0 };
	struct vm *vm = t->vm;

	(void)m;
	if (vm->spec.nchannels == 0) {
		ticket_deny(t, CLE_UNSUPPORTED, vmm_name(vm), "guest channel: "
		    "the VM was started without --channel PORT");
		return 0;
	}
	if (!runs(t, vm))
		return 0;
	rep.nports = vm->spec.nchannels;
	memcpy(rep.ports, vm->spec.channels, sizeof(rep.ports));
	channel_path(vm, rep.path, sizeof(rep.path));
	ticket_reply(t, &rep, NULL, 0);
	return 0;
}
