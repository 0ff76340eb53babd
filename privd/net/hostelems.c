/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. Names and addresses are
 * computed from the slot; ports were checked by ports.c.
 */
#include <arpa/inet.h>
#include <string.h>

#include "privd/net/hostrules.h"

/* keys and data as nf_tables lays them out: every field in whole 32 bits */
struct vm_key {
	char ifname[IFNAMSIZ];
	uint32_t addr;
};
struct pub_key {
	uint8_t proto, pad[3];
	uint16_t port, pad2;
};
struct pubaddr_key {
	uint32_t addr;
	struct pub_key k;
};
struct pub_data {
	uint32_t addr;
	uint16_t port, pad;
};

void
hostelem(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned i, int del)
{
	uint32_t addr = htonl(slot_addr_vm(c, slot));
	const struct held_port *p;
	struct pubaddr_key k;
	struct pub_data d;
	struct vm_key v;

	if (i == 0) {
		memset(&v, 0, sizeof(v));
		slot_ifname(c, slot, v.ifname);
		v.addr = addr;
		nft_elem(t, "vm", del, &v, sizeof(v), NULL, 0);
		return;
	}
	p = &ports[i - 1];
	memset(&k, 0, sizeof(k));
	memset(&d, 0, sizeof(d));
	k.addr = htonl(p->addr);
	k.k.proto = p->proto;
	k.k.port = htons(p->host);
	d.addr = addr;
	d.port = htons(p->guest);
	if (p->addr == INADDR_ANY)
		nft_elem(t, "pub", del, &k.k, sizeof(k.k), &d, sizeof(d));
	else
		nft_elem(t, "pubaddr", del, &k, sizeof(k), &d, sizeof(d));
}

void
hostelems(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned nports, int del)
{
	unsigned i;

	for (i = 0; i <= nports; i++)
		hostelem(t, c, slot, ports, i, del);
}
