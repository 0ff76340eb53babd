/* SPDX-License-Identifier: ISC */
/*
 * A compromised front passes a file of a tenant's FUSE mount whose server
 * never answers: jail ends, and does not wait for it with its wires and the
 * daemon's lock in hand. As root.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "tests/integration/jailharness.h"
#include "tests/lib/fusefile.h"

ATF_TC(ends);
ATF_TC_HEAD(ends, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_BODY(ends, tc)
{
	struct req_image q = { .kind = IMG_KERNEL };
	struct wire_msg m;
	char build[256];
	pid_t server;
	struct jh j;
	int fd, sv[2];

	jh_build(tc, build);
	jh_init(&j, "jailfuse", build, "/usr");
	jh_file("kernel", RH_TENANT, 0600, 65536);
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_attest(&j, 3, 1, RH_TENANT));
	/* the controls: ordinary files, also odd ones, are only refused */
	fd = RH(open("kernel", O_RDONLY | O_CLOEXEC));
	ATF_CHECK_EQ(0, jh_image(&j, 3, 1, IMG_KERNEL, 0, fd, -1));
	fd_close(&fd);
	RH(pipe2(sv, O_CLOEXEC));
	ATF_CHECK_EQ(EINVAL, jh_image(&j, 3, 1, IMG_INITRD, 0, sv[0], -1));
	fd = fusefile_open(&server);
	ATF_CHECK_MSG(!fusefile_returns(close, fd), "close came back");
	(void)jh_ask(&j, PRIVOP_IMAGE, 3, 1, &q, &fd, 1);
	ATF_CHECK_EQ(0, wire_recv_wait(j.front, &m, 3000));
	ATF_CHECK_EQ(0, wire_recv_wait(j.net, &m, 3000));
	fusefile_end(server);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ends);
	return atf_no_error();
}
