/* SPDX-License-Identifier: ISC */
/*
 * privd-jail: cgroups, namespaces, trees, the start and the end of every VM.
 * Runs as its own uid with SYS_ADMIN SYS_CHROOT SETUID SETGID SETPCAP MKNOD
 * CHOWN, chrooted into an empty detached file system, in the host's mount
 * namespace. Believes the kernel and its own table; distrusts front, every
 * descriptor it is handed and every process it starts. Code execution here
 * counts as root, so it parses nothing: fixed structs in, fixed structs out.
 * When a wire ends, it ends; no VM does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdlook.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "policy/steps.h"
#include "privd/jail/adopt.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/jail.h"
#include "privd/jail/pending.h"
#include "privd/jail/tree.h"

#define BATCH 16	/* requests served before starts are looked at */

static struct jail *
jail_new(void)
{
	struct jail *j = calloc(1, sizeof(*j));
	struct err e;

	if (j == NULL)
		fatal("no memory");
	if (sysconf_load(RFD_CONF, &j->conf, &e) < 0 ||
	    cg_init(&j->cg, JAIL_FD_CG2, JAIL_FD_CG1, &e) < 0 ||
	    slots_init(&j->slots, j->conf.slots, &e) < 0 ||
	    (j->template = tree_template(&e)) < 0 || adopt_all(j, &e) < 0)
		fatalx("%s: %s", step_name(e.step), e.msg);
	return j;
}

/* Serve what front has sent, while there is room for another start. */
static void
serve(struct jail *j, struct wire_msg *m)
{
	int i, k;

	for (i = 0; i < BATCH && j->npending < PENDING_MAX; i++) {
		k = wire_take(JAIL_FD_FRONT, m);
		if (k > 0 && m->nfds > 0 &&
		    !fdlook_tame(JAIL_FD_MOUNTS, m->fds, m->nfds)) {
			log_err("front sent a file of a file system that may "
			    "not answer");
			fdlook_end(m->fds, m->nfds);
		}
		if (k > 0)
			dispatch(j, m);
		else if (k == 0)
			exit(0);
		else if (errno == EAGAIN || errno == EINTR)
			return;
		else
			fatal("front sent a malformed record");
	}
}

static void
loop(struct jail *j)
{
	struct pollfd p[PENDING_MAX + 2];
	static struct wire_msg m;
	int ms;

	for (;;) {
		ms = pending_poll(j, p);
		p[PENDING_MAX].fd = JAIL_FD_FRONT;
		p[PENDING_MAX].events = j->npending < PENDING_MAX ? POLLIN : 0;
		p[PENDING_MAX + 1].fd = JAIL_FD_NET;
		p[PENDING_MAX + 1].events = 0;
		if (poll(p, PENDING_MAX + 2, ms) < 0) {
			if (errno == EINTR)
				continue;
			fatal("poll");
		}
		pending_run(j, p);
		if (p[PENDING_MAX + 1].revents != 0)
			exit(0); /* net is gone: all start anew */
		if (p[PENDING_MAX].revents != 0)
			serve(j, &m);
	}
}

int
main(void)
{
	struct jail *j;

	log_init(roles[ROLE_JAIL].title, 0);
	role_prove(ROLE_JAIL);
	j = jail_new();
	log_init(roles[ROLE_JAIL].title, j->conf.debug != 0);
	role_seal(RFD_FILTER);
	loop(j);
}
