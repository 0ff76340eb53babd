/* SPDX-License-Identifier: ISC */
/* Descriptors sent along with bytes, as many as a test likes. */
#ifndef TESTS_LIB_SENDFDS_H
#define TESTS_LIB_SENDFDS_H

#include <stddef.h>

/* The kernel takes no more at once (SCM_MAX_FD). */
#define SENDFDS_MAX 253

/* n bytes of text and nfds <= SENDFDS_MAX descriptors, all of it or the test
 * fails. The descriptors stay the caller's. */
void send_fds(int sock, const char *text, size_t n, const int *fds,
    unsigned nfds);

#endif
