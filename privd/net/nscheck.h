/* SPDX-License-Identifier: ISC */
/* Is a descriptor of jail's what it should be? Questions to the kernel. */
#ifndef PRIVD_NET_NSCHECK_H
#define PRIVD_NET_NSCHECK_H

#include <sys/stat.h>

#include "privd/net/slot.h"

/* A network namespace other than the host's; *st tells which. */
int ns_check(const struct net *n, int ns, struct stat *st, struct err *e);
/* A netlink socket of this family, opened in that namespace. */
int ns_check_socket(int fd, int proto, const struct stat *ns, struct err *e);
/* Is the other end of the slot's link in this namespace? */
int ns_check_slot(struct net *n, uint32_t slot, int ns, struct err *e);

#endif
