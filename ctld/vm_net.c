/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Of a running VM the lists are front's and net's to change,
 * by the client's own socket; ctld writes down what is in force afterwards.
 * One wish at a time for each VM. Should ctld die between, its file has the
 * old list: a look (FW_SHOW) reads the kernel's and puts that right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "ctld/ctld.h"
#include "ctld/fault.h"
#include "ctld/spec.h"
#include "ctld/state.h"
#include "ctld/vm_net.h"

struct netjob {
	TAILQ_ENTRY(netjob) next;
	struct vm *vm;
	struct tickets asker;	/* one, or none: its connection ended */
	struct netwish wish;
	struct req_net_up to;
	unsigned due;		/* answers of front */
	int failed;
	struct rep_cl why;
};

static void jobs_run(struct vm *vm);

static void
job_end(struct netjob *j)
{
	TAILQ_REMOVE(&j->vm->netjobs, j, next);
	free(j);
}

static void
job_fault(struct netjob *j)
{
	tickets_fault(&j->asker, &j->why);
	job_end(j);
}

/* What the definition says, without counts. */
static void
show_definition(const struct req_net_up *up, struct rep_net_show *s)
{
	unsigned i;

	s->nallow = up->nallow;
	s->nports = up->nports;
	for (i = 0; i < up->nallow; i++)
		s->allow[i].allow = up->allow[i];
	for (i = 0; i < up->nports; i++)
		s->ports[i].port = up->ports[i];
}

static void
job_answer(struct netjob *j, const struct rep_net_show *live)
{
	struct clrep_firewall rep = { .live = live != NULL };
	struct ticket *t;

	if (j->wish.of_ports) {
		tickets_ok(&j->asker);
		job_end(j);
		return;
	}
	if (live != NULL)
		rep.show = *live;
	else
		show_definition(&j->vm->spec.net_up, &rep.show);
	memset(&rep.show.r, 0, sizeof(rep.show.r));
	while ((t = TAILQ_FIRST(&j->asker)) != NULL)
		ticket_reply(t, &rep, NULL, 0);
	job_end(j);
}

/* On disk before the client hears of it. */
static int
keep(struct vm *vm, const struct req_net_up *up, struct rep_cl *why)
{
	vm->spec.net_up = *up;
	vm_describe(vm);
	if (state_save(vm, 1) == 0)
		return 0;
	fault_host(why, STEP_CTLD_STATE, errno,
	    "the change is made, but could not be written down yet");
	return -1;
}

static void
job_keep(struct netjob *j)
{
	if (keep(j->vm, &j->to, &j->why) < 0)
		job_fault(j);
	else
		job_answer(j, NULL);
}

/* The kernel's list is the true one. */
static void
put_right(struct vm *vm, const struct rep_net_show *s)
{
	struct req_net_up up = vm->spec.net_up;
	struct rep_cl why;
	unsigned i;

	if ((vm->ctld->conf.compose & COMPOSE_FIREWALL) == 0 ||
	    s->nallow > NET_ALLOW_MAX)
		return;
	memset(up.allow, 0, sizeof(up.allow));
	up.nallow = s->nallow;
	for (i = 0; i < s->nallow; i++)
		up.allow[i] = s->allow[i].allow;
	if (memcmp(&up, &vm->spec.net_up, sizeof(up)) == 0)
		return;
	log_warn("vm=%s: its file had another allow list than is in force",
	    vm->pub.id);
	if (keep(vm, &up, &why) < 0)
		log_warn("vm=%s: %s", vm->pub.id, why.reason);
}

static void
on_answer(void *arg, const struct priv_reply *r)
{
	struct netjob *j = arg;
	struct clreq_start asked = j->vm->spec;
	struct vm *vm = j->vm;

	j->due--;
	if (r->code != 0 && !j->failed) {
		j->failed = 1;
		asked.net_up = j->to;
		fault_priv(&j->why, vm->ctld, vm->pub.owner, r, &asked, NULL);
		log_info("op=%s vm=%s step=%s err=%s", privop_name(r->op),
		    vm->pub.id, step_name(r->step), strerror(r->code));
	}
	if (j->due > 0)
		return;
	if (j->failed) {
		job_fault(j);
	} else if (r->op == PRIVOP_NET_SHOW) {
		put_right(vm, r->body);
		job_answer(j, r->body);
	} else {
		log_info("op=%s vm=%s allow=%u ports=%u", privop_name(r->op),
		    vm->pub.id, (unsigned)j->to.nallow,
		    (unsigned)j->to.nports);
		job_keep(j);
	}
	jobs_run(vm);
}

/* The client's socket goes with a change: front and net ask the kernel who
 * this is. */
static void
job_ask(struct netjob *j)
{
	struct vm *vm = j->vm;
	struct req_ns_reopen open = { 0 };
	struct req_net_show show = { 0 };
	struct req_net_set set = { .up = j->to };
	int sock = ticket_sock(TAILQ_FIRST(&j->asker));

	j->due = 2;
	priv_ns_reopen(vm->ctld->priv, &vm->h, &open, NULL, 0, on_answer, j);
	if (j->wish.what == FW_SHOW)
		priv_net_show(vm->ctld->priv, &vm->h, &show, NULL, 0,
		    on_answer, j);
	else
		priv_net_set(vm->ctld->priv, &vm->h, &set, &sock, 1,
		    on_answer, j);
}

/* What can be said without asking anybody. */
static int
job_check(struct netjob *j)
{
	struct vm *vm = j->vm;
	struct clreq_start want = vm->spec;
	struct err e = { 0 };

	if (vm->spec.net == NET_NONE) {
		fault_set(&j->why, CLE_UNSUPPORTED, "network",
		    "firewall: the VM was defined without a network");
		return -1;
	}
	if (vm->phase != PH_IDLE && vm->phase != PH_LIVE) {
		fault_set(&j->why, CLE_STATE, "name", "%s",
		    vm_status_name(vm->pub.status));
		return -1;
	}
	j->to = vm->spec.net_up;
	if (j->wish.what == FW_SHOW)
		return 0;
	if (netwish_apply(&j->wish, &j->to, &e) < 0) {
		fault_err(&j->why, &e);
		return -1;
	}
	want.net_up = j->to;
	if (spec_net(&vm->ctld->conf, &want, &e) < 0) {
		fault_err(&j->why, &e);
		return -1;
	}
	return 0;
}

/* The first, unless it is being done; then those that end at once. */
static void
jobs_run(struct vm *vm)
{
	struct netjob *j;

	while ((j = TAILQ_FIRST(&vm->netjobs)) != NULL && j->due == 0) {
		if (TAILQ_EMPTY(&j->asker))
			job_end(j);
		else if (job_check(j) < 0)
			job_fault(j);
		else if (vm->phase == PH_LIVE)
			job_ask(j);
		else if (j->wish.what == FW_SHOW)
			job_answer(j, NULL);
		else
			job_keep(j);
	}
}

void
vm_net(struct vm *vm, struct ticket *t, const struct netwish *w)
{
	struct netjob *j = calloc(1, sizeof(*j));
	struct rep_cl why;

	if (j == NULL) {
		fault_host(&why, STEP_CTLD, ENOMEM, "list");
		ticket_fault(t, &why);
		return;
	}
	j->vm = vm;
	j->wish = *w;
	TAILQ_INIT(&j->asker);
	ticket_wait(t, &j->asker);
	TAILQ_INSERT_TAIL(&vm->netjobs, j, next);
	jobs_run(vm);
}
