/* SPDX-License-Identifier: ISC */
/*
 * Runs in front, without rights, on one descriptor. Distrusts the file: a
 * record counts only if magic, version, length, slot and CRC agree.
 * Invariant: an effect is asked for only after its intent is in the file,
 * and ctld is answered only after the outcome is.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "privd/ledger.h"

#define LEDGER_MAGIC 0x4c4e5450u /* "PTNL" */
#define LEDGER_VERSION 3
#define STRIDE 1024u	/* of a slot; also room for the head */
#define OFF_COPY 512u	/* second copy of a state: in another sector */
/* Of a network record. They stand behind all states and take no room before
 * they are written: where nothing can be written any more, a start or another
 * list may be refused, a stop must not be. */
#define NET_COPY 16384u

struct frame {
	uint32_t magic;
	uint16_t version, length; /* of the payload */
	uint32_t slot;		  /* UINT32_MAX: the head */
	uint32_t crc;		  /* of everything, this member as 0 */
	uint64_t sequence;	  /* the higher of two copies is the newer */
};
struct state_rec {
	struct frame f;
	struct ledger_slot s;
};
struct net_rec {
	struct frame f; /* sequence: the generation */
	struct req_net_up up;
};
struct head_rec {
	struct frame f;
	unsigned char boot[16];
};
_Static_assert(sizeof(struct state_rec) <= OFF_COPY, "state copies overlap");
_Static_assert(sizeof(struct net_rec) <= NET_COPY, "net record");
_Static_assert(sizeof(struct ledger_slot) == 40, "no hidden padding");

static uint32_t
crc32(const void *buf, size_t n)
{
	static const uint32_t nibble[16] = { 0x00000000, 0x1db71064,
		0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	const unsigned char *p = buf;
	uint32_t c = ~0u;

	for (; n > 0; n--, p++) {
		c = nibble[(c ^ *p) & 15] ^ (c >> 4);
		c = nibble[(c ^ (*p >> 4)) & 15] ^ (c >> 4);
	}
	return ~c;
}

static void
seal(struct frame *f, size_t size, uint32_t slot, uint64_t sequence)
{
	f->magic = LEDGER_MAGIC;
	f->version = LEDGER_VERSION;
	f->length = (uint16_t)(size - sizeof(*f));
	f->slot = slot;
	f->sequence = sequence;
	f->crc = 0;
	f->crc = crc32(f, size);
}

static int
sound(struct frame *f, size_t size, uint32_t slot)
{
	uint32_t crc = f->crc;

	if (f->magic != LEDGER_MAGIC || f->version != LEDGER_VERSION ||
	    f->length != size - sizeof(*f) || f->slot != slot)
		return 0;
	f->crc = 0;
	return crc32(f, size) == crc;
}

static int
blank(const void *buf, size_t n)
{
	const unsigned char *p = buf;

	while (n > 0 && *p == 0) {
		n--;
		p++;
	}
	return n == 0;
}

static off_t
place(uint32_t slot, unsigned off)
{
	return (off_t)(slot + 1) * STRIDE + off;
}

static int
get(int fd, void *buf, size_t n, off_t at)
{
	ssize_t k;

	do
		k = pread(fd, buf, n, at);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return -1;
	/* what a truncated file lacks reads as damage or as empty */
	memset((unsigned char *)buf + k, 0, n - (size_t)k);
	return 0;
}

static int
put(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t k;

	do
		k = pwrite(fd, buf, n, at);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return -1;
	if ((size_t)k != n) {
		errno = ENOSPC;
		return -1;
	}
	return 0;
}

size_t
ledger_size(uint32_t slots)
{
	return ((size_t)slots + 1) * STRIDE;
}

/* Copy 0 is read first, and written second. */
static off_t
net_place(const struct ledger *l, uint32_t slot, unsigned copy)
{
	return (off_t)ledger_size(l->slots) +
	    (off_t)(2 * slot + copy) * NET_COPY;
}

/* The records of networks go with the states: what is read of one is of the
 * state's own generation. */
static int
wipe(const struct ledger *l)
{
	static const unsigned char zero[STRIDE];
	struct frame f;
	uint32_t i;
	unsigned copy;

	for (i = 0; i < l->slots; i++) {
		if (put(l->fd, zero, sizeof(zero), place(i, 0)) < 0)
			return -1;
		for (copy = 0; copy < 2; copy++)
			if (get(l->fd, &f, sizeof(f),
				net_place(l, i, copy)) < 0 ||
			    (!blank(&f, sizeof(f)) &&
				put(l->fd, zero, sizeof(f),
				    net_place(l, i, copy)) < 0))
				return -1;
	}
	return 0;
}

int
ledger_open(struct ledger *l, int fd, uint32_t slots,
    const unsigned char *boot, struct err *e)
{
	struct head_rec h;

	l->fd = fd;
	l->slots = slots;
	if (get(fd, &h, sizeof(h), 0) < 0)
		return err_set(e, errno, "ledger: cannot be read");
	/* A damaged head does not say which boot: then its records stay and
	 * are compared with what jail sees; that is safe for either. */
	if (sound(&h.f, sizeof(h), UINT32_MAX) &&
	    memcmp(h.boot, boot, sizeof(h.boot)) != 0 && wipe(l) < 0)
		return err_set(e, errno,
		    "ledger: records of an earlier boot cannot be wiped");
	memset(&h, 0, sizeof(h));
	memcpy(h.boot, boot, sizeof(h.boot));
	seal(&h.f, sizeof(h), UINT32_MAX, 1);
	if (put(fd, &h, sizeof(h), 0) < 0)
		return err_set(e, errno, "ledger: cannot be written");
	return 0;
}

static int
valid_state(uint32_t st)
{
	return st != 0 && (st & (st - 1)) == 0 && st <= ST_CLOSED;
}

/* Both copies; which is the newest sound one, or NULL. */
static struct state_rec *
newest(const struct ledger *l, uint32_t slot, struct state_rec r[2],
    int *empty)
{
	struct state_rec *best = NULL;
	unsigned i;

	*empty = 1;
	for (i = 0; i < 2; i++) {
		if (get(l->fd, &r[i], sizeof(r[i]),
			place(slot, i * OFF_COPY)) < 0) {
			*empty = 0;
			continue;
		}
		if (!blank(&r[i], sizeof(r[i])))
			*empty = 0;
		if (sound(&r[i].f, sizeof(r[i]), slot) &&
		    valid_state(r[i].s.state) &&
		    (best == NULL || r[i].f.sequence > best->f.sequence))
			best = &r[i];
	}
	return best;
}

int
ledger_read(const struct ledger *l, uint32_t slot, struct ledger_slot *out)
{
	struct state_rec r[2], *best;
	int empty;

	memset(out, 0, sizeof(*out));
	best = newest(l, slot, r, &empty);
	if (best != NULL) {
		*out = best->s;
		return 1;
	}
	if (empty)
		return 0;
	errno = EBADMSG;
	return -1;
}

int
ledger_write(const struct ledger *l, uint32_t slot,
    const struct ledger_slot *in)
{
	struct state_rec r[2], *best, w;
	unsigned i, first = 0;
	int empty;

	memset(&w, 0, sizeof(w));
	best = newest(l, slot, r, &empty);
	w.s = *in;
	seal(&w.f, sizeof(w), slot, best != NULL ? best->f.sequence + 1 : 1);
	/* the copy that is not the newest first: one stays whole */
	if (best == &r[0])
		first = 1;
	for (i = 0; i < 2; i++)
		if (put(l->fd, &w, sizeof(w),
			place(slot, (first ^ i) * OFF_COPY)) < 0)
			return -1;
	return 0;
}

/* A record is as long as its list. */
static size_t
net_size(const struct req_net_up *up)
{
	return offsetof(struct net_rec, up.allow) +
	    up->nallow * sizeof(up->allow[0]);
}

int
ledger_write_net(const struct ledger *l, uint32_t slot, uint64_t generation,
    const struct req_net_up *up)
{
	size_t size = net_size(up);
	struct net_rec r;

	memset(&r, 0, sizeof(r));
	r.up = *up;
	seal(&r.f, size, slot, generation);
	/* whichever of them is cut short, the other is whole */
	if (put(l->fd, &r, size, net_place(l, slot, 1)) < 0)
		return -1;
	return put(l->fd, &r, size, net_place(l, slot, 0));
}

static int
net_sound(struct net_rec *r, uint32_t slot, uint64_t generation)
{
	size_t size;

	if (r->up.nallow > NET_ALLOW_MAX)
		return 0;
	size = net_size(&r->up);
	/* what an earlier, longer one left behind it */
	memset((unsigned char *)r + size, 0, sizeof(*r) - size);
	return sound(&r->f, size, slot) && r->f.sequence == generation;
}

int
ledger_read_net(const struct ledger *l, uint32_t slot, uint64_t generation,
    struct req_net_up *up)
{
	struct net_rec r;

	if (get(l->fd, &r, sizeof(r), net_place(l, slot, 0)) < 0)
		return -1;
	if (!net_sound(&r, slot, generation) &&
	    (get(l->fd, &r, sizeof(r), net_place(l, slot, 1)) < 0 ||
		!net_sound(&r, slot, generation))) {
		errno = EBADMSG;
		return -1;
	}
	*up = r.up;
	return 0;
}
