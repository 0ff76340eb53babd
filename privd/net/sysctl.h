/* SPDX-License-Identifier: ISC */
#ifndef PRIVD_NET_SYSCTL_H
#define PRIVD_NET_SYSCTL_H

#include "common/err.h"

/* The namespace's own values, once sysctl_is_vms() has said that it is the
 * namespace's. The links are there, but down. 0 or -1. */
int sysctl_ns(int sys4, int sys6, struct err *e);

/* The host becomes a router. 0 or -1. */
int sysctl_forward(int sys4, struct err *e);

/* No IPv6 on a link of the host. */
int sysctl_no_ip6(int sys6, const char *ifname, struct err *e);

/* Are these the directories of a namespace without links of ours (fresh), or
 * of the one that has v0 and not the host's end? 0, or -1 (EBADMSG). */
int sysctl_is_fresh(int sys4, int sys6, struct err *e);
int sysctl_is_vms(int sys4, int sys6, const char *host_ifname, struct err *e);

#endif
