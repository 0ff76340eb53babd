/* SPDX-License-Identifier: ISC */
/*
 * The rules in a VM's namespace that come from its owner's wishes: what it
 * may reach, and its published ports. They stand in chains of their own, so
 * that a running VM's are replaced as a whole.
 */
#ifndef PRIVD_NET_VMLISTS_H
#define PRIVD_NET_VMLISTS_H

#include <linux/netfilter/xt_conntrack.h>

#include "privd/net/vmrules.h"

#define XT_SIZE(type) ((sizeof(type) + 7u) & ~(size_t)7u)

void vmlist_dnat(struct nft *t, const struct vmrules *v); /* nat PREROUTING */
void vmlist_allow(struct nft *t, const struct vmrules *v); /* ALLOW */
void vmlist_pub(struct nft *t, const struct vmrules *v);   /* PUB */

/* Replace them where they are in force: one batch, which no packet sees half
 * done. ports: those chains too, else ALLOW alone. */
void vmlist_replace(struct nft *t, const struct vmrules *v, int ports);

/* A match of a flow's original destination, and its rule. port_lo 0: any
 * port; proto 0: any. */
void ct_orig(struct xt_conntrack_mtinfo3 *m, const struct net_allow *a);
void ct_match(struct nft *t, const struct xt_conntrack_mtinfo3 *m);
void accept_orig(struct nft *t, const char *chain,
    const struct net_allow *a);
/* What ct_orig() made of an entry, back to it. */
void ct_orig_read(const struct xt_conntrack_mtinfo3 *m, struct net_allow *a);

#endif
