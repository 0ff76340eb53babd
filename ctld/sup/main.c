/* SPDX-License-Identifier: ISC */
/*
 * vmsup: static, one a VM, executed by jail's child S as the VM's own
 * supervisor uid, without any capability, as pid 1 of the VM's pid namespace.
 * It holds the descriptors of common/vmfd.h and no other; it sees no path of
 * the host. It distrusts its VMM, its guest and whoever connects to it. It
 * locks itself before it reads a byte of any of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "common/vmfd.h"
#include "ctld/sup/sup.h"

/* Decimal, nothing else. 0 or -1. */
static int
number(const char *text, uint32_t *out)
{
	unsigned long v;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || v > UINT32_MAX)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static int
setup(struct sup *s, char *const argv[])
{
	uint32_t kind, channels;

	if (number(argv[1], &s->ctld_uid) < 0 || number(argv[2], &kind) < 0 ||
	    number(argv[3], &channels) < 0 || channel_init(s, channels) < 0 ||
	    (s->be = sup_backend(kind)) == NULL) {
		errno = EINVAL;
		return -1;
	}
	s->listen = SUP_FD_LISTEN;
	s->console_ring = SUP_FD_CONSOLE_RING;
	s->log_ring = SUP_FD_LOG_RING;
	s->in = SUP_FD_CONSOLE_IN;
	s->out = SUP_FD_CONSOLE_OUT;
	s->log_out = SUP_FD_LOG;
	s->ctl = SUP_FD_CTL;
	s->vmm = SUP_FD_VMM;
	s->conn = -1;
	s->state = SUP_STARTING;
	s->wait_status = -1;
	if (ring_map(&s->log, SUP_FD_LOG_RING) < 0 ||
	    ring_map(&s->console, SUP_FD_CONSOLE_RING) < 0)
		return -1;
	/* jail, once restarted, must be able to open /proc/PID/ns/net; the
	 * VMM has another uid, so this opens nothing to it. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    fcntl(s->in, F_SETFL, O_WRONLY | O_NONBLOCK) < 0 ||
	    fcntl(s->out, F_SETFL, O_RDONLY | O_NONBLOCK) < 0 ||
	    fcntl(s->log_out, F_SETFL, O_RDONLY | O_NONBLOCK) < 0 ||
	    fcntl(s->listen, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -1;
	s->chld = exit_watch();
	return s->chld;
}

int
main(int argc, char *argv[])
{
	static struct sup sup;

	log_init("vmsup", 0); /* names us in the line about a violation */
	if (argc != 4)
		return 2;
	if (setup(&sup, argv) < 0) {
		if (sup.log.hdr != NULL)
			sup_note(&sup, "cannot start: %s", strerror(errno));
		return 1;
	}
	if (sandbox_load(SUP_FD_FILTER, 1) < 0) {
		sup_note(&sup, "cannot lock itself: %s", strerror(errno));
		return 1;
	}
	sup_loop(&sup);
	return 0;
}
