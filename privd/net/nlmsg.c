/* SPDX-License-Identifier: ISC */
/* Runs in privd-net, on memory only. */
#include <string.h>

#include "privd/net/nlmsg.h"

#define HDR nl_align(sizeof(struct nlmsghdr))
#define AHDR nl_align(sizeof(struct nlattr))

void *
nlm_extra(struct nlmsghdr *h, size_t len)
{
	unsigned char *p = (unsigned char *)h + nl_align(h->nlmsg_len);

	memset(p, 0, nl_align(len));
	h->nlmsg_len = (uint32_t)(nl_align(h->nlmsg_len) + nl_align(len));
	return p;
}

void
nlm_put(struct nlmsghdr *h, uint16_t type, size_t len, const void *data)
{
	struct nlattr *a = nlm_extra(h, AHDR + len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(AHDR + len);
	if (len > 0)
		memcpy((unsigned char *)a + AHDR, data, len);
}

void
nlm_put_u32(struct nlmsghdr *h, uint16_t type, uint32_t v)
{
	nlm_put(h, type, sizeof(v), &v);
}

void
nlm_put_u64(struct nlmsghdr *h, uint16_t type, uint64_t v)
{
	nlm_put(h, type, sizeof(v), &v);
}

void
nlm_put_strz(struct nlmsghdr *h, uint16_t type, const char *s)
{
	nlm_put(h, type, strlen(s) + 1, s);
}

struct nlattr *
nlm_nest(struct nlmsghdr *h, uint16_t type)
{
	struct nlattr *a = nlm_extra(h, AHDR);

	a->nla_type = (uint16_t)(type | NLA_F_NESTED);
	return a;
}

void
nlm_nest_end(struct nlmsghdr *h, struct nlattr *a)
{
	a->nla_len = (uint16_t)((unsigned char *)h + h->nlmsg_len -
	    (unsigned char *)a);
}

int
nlm_ok(const struct nlmsghdr *h, size_t left)
{
	return left >= HDR && h->nlmsg_len >= HDR && h->nlmsg_len <= left;
}

const struct nlmsghdr *
nlm_next(const struct nlmsghdr *h, size_t *left)
{
	size_t n = nl_align(h->nlmsg_len);

	*left = *left > n ? *left - n : 0;
	return (const void *)((const unsigned char *)h + n);
}

const void *
nlm_payload(const struct nlmsghdr *h, size_t len)
{
	if (h->nlmsg_len < HDR + len)
		return NULL;
	return (const unsigned char *)h + HDR;
}

const struct nlattr *
nlm_attrs(const struct nlmsghdr *h, size_t hlen, size_t *left)
{
	size_t skip = HDR + nl_align(hlen);

	*left = h->nlmsg_len > skip ? h->nlmsg_len - skip : 0;
	return (const void *)((const unsigned char *)h + skip);
}

int
nlm_attr_ok(const struct nlattr *a, size_t left)
{
	return left >= AHDR && a->nla_len >= AHDR && a->nla_len <= left;
}

const struct nlattr *
nlm_attr_next(const struct nlattr *a, size_t *left)
{
	size_t n = nl_align(a->nla_len);

	*left = *left > n ? *left - n : 0;
	return (const void *)((const unsigned char *)a + n);
}

const struct nlattr *
nlm_find(const struct nlattr *a, size_t left, uint16_t type)
{
	for (; nlm_attr_ok(a, left); a = nlm_attr_next(a, &left))
		if (nlm_type(a) == type)
			return a;
	return NULL;
}

const struct nlattr *
nlm_inside(const struct nlattr *a, size_t *left)
{
	*left = nlm_len(a);
	return nlm_data(a);
}

uint16_t
nlm_type(const struct nlattr *a)
{
	return (uint16_t)(a->nla_type & (unsigned)NLA_TYPE_MASK);
}

size_t
nlm_len(const struct nlattr *a)
{
	return a->nla_len - AHDR;
}

const void *
nlm_data(const struct nlattr *a)
{
	return (const unsigned char *)a + AHDR;
}

const char *
nlm_str(const struct nlattr *a)
{
	if (a == NULL || memchr(nlm_data(a), '\0', nlm_len(a)) == NULL)
		return "";
	return nlm_data(a);
}

uint32_t
nlm_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a != NULL && nlm_len(a) == sizeof(v))
		memcpy(&v, nlm_data(a), sizeof(v));
	return v;
}
