/* SPDX-License-Identifier: ISC */
/*
 * Written by vmsup, read by ctld and clients. The writer keeps its position
 * in memory of its own and only publishes it, so nobody who holds the memfd
 * can move it. The reader uses pread(2), takes the size from the sealed file
 * and every position masked; a lying writer can only garble its own text.
 *
 * The writer says how far it is about to write (reserve) before it touches
 * data and how far it got (head) after, so a reader that copied bytes knows
 * which of them may have been overwritten meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"

#define RING_MAGIC 0x474e4952u /* "RING" */
#define RING_SIZE_MAX (64u << 20)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

struct ring_hdr {
	uint32_t magic;
	_Atomic uint32_t closed;
	_Atomic uint64_t reserve; /* bytes ever put, or being put now */
	_Atomic uint64_t head;	  /* bytes ever put */
	unsigned char zero[40];
};
_Static_assert(sizeof(struct ring_hdr) == 64, "ring header");

static int
bad(void)
{
	errno = EBADMSG;
	return -1;
}

static int
power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

int
ring_create(const char *name, size_t size)
{
	struct ring_hdr h = { .magic = RING_MAGIC };
	int fd CLEANUP_FD = -1;

	if (!power_of_two(size) || size > RING_SIZE_MAX) {
		errno = EINVAL;
		return -1;
	}
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)(sizeof(h) + size)) < 0 ||
	    pwrite(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return fd_steal(&fd);
}

/* Size of the data, by the sealed file alone; -1 EBADMSG. */
static ssize_t
ring_size(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	size_t size;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    st.st_size <= (off_t)sizeof(struct ring_hdr))
		return bad();
	size = (size_t)st.st_size - sizeof(struct ring_hdr);
	if (!power_of_two(size) || size > RING_SIZE_MAX)
		return bad();
	return (ssize_t)size;
}

int
ring_map(struct ring *r, int fd)
{
	ssize_t size = ring_size(fd);
	void *p;

	if (size < 0)
		return -1;
	p = mmap(NULL, sizeof(*r->hdr) + (size_t)size,
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	r->hdr = p;
	r->data = (unsigned char *)p + sizeof(*r->hdr);
	r->size = (size_t)size;
	r->head = atomic_load(&r->hdr->head);
	return 0;
}

/* n <= size; what a reader needs to judge its copy stands in the header. */
static void
put_piece(struct ring *r, const unsigned char *p, size_t n)
{
	size_t at = r->head & (r->size - 1);
	size_t first = n < r->size - at ? n : r->size - at;

	atomic_store(&r->hdr->reserve, r->head + n);
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(r->data + at, p, first);
	memcpy(r->data, p + first, n - first);
	r->head += n;
	atomic_store_explicit(&r->hdr->head, r->head, memory_order_release);
}

void
ring_put(struct ring *r, const void *buf, size_t n)
{
	const unsigned char *p = buf;
	size_t piece = r->size >= 8 ? r->size / 4 : r->size;
	size_t k;

	/* pieces, so that a reader always finds most of the ring at rest */
	while (n > 0) {
		k = n < piece ? n : piece;
		put_piece(r, p, k);
		p += k;
		n -= k;
	}
}

void
ring_close(struct ring *r)
{
	atomic_store(&r->hdr->closed, 1);
}

static int
ring_head(int fd, struct ring_hdr *h)
{
	if (pread(fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) ||
	    h->magic != RING_MAGIC)
		return bad();
	return 0;
}

static int
copy_out(int fd, size_t size, uint64_t pos, unsigned char *buf, size_t n)
{
	size_t at = pos & (size - 1);
	size_t first = n < size - at ? n : size - at;
	off_t base = (off_t)sizeof(struct ring_hdr);

	if (pread(fd, buf, first, base + (off_t)at) != (ssize_t)first ||
	    pread(fd, buf + first, n - first, base) != (ssize_t)(n - first))
		return bad();
	return 0;
}

ssize_t
ring_read(int fd, uint64_t *pos, void *buf, size_t size, uint64_t *lost)
{
	struct ring_hdr h;
	ssize_t cap = ring_size(fd);
	uint64_t oldest, from = *pos;
	size_t n, torn;

	if (lost != NULL)
		*lost = 0;
	if (cap < 0 || ring_head(fd, &h) < 0)
		return -1;
	if (h.head < from)
		return bad();
	/* what is being overwritten right now is gone as well */
	oldest = h.reserve > (uint64_t)cap ? h.reserve - (uint64_t)cap : 0;
	if (oldest > h.head)
		oldest = h.head;
	if (from < oldest)
		from = oldest;
	n = h.head - from < size ? (size_t)(h.head - from) : size;
	if (n > (size_t)cap)
		n = (size_t)cap;
	if (copy_out(fd, (size_t)cap, from, buf, n) < 0 ||
	    ring_head(fd, &h) < 0)
		return -1;
	oldest = h.reserve > (uint64_t)cap ? h.reserve - (uint64_t)cap : 0;
	torn = 0;
	if (oldest > from)
		torn = oldest - from < n ? (size_t)(oldest - from) : n;
	memmove(buf, (unsigned char *)buf + torn, n - torn);
	if (lost != NULL)
		*lost = from + torn - *pos;
	*pos = from + n;
	return (ssize_t)(n - torn);
}

int
ring_closed(int fd)
{
	struct ring_hdr h;

	if (ring_size(fd) < 0 || ring_head(fd, &h) < 0)
		return -1;
	return h.closed != 0;
}

int
ring_mark_closed(int fd)
{
	uint32_t one = 1;

	if (ring_size(fd) < 0)
		return -1;
	if (pwrite(fd, &one, sizeof(one),
		(off_t)offsetof(struct ring_hdr, closed)) !=
	    (ssize_t)sizeof(one))
		return bad();
	return 0;
}
