/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. Moves what a guest printed (stdout of the VMM) and what the
 * VMM said (its stderr) into rings of fixed size, and to whoever is attached;
 * what those typed goes to the guest. Any bytes, any amount: one bounded read
 * a turn, at a pace, so a flood delays nobody else, and nothing ever waits for
 * a reader.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

/* What Linux says first when it panics; see event_shutdown() in qmp.c. */
#define PANIC_TEXT "Kernel panic - not syncing"

#define SECOND_MS 1000
#define SECOND_US 1000000

int64_t
console_until(const struct sup *s, int64_t now)
{
	int64_t ms = (s->paid_us + 999) / 1000 - SECOND_MS;

	return ms > now ? ms : 0;
}

/* Whoever prints pays for our time, and that of whoever is attached. */
static void
pay(struct sup *s, size_t n)
{
	int64_t now = now_ms() * 1000;

	if (s->paid_us < now)
		s->paid_us = now;
	s->paid_us += (int64_t)n * SECOND_US / s->rate;
}

/* One read into buf; closes the pipe at its end. Bytes, or 0. */
static size_t
take(struct sup *s, int *fd)
{
	ssize_t k = read(*fd, s->buf, sizeof(s->buf));

	if (k > 0) {
		pay(s, (size_t)k);
		return (size_t)k;
	}
	if (k == 0 || (errno != EINTR && errno != EAGAIN))
		fd_close(fd);
	return 0;
}

static void
see(struct sup *s, size_t n)
{
	(void)watch_feed(&s->panic_watch, s->buf, n);
	if (watch_feed(&s->ready_watch, s->buf, n)) {
		s->ready = 1;
		serve_tell(s);
	}
}

/* To everybody attached, as much as fits; the rest is lost to them. */
static void
tell_attached(struct sup *s, size_t n)
{
	unsigned i;

	for (i = 0; n > 0 && i < CONSOLES_MAX; i++)
		if (s->attached[i] >= 0 && send(s->attached[i], s->buf, n,
		    MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
		    errno != EINTR)
			fd_close(&s->attached[i]);
}

int
console_attach(struct sup *s, int fd)
{
	unsigned i;

	if (s->out < 0)
		return ESRCH;
	for (i = 0; i < CONSOLES_MAX; i++)
		if (s->attached[i] < 0) {
			s->attached[i] = fd;
			s->silent[i] = 0;
			return 0;
		}
	return EBUSY;
}

void
console_write(struct sup *s)
{
	ssize_t k;

	while (s->ntyped > 0 && s->in >= 0) {
		k = write(s->in, s->typed + s->at_typed, s->ntyped);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			return;
		if (k < 0) { /* the VMM reads no console any more */
			fd_close(&s->in);
			break;
		}
		s->at_typed += (size_t)k;
		s->ntyped -= (size_t)k;
	}
	s->ntyped = 0;
}

void
console_typed(struct sup *s, unsigned i, short what)
{
	ssize_t k = 0;

	if ((what & POLLIN) != 0 && s->ntyped == 0) {
		k = recv(s->attached[i], s->typed, sizeof(s->typed),
		    MSG_DONTWAIT);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		s->silent[i] = k <= 0;
	}
	if (k <= 0) {
		if ((what & (POLLHUP | POLLERR | POLLNVAL)) != 0)
			fd_close(&s->attached[i]);
		return;
	}
	s->at_typed = 0;
	s->ntyped = (size_t)k;
	console_write(s);
}

void
console_end(struct sup *s)
{
	unsigned i;

	for (i = 0; i < CONSOLES_MAX; i++)
		fd_close(&s->attached[i]);
	s->ntyped = 0;
}

void
console_start(struct sup *s)
{
	unsigned i;

	for (i = 0; i < CONSOLES_MAX; i++)
		s->attached[i] = -1;
	s->rate = SUP_CONSOLE_RATE;
	watch_set(&s->panic_watch, PANIC_TEXT);
	watch_set(&s->ready_watch, "");
}

size_t
console_input(struct sup *s)
{
	size_t n = take(s, &s->out);

	ring_put(&s->console, s->buf, n);
	tell_attached(s, n);
	see(s, n);
	return n;
}

size_t
console_log(struct sup *s)
{
	size_t n = take(s, &s->log_out);

	ring_put(&s->log, s->buf, n);
	return n;
}

void
console_ready(struct sup *s, const char *text)
{
	uint64_t pos = 0;
	ssize_t n;

	/* asked again, by a ctld that was restarted: seen stays seen, also
	 * when the ring has forgotten it */
	if (strcmp(text, s->ready_watch.text) == 0)
		return;
	s->ready = 0;
	watch_set(&s->ready_watch, text);
	/* we are its only writer, so the ring holds still meanwhile */
	while ((n = ring_read(s->console_ring, &pos, s->buf, sizeof(s->buf),
	    NULL)) > 0)
		see(s, (size_t)n);
}
