/* SPDX-License-Identifier: ISC */
/*
 * Logs: the console's (or the VMM's) bytes from a ring or a saved file that
 * ctld handed out, to the client as base64. What a guest wrote is never
 * looked into but for newlines. Memory is one buffer, whatever is asked for;
 * a reader that does not read loses its connection (conn.h).
 */
#include <errno.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "ctld/client/args.h"
#include "ctld/client/logs.h"
#include "ctld/client/serve.h"

#define ANSWER_MS 60000
#define POLL_MS 100		/* of a guest that says nothing */
#define POLL_SOON_MS 5		/* after it said something: somebody types */
#define LINES_MAX 1000000000
#define PIECE 6144u		/* a multiple of 3: pieces of base64 join */

ssize_t
log_read(struct log_source *src, void *buf, size_t n)
{
	ssize_t k;

	if (src->ring)
		return ring_read(src->fd, &src->pos, buf, n, NULL);
	do
		k = pread(src->fd, buf, n, (off_t)src->pos);
	while (k < 0 && errno == EINTR);
	if (k > 0)
		src->pos += (uint64_t)k;
	return k;
}

/* Count newlines from src to limit, or to its end; with skip > 0 stop after
 * that many, with src just behind the last of them. */
static int
walk(struct log_source *src, uint64_t limit, uint64_t skip, uint64_t *count,
    int *partial)
{
	unsigned char buf[PIECE];
	ssize_t k;
	ssize_t i;

	*count = 0;
	*partial = 0;
	while (src->pos < limit) {
		k = log_read(src, buf, sizeof(buf));
		if (k <= 0)
			return (int)k;
		for (i = 0; i < k; i++) {
			*partial = buf[i] != '\n';
			if (buf[i] != '\n')
				continue;
			if (++*count == skip) {
				src->pos -= (uint64_t)(k - i - 1);
				return 0;
			}
		}
	}
	return 0;
}

int
log_tail(struct log_source *src, uint64_t lines, uint64_t *end)
{
	struct log_source from = *src;
	uint64_t have, skip;
	int partial;

	if (walk(src, UINT64_MAX, 0, &have, &partial) < 0)
		return -1;
	*end = src->pos;
	have += (uint64_t)partial;
	skip = have > lines ? have - lines : 0;
	*src = from;
	if (skip == 0)
		return 0;
	if (lines == 0) {
		src->pos = *end;
		return 0;
	}
	return walk(src, *end, skip, &have, &partial);
}

size_t
base64(char *out, const unsigned char *in, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, o = 0;
	uint32_t v;

	for (i = 0; i < n; i += 3) {
		v = (uint32_t)in[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < n)
			v |= in[i + 2];
		out[o++] = digits[v >> 18];
		out[o++] = digits[v >> 12 & 63];
		out[o++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		out[o++] = i + 2 < n ? digits[v & 63] : '=';
	}
	return o;
}

/* One reply with the bytes up to `end` (or as many as there are now, one
 * buffer full at most, for end 0). Returns how many, -1 on failure. */
static ssize_t
put_data(struct serve *s, struct log_source *src, uint64_t end, int continues)
{
	unsigned char buf[PIECE];
	char text[PIECE / 3 * 4];
	ssize_t k, total = 0;
	size_t want, have = 0;

	reply_begin(s);
	reply_put(s, "{\"data\":\"", 9);
	for (;;) {
		want = sizeof(buf) - have;
		if (end != 0 && src->pos + want > end)
			want = src->pos < end ? (size_t)(end - src->pos) : 0;
		k = want > 0 ? log_read(src, buf + have, want) : 0;
		if (k < 0) {
			s->end = s->c.dead = 1;
			return -1;
		}
		have += (size_t)k;
		total += k;
		/* only whole pieces may go without being the last */
		if (have == sizeof(buf) || k == 0) {
			reply_put(s, text, base64(text, buf, have));
			have = 0;
		}
		if (k == 0 || (end == 0 && have == 0) || s->c.dead)
			break;
	}
	reply_put(s, "\"}", 2);
	reply_end(s, continues);
	return total;
}

static void
follow(struct serve *s, struct log_source *src)
{
	unsigned char probe;
	struct log_source ahead;
	int closed, ms = POLL_MS;

	while (!s->c.dead) {
		closed = src->ring ? ring_closed(src->fd) : 1;
		ahead = *src;
		if (closed < 0 || log_read(&ahead, &probe, 1) < 0) {
			s->end = s->c.dead = 1;
			return;
		}
		if (ahead.pos != src->pos) {
			(void)put_data(s, src, 0, 1);
			ms = POLL_SOON_MS;
			continue;
		}
		if (closed) {
			(void)put_data(s, src, src->pos, 0);
			return;
		}
		if (conn_wait(&s->c, -1, ms) < 0)
			s->end = s->c.dead = 1;
		ms = ms * 2 < POLL_MS ? ms * 2 : POLL_MS;
	}
}

int
method_logs(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", "lines", "follow",
		"hypervisor", NULL };
	struct clreq_logs q = { .hypervisor = 0 };
	const struct clrep_logs *r;
	int64_t lines = LINES_MAX;
	struct log_source src = { .fd = -1 };
	int want_follow = 0, hypervisor = 0;
	uint64_t end;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    arg_int(params, "", "lines", 0, LINES_MAX, &lines, e) < 0 ||
	    arg_bool(params, "", "follow", &want_follow, e) < 0 ||
	    arg_bool(params, "", "hypervisor", &hypervisor, e) < 0)
		return -1;
	if (want_follow && !s->more)
		return arg_bad(e, "", "follow", "needs a call with more");
	q.hypervisor = hypervisor != 0;
	q.follow = want_follow != 0;
	if (serve_call(s, CLIENTOP_LOGS, &q, sizeof(q), NULL, 0, ANSWER_MS,
		e) < 0)
		return -1;
	r = (const struct clrep_logs *)(const void *)s->m.body;
	src.fd = s->m.fds[0];
	src.ring = (r->flags & CL_LOGS_RING) != 0;
	if (log_tail(&src, (uint64_t)lines, &end) < 0) {
		s->end = s->c.dead = 1;
		return 0;
	}
	if (end == 0)
		end = src.pos; /* nothing yet: an empty first reply */
	if (!want_follow) {
		(void)put_data(s, &src, end == 0 ? UINT64_MAX : end, 0);
		return 0;
	}
	if (src.pos < end)
		(void)put_data(s, &src, end, 1);
	follow(s, &src);
	return 0;
}
