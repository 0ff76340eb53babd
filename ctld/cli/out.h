/* SPDX-License-Identifier: ISC */
/*
 * Writing that does not wait for a terminal that is held or a pipe that is
 * full. O_NONBLOCK on a descriptor that we share with the shell would stay
 * there: so the same thing is opened anew, and where it cannot be (somebody
 * else's terminal, after su), a write is broken off.
 */
#ifndef CTLD_CLI_OUT_H
#define CTLD_CLI_OUT_H

#include <stddef.h>
#include <sys/types.h>

struct out {
	int fd;
	int own;		/* fd is ours, and does not wait */
	int held;		/* a terminal that waits */
};

/* For fd, STDOUT_FILENO or STDERR_FILENO. */
void out_open(struct out *o, int fd);
void out_close(struct out *o);
/* As write(2), once poll(2) says that something fits. A pipe takes 4096. */
ssize_t out_write(const struct out *o, const void *buf, size_t n);
/* A line of ours on standard error, after the guest's: "what: text". */
void out_note(const char *what, const char *text);

#endif
