/* SPDX-License-Identifier: ISC */
/*
 * Console, Connect and Channel. Runs in a connection's own process, which
 * passes a stream on and never reads or writes it.
 */
#include <string.h>

#include "ctld/client/args.h"
#include "ctld/client/serve.h"
#include "ctld/client/shape.h"

#define ANSWER_MS 60000		/* ctld's own deadlines are shorter */

/* ctld's descriptor becomes the client's, with the answer that names it. Ours
 * is closed: the stream must end when the client lets go of it. */
static int
reply_stream(struct serve *s)
{
	if (!s->oneway) {
		conn_pass(&s->c, s->m.fds[0]);
		(void)reply(s, json_pack("{s:i}", "fd", 0), 0);
		s->c.pass = -1;
	}
	wire_drop_fds(&s->m);
	return 0;
}

int
method_console(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	struct clreq_console q;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    serve_call(s, CLIENTOP_CONSOLE, &q, sizeof(q), NULL, 0,
		ANSWER_MS, e) < 0)
		return -1;
	return reply_stream(s);
}

int
method_connect(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", "port", NULL };
	struct clreq_connect q = { .zero = 0 };
	int64_t port = 0;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    arg_int(params, "", "port", 1, 65535, &port, e) < 0)
		return -1;
	if (port == 0)
		return arg_bad(e, "", "port", "missing; say 1 to 65535");
	q.port = (uint32_t)port;
	if (serve_call(s, CLIENTOP_CONNECT, &q, sizeof(q), NULL, 0,
		ANSWER_MS, e) < 0)
		return -1;
	return reply_stream(s);
}

int
method_channel(struct serve *s, const json_t *params, struct rep_cl *e)
{
	static const char *const names[] = { "name", NULL };
	const struct clrep_channel *r;
	struct clreq_channel q;

	if (arg_known(params, "", names, e) < 0 ||
	    arg_ref(params, &q.ref, e) < 0 ||
	    serve_call(s, CLIENTOP_CHANNEL, &q, sizeof(q), NULL, 0,
		ANSWER_MS, e) < 0)
		return -1;
	r = (const struct clrep_channel *)(const void *)s->m.body;
	if (r->nports > CHANNELS_MAX ||
	    !wire_str_ok(r->path, sizeof(r->path))) {
		s->end = s->c.dead = 1;
		return 0;
	}
	return reply(s,
	    json_pack("{s:{s:{s:s}},s:o}", "channel", "UnixSocket", "path",
		r->path, "ports", shape_channels(r->ports, r->nports)),
	    0);
}
