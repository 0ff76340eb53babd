/* SPDX-License-Identifier: ISC */
/*
 * ctld-client: the listener on the control socket. Own uid, no capability,
 * nothing at all of the file system (Landlock), its seccomp list; see
 * listener.c. Each connection is served by a forked child that loads a
 * shorter list still and ends with the connection; see serve.c.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "common/sysconf.h"
#include "ctld/client/listener.h"
#include "policy/children.h"

static void
limit(int resource, rlim_t most)
{
	const struct rlimit r = { most, most };

	if (setrlimit((unsigned)resource, &r) < 0)
		fatal("rlimits");
}

static void
limits(void)
{
	const struct child_row *r = child_row(CHILD_CONN);

	limit(RLIMIT_NPROC, r->nproc);
	limit(RLIMIT_FSIZE, (rlim_t)r->fsize_kib << 10);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, r->nofile);
	limit(RLIMIT_DATA, (rlim_t)r->data_mib << 20);
}

static void
confine_child(void)
{
	limits();
	if (sandbox_load(CHILD_FD_FILTER, 1) < 0)
		fatal("seccomp filter");
}

int
main(void)
{
	static struct sysconf conf;
	static struct listener l;
	struct err e;

	log_init("ctld-client", 0);
	if (sysconf_load(RFD_CONF, &conf, &e) < 0)
		fatalx("%s", e.msg);
	role_prove(ROLE_CLIENT);
	log_init(roles[ROLE_CLIENT].title, (int)conf.debug);
	l.ctld = CLIENT_FD_CTLD;
	l.sock = CLIENT_FD_LISTEN;
	l.filter = CLIENT_FD_FILTER_CHILD;
	l.conf = &conf;
	l.confine = confine_child;
	/* stays open: read anew whenever a client's files are looked at */
	l.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (l.mountinfo < 0)
		fatal("/proc/self/mountinfo");
	if (fcntl(l.sock, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(l.ctld, F_SETFL, O_NONBLOCK) < 0)
		fatal("O_NONBLOCK");
	role_confine(ROLE_CLIENT, NULL);
	role_seal(RFD_FILTER);
	listener_run(&l);
	log_info("ctld has ended; ending too");
	return 0;
}
