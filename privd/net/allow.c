/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; pure. Distrusts ctld's numbers: an allow list names no
 * range that is denied anyway, or a list that looks open would reach nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "privd/net/ports.h"

static int
one_allow(const struct sysconf *c, const struct owner_conf *o,
    const struct net_allow *a, struct err *e)
{
	char text[INET_ADDRSTRLEN];
	uint32_t host;
	unsigned i;

	if ((a->zero[0] | a->zero[1]) != 0)
		return err_field(e, "allow", EBADMSG, "padding is not zero");
	(void)ip_text(a->addr, text);
	if (a->prefix > 32)
		return err_field(e, "allow", EINVAL,
		    "%s/%u: the prefix is at most 32", text, a->prefix);
	host = a->prefix == 32 ? 0 : UINT32_MAX >> a->prefix;
	if ((a->addr & host) != 0)
		return err_field(e, "allow", EINVAL,
		    "%s/%u has host bits; say %u or more after the slash",
		    text, a->prefix, 32 - (unsigned)__builtin_ctz(a->addr));
	if (a->proto != 0 && a->proto != IPPROTO_ICMP &&
	    a->proto != IPPROTO_TCP && a->proto != IPPROTO_UDP)
		return err_field(e, "allow", EINVAL,
		    "protocol %u: say tcp, udp, icmp or any", a->proto);
	if ((a->port_lo == 0) != (a->port_hi == 0) || a->port_lo > a->port_hi)
		return err_field(e, "allow", EINVAL,
		    "ports %u to %u are no range", a->port_lo, a->port_hi);
	if (a->port_lo != 0 && a->proto != IPPROTO_TCP &&
	    a->proto != IPPROTO_UDP)
		return err_field(e, "allow", EINVAL,
		    "ports belong to tcp or udp");
	if (allow_granted(o, a))
		return 0;
	for (i = 0; vmrules_denied(i) != NULL; i++)
		if (a->prefix >= vmrules_denied(i)->prefix &&
		    in_net(a->addr, vmrules_denied(i)->addr,
			vmrules_denied(i)->prefix))
			return err_field(e, "allow", EACCES,
			    "%s/%u is private or reserved; the operator may "
			    "grant it (allow_private)", text, a->prefix);
	if (a->prefix >= c->pool_prefix &&
	    in_net(a->addr, c->pool_addr, c->pool_prefix))
		return err_field(e, "allow", EACCES,
		    "%s/%u is in the pool of the VMs", text, a->prefix);
	return 0;
}

void
allow_unique(struct req_net_up *rq)
{
	struct net_allow *a = rq->allow;
	unsigned i, j, n = 0;

	for (i = 0; i < rq->nallow; i++) {
		for (j = 0; j < n; j++)
			if (memcmp(&a[i], &a[j], sizeof(a[i])) == 0)
				break;
		if (j == n)
			a[n++] = a[i];
	}
	rq->nallow = (uint16_t)n;
}

int
allow_check(const struct sysconf *c, uint32_t owner,
    const struct req_net_up *rq, uint8_t *bad, struct err *e)
{
	const struct owner_conf *o = sysconf_owner(c, owner);
	unsigned i;

	if (rq->nallow > NET_ALLOW_MAX)
		return err_field(e, "allow", EBADMSG, "too many entries");
	for (i = 0; i < rq->nallow; i++) {
		*bad = (uint8_t)(128 + (i < 127 ? i : 127));
		if (one_allow(c, o, &rq->allow[i], e) < 0)
			return -1;
	}
	*bad = 0;
	return 0;
}

int
allow_any_granted(const struct sysconf *c, const struct vmnet *v)
{
	const struct owner_conf *o = sysconf_owner(c, v->owner);
	unsigned i;

	for (i = 0; i < v->nallow; i++)
		if (allow_granted(o, &v->allow[i]))
			return 1;
	return 0;
}
