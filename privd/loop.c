/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. Three wires, one process each; any end of file ends front
 * too, and no end of file touches a VM. Answers are taken before requests.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/fdlook.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "privd/front.h"

#define TWIN_MS 5000 /* we have ended by then */
#define BURST 32 /* requests read before the answers get their turn */

/*
 * The end of a process waits for such files, and whoever started us waits for
 * ours: so a twin with the same table of descriptors is to end last.
 */
_Noreturn static void
leave(const struct wire_msg *m)
{
	if (sysx_fork_files() == 0)
		(void)poll(NULL, 0, TWIN_MS);
	fdlook_end(m->fds, m->nfds);
}

/* 1: a record is in f->msg; 0: none now. Everything else is the end. */
static int
take(struct front *f, int fd, const char *who)
{
	switch (wire_take(fd, &f->msg)) {
	case 1:
		if (fd == f->ctld && f->msg.nfds > 0 &&
		    !fdlook_tame(f->mounts, f->msg.fds, f->msg.nfds)) {
			log_err("%s: \"%s\" brings a file of a file system "
			    "that may not answer", who,
			    privop_name(f->msg.h.type));
			leave(&f->msg);
		}
		return 1;
	case 0:
		fatalx("%s ended", who);
	default:
		if (errno == EAGAIN)
			return 0;
		fatal("%s: malformed record", who);
	}
}

static int
may_read(const struct front *f)
{
	return f->out_head == NULL && f->ncalls < CALLS_MAX &&
	    f->nfds < CALL_FDS_MAX;
}

static void
hear(struct front *f, struct server *srv)
{
	unsigned n;

	for (n = 0; n < BURST && take(f, srv->fd, srv->name); n++)
		route_answer(f, srv, &f->msg);
}

static void
late(const struct server *srv, int64_t now)
{
	if (srv->used > 0 && now >= srv->deadline)
		fatalx("%s: no answer to \"%s\" in %d ms", srv->name,
		    privop_name(srv->flights[0]->flight->type), ANSWER_MS);
}

static int
timeout(const struct front *f)
{
	int64_t now = now_ms(), next = INT64_MAX;

	late(&f->net, now);
	late(&f->jail, now);
	if (f->out_head != NULL && now >= f->out_deadline)
		fatalx("ctld: does not read its answers");
	if (f->net.used > 0)
		next = f->net.deadline;
	if (f->jail.used > 0 && f->jail.deadline < next)
		next = f->jail.deadline;
	if (f->out_head != NULL && f->out_deadline < next)
		next = f->out_deadline;
	if (f->notify >= 0 && f->ping_at < next)
		next = f->ping_at > now ? f->ping_at : now;
	return next == INT64_MAX ? -1 : (int)(next - now);
}

void
notify(struct front *f, const char *text)
{
	if (f->notify < 0)
		return;
	if (write(f->notify, text, strlen(text)) < 0)
		log_debug("service manager: %s", strerror(errno));
	f->ping_at = now_ms() + NOTIFY_PING_MS;
}

void
loop_run(struct front *f)
{
	struct pollfd p[3] = { { .fd = f->ctld },
		{ .fd = f->net.fd, .events = POLLIN },
		{ .fd = f->jail.fd, .events = POLLIN } };
	unsigned n;

	for (;;) {
		p[0].events = 0;
		if (f->out_head != NULL)
			p[0].events = POLLOUT;
		else if (may_read(f))
			p[0].events = POLLIN;
		if (poll(p, 3, timeout(f)) < 0) {
			if (errno == EINTR)
				continue;
			fatal("poll");
		}
		if (f->notify >= 0 && now_ms() >= f->ping_at)
			notify(f, "WATCHDOG=1");
		if (p[1].revents != 0)
			hear(f, &f->net);
		if (p[2].revents != 0)
			hear(f, &f->jail);
		if ((p[0].revents & (POLLHUP | POLLERR)) != 0 &&
		    (p[0].events & POLLIN) == 0)
			fatalx("ctld ended");
		if (f->out_head != NULL)
			out_flush(f);
		if ((p[0].events & POLLIN) == 0 || p[0].revents == 0)
			continue;
		for (n = 0; n < BURST && may_read(f) &&
		    take(f, f->ctld, "ctld"); n++)
			route_request(f, &f->msg);
	}
}
