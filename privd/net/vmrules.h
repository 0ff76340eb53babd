/* SPDX-License-Identifier: ISC */
/*
 * The rules inside a VM's namespace, in the form that iptables itself uses
 * (readable there with `iptables -S`), and the guard on its TAP, which stops
 * what iptables never sees.
 */
#ifndef PRIVD_NET_VMRULES_H
#define PRIVD_NET_VMRULES_H

#include "common/sysconf.h"
#include "policy/privops.h"
#include "privd/net/nft.h"

#define TAP_NAME "tap0"	/* in every VM's namespace */
#define VETH_NAME "v0"
#define HOST_ADDRS_MAX 128

#define VM_NOTE "postern vm %u: " /* begins the comment of a VM's rule */

struct vmrules {
	const struct sysconf *c;
	uint32_t slot;
	uint32_t vm, host;		/* the two ends of its /31 */
	const struct req_net_up *rq;	/* checked; ports[].addr resolved */
	const uint32_t *deny;		/* the host's own addresses */
	unsigned ndeny;
};

/* GUEST_MAC as bytes. */
extern const unsigned char guest_mac[6];

/* Ranges that no guest reaches, whatever its list says. */
struct cidr {
	uint32_t addr;
	uint8_t prefix;
};
const struct cidr *vmrules_denied(unsigned i);	/* NULL beyond the last */

/* The tables raw, nat and filter, and filter of IPv6. With mode NET_NONE:
 * every chain drops and no rule follows. */
void vmrules(struct nft *t, const struct vmrules *v);
/* The guard; the TAP must exist. */
void vmguard(struct nft *t, const struct vmrules *v);

#endif
