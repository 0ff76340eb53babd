/* SPDX-License-Identifier: ISC */
/*
 * The rules inside a VM's namespace: rows, the values that fill them in, and
 * what comes from its owner's wishes: sets, and a chain for each kind of list
 * entry that no set holds. `nft list ruleset` shows them there.
 */
#ifndef PRIVD_NET_VMRULES_H
#define PRIVD_NET_VMRULES_H

#include "common/sysconf.h"
#include "policy/privops.h"
#include "privd/net/rules.h"

#define TAP_NAME "tap0"	/* in every VM's namespace */
#define VETH_NAME "v0"
#define VM_TABLE "postern"
#define HOST_ADDRS_MAX 128

#define VM_NOTE "postern vm %u: " /* begins the comment of a VM's rule */

struct vmrules {
	const struct sysconf *c;
	uint32_t slot;
	uint32_t vm, host;		/* the two ends of its /31 */
	const struct owner_conf *o;	/* its owner's grants */
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

extern const struct ruleset vm_rules;

/* The rows' numbers of what op_net_show.c reads. */
enum { VM_SET_PORT, VM_SET_PROTO, VM_SET_ADDR, VM_SET_DENY, VM_SET_OWN,
	VM_SET_PUB, VM_SET_LOCAL, VM_SETS };
/* The chains, of which others name but these: VM_GRANTED has the entries that
 * the operator granted within denied ranges, VM_RANGES those that no set
 * holds. */
enum { VM_GUARD, VM_PRE, VM_PRE_NAT, VM_POST_NAT, VM_INPUT, VM_OUTPUT,
	VM_FORWARD, VM_EGRESS, VM_ALLOW, VM_PUB,
	VM_GRANTED, VM_RANGES, VM_INPUT6,
	VM_FORWARD6, VM_OUTPUT6, VM_CHAINS };

/* Everything, for a fresh namespace whose TAP exists. With mode NET_NONE:
 * every chain drops and no rule follows. */
void vmrules(struct nft *t, const struct vmrules *v);
/* Another list where one is in force, and with ports other ports too: one
 * batch, which no packet sees half done. */
void vmrules_lists(struct nft *t, const struct vmrules *v, int ports);

/* ---- vmlists.c: where an entry of a list is kept */
struct allow_key {
	unsigned char b[12];
	size_t len;
};
/* The number of its set and its key there, or -1: it is a rule of the chain
 * of ranges. */
int allow_key(const struct net_allow *a, struct allow_key *k);
/* Is the whole entry within a grant? It then stands before the denials. */
int allow_granted(const struct owner_conf *o, const struct net_allow *a);
/* What a key in that set stands for. -1: nothing that allow_key() makes. */
int allow_of_key(int set, const void *key, size_t len, struct net_allow *a);
/* The same as allow_key() of a guest port. */
void pub_key(uint8_t proto, uint16_t guest, struct allow_key *k);
/* The name of an entry's rule and element; text[NFT_NOTE_MAX]. */
const char *allow_text(const struct net_allow *a, char *text);
void vmlists_allow(struct nft *t, const struct vmrules *v,
    const char *whose);
void vmlists_ports(struct nft *t, const struct vmrules *v);
/* Is guest port i published on loopback addresses only? -1: an entry before
 * it publishes the same. */
int pub_local(const struct req_net_up *rq, unsigned i);

#endif
