/* SPDX-License-Identifier: ISC */
/*
 * A client that says what it likes to a real listener with a stand-in for
 * ctld behind it (fakectld.h). Failures end the test.
 */
#ifndef TESTS_LIB_RAWCLIENT_H
#define TESTS_LIB_RAWCLIENT_H

#include <stdint.h>
#include <sys/types.h>
#include <jansson.h>

#define RC_SOCK "./sock"
#define VM "io.postern.Vm."

/* Serve one member on RC_SOCK. As root the listener is the program in its
 * role (uid, filters, Landlock); otherwise its code runs in a child. Returns
 * the stand-in's pid. */
pid_t rc_serve(uint32_t member, const char *program);

int rc_dial(void); /* a connection, which the caller owns */
void rc_say(int fd, const char *text);
void rc_say_fds(int fd, const char *text, const int *fds, unsigned nfds);

/* The next message within ms, or NULL at the end of the connection. */
json_t *rc_hear(int fd, int ms);
/* The next one is this error, of this field (NULL: of any). */
void rc_hear_error(int fd, const char *error, const char *field);
/* The connection ends; fd is closed. */
void rc_hear_end(int fd);

/* Until a connection is served: places come back when their processes have
 * been reaped. */
void rc_wait_place(void);
/* An ordinary client gets its answer. */
void rc_others_served(void);

#endif
