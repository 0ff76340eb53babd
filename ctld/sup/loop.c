/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup: waits for everything at once. Each descriptor gets one
 * bounded turn a round. The end of any of them ends only itself: a VM lives
 * until its VMM does, and vmsup until ctld knows how that ended.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"
#include "policy/privops.h"

enum { ON_LISTEN, ON_CONN, ON_OUT, ON_LOG, ON_CTL, ON_VMM, ON_CHLD, ON_IN,
	ON_ATTACHED, ON_CHANNELS = ON_ATTACHED + CONSOLES_MAX,
	ON_N = ON_CHANNELS + CHANNEL_POLLS };

const struct sup_backend *
sup_backend(uint32_t vmm_kind)
{
	static const struct sup_backend *const backends[] = {
		[VMM_QEMU] = &sup_backend_qemu };

	if (vmm_kind >= sizeof(backends) / sizeof(backends[0]))
		return NULL;
	return backends[vmm_kind];
}

void
sup_state(struct sup *s, enum sup_state state)
{
	if (s->state == (uint32_t)state)
		return;
	s->state = (uint32_t)state;
	serve_tell(s);
}

void
sup_end(struct sup *s, enum sup_end end)
{
	if (s->end == END_UNKNOWN)
		s->end = (uint32_t)end;
}

/* poll(2) passes over negative descriptors. */
static void
want(const struct sup *s, struct pollfd p[ON_N])
{
	int late = console_until(s, now_ms()) != 0;
	unsigned i;

	p[ON_LISTEN].fd = s->accept_at != 0 ? -1 : s->listen;
	p[ON_CONN].fd = s->conn;
	p[ON_OUT].fd = late ? -1 : s->out;
	p[ON_LOG].fd = late ? -1 : s->log_out;
	p[ON_CTL].fd = s->ctl;
	p[ON_VMM].fd = s->vmm;
	p[ON_CHLD].fd = s->chld;
	/* a pipe's end is told always: it is looked at when it must take */
	p[ON_IN].fd = s->ntyped > 0 ? s->in : -1;
	for (i = 0; i < CONSOLES_MAX; i++)
		p[ON_ATTACHED + i].fd = s->attached[i];
	for (i = 0; i < ON_CHANNELS; i++) {
		p[i].events = POLLIN;
		p[i].revents = 0;
		if (i >= ON_ATTACHED &&
		    (s->ntyped > 0 || s->silent[i - ON_ATTACHED]))
			p[i].events = 0;
	}
	p[ON_IN].events = POLLOUT;
	channel_want(s, p + ON_CHANNELS);
	if (s->owed)
		p[ON_CONN].events |= POLLOUT;
	if (s->ctl >= 0 && s->be->waiting(s))
		p[ON_CTL].events |= POLLOUT;
}

/* A handler may have closed what others were polled for, hence the looks at
 * the descriptors themselves. Output of a VMM comes before its end. */
static void
act(struct sup *s, const struct pollfd p[ON_N])
{
	unsigned i;

	if (s->out >= 0 && p[ON_OUT].revents != 0)
		(void)console_input(s);
	if (s->log_out >= 0 && p[ON_LOG].revents != 0)
		(void)console_log(s);
	if (s->ctl >= 0 && (p[ON_CTL].revents & POLLOUT) != 0)
		s->be->output(s);
	if (s->ctl >= 0 && (p[ON_CTL].revents & ~POLLOUT) != 0)
		s->be->input(s);
	if (s->in >= 0 && p[ON_IN].revents != 0)
		console_write(s);
	for (i = 0; i < CONSOLES_MAX; i++)
		if (s->attached[i] >= 0)
			console_typed(s, i, p[ON_ATTACHED + i].revents);
	channel_act(s, p + ON_CHANNELS);
	if (p[ON_VMM].revents != 0 || p[ON_CHLD].revents != 0)
		exit_reap(s);
	if (s->conn >= 0 && (p[ON_CONN].revents & POLLOUT) != 0 && s->owed)
		serve_tell(s);
	if (s->conn >= 0 && (p[ON_CONN].revents & ~POLLOUT) != 0)
		serve_input(s);
	if (p[ON_LISTEN].revents != 0)
		serve_accept(s);
}

void
sup_loop(struct sup *s)
{
	struct pollfd p[ON_N];
	struct timespec ts;
	int ms;

	console_start(s);
	s->be->start(s);
	while (!s->acked) {
		want(s, p);
		ms = serve_timeout(s, now_ms());
		ts.tv_sec = ms / 1000;
		ts.tv_nsec = ms % 1000 * 1000000L;
		if (ppoll(p, ON_N, ms < 0 ? NULL : &ts, NULL) < 0)
			continue;
		serve_expire(s, now_ms());
		channel_expire(s, now_ms());
		act(s, p);
	}
}
