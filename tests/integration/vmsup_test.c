/* SPDX-License-Identifier: ISC */
/*
 * vmsup as it runs: its own program and seccomp list, a real QEMU with the
 * test guest, and a VMM that misbehaves. Needs no root.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "policy/clientops.h"
#include "policy/seccomp.h"
#include "tests/lib/suprun.h"

#define BANNER "POSTERN-TEST-GUEST"
#define GROWTH 24 /* KiB: first touches of stack and buffers */
#define LINE_KIB 64   /* the buffer of a line */

static struct suprun r;

static void
start_qemu(const atf_tc_t *tc, const char *words, int drive)
{
	static struct clreq_start req;

	memset(&req, 0, sizeof(req));
	req.flags = drive >= 0 ? CL_HAS_ROOTFS | CL_ROOTFS_RO : 0;
	(void)strlcpy(req.boot_args, words, sizeof(req.boot_args));
	suprun_qemu(&r, tc, &req, drive);
}

static void
start_fake(const atf_tc_t *tc, const char *mode)
{
	static char program[512], arg[32];
	char *argv[] = { program, arg, NULL };

	(void)snprintf(program, sizeof(program), "%s/../lib/fake_vmm",
	    atf_tc_get_config_var(tc, "srcdir"));
	(void)strlcpy(arg, mode, sizeof(arg));
	suprun_start(&r, tc, argv, -1);
	suprun_connect(&r);
}

/* Ended for this reason, with this wait status; then vmsup goes. */
static void
ended(enum sup_end end, int status, int ms)
{
	ATF_REQUIRE_MSG(suprun_state(&r, SUP_ENDED, ms), "log: %s",
	    suprun_ring(r.log));
	ATF_CHECK_EQ_MSG((uint32_t)end, r.st.end, "%u: %s", r.st.end,
	    suprun_ring(r.log));
	ATF_CHECK_EQ_MSG(status, r.st.wait_status, "%#x",
	    (unsigned)r.st.wait_status);
	ATF_CHECK_EQ(1, ring_closed(r.console));
	ATF_CHECK_EQ(1, ring_closed(r.log));
	ATF_CHECK_EQ(0, suprun_end(&r));
}

static void
kill_vmm(void)
{
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGKILL));
	ended(END_SIGNAL, SIGKILL, 1000);
}

/* It may touch this much more, however long it goes on. (Pages of the program
 * come and go with the page cache, and the rings have a size: neither counts.)
 */
static void
flat(long before, long kib)
{
	long after = suprun_memory(&r, "Anonymous");

	ATF_CHECK_MSG(after <= before + kib, "%ld, then %ld KiB", before,
	    after);
}

ATF_TC_WITHOUT_HEAD(guest_powers_off);
ATF_TC_BODY(guest_powers_off, tc)
{
	int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);

	start_qemu(tc, "", fd);
	close(fd);
	ATF_REQUIRE_EQ(0, suprun_ready(&r, BANNER));
	ATF_REQUIRE_MSG(suprun_state(&r, SUP_RUNNING, 10000), "%s",
	    suprun_ring(r.log));
	ATF_REQUIRE_MSG(suprun_until_ready(&r, 10000), "%s",
	    suprun_ring(r.log));
	ATF_CHECK(strstr(suprun_ring(r.console), BANNER) != NULL);
	ATF_CHECK_EQ(EBUSY, suprun_ask(&r, SUPOP_ACK_EXIT));
	/* the rest of its PSS is program, shared by all of them */
	(void)printf("vmsup: %ld KiB PSS, %ld KiB its own\n",
	    suprun_memory(&r, "Pss"), suprun_memory(&r, "Anonymous"));
	(void)fflush(stdout);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_SHUTDOWN));
	ended(END_SHUTDOWN, 0, 10000);
}

ATF_TC_WITHOUT_HEAD(guest_pauses);
ATF_TC_BODY(guest_pauses, tc)
{
	start_qemu(tc, "", -1);
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 10000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_PAUSE));
	ATF_CHECK(suprun_state(&r, SUP_PAUSED, 2000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_RESUME));
	ATF_CHECK(suprun_state(&r, SUP_RUNNING, 2000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_QUIT));
	ended(END_QUIT, 0, 5000);
}

ATF_TC_WITHOUT_HEAD(guest_ends);
ATF_TC_BODY(guest_ends, tc)
{
	static const struct { const char *word; enum sup_end end; } t[] = {
		{ "poweroff", END_SHUTDOWN }, { "reboot", END_REBOOT },
		{ "fault", END_REBOOT }, { "panic", END_PANIC } };
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		start_qemu(tc, t[i].word, -1);
		ended(t[i].end, 0, 10000);
	}
}

ATF_TC_WITHOUT_HEAD(guest_floods);
ATF_TC_BODY(guest_floods, tc)
{
	long before;

	start_qemu(tc, "flood", -1);
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 10000));
	(void)usleep(500000);
	before = suprun_memory(&r, "Anonymous");
	(void)usleep(1000000);
	suprun_connect(&r); /* served in the middle of it */
	flat(before, GROWTH);
	kill_vmm();
	ATF_CHECK(strstr(suprun_ring(r.console), "flood flood") != NULL);
}

ATF_TC_WITHOUT_HEAD(vmm_refuses);
ATF_TC_BODY(vmm_refuses, tc)
{
	start_fake(tc, "fail");
	ATF_REQUIRE(suprun_state(&r, SUP_ENDED, 2000));
	ATF_CHECK_STREQ("fake: no such thing\n", suprun_ring(r.log));
	ended(END_VMM_ERROR, 7 << 8, 0);
}

ATF_TC_WITHOUT_HEAD(vmm_dies_at);
ATF_TC_BODY(vmm_dies_at, tc)
{
	char mode[16];
	int i;

	/* capabilities, status, then a pause that is never answered */
	for (i = 1; i <= 3; i++) {
		(void)snprintf(mode, sizeof(mode), "die%d", i);
		start_fake(tc, mode);
		if (i == 3) {
			ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 2000));
			ATF_CHECK(suprun_ask(&r, SUPOP_PAUSE) != 0);
		}
		ended(END_VMM_ERROR, 42 << 8, 1000);
	}
}

ATF_TC_WITHOUT_HEAD(vmm_silent);
ATF_TC_BODY(vmm_silent, tc)
{
	start_fake(tc, "silent");
	ATF_CHECK_EQ(EAGAIN, suprun_ask(&r, SUPOP_SHUTDOWN));
	ATF_CHECK(!suprun_state(&r, SUP_RUNNING, 300));
	kill_vmm();
	start_fake(tc, "mute");
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 2000));
	ATF_CHECK_EQ(ETIMEDOUT, suprun_ask(&r, SUPOP_PAUSE));
	ATF_CHECK_EQ(SUP_RUNNING, r.st.state);
	kill_vmm();
}

ATF_TC_WITHOUT_HEAD(vmm_drips);
ATF_TC_BODY(vmm_drips, tc)
{
	start_fake(tc, "drip");
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 5000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_PAUSE));
	ATF_CHECK(suprun_state(&r, SUP_PAUSED, 2000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_QUIT));
	ended(END_QUIT, 0, 2000);
}

ATF_TC_WITHOUT_HEAD(vmm_talks_nonsense);
ATF_TC_BODY(vmm_talks_nonsense, tc)
{
	int i;

	start_fake(tc, "garbage");
	for (i = 0; i < 2000 &&
	    strstr(suprun_ring(r.log), "not QMP") == NULL; i++)
		(void)usleep(1000);
	ATF_CHECK(i < 2000);
	ATF_CHECK_EQ(EPIPE, suprun_ask(&r, SUPOP_SHUTDOWN));
	ATF_CHECK_EQ(SUP_STARTING, r.st.state);
	kill_vmm();
}

ATF_TC_WITHOUT_HEAD(vmm_never_stops);
ATF_TC_BODY(vmm_never_stops, tc)
{
	long before;

	start_fake(tc, "silent");
	before = suprun_memory(&r, "Anonymous");
	kill_vmm();
	start_fake(tc, "endless");
	ATF_REQUIRE_EQ(0, suprun_ready(&r, "cut off"));
	ATF_REQUIRE(suprun_until_ready(&r, 5000));
	flat(before, GROWTH + LINE_KIB);
	kill_vmm();
}

/* A VMM may say good things without end: vmsup and ctld bear it. */
ATF_TC_WITHOUT_HEAD(vmm_storms);
ATF_TC_BODY(vmm_storms, tc)
{
	long before;

	start_fake(tc, "storm");
	(void)usleep(300000); /* nobody reads the connection meanwhile */
	before = suprun_memory(&r, "Anonymous");
	(void)usleep(700000);
	flat(before, GROWTH);
	suprun_connect(&r);
	kill_vmm();
}

/* The end is kept for a ctld that comes late, or comes again. */
ATF_TC_WITHOUT_HEAD(end_waits);
ATF_TC_BODY(end_waits, tc)
{
	int status;

	start_fake(tc, "");
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 2000));
	fd_close(&r.conn);
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGTERM));
	(void)usleep(300000);
	ATF_CHECK_EQ(0, waitpid(r.pid, &status, WNOHANG));
	suprun_connect(&r);
	ATF_CHECK_EQ(SUP_ENDED, r.st.state);
	ATF_CHECK_EQ(ESRCH, suprun_ask(&r, SUPOP_PAUSE));
	suprun_connect(&r);
	ended(END_SIGNAL, SIGTERM, 0);
}

/* How many children vmsup has, zombies among them; -1: kernel does not say. */
static int
children(void)
{
	char path[64], buf[256];
	const char *p;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)r.pid, (int)r.pid);
	if (fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) < 0)
		return -1;
	for (p = buf; (p = strchr(p, ' ')) != NULL; p++)
		n++;
	return n;
}

ATF_TC_WITHOUT_HEAD(orphans);
ATF_TC_BODY(orphans, tc)
{
	int i;

	start_fake(tc, "orphan");
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 2000));
	if (children() < 0)
		atf_tc_skip("kernel without CONFIG_PROC_CHILDREN");
	(void)usleep(50000);
	ATF_CHECK_EQ(2, children()); /* the VMM, and the orphan came to it */
	for (i = 0; i < 100 && children() != 1; i++)
		(void)usleep(20000);
	ATF_CHECK_EQ(1, children());
	kill_vmm();
}

ATF_TC_WITHOUT_HEAD(locked);
ATF_TC_BODY(locked, tc)
{
	char path[64], buf[4096];

	start_fake(tc, "");
	ATF_REQUIRE(suprun_state(&r, SUP_RUNNING, 2000));
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)r.pid);
	ATF_REQUIRE(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) > 0);
	ATF_CHECK(strstr(buf, "Seccomp:\t2\n") != NULL);
	ATF_CHECK(strstr(buf, "NoNewPrivs:\t1\n") != NULL);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_RINGS));
	ATF_CHECK_EQ(2, r.msg.nfds);
	wire_drop_fds(&r.msg);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_QUIT));
	ended(END_QUIT, 0, 2000);
}

/* No filter, no service: the VMM is not served, the reason is in the log. */
ATF_TC_WITHOUT_HEAD(no_filter);
ATF_TC_BODY(no_filter, tc)
{
	static char program[] = "/bin/sleep", arg[] = "5";
	char *argv[] = { program, arg, NULL };
	int bad, status, i;

	for (i = 0; i < 2; i++) {
		/* not sealed; sealed, but no program */
		bad = i == 0 ? memfd_create("f", 0) :
			       fd_sealed("f", "12345678", 8);
		ATF_REQUIRE(bad >= 0);
		suprun_start_with(&r, tc, argv, -1, bad);
		close(bad);
		ATF_REQUIRE_EQ(r.pid, waitpid(r.pid, &status, 0));
		ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		ATF_CHECK_MSG(strstr(suprun_ring(r.log), "cannot lock itself"),
		    "%s", suprun_ring(r.log));
	}
}

/* A program that allows less than it needs: its filter is real. */
ATF_TC_WITHOUT_HEAD(filter_counts);
ATF_TC_BODY(filter_counts, tc)
{
	static char program[] = "/bin/sleep", arg[] = "5";
	char *argv[] = { program, arg, NULL };
	static struct sysconf conf;
	struct err e;
	int other, status;

	sysconf_default(&conf);
	other = seccomp_compile(SEC_FRONT, &conf, &e); /* another's */
	ATF_REQUIRE(other >= 0);
	suprun_start_with(&r, tc, argv, -1, other);
	close(other);
	ATF_REQUIRE_EQ(0, kill(r.vmm, SIGKILL));
	ATF_REQUIRE_EQ(r.pid, waitpid(r.pid, &status, 0));
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 159,
	    "%#x", (unsigned)status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, guest_powers_off);
	ATF_TP_ADD_TC(tp, guest_pauses);
	ATF_TP_ADD_TC(tp, guest_ends);
	ATF_TP_ADD_TC(tp, guest_floods);
	ATF_TP_ADD_TC(tp, vmm_refuses);
	ATF_TP_ADD_TC(tp, vmm_dies_at);
	ATF_TP_ADD_TC(tp, vmm_silent);
	ATF_TP_ADD_TC(tp, vmm_drips);
	ATF_TP_ADD_TC(tp, vmm_talks_nonsense);
	ATF_TP_ADD_TC(tp, vmm_never_stops);
	ATF_TP_ADD_TC(tp, vmm_storms);
	ATF_TP_ADD_TC(tp, end_waits);
	ATF_TP_ADD_TC(tp, orphans);
	ATF_TP_ADD_TC(tp, locked);
	ATF_TP_ADD_TC(tp, no_filter);
	ATF_TP_ADD_TC(tp, filter_counts);
	return atf_no_error();
}
