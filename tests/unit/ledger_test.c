/* SPDX-License-Identifier: ISC */
/*
 * The ledger: torn writes, flipped bits, stale boots, replays. Every place
 * where a write can stop and every bit of a record is tried.
 */
#include <atf-c.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "privd/ledger.h"

#define SLOTS 16u
#define SLOTS_MAX 8192u /* common/sysconf.c */
#define HEAD 64u /* more than the state record is long */

static const unsigned char boot[16] = { 1, 2, 3 };

static int
file(void)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, ftruncate(fd, (off_t)ledger_size(SLOTS)));
	return fd;
}

static struct ledger
begin(int fd, const unsigned char *id)
{
	struct ledger l;
	struct err e;

	ATF_REQUIRE_EQ_MSG(0, ledger_open(&l, fd, SLOTS, id, &e), "%s",
	    e.msg);
	return l;
}

static struct ledger_slot
rec(uint64_t generation, uint32_t state)
{
	struct ledger_slot r = { .generation = generation, .owner = 1000,
		.cpus = 2, .memory_mib = 256, .nports = 1, .state = state };

	return r;
}

ATF_TC_WITHOUT_HEAD(round);
ATF_TC_BODY(round, tc)
{
	struct ledger l = begin(file(), boot);
	struct ledger_slot w = rec(7, ST_RUNNING), r;
	struct req_net_up up = { .mode = NET_NAT, .nports = 1 }, back;
	unsigned i;

	(void)tc;
	ATF_CHECK_EQ(0, ledger_read(&l, 0, &r));
	for (i = 0; i < 5; i++) {
		w.state = i % 2 ? ST_DYING : ST_RUNNING;
		ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &w));
		ATF_REQUIRE_EQ(1, ledger_read(&l, 3, &r));
		ATF_CHECK_EQ(0, memcmp(&w, &r, sizeof(r)));
	}
	ATF_CHECK_EQ(0, ledger_read(&l, 2, &r));
	ATF_CHECK_EQ(0, ledger_read(&l, SLOTS - 1, &r));
	up.ports[0].host = 8080;
	ATF_REQUIRE_EQ(0, ledger_write_net(&l, 3, 7, &up));
	ATF_REQUIRE_EQ(0, ledger_read_net(&l, 3, 7, &back));
	ATF_CHECK_EQ(0, memcmp(&up, &back, sizeof(up)));
	ATF_CHECK_EQ(-1, ledger_read_net(&l, 3, 8, &back));
	ATF_CHECK_EQ(EBADMSG, errno);
	ATF_CHECK_EQ(-1, ledger_read_net(&l, 4, 7, &back));
	/* opened again in the same boot: the same */
	l = begin(l.fd, boot);
	ATF_REQUIRE_EQ(1, ledger_read(&l, 3, &r));
	ATF_CHECK_EQ(0, memcmp(&w, &r, sizeof(r)));
}

ATF_TC_WITHOUT_HEAD(other_boot);
ATF_TC_BODY(other_boot, tc)
{
	static const unsigned char other[16] = { 9 };
	struct ledger l = begin(file(), boot);
	struct ledger_slot w = rec(7, ST_RUNNING), r;

	(void)tc;
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &w));
	l = begin(l.fd, other);
	ATF_CHECK_EQ(0, ledger_read(&l, 3, &r));
}

/* The state record of slot 3, both copies, as raw bytes. */
static off_t
find(int fd, unsigned copy)
{
	off_t base = (off_t)(ledger_size(SLOTS) / (SLOTS + 1)) * 4;

	(void)fd;
	return base + (copy ? 512 : 0);
}

/* A write of `new` over `old` that stops after n bytes of either copy: what
 * is read is the old or the new record, never damage, never a mixture. */
ATF_TC_WITHOUT_HEAD(torn);
ATF_TC_BODY(torn, tc)
{
	struct ledger l = begin(file(), boot);
	struct ledger_slot old = rec(7, ST_LIMITED), new = rec(7, ST_RUNNING);
	struct ledger_slot r;
	unsigned char a[2][HEAD], b[2][HEAD];
	unsigned copy, first, n, k, seen_old = 0, seen_new = 0;

	(void)tc;
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &old));
	for (k = 0; k < 2; k++)
		ATF_REQUIRE_EQ(HEAD, pread(l.fd, a[k], HEAD, find(l.fd, k)));
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &new));
	for (k = 0; k < 2; k++)
		ATF_REQUIRE_EQ(HEAD, pread(l.fd, b[k], HEAD, find(l.fd, k)));
	ATF_REQUIRE(memcmp(a, b, sizeof(a)) != 0);
	/* either copy may be the first to be written */
	for (first = 0; first < 2; first++) {
		for (n = 0; n <= 2 * HEAD; n++) {
			for (k = 0; k < 2; k++) {
				copy = first ^ k;
				unsigned whole = n >= (k + 1) * HEAD ? HEAD :
				    n > k * HEAD ? n - k * HEAD : 0;

				ATF_REQUIRE_EQ(HEAD, pwrite(l.fd, a[copy],
				    HEAD, find(l.fd, copy)));
				ATF_REQUIRE_EQ(whole, pwrite(l.fd, b[copy],
				    whole, find(l.fd, copy)));
			}
			ATF_REQUIRE_EQ(1, ledger_read(&l, 3, &r));
			if (memcmp(&r, &old, sizeof(r)) == 0)
				seen_old++;
			else if (memcmp(&r, &new, sizeof(r)) == 0)
				seen_new++;
			else
				atf_tc_fail("a mixture after %u bytes", n);
		}
	}
	ATF_CHECK(seen_old > 0 && seen_new > 0);
}

ATF_TC_WITHOUT_HEAD(bit_flips);
ATF_TC_BODY(bit_flips, tc)
{
	struct ledger l = begin(file(), boot);
	struct ledger_slot w = rec(7, ST_RUNNING), r;
	unsigned char c;
	unsigned bit, copy;

	(void)tc;
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &w));
	for (copy = 0; copy < 2; copy++) {
		for (bit = 0; bit < HEAD * 8; bit++) {
			off_t at = find(l.fd, copy) + bit / 8;

			ATF_REQUIRE_EQ(1, pread(l.fd, &c, 1, at));
			c ^= (unsigned char)(1 << bit % 8);
			ATF_REQUIRE_EQ(1, pwrite(l.fd, &c, 1, at));
			ATF_CHECK_EQ(1, ledger_read(&l, 3, &r));
			ATF_CHECK_EQ(0, memcmp(&w, &r, sizeof(r)));
			c ^= (unsigned char)(1 << bit % 8);
			ATF_REQUIRE_EQ(1, pwrite(l.fd, &c, 1, at));
		}
	}
}

ATF_TC_WITHOUT_HEAD(both_damaged);
ATF_TC_BODY(both_damaged, tc)
{
	struct ledger l = begin(file(), boot);
	struct ledger_slot w = rec(7, ST_RUNNING), r;
	unsigned copy;

	(void)tc;
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &w));
	for (copy = 0; copy < 2; copy++)
		ATF_REQUIRE_EQ(1, pwrite(l.fd, "x", 1,
		    find(l.fd, copy) + 30));
	ATF_CHECK_EQ(-1, ledger_read(&l, 3, &r));
	ATF_CHECK_EQ(EBADMSG, errno);
	/* it can be written again, once somebody knows better */
	ATF_REQUIRE_EQ(0, ledger_write(&l, 3, &w));
	ATF_CHECK_EQ(1, ledger_read(&l, 3, &r));
	/* a record of another slot does not count */
	{
		unsigned char buf[HEAD];

		ATF_REQUIRE_EQ(HEAD, pread(l.fd, buf, HEAD, find(l.fd, 0)));
		ATF_REQUIRE_EQ(HEAD, pwrite(l.fd, buf, HEAD,
		    find(l.fd, 0) + (off_t)ledger_size(0)));
		ATF_CHECK_EQ(-1, ledger_read(&l, 4, &r));
	}
}

/* A state that no version of ours writes, in a record that is sound. */
ATF_TC_WITHOUT_HEAD(states);
ATF_TC_BODY(states, tc)
{
	static const uint32_t bad[] = { 0, 3, ST_CLOSED << 1, UINT32_MAX };
	struct ledger l = begin(file(), boot);
	struct ledger_slot w, r;
	unsigned i;

	(void)tc;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		w = rec(7, bad[i]);
		ATF_REQUIRE_EQ(0, ledger_write(&l, i, &w));
		ATF_CHECK_EQ(-1, ledger_read(&l, i, &r));
	}
}

ATF_TC_WITHOUT_HEAD(no_space);
ATF_TC_BODY(no_space, tc)
{
	struct ledger l = begin(file(), boot);
	struct ledger_slot w = rec(7, ST_RUNNING);

	(void)tc;
	l.fd = -1;
	ATF_CHECK_EQ(-1, ledger_write(&l, 3, &w));
	ATF_CHECK_EQ(-1, ledger_read(&l, 3, &w));
}

/* The last slot's records of the largest node fit what front may write. */
ATF_TC_WITHOUT_HEAD(last_slot);
ATF_TC_BODY(last_slot, tc)
{
	const rlim_t most = (rlim_t)roles[ROLE_FRONT].fsize_mib << 20;
	struct rlimit lim = { most, most };
	struct ledger l = { .fd = file(), .slots = SLOTS_MAX };
	struct req_net_up up = { .mode = NET_NAT,
		.nallow = NET_ALLOW_MAX };

	(void)tc;
	(void)signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &lim));
	ATF_CHECK_EQ_MSG(0, ledger_write_net(&l, SLOTS_MAX - 1, 1, &up),
	    "%s", strerror(errno));
	/* negative control: a limit that is too small is seen */
	lim.rlim_cur = most / 16;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &lim));
	ATF_CHECK_EQ(-1, ledger_write_net(&l, SLOTS_MAX - 1, 1, &up));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, round);
	ATF_TP_ADD_TC(tp, other_boot);
	ATF_TP_ADD_TC(tp, torn);
	ATF_TP_ADD_TC(tp, bit_flips);
	ATF_TP_ADD_TC(tp, both_damaged);
	ATF_TP_ADD_TC(tp, states);
	ATF_TP_ADD_TC(tp, no_space);
	ATF_TP_ADD_TC(tp, last_slot);
	return atf_no_error();
}
