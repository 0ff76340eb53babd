/* SPDX-License-Identifier: ISC */
/*
 * A file on a tenant's FUSE mount whose server never answers: fstat(2),
 * fstatfs(2) and close(2) of it hang, whoever does it. Test code, as root.
 */
#ifndef TESTS_FUSEFILE_H
#define TESTS_FUSEFILE_H

#include <sys/types.h>

/* Moves the test into a mount namespace of its own, which alone has the
 * mount; programs started before do not see it. Skips without /dev/fuse. */
int fusefile_open(pid_t *server);
/* Everything that hangs comes loose. To be called before the test ends: its
 * own end would wait, too. */
void fusefile_end(pid_t server);
/* Does fn(fd) come back within a second? Its process is left behind. */
int fusefile_returns(int (*fn)(int), int fd);

#endif
