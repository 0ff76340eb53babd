/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. As readback.c, for the elements of sets, which the
 * kernel lists in an order of its own: each one that is there must have been
 * sent, and as many as were sent. No list names one twice.
 */
#include <bsd/stdlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "privd/net/readback.h"

#define RETRIES 5
#define READBACK_KEYS_MAX 1024	/* the longest list; addresses of the host */

struct key {
	const struct nlattr *raw;	/* NFTA_DATA_VALUE */
	int is_end;
};

struct keys {
	struct key *at;
	size_t n, size;
	size_t seen;
};

static int
by_bytes(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	size_t n = nlm_len(x->raw);

	if (n != nlm_len(y->raw))
		return n < nlm_len(y->raw) ? -1 : 1;
	if (x->is_end != y->is_end)
		return x->is_end - y->is_end;
	return memcmp(nlm_data(x->raw), nlm_data(y->raw), n);
}

/* Each element of a message of a set; 0 or the first -1 of do_one. */
static int
each_key(const struct nlmsghdr *h, int (*do_one)(struct keys *, struct key),
    struct keys *k)
{
	const struct nlattr *list, *e, *a, *f;
	size_t len, left, n;

	a = nlm_attrs(h, sizeof(struct nfgenmsg), &len);
	list = nlm_find(a, len, NFTA_SET_ELEM_LIST_ELEMENTS);
	if (list == NULL)
		return 0;
	for (e = nlm_inside(list, &left); nlm_attr_ok(e, left);
	    e = nlm_attr_next(e, &left)) {
		a = nlm_inside(e, &len);
		f = nlm_find(a, len, NFTA_SET_ELEM_FLAGS);
		a = nlm_find(a, len, NFTA_SET_ELEM_KEY);
		if (a == NULL)
			return -1;
		a = nlm_inside(a, &n);
		a = nlm_find(a, n, NFTA_DATA_VALUE);
		if (a == NULL ||
		    do_one(k, (struct key){ a, nlm_u32(f) != 0 }) < 0)
			return -1;
	}
	return 0;
}

static int
want_key(struct keys *k, struct key one)
{
	if (k->n == k->size)
		return -1;
	k->at[k->n++] = one;
	return 0;
}

static int
seen_key(struct keys *k, struct key one)
{
	k->seen++;
	if (bsearch(&one, k->at, k->n, sizeof(one), by_bytes) != NULL)
		return 0;
	errno = EBADMSG;
	return -1;
}

static int
seen_keys(const struct nlmsghdr *h, void *arg)
{
	return each_key(h, seen_key, arg);
}

static const char *
set_of(const struct nlmsghdr *h)
{
	size_t len;
	const struct nlattr *a = nlm_attrs(h, sizeof(struct nfgenmsg), &len);

	return nlm_str(nlm_find(a, len, NFTA_SET_ELEM_LIST_SET));
}

/* Does the message begin a set, or empty it? */
static int
from_nothing(const struct nlmsghdr *h)
{
	size_t len;
	const struct nlattr *a = nlm_attrs(h, sizeof(struct nfgenmsg), &len);

	return h->nlmsg_type == NFT_TYPE(NFT_MSG_NEWSET) ||
	    (h->nlmsg_type == NFT_TYPE(NFT_MSG_DELSETELEM) &&
		nlm_find(a, len, NFTA_SET_ELEM_LIST_ELEMENTS) == NULL);
}

static int
one_set(struct nlsock *s, const struct nft *sent, const char *set,
    struct keys *k)
{
	const unsigned char *p = sent->b.buf, *end = p + sent->b.used;
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	const struct nlmsghdr *h;
	struct nlbatch b;
	int i;

	k->n = 0;
	for (; p < end; p += nl_align(h->nlmsg_len)) {
		h = (const void *)p;
		if (h->nlmsg_type == NFT_TYPE(NFT_MSG_NEWSETELEM) &&
		    strcmp(set_of(h), set) == 0 &&
		    each_key(h, want_key, k) < 0)
			return -1;
	}
	/* not qsort(3), which asks how much memory there is */
	if (k->n > 1 && heapsort(k->at, k->n, sizeof(k->at[0]), by_bytes) < 0)
		return -1;
	for (i = 0; i < RETRIES; i++) {
		k->seen = 0;
		nft_ask(&b, s, buf, sizeof(buf), NFT_MSG_GETSETELEM,
		    sent->family);
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_TABLE, sent->table);
		nlm_put_strz(b.h, NFTA_SET_ELEM_LIST_SET, set);
		nl_end(&b);
		if (nl_dump(&b, seen_keys, k) == 0) {
			errno = EBADMSG;
			return k->seen == k->n ? 0 : -1;
		}
		if (errno != EINTR)
			break;
	}
	return -1;
}

int
readback_sets(struct nlsock *s, const struct nft *sent, struct err *e)
{
	const unsigned char *p = sent->b.buf, *end = p + sent->b.used;
	struct key at[READBACK_KEYS_MAX];
	struct keys k = { .at = at, .size = READBACK_KEYS_MAX };
	const struct nlmsghdr *h;

	for (; p < end; p += nl_align(h->nlmsg_len)) {
		h = (const void *)p;
		if (from_nothing(h) && one_set(s, sent, set_of(h), &k) < 0)
			return err_set(e, errno,
			    "set %s is not as it was sent", set_of(h));
	}
	return 0;
}
