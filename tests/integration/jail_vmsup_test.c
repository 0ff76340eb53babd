/* SPDX-License-Identifier: ISC */
/*
 * The real privd-jail, the real vmsup, QEMU as its backend plans it, and the
 * test guest: everything that S's, vmsup's and QEMU's programs let pass or
 * not shows here. ctld is played by the test. As root.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "common/vmfd.h"
#include "ctld/backend/backend.h"
#include "tests/integration/jailharness.h"
#include "tests/lib/suprun.h"

#define INSTANCE "jsup"
#define SLOT 3
#define GEN 7
#define BANNER "POSTERN-TEST-GUEST"

static struct jh j;
static struct jh_vm v;
static struct suprun r;

/* Arguments for a guest with one writable drive. */
static void
plan_vm(const char *words)
{
	static struct clreq_start req;
	struct backend_plan plan;
	struct err e;

	memset(&req, 0, sizeof(req));
	req.cpus = 1;
	req.memory_mib = 16;
	req.net = NET_NONE;
	req.flags = CL_HAS_ROOTFS;
	(void)strlcpy(req.boot_args, words, sizeof(req.boot_args));
	ATF_REQUIRE_EQ_MSG(0, backend_qemu.plan(&j.conf, &req, 0, &plan, &e),
	    "%s", e.msg);
	jh_vm_init(&v, "x", 2);
	fd_close(&v.argv);
	fd_close(&v.console);
	fd_close(&v.log);
	v.argv = plan.argv_fd;
	v.console = ring_create("console", RING_CONSOLE);
	v.log = ring_create("log", RING_LOG);
	ATF_REQUIRE(v.console >= 0 && v.log >= 0);
}

static void
give_images(const char *build)
{
	char path[300];
	int kernel, ro, rw;

	(void)snprintf(path, sizeof(path), "%s/tests/guest/guest.elf", build);
	kernel = open(path, O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(kernel >= 0);
	jh_file("disk", RH_TENANT, 0600, 1 << 20);
	ro = open("disk", O_RDONLY | O_CLOEXEC);
	rw = open("disk", O_RDWR | O_CLOEXEC);
	ATF_REQUIRE_EQ(0, jh_image(&j, SLOT, GEN, IMG_KERNEL, 0, kernel, -1));
	ATF_REQUIRE_EQ(0, jh_image(&j, SLOT, GEN, IMG_DRIVE, 0, ro, rw));
	close(kernel);
	close(ro);
	close(rw);
}

/* To the listening socket of v, as this uid. */
static int
connect_as(uid_t uid)
{
	struct sockaddr_un sun;
	socklen_t n = sizeof(sun);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ATF_REQUIRE_EQ(0, getsockname(v.listen, (void *)&sun, &n));
	ATF_REQUIRE_EQ(0, seteuid(uid));
	ATF_REQUIRE_EQ(0, connect(fd, (void *)&sun, n));
	ATF_REQUIRE_EQ(0, seteuid(0));
	return fd;
}

static void
start(const atf_tc_t *tc, const char *words)
{
	char build[256];

	if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0)
		atf_tc_skip("no qemu (package qemu-system-x86)");
	(void)snprintf(build, sizeof(build), "%s/../..",
	    atf_tc_get_config_var(tc, "srcdir"));
	jh_init(&j, INSTANCE, build, "/usr");
	(void)strlcpy(j.sup, "vmsup", sizeof(j.sup));
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, SLOT, GEN, RH_TENANT));
	plan_vm(words);
	give_images(build);
	ATF_REQUIRE_EQ(0, jh_spawn(&j, SLOT, GEN, &v, 0));
	memset(&r, 0, sizeof(r));
	r.console = v.console;
	r.log = v.log;
	r.conn = connect_as(RH_CTLD);
	suprun_hello(&r);
}

static void
running(void)
{
	ATF_REQUIRE_MSG(suprun_state(&r, SUP_RUNNING, 10000),
	    "state %u, end %u, status %#x, log: %s", r.st.state, r.st.end,
	    (unsigned)r.st.wait_status, suprun_ring(r.log));
}

static void
finish(void)
{
	ATF_REQUIRE_EQ(0, suprun_ask(&r, SUPOP_ACK_EXIT));
	fd_close(&r.conn);
	(void)jh_kill(&j, SLOT, GEN, KILL_ALL);
	ATF_CHECK_EQ(0, jh_reap(&j, SLOT, GEN));
	jh_vm_close(&v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

ATF_TC_WITH_CLEANUP(lives);
ATF_TC_HEAD(lives, tc)
{
	atf_tc_set_md_var(tc, "descr", "runs, outlives jail, powers off");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(lives, tc)
{
	struct suprun stranger = { .conn = -1 };
	char byte;

	start(tc, "");
	ATF_REQUIRE_EQ(0, suprun_ready(&r, BANNER));
	running();
	ATF_REQUIRE_MSG(suprun_until_ready(&r, 10000), "log: %s",
	    suprun_ring(r.log));
	/* root is not ctld, nor is the owner */
	stranger.conn = connect_as(0);
	ATF_CHECK_EQ(0, recv(stranger.conn, &byte, 1, 0));
	close(stranger.conn);
	stranger.conn = connect_as(RH_TENANT);
	ATF_CHECK_EQ(0, recv(stranger.conn, &byte, 1, 0));
	close(stranger.conn);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_PAUSE));
	ATF_CHECK(suprun_state(&r, SUP_PAUSED, 2000));
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_RESUME));
	jh_end(&j);
	ATF_CHECK(suprun_state(&r, SUP_RUNNING, 2000));
	jh_run(&j);
	ATF_CHECK_EQ(0, suprun_ask(&r, SUPOP_SHUTDOWN));
	ATF_REQUIRE_MSG(suprun_state(&r, SUP_ENDED, 10000), "log: %s",
	    suprun_ring(r.log));
	ATF_CHECK_EQ_MSG(END_SHUTDOWN, r.st.end, "log: %s",
	    suprun_ring(r.log));
	ATF_CHECK_EQ(0, r.st.wait_status);
	finish();
}
ATF_TC_CLEANUP(lives, tc)
{
	(void)tc;
	(void)rh_cg_clean(INSTANCE);
}

ATF_TC_WITH_CLEANUP(killed);
ATF_TC_HEAD(killed, tc)
{
	atf_tc_set_md_var(tc, "descr", "a killed VMM is told by its vmsup");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(killed, tc)
{
	start(tc, "");
	running();
	ATF_REQUIRE_EQ(0, jh_kill(&j, SLOT, GEN, KILL_VMM));
	ATF_REQUIRE(suprun_state(&r, SUP_ENDED, 1000));
	ATF_CHECK_EQ(END_SIGNAL, r.st.end);
	ATF_CHECK_EQ(9, r.st.wait_status);
	finish();
}
ATF_TC_CLEANUP(killed, tc)
{
	(void)tc;
	(void)rh_cg_clean(INSTANCE);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, lives);
	ATF_TP_ADD_TC(tp, killed);
	return atf_no_error();
}
