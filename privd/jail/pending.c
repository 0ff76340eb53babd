/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. S and V hold the other end of one socket close-on-exec:
 * end of file after a word of each, sent just before its exec, means that both
 * have executed; without it, that one died. Any other record is the step that
 * failed. A dying process closes its files before its pidfd tells of it, so
 * the end of file alone would prove nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/kill.h"
#include "privd/jail/pending.h"
#include "privd/jail/spawn.h"

#define START_MS 5000
#define UNDO_MS 2000

void
pending_add(struct jail *j, struct slot *s, const struct wire_hdr *req,
    int sync)
{
	struct pending *p = j->pending;

	while (p->slot != NULL)
		p++;
	memset(p, 0, sizeof(*p));
	p->slot = s;
	p->req = *req;
	p->sync = sync;
	p->deadline = now_ms() + START_MS;
	s->spawning = 1;
	j->npending++;
}

int
pending_poll(const struct jail *j, struct pollfd *p)
{
	int64_t left, first = -1, now = now_ms();
	unsigned i;

	for (i = 0; i < PENDING_MAX; i++) {
		const struct pending *q = &j->pending[i];

		p[i].fd = -1;
		p[i].events = POLLIN;
		p[i].revents = 0;
		if (q->slot == NULL)
			continue;
		p[i].fd = q->sync >= 0 ? q->sync : q->slot->pidfd;
		left = q->deadline > now ? q->deadline - now : 0;
		if (first < 0 || left < first)
			first = left;
	}
	return (int)first;
}

/* The answer to front, and the end of this start. */
static void
finish(struct jail *j, struct pending *p)
{
	struct rep_spawn rep;
	struct slot *s = p->slot;

	memset(&rep, 0, sizeof(rep));
	rep.r.code = p->e.code;
	rep.r.step = p->e.step;
	s->spawning = 0;
	if (p->e.code == 0)
		slot_drop_images(s); /* the VMM holds its own */
	else
		log_warn("op=spawn vm=%u.%llu step=%s err=%s", s->slot,
		    (unsigned long long)s->generation, step_name(p->e.step),
		    strerror(p->e.code));
	reply_front(&p->req, &rep, sizeof(rep), p->e.code == 0 ?
	    s->pidfd : -1);
	fd_close(&p->sync);
	p->slot = NULL;
	j->npending--;
}

/* Undo: kill whatever there is, then wait for S. */
static void
fail(struct jail *j, struct pending *p, uint16_t step, int code)
{
	(void)err_step(&p->e, step, code, "start failed");
	fd_close(&p->sync);
	if (kill_all(j, p->slot, NULL) < 0)
		log_err("op=spawn vm=%u: cannot kill: %s", p->slot->slot,
		    strerror(errno));
	p->deadline = now_ms() + UNDO_MS;
}

static int
is_dead(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* One record or the end of file; 0 when there is nothing more to read. */
static int
hear(struct jail *j, struct pending *p)
{
	struct sync_rec r;
	ssize_t n;

	n = recv(p->sync, &r, sizeof(r), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == sizeof(r) && r.code == 0 && p->ready < 2) {
		p->ready++;
		return 1;
	}
	if (n == sizeof(r) && r.code > 0 && r.step < STEP_END)
		fail(j, p, (uint16_t)r.step, r.code);
	else if (n != 0)
		fail(j, p, STEP_SPAWN_WAIT, EBADMSG);
	else if (p->ready < 2 || is_dead(p->slot->pidfd))
		fail(j, p, STEP_SPAWN_WAIT, ECHILD);
	else
		finish(j, p);
	return 0;
}

/* S of a failed start is dead: take its exit status. */
static void
bury(struct jail *j, struct pending *p)
{
	siginfo_t si;

	(void)waitid(P_PIDFD, (id_t)p->slot->pidfd, &si, WEXITED | WNOHANG);
	fd_close(&p->slot->pidfd);
	p->slot->child = 0;
	finish(j, p);
}

void
pending_run(struct jail *j, const struct pollfd *fds)
{
	int64_t now = now_ms();
	unsigned i;

	for (i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &j->pending[i];

		if (p->slot == NULL || fds[i].fd < 0)
			continue;
		if (fds[i].revents != 0 && p->sync >= 0)
			while (hear(j, p))
				;
		else if (fds[i].revents != 0)
			bury(j, p);
		else if (now >= p->deadline && p->sync >= 0)
			fail(j, p, STEP_SPAWN_WAIT, ETIMEDOUT);
		else if (now >= p->deadline)
			finish(j, p); /* unkillable yet: REAP will tell */
	}
}
