/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process: no capability, no other client's data,
 * no file system, its own short seccomp list; it ends with the connection.
 * Distrusts the client (JSON, descriptors, pace) and checks what ctld says.
 * Invariant: every call gets exactly one reply, or the connection ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/client/args.h"
#include "common/fdlook.h"
#include "ctld/client/json.h"
#include "ctld/client/serve.h"
#include "policy/steps.h"

#define IFACE "io.postern.Vm."
#define SERVICE "org.varlink.service."

static const struct method {
	const char *name;
	method_fn *fn;
	int fds;		/* takes descriptors */
} methods[] = {
	{ IFACE "Start", method_start, 1 },
	{ IFACE "Stop", method_stop, 0 },
	{ IFACE "Kill", method_kill, 0 },
	{ IFACE "Remove", method_remove, 0 },
	{ IFACE "List", method_list, 0 },
	{ IFACE "Status", method_status, 0 },
	{ IFACE "Info", method_info, 0 },
	{ IFACE "Network", method_network, 0 },
	{ IFACE "Logs", method_logs, 0 },
	{ IFACE "Create", method_create, 1 },
	{ IFACE "Definition", method_definition, 0 },
	{ IFACE "Pause", method_pause, 0 },
	{ IFACE "Resume", method_resume, 0 },
	{ IFACE "Wait", method_wait, 0 },
	{ IFACE "Events", method_events, 0 },
	{ IFACE "Backends", method_backends, 0 },
	{ IFACE "Policy", method_policy, 0 },
	{ IFACE "Stats", method_stats, 0 },
	{ IFACE "FirewallShow", method_firewall_show, 0 },
	{ IFACE "FirewallSet", method_firewall_set, 0 },
	{ IFACE "FirewallAdd", method_firewall_add, 0 },
	{ IFACE "FirewallRemove", method_firewall_remove, 0 },
	{ IFACE "PortAdd", method_port_add, 0 },
	{ IFACE "PortRemove", method_port_remove, 0 },
	{ IFACE "Console", method_console, 0 },
	{ IFACE "Connect", method_connect, 0 },
	{ IFACE "Channel", method_channel, 0 },
	{ SERVICE "GetInfo", service_info, 0 },
	{ SERVICE "GetInterfaceDescription", service_description, 0 },
};

void
reply_put(struct serve *s, const char *text, size_t n)
{
	if (!s->oneway)
		conn_put(&s->c, text, n);
}

static int
dump(const char *text, size_t n, void *arg)
{
	reply_put(arg, text, n);
	return 0;
}

void
reply_json(struct serve *s, json_t *j)
{
	/* out of memory in the middle of a reply: nothing true can follow */
	if (j == NULL ||
	    json_dump_callback(j, dump, s, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		s->c.dead = s->end = 1;
	json_decref(j);
}

void
reply_begin(struct serve *s)
{
	static const char head[] = "{\"parameters\":";

	reply_put(s, head, sizeof(head) - 1);
}

void
reply_end(struct serve *s, int continues)
{
	static const char last[] = "}", more[] = ",\"continues\":true}";

	if (continues)
		reply_put(s, more, sizeof(more)); /* with its NUL */
	else
		reply_put(s, last, sizeof(last));
	if (!s->oneway)
		conn_flush(&s->c);
}

int
reply(struct serve *s, json_t *params, int continues)
{
	reply_begin(s);
	reply_json(s, params);
	reply_end(s, continues);
	return 0;
}

static void
reply_error(struct serve *s, const char *name, json_t *params)
{
	json_t *j = json_pack("{s:s,s:o}", "error", name, "parameters",
	    params);

	reply_json(s, j);
	reply_put(s, "", 1);
	if (!s->oneway)
		conn_flush(&s->c);
}

static json_t *
quota(const struct rep_cl *e)
{
	json_t *used = e->used != UINT32_MAX ?
	    json_integer((json_int_t)e->used) : json_null();

	return json_pack("{s:s,s:I,s:o,s:s}", "resource", e->field, "limit",
	    (json_int_t)e->limit, "used", used, "reason", e->reason);
}

static json_t *
host_failure(const struct rep_cl *e)
{
	const char *name = strerrorname_np(e->code);

	return json_pack("{s:s,s:s,s:s}", "step", step_name(e->step),
	    "errno", name != NULL ? name : "?", "reason", e->reason);
}

/* A typed error of the interface. */
static void
reply_typed(struct serve *s, const struct rep_cl *e)
{
	const char *vm = s->vm != NULL ? s->vm : "";
	json_t *reason = json_pack("{s:s}", "reason", e->reason);

	switch (e->error) {
	case CLE_NOT_FOUND:
		reply_error(s, IFACE "NotFound",
		    json_pack("{s:s}", "name", vm));
		break;
	case CLE_EXISTS:
		reply_error(s, IFACE "AlreadyExists",
		    json_pack("{s:s}", "name", vm));
		break;
	case CLE_INVALID:
		reply_error(s, IFACE "InvalidArgument",
		    json_pack("{s:s,s:s}", "field", e->field, "reason",
			e->reason));
		break;
	case CLE_DENIED:
		reply_error(s, IFACE "Denied", json_incref(reason));
		break;
	case CLE_QUOTA:
		reply_error(s, IFACE "QuotaExceeded", quota(e));
		break;
	case CLE_STATE:
		reply_error(s, IFACE "WrongState",
		    json_pack("{s:s}", "state", e->reason));
		break;
	case CLE_UNSUPPORTED:
		reply_error(s, IFACE "Unsupported",
		    json_pack("{s:s,s:s}", "backend", e->field, "operation",
			e->reason));
		break;
	case CLE_TIMEOUT:
		reply_error(s, IFACE "TimedOut", json_incref(reason));
		break;
	case CLE_HOST:
	default:
		reply_error(s, IFACE "HostFailure", host_failure(e));
		break;
	}
	json_decref(reason);
}

static int
typed(const struct rep_cl *r, struct rep_cl *e)
{
	*e = *r;
	/* ctld is not believed blindly: a string must end in its array */
	if (!wire_str_ok(r->field, sizeof(r->field)) ||
	    !wire_str_ok(r->reason, sizeof(r->reason))) {
		e->field[0] = e->reason[0] = '\0';
		e->error = CLE_HOST;
	}
	return -1;
}

static int
nobody(struct serve *s, struct rep_cl *e, enum cl_error error, int code,
    const char *reason)
{
	s->end = 1;
	memset(e, 0, sizeof(*e));
	e->error = (uint16_t)error;
	e->code = code;
	(void)strlcpy(e->reason, reason, sizeof(e->reason));
	return -1;
}

/* ctld ended meanwhile, whether it did what was asked or not. No answer would
 * be true, so the connection ends without one. */
static int
lost(struct serve *s, struct rep_cl *e)
{
	memset(e, 0, sizeof(*e));
	s->end = s->c.dead = 1;
	return -1;
}

int
serve_call(struct serve *s, uint16_t type, const void *req, size_t n,
    const int *fds, unsigned nfds, int ms, struct rep_cl *e)
{
	const struct clientop_row *row = clientop_row(type);
	struct wire_hdr h = { .type = type, .seq = ++s->seq };
	const struct rep_cl *r;
	int k;

	wire_drop_fds(&s->m);
	if (wire_send(s->c.wire, &h, req, n, fds, nfds) < 0)
		return errno == EPIPE ? lost(s, e) : nobody(s, e, CLE_HOST, errno,
		    "the daemon does not take requests");
	switch (conn_wait(&s->c, s->c.wire, ms)) {
	case 0:
		return nobody(s, e, CLE_TIMEOUT, ETIMEDOUT,
		    "no answer from the daemon; look with `postern status`");
	case 1:
		break;
	default:
		return lost(s, e);
	}
	k = wire_recv(s->c.wire, &s->m);
	if (k == 0)
		return lost(s, e);
	if (k < 0 || s->m.h.type != (type | WIRE_REPLY) || s->m.h.seq != s->seq ||
	    wire_check_reply(&s->m, &row->w) < 0)
		return nobody(s, e, CLE_HOST, EBADMSG,
		    "malformed answer from the daemon");
	r = (const struct rep_cl *)(const void *)s->m.body;
	if (r->error != CLE_NONE)
		return typed(r, e);
	return 0;
}

/* Which of the message's descriptors may be stat'ed, read and closed. */
static void
look(struct serve *s)
{
	struct fdlook l[CONN_FDS_MAX];
	const char *type;
	unsigned i;

	s->fds_bad = 0;
	if (s->c.nfds == 0)
		return;
	for (i = 0; i < s->c.nfds; i++) {
		if (fdlook_ask(s->c.fds[i], &l[i]) < 0)
			s->fds_bad |= 1u << i;
	}
	if (fdlook_mounts(s->mountinfo, l, s->c.nfds) < 0)
		s->fds_bad = UINT32_MAX;
	for (i = 0; i < s->c.nfds; i++) {
		/* a memfd is nobody's file system */
		if (!fdlook_ok(&l[i], &type) &&
		    fcntl(s->c.fds[i], F_GET_SEALS) < 0)
			s->fds_bad |= 1u << i;
	}
}

static int
call_members(struct serve *s, const json_t *call, const json_t **params,
    struct rep_cl *e)
{
	static const char *const names[] = { "method", "parameters", "more",
		"oneway", "upgrade", NULL };
	const json_t *p = json_object_get(call, "parameters");
	int upgrade = 0;

	if (arg_known(call, "", names, e) < 0 ||
	    arg_bool(call, "", "more", &s->more, e) < 0 ||
	    arg_bool(call, "", "oneway", &s->oneway, e) < 0 ||
	    arg_bool(call, "", "upgrade", &upgrade, e) < 0)
		return -1;
	if (upgrade)
		return arg_bad(e, "", "upgrade", "no other protocol is spoken");
	if (s->more && s->oneway)
		return arg_bad(e, "", "oneway", "not together with more");
	if (!json_is_string(json_object_get(call, "method")))
		return arg_bad(e, "", "method", "missing");
	if (p != NULL && !json_is_null(p) && !json_is_object(p))
		return arg_bad(e, "", "parameters", "not an object");
	*params = json_is_object(p) ? p : NULL;
	return 0;
}

/* No such method, or no such interface. */
static void
unknown(struct serve *s, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot != NULL ? (size_t)(dot - name) + 1 : 0;

	if ((n == sizeof(IFACE) - 1 && strncmp(name, IFACE, n) == 0) ||
	    (n == sizeof(SERVICE) - 1 && strncmp(name, SERVICE, n) == 0))
		reply_error(s, SERVICE "MethodNotFound",
		    json_pack("{s:s}", "method", name));
	else
		reply_error(s, SERVICE "InterfaceNotFound",
		    json_pack("{s:s%}", "interface", name,
			n > 0 ? n - 1 : (size_t)0));
}

static const struct method *
find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

/* Descriptors that no method took: closed, unless that might not return. */
static void
drop_fds(struct serve *s)
{
	unsigned i;

	if (s->fds_bad != 0) {
		s->end = 1;
		return;
	}
	for (i = 0; i < s->c.nfds; i++)
		fd_close(&s->c.fds[i]);
	s->c.nfds = 0;
}

static void
dispatch(struct serve *s, const json_t *call)
{
	json_t *none = json_object();
	const json_t *params = NULL, *name;
	const struct method *m;
	struct rep_cl e;

	s->vm = NULL;
	s->more = s->oneway = 0;
	memset(&e, 0, sizeof(e));
	if (none == NULL || call_members(s, call, &params, &e) < 0) {
		reply_typed(s, &e);
		json_decref(none);
		return;
	}
	if (params == NULL)
		params = none;
	name = json_object_get(call, "method");
	m = find(json_string_value(name));
	if (m == NULL) {
		unknown(s, json_string_value(name));
	} else if (!m->fds && s->c.nfds > 0) {
		(void)arg_bad(&e, "", "fds",
		    "this method takes no descriptors; send none");
		reply_typed(s, &e);
	} else {
		if (json_is_string(json_object_get(params, "name")))
			s->vm = json_string_value(
			    json_object_get(params, "name"));
		if (m->fn(s, params, &e) < 0)
			reply_typed(s, &e);
	}
	json_decref(none);
}

static void
one_message(struct serve *s)
{
	char why[160];
	json_t *call = json_take(s->c.in, s->c.n, why, sizeof(why));
	struct rep_cl e;

	look(s);
	if (call == NULL) {
		s->oneway = 0;
		s->vm = NULL;
		(void)arg_bad(&e, "", "message", "%s", why);
		reply_typed(s, &e);
		s->end = 1;
	} else
		dispatch(s, call);
	json_decref(call);
	drop_fds(s);
}

/* The client broke a bound: say so, as far as it still reads. */
static void
farewell(struct serve *s, enum conn_end end)
{
	struct rep_cl e;

	s->oneway = 0;
	s->vm = NULL;
	switch (end) {
	case CONN_TOO_LONG:
		(void)arg_bad(&e, "", "message",
		    "longer than %u bytes; pass contents of files as "
		    "descriptors", CONN_MESSAGE_MAX);
		break;
	case CONN_HALF:
		(void)arg_bad(&e, "", "message",
		    "half a message, then nothing for %d s",
		    CONN_HALF_MS / 1000);
		break;
	case CONN_FDS:
		(void)arg_bad(&e, "", "fds", "more than %u descriptors",
		    CONN_FDS_MAX);
		break;
	case CONN_MESSAGE:
	case CONN_EOF:
	default:
		return;
	}
	reply_typed(s, &e);
}

void
serve(struct serve *s)
{
	const struct owner_conf *o = &s->policy.owner;
	enum conn_end end = CONN_MESSAGE;
	int64_t ms;

	while (!s->end && !s->c.dead) {
		end = conn_next(&s->c);
		if (end != CONN_MESSAGE)
			break;
		one_message(s);
		/* calls that are answered here never come to ctld, which
		 * counts the others of all the owner's connections */
		ms = bucket_owe(&s->pace, s->uid, o->request_rate,
		    o->request_rate * BUCKET_SECONDS, now_ms());
		if (ms > 0)
			(void)poll(NULL, 0, (int)ms);
	}
	if (end != CONN_MESSAGE)
		farewell(s, end);
}
