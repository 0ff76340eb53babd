/* SPDX-License-Identifier: ISC */
/*
 * Netlink messages and attributes as bytes. What libmnl would do, in the few
 * lines that are needed: net is executed in an empty root, so it is linked
 * statically, and Debian has no static libmnl. Writers know that NL_MSG_MAX
 * bytes are free (nl_msg); readers never look beyond the length they got.
 */
#ifndef PRIVD_NET_NLMSG_H
#define PRIVD_NET_NLMSG_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t
nl_align(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* ---- writing, at the end of *h */

void *nlm_extra(struct nlmsghdr *h, size_t len); /* zeroed, aligned */
void nlm_put(struct nlmsghdr *h, uint16_t type, size_t len, const void *data);
void nlm_put_u32(struct nlmsghdr *h, uint16_t type, uint32_t v);
void nlm_put_u64(struct nlmsghdr *h, uint16_t type, uint64_t v);
void nlm_put_strz(struct nlmsghdr *h, uint16_t type, const char *s);
struct nlattr *nlm_nest(struct nlmsghdr *h, uint16_t type);
void nlm_nest_end(struct nlmsghdr *h, struct nlattr *a);

/* ---- reading */

/* Is a whole message here, of left bytes? The next one, left reduced. */
int nlm_ok(const struct nlmsghdr *h, size_t left);
const struct nlmsghdr *nlm_next(const struct nlmsghdr *h, size_t *left);
/* The family header, or NULL if the message is shorter. */
const void *nlm_payload(const struct nlmsghdr *h, size_t len);

/* Attributes behind a family header of hlen bytes:
 * for (a = nlm_attrs(h, hlen, &left); nlm_attr_ok(a, left);
 *     a = nlm_attr_next(a, &left)) */
const struct nlattr *nlm_attrs(const struct nlmsghdr *h, size_t hlen,
    size_t *left);
int nlm_attr_ok(const struct nlattr *a, size_t left);
const struct nlattr *nlm_attr_next(const struct nlattr *a, size_t *left);
/* The first of this type, or NULL. */
const struct nlattr *nlm_find(const struct nlattr *a, size_t left,
    uint16_t type);
/* The attributes inside a nest. */
const struct nlattr *nlm_inside(const struct nlattr *a, size_t *left);

uint16_t nlm_type(const struct nlattr *a);	/* without flags */
size_t nlm_len(const struct nlattr *a);		/* of its data */
const void *nlm_data(const struct nlattr *a);
/* Its string if it is a terminated one, else "". NULL is allowed. */
const char *nlm_str(const struct nlattr *a);
/* Its number if it is four bytes, else 0. NULL is allowed. */
uint32_t nlm_u32(const struct nlattr *a);

#endif
