/* SPDX-License-Identifier: ISC */
/* privd-jail itself: starts, limits, ends, restarts. As root. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "tests/integration/jailharness.h"

static const char qemu_args[] = "qemu\0-M\0microvm\0-accel\0tcg\0-m\0" "32\0"
    "-nodefaults\0-no-user-config\0-display\0none\0-serial\0stdio\0"
    "-chardev\0socket,id=q,fd=3\0-mon\0chardev=q,mode=control";

ATF_TC_WITH_CLEANUP(qemu);
ATF_TC_HEAD(qemu, tc)
{
	atf_tc_set_md_var(tc, "descr", "qemu starts, lives, is killed and "
	    "nothing is left");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(qemu, tc)
{
	char build[256], buf[8192];
	struct jh j;
	struct jh_vm v;
	int64_t t;

	jh_build(tc, build);
	jh_init(&j, "jqemu", build, "/usr");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 3, 7, RH_TENANT));
	jh_vm_init(&v, qemu_args, sizeof(qemu_args));
	t = now_ms();
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 3, 7, &v, 0));
	printf("spawn %lld ms\n", (long long)(now_ms() - t));
	ATF_CHECK_EQ(-1, jh_vm_wait(&v, 300));
	(void)jh_console(&v, 1, buf, sizeof(buf));
	ATF_CHECK_STREQ("", buf);
	ATF_CHECK(jh_pid(&j, 3, 7, "vmm") > 0);
	ATF_REQUIRE_EQ(0, jh_kill(&j, 3, 7, KILL_ALL));
	ATF_REQUIRE_EQ(0, jh_reap(&j, 3, 7));
	jh_vm_close(&v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}
ATF_TC_CLEANUP(qemu, tc)
{
	(void)tc;
	(void)rh_cg_clean("jqemu");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, qemu);
	return atf_no_error();
}
