/* SPDX-License-Identifier: ISC */
/* What postern check asks the kernel. */
#ifndef CTLD_CLI_CHECK_H
#define CTLD_CLI_CHECK_H

#include <stddef.h>

/* The first chain of another's table than `ours` that drops what it does not
 * know on the way of a forwarded or local packet, as "ip filter FORWARD". 1:
 * found; 0: none; -1: not to be seen (errno). */
int check_foreign(const char *ours, char *what, size_t size);

/* Connect to addr:port within ms. 0, or an errno (ETIMEDOUT: silence). UDP: a
 * datagram is sent; 0 says only that nobody refused it. */
int check_connect(const char *addr, int port, int udp, int ms);

#endif
