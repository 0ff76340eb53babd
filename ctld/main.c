/* SPDX-License-Identifier: ISC */
/*
 * ctld: the unprivileged control process (uid _ctld, no capability). It
 * decides and remembers; it cannot make, kill or open anything of a VM
 * itself. Started by privd with the descriptors of common/rolefd.h, no
 * arguments and no environment. Distrusts clients, supervisors and its own
 * files. When front or the listener ends, it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <event2/event.h>
#include <jansson.h>

#include "config.h"
#include "common/fdlook.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "ctld/api.h"
#include "ctld/ctld.h"
#include "ctld/events.h"
#include "ctld/priv_client.h"
#include "ctld/state.h"
#include "ctld/vm.h"
#include "ctld/vm_reconcile.h"
#include "ctld/vm_start.h"

#define RETRY_S 5

/* Must be asked for while /proc can still be opened. */
static void
boot_id(struct ctld *c)
{
	char buf[64];

	if (fd_slurp(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf,
		sizeof(buf)) < 0)
		fatal("boot_id");
	buf[strcspn(buf, "\n")] = '\0';
	(void)snprintf(c->boot_id, sizeof(c->boot_id), "%.36s", buf);
}

static void
confine(struct ctld *c)
{
	const int dirs[ROLE_DIRS] = { c->state_dir, c->run_dir,
		c->channel_dir };

	role_confine(ROLE_CTLD, dirs);
	role_seal(RFD_FILTER);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	state_retry(arg);
}

/* Files that may never be closed must not keep the rest open with them. */
static void
on_fatal(void *arg)
{
	struct ctld *c = arg;

	if (c->nwild > 0)
		fdlook_end(c->wild, c->nwild);
}

static void
prepare(struct ctld *c)
{
	struct timeval tv = { RETRY_S, 0 };
	struct event *retry;
	struct err e;

	if (sysconf_load(RFD_CONF, &c->conf, &e) < 0)
		fatalx("configuration: %s", e.msg);
	log_init("ctld", (int)c->conf.debug);
	boot_id(c);
	c->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (c->mounts < 0)
		fatal("/proc/self/mountinfo");
	c->self_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->self_fd < 0)
		fatal("/proc/self/fd");
	c->state_dir = CTLD_FD_STATE;
	c->run_dir = CTLD_FD_RUN;
	c->channel_dir = CTLD_FD_CHANNEL;
	/* supervisors' sockets are named relative to it */
	if (fchdir(c->run_dir) < 0)
		fatal("run directory");
	/* a full disk or a gone peer is an error, not a death */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	json_object_seed(arc4random() | 1);
	if ((c->base = event_base_new()) == NULL ||
	    (c->vms = vmtab_new()) == NULL || starts_init(c) < 0 ||
	    (c->events = events_new()) == NULL ||
	    (c->priv = priv_new(c, CTLD_FD_FRONT)) == NULL ||
	    (c->conns = conns_new(c, CTLD_FD_CLIENT)) == NULL)
		fatal("event loop");
	if (events_keep(c->events, c->state_dir) < 0)
		log_warn("op=events err=%s; none of before are known",
		    strerror(errno));
	retry = event_new(c->base, -1, EV_PERSIST, on_retry, c);
	if (retry == NULL || event_add(retry, &tv) < 0)
		fatal("event loop");
}

/* For who looks at night why it is another than in the evening. */
static void
say_started(struct ctld *c)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "version %s%s", PACKAGE_VERSION,
	    events_ended_well(c->events) ? "" : "; the one before was killed "
	    "or failed: see its log");
	events_daemon(c->events, EVENT_DAEMON_STARTED, text);
}

int
main(void)
{
	static struct ctld c;

	log_init("ctld", 0);
	role_prove(ROLE_CTLD);
	log_last(on_fatal, &c);
	prepare(&c);
	confine(&c);
	say_started(&c);
	vm_reconcile(&c);
	if (event_base_dispatch(c.base) < 0)
		fatalx("event loop");
	return 0;
}
