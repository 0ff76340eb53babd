/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Names and addresses are computed from the slot; ports
 * were checked by ports.c.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "common/log.h"
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

/* The map's name, the key in it (*klen bytes at *key, inside k) and what it
 * leads to. */
static const char *
port_elem(const struct held_port *p, uint32_t vm_addr, struct pubaddr_key *k,
    const void **key, size_t *klen, struct pub_data *d)
{
	memset(k, 0, sizeof(*k));
	memset(d, 0, sizeof(*d));
	k->addr = htonl(p->addr);
	k->k.proto = p->proto;
	k->k.port = htons(p->host);
	d->addr = htonl(vm_addr);
	d->port = htons(p->guest);
	if (p->addr == INADDR_ANY) {
		*key = &k->k;
		*klen = sizeof(k->k);
		return host_rules.sets[HOST_SET_PUB].name;
	}
	*key = k;
	*klen = sizeof(*k);
	return host_rules.sets[HOST_SET_PUBADDR].name;
}

void
hostelem(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned i, int del)
{
	uint32_t addr = slot_addr_vm(c, slot);
	char note[NFT_NOTE_MAX];
	struct elem e = { .note = note };
	struct pubaddr_key k;
	struct pub_data d;
	struct vm_key v;
	const char *set;

	(void)snprintf(note, sizeof(note), "%s vm %u", c->instance, slot);
	if (i == 0) {
		memset(&v, 0, sizeof(v));
		slot_ifname(c, slot, v.ifname);
		v.addr = htonl(addr);
		e.key = &v;
		e.klen = sizeof(v);
		set = host_rules.sets[HOST_SET_VM].name;
	} else {
		set = port_elem(&ports[i - 1], addr, &k, &e.key, &e.klen, &d);
		e.data = &d;
		e.dlen = sizeof(d);
	}
	nft_elem(t, set, &e, del);
}

void
hostelem_granted(struct nft *t, const struct sysconf *c, uint32_t slot,
    int del)
{
	uint32_t addr = htonl(slot_addr_vm(c, slot));
	char note[NFT_NOTE_MAX];

	(void)snprintf(note, sizeof(note), "%s vm %u", c->instance, slot);
	nft_elem(t, host_rules.sets[HOST_SET_GRANTED].name, &(struct elem){
	    .key = &addr, .klen = sizeof(addr), .note = note }, del);
}

struct sought {
	struct pub_data want;
	int found;
};

static int
compare(const struct nlmsghdr *h, void *arg)
{
	static const uint16_t path[] = { NFTA_SET_ELEM_LIST_ELEMENTS,
		NFTA_LIST_ELEM, NFTA_SET_ELEM_DATA, NFTA_DATA_VALUE };
	struct sought *s = arg;
	const struct nlattr *a;
	size_t left;
	unsigned i;

	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWSETELEM))
		return 0;
	a = nlm_attrs(h, sizeof(struct nfgenmsg), &left);
	for (i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		if (i > 0)
			a = nlm_inside(a, &left);
		a = nlm_find(a, left, path[i]);
		if (a == NULL)
			return 0;
	}
	s->found = nlm_len(a) == sizeof(s->want) &&
	    memcmp(nlm_data(a), &s->want, sizeof(s->want)) == 0;
	return 0;
}

int
hostelem_there(struct net *n, uint32_t slot, const struct held_port *p)
{
	_Alignas(8) unsigned char buf[2 * NL_MSG_MAX];
	struct sought s = { .found = 0 };
	struct pubaddr_key k;
	const char *map;
	const void *key;
	struct nft t;
	size_t klen;

	map = port_elem(p, slot_addr_vm(n->c, slot), &k, &key, &klen,
	    &s.want);
	memset(&t, 0, sizeof(t));
	nl_begin(&t.b, &n->nft, buf, sizeof(buf));
	nft_use(&t, NFPROTO_IPV4, n->c->instance);
	nft_elem_get(&t, map, key, klen);
	return nl_dump(&t.b, compare, &s) == 0 && s.found;
}

int
hostelems_commit(struct nft *t, unsigned *bad)
{
	int r = nft_commit(t, bad);

	if (r < 0 && *bad == NL_LOST)
		fatal("the host's table: no answer from the kernel");
	return r;
}

void
hostelems(struct nft *t, const struct sysconf *c, uint32_t slot,
    const struct held_port *ports, unsigned nports, int del)
{
	unsigned i;

	for (i = 0; i <= nports; i++)
		hostelem(t, c, slot, ports, i, del);
}
