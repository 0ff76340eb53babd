/* SPDX-License-Identifier: ISC */
/*
 * Runs in front. A request while it is held, and its answer. Both are bounded:
 * while answers wait, or too much is held, ctld is not read (loop.c), so ctld
 * that does not read its answers only stops itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "policy/steps.h"
#include "privd/front.h"

struct call *
call_new(struct front *f, struct wire_msg *m)
{
	struct call *c = calloc(1, sizeof(*c) + m->h.len);
	unsigned i;

	if (c == NULL)
		fatalx("out of memory for a request of %u bytes", m->h.len);
	c->h = m->h;
	c->type = m->h.type;
	c->nfds = m->nfds;
	for (i = 0; i < WIRE_FDS_MAX; i++)
		c->fds[i] = i < m->nfds ? fd_steal(&m->fds[i]) : -1;
	m->nfds = 0;
	memcpy(c->body, m->body, m->h.len);
	f->ncalls++;
	f->nfds += c->nfds;
	return c;
}

void
call_drop_fds(struct front *f, struct call *c)
{
	unsigned i;

	for (i = 0; i < c->nfds; i++)
		fd_close(&c->fds[i]);
	f->nfds -= c->nfds;
	c->nfds = 0;
}

void
call_free(struct front *f, struct call *c)
{
	call_drop_fds(f, c);
	f->ncalls--;
	free(c->was);
	free(c);
}

static void
out_queue(struct front *f, const struct wire_hdr *h, const void *rep,
    size_t n, int *fd)
{
	struct out *o = calloc(1, sizeof(*o) + n);

	if (o == NULL)
		fatalx("out of memory for an answer of %zu bytes", n);
	o->h = *h;
	o->fd = fd != NULL ? fd_steal(fd) : -1;
	o->len = n;
	memcpy(o->body, rep, n);
	if (f->out_tail != NULL)
		f->out_tail->next = o;
	else {
		f->out_head = o;
		f->out_deadline = now_ms() + OUT_MS;
	}
	f->out_tail = o;
}

void
out_flush(struct front *f)
{
	struct out *o;

	while ((o = f->out_head) != NULL) {
		if (wire_send(f->ctld, &o->h, o->body, o->len, &o->fd,
			o->fd >= 0) < 0) {
			if (errno == EAGAIN)
				return;
			fatal("ctld: answer not sent");
		}
		f->out_deadline = now_ms() + OUT_MS;
		f->out_head = o->next;
		if (f->out_head == NULL)
			f->out_tail = NULL;
		fd_close(&o->fd);
		free(o);
	}
}

void
call_answer(struct front *f, const struct call *c, const void *rep, size_t n,
    int *fd)
{
	struct wire_hdr h = { .type = c->h.type | WIRE_REPLY, .seq = c->h.seq,
		.slot = c->h.slot, .generation = c->h.generation };

	if (f->out_head != NULL) {
		out_queue(f, &h, rep, n, fd);
		return;
	}
	if (wire_send(f->ctld, &h, rep, n, fd, fd != NULL && *fd >= 0) < 0) {
		if (errno != EAGAIN)
			fatal("ctld: answer to %s not sent",
			    privop_name(c->h.type));
		out_queue(f, &h, rep, n, fd);
	}
	if (fd != NULL)
		fd_close(fd);
}

void
call_log(const struct call *c, const struct rep_hdr *no)
{
	log_info("refused op=%s slot=%u generation=%llu err=%s step=%s",
	    privop_name(c->h.type), c->h.slot,
	    (unsigned long long)c->h.generation, strerror(no->code),
	    step_name(no->step));
}

void
call_refuse(struct front *f, const struct call *c, const struct rep_hdr *no)
{
	const struct privop_row *row = privop_row(c->h.type);
	uint64_t rep[WIRE_BODY_MAX / 8];

	call_log(c, no);
	memset(rep, 0, row->w.rep_len);
	memcpy(rep, no, sizeof(*no));
	call_answer(f, c, rep, row->w.rep_len, NULL);
}
