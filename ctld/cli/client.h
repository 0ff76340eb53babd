/* SPDX-License-Identifier: ISC */
/*
 * Calling the daemon: Varlink over its socket. Functions that return an exit
 * status have told the user what went wrong when it is not EX_DONE.
 */
#ifndef CTLD_CLI_CLIENT_H
#define CTLD_CLI_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ctld/cli/cli.h"

struct vl {
	int fd;
	char *buf;		/* bytes read beyond the last message */
	size_t n, size;
};

/* An exit status. Close with vl_close(). */
int vl_open(struct cli *c, struct vl *v);
/* 0 or -1 with errno; says nothing. */
int vl_connect(const struct cli *c, struct vl *v);
void vl_close(struct vl *v);

/* Send a call of io.postern.Vm (method "Stop"; or a full name) with descriptors; takes the
 * reference to params. 0 or -1. */
int vl_send(struct vl *v, const char *method, json_t *params, int more,
    const int *fds, unsigned nfds);

/* The next message, NULL at the end or when it is no message. */
json_t *vl_recv(struct vl *v);

/* One call, one answer: *out gets the parameters (a new reference, NULL on
 * failure). what: "web" or "", for complaints. An exit status. */
int vl_call(struct cli *c, const char *what, const char *method,
    json_t *params, const int *fds, unsigned nfds, json_t **out);

/* One call whose answer may be anything: the whole of it (a new reference),
 * NULL when there was none. Says nothing. */
json_t *vl_try(struct cli *c, const char *method, json_t *params);

/* A stream broke off: the daemon is being started anew, or we read too slowly.
 * Connect again, for 10 seconds since the first break: *broke, which is 0 as
 * long as answers come. 0 or -1. */
int vl_again(const struct cli *c, struct vl *v, int64_t *broke);

/* Is there a message that vl_recv() would return without reading? */
int vl_pending(const struct vl *v);

/* Judge an answer: EX_DONE with *out (a new reference), or the exit status of
 * the error in it, which has been told. NULL: the daemon broke off. */
int vl_answer(struct cli *c, const char *what, json_t *answer, json_t **out);

/* What the daemon says of the caller (Policy). A new reference; NULL, with no
 * complaint, when nobody listens. */
json_t *vl_policy(struct cli *c);

/* Tell of a failure that the command found itself, in the same two forms:
 * field "--kernel", or "" . Returns code. */
int vl_fail(struct cli *c, const char *what, int code, const char *error,
    const char *field, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* "NAME" or "OWNER/NAME" as typed into what the daemon takes: a user's name
 * becomes its uid. New reference; NULL after a complaint. */
json_t *vl_name(struct cli *c, const char *typed);

#endif
