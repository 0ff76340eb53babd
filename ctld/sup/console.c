/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. Moves what a guest printed (stdout of the VMM) and what the
 * VMM said (its stderr) into rings of fixed size. Any bytes, any amount: one
 * bounded read a turn, so a flood delays nobody else.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

/* What Linux says first when it panics; see event_shutdown() in qmp.c. */
#define PANIC_TEXT "Kernel panic - not syncing"

/* One read into buf; closes the pipe at its end. Bytes, or 0. */
static size_t
take(struct sup *s, int *fd)
{
	ssize_t k = read(*fd, s->buf, sizeof(s->buf));

	if (k > 0)
		return (size_t)k;
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

void
console_start(struct sup *s)
{
	watch_set(&s->panic_watch, PANIC_TEXT);
	watch_set(&s->ready_watch, "");
}

size_t
console_input(struct sup *s)
{
	size_t n = take(s, &s->out);

	ring_put(&s->console, s->buf, n);
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
