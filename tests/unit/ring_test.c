/* SPDX-License-Identifier: ISC */
/*
 * The ring: the newest bytes win, a reader is told what it lost, and no
 * header that a hostile holder writes makes reader or writer leave the data.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ring.h"

#define SIZE 4096u

/* as in common/ring.c */
struct header {
	uint32_t magic, closed;
	uint64_t reserve, head;
	unsigned char zero[40];
};

static unsigned char buf[4 * SIZE];

static int
make(struct ring *r)
{
	int fd = ring_create("ring", SIZE);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, ring_map(r, fd));
	return fd;
}

static void
poke(int fd, uint64_t reserve, uint64_t head)
{
	struct header h;

	ATF_REQUIRE_EQ(sizeof(h), pread(fd, &h, sizeof(h), 0));
	h.reserve = reserve;
	h.head = head;
	ATF_REQUIRE_EQ(sizeof(h), pwrite(fd, &h, sizeof(h), 0));
}

ATF_TC_WITHOUT_HEAD(in_order);
ATF_TC_BODY(in_order, tc)
{
	uint64_t pos = 0, lost = 1;
	struct ring r;
	int fd = make(&r);

	(void)tc;
	ATF_CHECK_EQ(0, ring_read(fd, &pos, buf, sizeof(buf), &lost));
	ring_put(&r, "hello ", 6);
	ring_put(&r, "world", 5);
	ATF_CHECK_EQ(8, ring_read(fd, &pos, buf, 8, &lost));
	ATF_CHECK_EQ(3, ring_read(fd, &pos, buf + 8, sizeof(buf), &lost));
	ATF_CHECK_EQ(0, memcmp(buf, "hello world", 11));
	ATF_CHECK_EQ(11, pos);
	ATF_CHECK_EQ(0, lost);
	ATF_CHECK_EQ(0, ring_closed(fd));
	ring_close(&r);
	ATF_CHECK_EQ(1, ring_closed(fd));
}

ATF_TC_WITHOUT_HEAD(wrap);
ATF_TC_BODY(wrap, tc)
{
	uint64_t pos = 0, lost, total = 0;
	struct ring r;
	unsigned i, k, seen = 0;
	ssize_t n;
	int fd = make(&r);

	(void)tc;
	for (i = 0; i < 1000; i++) {
		for (k = 0; k < i % 700; k++)
			buf[k] = (unsigned char)(total + k);
		ring_put(&r, buf, k);
		total += k;
		n = ring_read(fd, &pos, buf, sizeof(buf), &lost);
		ATF_REQUIRE_EQ((ssize_t)k, n);
		ATF_REQUIRE_EQ(0, lost);
		for (k = 0; k < (unsigned)n; k++, seen++)
			ATF_REQUIRE_EQ((unsigned char)seen, buf[k]);
	}
	ATF_CHECK_EQ(total, pos);
}

ATF_TC_WITHOUT_HEAD(overrun);
ATF_TC_BODY(overrun, tc)
{
	uint64_t pos = 5, lost = 0;
	struct ring r;
	unsigned i;
	ssize_t n;
	int fd = make(&r);

	(void)tc;
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i >> 8);
	ring_put(&r, buf, sizeof(buf));
	memset(buf, 0, sizeof(buf));
	n = ring_read(fd, &pos, buf, sizeof(buf), &lost);
	ATF_CHECK_EQ(SIZE, n);
	ATF_CHECK_EQ(sizeof(buf) - SIZE - 5, lost);
	ATF_CHECK_EQ(sizeof(buf), pos);
	ATF_CHECK_EQ(3 * SIZE >> 8, buf[0]);
	ATF_CHECK_EQ((4 * SIZE - 1) >> 8, buf[SIZE - 1]);
	/* lost may be nobody's business */
	pos = 0;
	ATF_CHECK_EQ(SIZE, ring_read(fd, &pos, buf, sizeof(buf), NULL));
}

ATF_TC_WITHOUT_HEAD(being_written);
ATF_TC_BODY(being_written, tc)
{
	uint64_t pos = 0, lost;
	struct ring r;
	int fd = make(&r);

	(void)tc;
	memset(buf, 'a', SIZE);
	ring_put(&r, buf, SIZE);
	/* a writer that is in the middle of 100 more bytes */
	poke(fd, SIZE + 100, SIZE);
	ATF_CHECK_EQ(SIZE - 100, ring_read(fd, &pos, buf, SIZE, &lost));
	ATF_CHECK_EQ(100, lost);
}

ATF_TC_WITHOUT_HEAD(hostile_header);
ATF_TC_BODY(hostile_header, tc)
{
	static const uint64_t v[] = { 0, 1, SIZE - 1, SIZE, SIZE + 1,
		1ULL << 32, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX };
	const unsigned nv = sizeof(v) / sizeof(v[0]);
	uint64_t pos;
	struct ring r;
	unsigned i, j, k;
	ssize_t n;
	int fd = make(&r);

	(void)tc;
	for (i = 0; i < nv; i++)
		for (j = 0; j < nv; j++)
			for (k = 0; k < nv; k++) {
				poke(fd, v[i], v[j]);
				pos = v[k];
				memset(buf, 0x77, sizeof(buf));
				n = ring_read(fd, &pos, buf, SIZE / 2, NULL);
				ATF_REQUIRE(n >= -1 && n <= (int)SIZE / 2);
				ATF_REQUIRE_EQ(0x77, buf[SIZE / 2]);
				ATF_REQUIRE_EQ(v[k] > v[j], n == -1);
			}
	/* the writer goes on from its own position, and mends the header */
	ring_put(&r, "abc", 3);
	pos = 0;
	ATF_CHECK_EQ(3, ring_read(fd, &pos, buf, SIZE, NULL));
	ATF_CHECK_EQ(0, memcmp(buf, "abc", 3));
}

ATF_TC_WITHOUT_HEAD(not_a_ring);
ATF_TC_BODY(not_a_ring, tc)
{
	uint64_t pos = 0;
	struct ring r;
	int fd;

	(void)tc;
	ATF_CHECK(ring_create("r", 1000) < 0 && errno == EINVAL);
	ATF_CHECK(ring_create("r", 0) < 0);
	/* unsealed: it could shrink under a mapping */
	fd = memfd_create("r", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ATF_REQUIRE_EQ(0, ftruncate(fd, 64 + SIZE));
	ATF_CHECK(ring_map(&r, fd) < 0 && errno == EBADMSG);
	ATF_CHECK(ring_read(fd, &pos, buf, 10, NULL) < 0 && errno == EBADMSG);
	ATF_CHECK(ring_mark_closed(fd) < 0);
	/* sealed, but without our header */
	ATF_REQUIRE_EQ(0, fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW));
	ATF_CHECK(ring_read(fd, &pos, buf, 10, NULL) < 0 && errno == EBADMSG);
	ATF_CHECK(ring_closed(fd) < 0);
	/* odd size */
	fd = memfd_create("r", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ATF_REQUIRE_EQ(0, ftruncate(fd, 64 + 100));
	ATF_REQUIRE_EQ(0, fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW));
	ATF_CHECK(ring_map(&r, fd) < 0 && errno == EBADMSG);
	ATF_CHECK(ring_map(&r, STDIN_FILENO) < 0);
	fd = make(&r);
	ATF_CHECK(ftruncate(fd, 0) < 0);
	ATF_CHECK_EQ(0, ring_mark_closed(fd));
	ATF_CHECK_EQ(1, ring_closed(fd));
}

ATF_TC_WITHOUT_HEAD(two_processes);
ATF_TC_BODY(two_processes, tc)
{
	uint64_t pos = 0, lost, at = 0, i;
	struct ring r;
	ssize_t n = 0, k;
	int fd = make(&r), status;
	pid_t child = fork();

	(void)tc;
	if (child == 0) {
		/* numbers of 8 bytes in order: a torn one would show */
		for (i = 0; i < 300000; i++)
			ring_put(&r, &i, sizeof(i));
		ring_close(&r);
		_exit(0);
	}
	do {
		n = ring_read(fd, &pos, buf, SIZE, &lost);
		ATF_REQUIRE(n >= 0);
		at += lost;
		for (k = 0; k + 8 <= n; k += 8) {
			ATF_REQUIRE_EQ(0, at % 8);
			memcpy(&i, buf + k, sizeof(i));
			ATF_REQUIRE_EQ(at / 8, i);
			at += 8;
		}
		ATF_REQUIRE_EQ(k, n);
	} while (n > 0 || ring_closed(fd) == 0);
	ATF_CHECK_EQ(child, waitpid(child, &status, 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, in_order);
	ATF_TP_ADD_TC(tp, wrap);
	ATF_TP_ADD_TC(tp, overrun);
	ATF_TP_ADD_TC(tp, being_written);
	ATF_TP_ADD_TC(tp, hostile_header);
	ATF_TP_ADD_TC(tp, not_a_ring);
	ATF_TP_ADD_TC(tp, two_processes);
	return atf_no_error();
}
