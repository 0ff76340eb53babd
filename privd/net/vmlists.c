/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. Where a list's entries and the
 * published ports go: an exact address is an element of a set, so that a
 * packet costs the same with one of them and with a thousand; what spans
 * addresses or ports is a rule. Sets of intervals would hold those too, but
 * refuse entries that overlap, which are an owner's right to write.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "privd/net/vmrules.h"

/* As nf_tables lays keys out: every field in whole 32 bits. */
static void
put_key(struct allow_key *k, const void *field, size_t len)
{
	memcpy(k->b + k->len, field, len);
	k->len += (len + 3) & ~(size_t)3;
}

void
pub_key(uint8_t proto, uint16_t guest, struct allow_key *k)
{
	uint16_t port = htons(guest);

	memset(k, 0, sizeof(*k));
	put_key(k, &proto, sizeof(proto));
	put_key(k, &port, sizeof(port));
}

int
allow_key(const struct net_allow *a, struct allow_key *k)
{
	uint32_t addr = htonl(a->addr);
	uint16_t port = htons(a->port_lo);

	memset(k, 0, sizeof(*k));
	if (a->prefix != 32 || a->port_lo != a->port_hi)
		return -1;
	if (a->proto != 0)
		put_key(k, &a->proto, sizeof(a->proto));
	put_key(k, &addr, sizeof(addr));
	if (a->port_lo == 0)
		return a->proto == 0 ? VM_SET_ADDR : VM_SET_PROTO;
	put_key(k, &port, sizeof(port));
	return VM_SET_PORT;
}

int
allow_of_key(int set, const void *key, size_t len, struct net_allow *a)
{
	static const struct {
		size_t len, addr;	/* of the whole; the address's place */
	} of[] = { [VM_SET_PORT] = { 12, 4 }, [VM_SET_PROTO] = { 8, 4 },
		[VM_SET_ADDR] = { 4, 0 } };
	const unsigned char *k = key;
	uint32_t addr;
	uint16_t port;

	memset(a, 0, sizeof(*a));
	if (set < VM_SET_PORT || set > VM_SET_ADDR || len != of[set].len)
		return -1;
	memcpy(&addr, k + of[set].addr, sizeof(addr));
	a->addr = ntohl(addr);
	a->prefix = 32;
	if (set != VM_SET_ADDR)
		a->proto = k[0];
	if (set == VM_SET_PORT) {
		memcpy(&port, k + 8, sizeof(port));
		a->port_lo = a->port_hi = ntohs(port);
	}
	return 0;
}

const char *
allow_text(const struct net_allow *a, char *text)
{
	const char *proto = a->proto == IPPROTO_TCP ? "tcp" :
	    a->proto == IPPROTO_UDP ? "udp" :
	    a->proto == IPPROTO_ICMP ? "icmp" : "any";
	size_t n;

	(void)snprintf(text, NFT_NOTE_MAX, "allow %s:%u.%u.%u.%u/%u", proto,
	    a->addr >> 24, a->addr >> 16 & 255, a->addr >> 8 & 255,
	    a->addr & 255, a->prefix);
	n = strlen(text);
	if (a->port_lo != 0)
		(void)snprintf(text + n, NFT_NOTE_MAX - n, ":%u-%u",
		    a->port_lo, a->port_hi);
	return text;
}

int
allow_granted(const struct owner_conf *o, const struct net_allow *a)
{
	const struct conf_net *p;
	unsigned i;

	for (i = 0; o != NULL && i < o->nprivate && i < CONF_PRIVATE_MAX;
	    i++) {
		p = &o->private[i];
		if ((p->proto == 0 || p->proto == a->proto) &&
		    a->prefix >= p->prefix &&
		    (a->addr ^ p->addr) >> (32 - p->prefix) == 0 &&
		    (p->port_lo == 0 || (a->port_lo >= p->port_lo &&
			a->port_hi <= p->port_hi)))
			return 1;
	}
	return 0;
}

/* An entry as a row of its own. */
static void
range(struct nft *t, uint8_t chain, const struct net_allow *a,
    const char *whose)
{
	enum { PROTO, NET, LOW, HIGH, N };
	const uint16_t lo = htons(a->port_lo), hi = htons(a->port_hi);
	const struct value v[N] = {
		[PROTO] = value_raw(&a->proto, sizeof(a->proto)),
		[NET] = value_addr(a->addr, a->prefix),
		[LOW] = value_raw(&lo, sizeof(lo)),
		[HIGH] = value_raw(&hi, sizeof(hi))
	};
	const struct fill f = { .v = v, .note = whose };
	char text[NFT_NOTE_MAX];
	struct rule r = { .chain = chain, .action = ACCEPT,
		.name = allow_text(a, text) };
	struct term *m = r.t;

	if (a->proto != 0)
		*m++ = (struct term){ EQ, PROTO, 0, { CT_PROTO } };
	if (a->prefix != 0)
		*m++ = (struct term){ EQ, NET, 0, { CT_DADDR } };
	if (a->port_lo != 0)
		*m++ = (struct term){ WITHIN, LOW, 0, { CT_DPORT } };
	rules_one(t, &vm_rules, &r, &f);
}

int
pub_local(const struct req_net_up *rq, unsigned i)
{
	const struct net_port *p = &rq->ports[i], *q;
	unsigned j;
	int local = 1;

	for (j = 0; j < rq->nports; j++) {
		q = &rq->ports[j];
		if (q->proto != p->proto || q->guest != p->guest)
			continue;
		if (j < i)
			return -1;
		if (q->addr >> 24 != IN_LOOPBACKNET)
			local = 0;
	}
	return local;
}

static void
put(struct nft *t, int set, const struct allow_key *k)
{
	nft_elem_more(t, vm_rules.sets[set].name, &(struct elem){
	    .key = k->b, .klen = k->len });
}

static void
ports(struct nft *t, const struct req_net_up *rq, int set)
{
	struct allow_key k;
	unsigned i;

	for (i = 0; i < rq->nports; i++)
		if (pub_local(rq, i) == (set == VM_SET_LOCAL)) {
			pub_key(rq->ports[i].proto, rq->ports[i].guest, &k);
			put(t, set, &k);
		}
	nft_elems_end(t);
}

void
vmlists_ports(struct nft *t, const struct vmrules *v)
{
	ports(t, v->rq, VM_SET_PUB);
	ports(t, v->rq, VM_SET_LOCAL);
}

void
vmlists_allow(struct nft *t, const struct vmrules *v, const char *whose)
{
	const struct req_net_up *rq = v->rq;
	struct allow_key k;
	unsigned i;
	int set;

	for (set = VM_SET_PORT; set <= VM_SET_ADDR; set++) {
		for (i = 0; i < rq->nallow; i++)
			if (allow_key(&rq->allow[i], &k) == set)
				put(t, set, &k);
		nft_elems_end(t);
	}
	for (i = 0; i < rq->nallow; i++)
		if (allow_granted(v->o, &rq->allow[i]))
			range(t, VM_GRANTED, &rq->allow[i], whose);
	for (i = 0; i < rq->nallow; i++)
		if (allow_key(&rq->allow[i], &k) < 0)
			range(t, VM_RANGES, &rq->allow[i], whose);
}
