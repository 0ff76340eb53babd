/* SPDX-License-Identifier: ISC */
/* The accept loop and the start of each connection's own process. */
#ifndef CTLD_CLIENT_LISTENER_H
#define CTLD_CLIENT_LISTENER_H

#include "common/sysconf.h"
#include "ctld/client/admit.h"

/* Descriptors of a connection's own process, all it has beside 0-2. */
enum { CHILD_FD_SOCK = 3, CHILD_FD_WIRE, CHILD_FD_MOUNTS, CHILD_FD_FILTER,
	CHILD_FD_END };

struct listener {
	int ctld;		/* wire: one CONN record a connection */
	int sock;		/* listening */
	int mountinfo;
	int filter;		/* sealed memfd for the children, or -1 */
	int signals;		/* signalfd: SIGCHLD (listener_run's own) */
	struct sysconf *conf;	/* wiped in the children */
	/* Called in the child with CHILD_FD_FILTER in place; must not return
	 * unless the child is confined. */
	void (*confine)(void);
	struct conns conns;
};

/* Serve until ctld ends (returns) or something breaks (fatal). */
void listener_run(struct listener *l);

#endif
