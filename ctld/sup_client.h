/* SPDX-License-Identifier: ISC */
/*
 * ctld's end of the wire to a VM's supervisor. It connects to the socket that
 * ctld bound in its own directory (s-SLOT-GENERATION: what front can tell a
 * ctld that lost its state) and, when the connection is lost while the
 * supervisor lives, connects again. What it says is a tenant's
 * word: a malformed record ends the connection, never more.
 */
#ifndef CTLD_SUP_CLIENT_H
#define CTLD_SUP_CLIENT_H

#include "ctld/priv_client.h"
#include "policy/supops.h"

struct ctld;
struct sup;

struct sup_ops {
	/* after HELLO, and on each change */
	void (*state)(void *arg, const struct supreq_state *s);
	/* the rings; the callee takes both descriptors */
	void (*rings)(void *arg, int console, int log);
	/* PAUSE or RESUME was answered: 0 or an errno */
	void (*answer)(void *arg, uint16_t op, int code);
	/* just connected, HELLO is on its way: what else must be said */
	void (*greet)(void *arg, struct sup *s);
};

/* A listening socket bound in the current directory, which is ctld's own; for
 * SPAWN. The caller owns it. */
int sup_listen(const struct vm_handle *h);
void sup_unlink(const struct vm_handle *h);
/* The VM of a name in that directory. 0, or -1: not such a socket's. */
int sup_socket_name(const char *name, struct vm_handle *h);

/* Connect now or soon; sends HELLO, the pace of the owner's VMs, and RINGS if
 * want_rings. */
struct sup *sup_open(struct ctld *c, const struct vm_handle *h, uint32_t owner,
    int want_rings, const struct sup_ops *ops, void *arg);
void sup_close(struct sup *s);	/* NULL is allowed */
/* Read what it has said by now. */
void sup_drain(struct sup *s);

/* answer() follows, unless the connection is lost. 0 or -1. */
int sup_pause(struct sup *s);
int sup_resume(struct sup *s);
/* Say it; answers only matter for the log. 0, or -1: not connected. */
int sup_shutdown(struct sup *s);
int sup_quit(struct sup *s);
int sup_ack_exit(struct sup *s);
int sup_ready(struct sup *s, const char *text);
int sup_channels(struct sup *s, const struct supreq_channels *q);
int sup_ready_port(struct sup *s, uint32_t port);

/* Ask with a descriptor, which stays the caller's. fn is called once, from
 * the event loop: with the answer's code, or EPIPE when there will be none.
 * NULL: ENOTCONN, EAGAIN (not greeted yet), EOPNOTSUPP (an older supervisor),
 * ENOMEM. */
struct sup_ask;
typedef void sup_done(void *arg, int code);
struct sup_ask *sup_request(struct sup *s, uint16_t op, const void *body,
    int fd, sup_done *fn, void *arg);
/* fn will not be called. NULL is allowed. */
void sup_forget(struct sup_ask *a);

#endif
