/* SPDX-License-Identifier: ISC */
/*
 * One connection, served to its end: Varlink on the client's socket,
 * clientops records on the wire to ctld. Shared by the files that hold the
 * methods.
 */
#ifndef CTLD_CLIENT_SERVE_H
#define CTLD_CLIENT_SERVE_H

#include <jansson.h>
#include <stdint.h>

#include "common/bucket.h"
#include "common/sysconf.h"
#include "common/wire.h"
#include "ctld/client/conn.h"
#include "policy/clientops.h"

/* What a caller may know of the operator's configuration. */
struct policy_view {
	char instance[16], ifprefix[8], run_dir[108], state_dir[108];
	struct sysconf_uids uid;
	uint32_t vm_id_base, vm_id_count, slots;
	uint32_t node[CEIL_N];	/* the node's ceilings */
	uint32_t memory_reserve_mib, console_bytes;
	uint32_t pool_addr, pool_prefix, dns, flows, compose, accel;
	uint32_t admin;
	struct owner_conf owner; /* the caller's own ceilings */
};
void policy_view(const struct sysconf *c, uint32_t uid,
    struct policy_view *v);

struct serve {
	struct conn c;
	int mountinfo;		/* /proc/self/mountinfo, opened beforehand */
	uint32_t uid;		/* the client's, by SO_PEERCRED */
	uint32_t dns;		/* the guests' resolver, 0: none */
	struct policy_view policy;
	struct buckets pace;	/* one is used: its own */
	uint32_t seq;
	int more, oneway;	/* of the call at hand */
	int end;		/* no further call on this connection */
	unsigned fds_bad;	/* bit i: descriptor i must not be closed */
	const char *vm;		/* name as the call gave it, for errors */
	struct wire_msg m;	/* ctld's last reply */
};

/* Serve until client or ctld end. sock and wire are the caller's. The caller
 * exits afterwards without closing descriptors that the client had sent. */
void serve(struct serve *s);

/* A method: reads its parameters (never NULL, an object), and either replies
 * (0) or fills *e (-1). */
typedef int method_fn(struct serve *s, const json_t *params,
    struct rep_cl *e);

method_fn method_start;
method_fn method_stop, method_kill, method_remove;
method_fn method_list, method_status, method_info, method_network;
method_fn method_logs;
method_fn method_create, method_definition;
method_fn method_pause, method_resume, method_wait;
method_fn method_events, method_backends;
method_fn method_policy, method_stats;
method_fn method_firewall_show, method_firewall_set, method_firewall_add;
method_fn method_firewall_remove, method_port_add, method_port_remove;
method_fn method_console, method_connect, method_channel;
method_fn service_info, service_description;

/* Send one request and wait at most ms for its reply, which is then in s->m,
 * checked against the table. 0 for a good reply; -1 with *e for a typed
 * error, for silence, and (s->end set) when there is nobody to answer. */
int serve_call(struct serve *s, uint16_t type, const void *req, size_t n,
    const int *fds, unsigned nfds, int ms, struct rep_cl *e);

/* {"parameters": params}; takes the reference. 0, so that a method may end
 * with `return reply(...)`. */
int reply(struct serve *s, json_t *params, int continues);
/* The same, written piece by piece: begin, put text, end. */
void reply_begin(struct serve *s);
void reply_put(struct serve *s, const char *text, size_t n);
void reply_json(struct serve *s, json_t *j); /* takes the reference */
void reply_end(struct serve *s, int continues);

#endif
