/* SPDX-License-Identifier: ISC */
/*
 * A compromised ctld passes a file of a tenant's FUSE mount whose server never
 * answers. A front that closed it would be held for ever, the lock of the
 * daemon with it. As root, for the mount.
 */
#include "config.h"

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "tests/hostile/front_bench.h"
#include "tests/lib/fusefile.h"

/* The end of a process closes what it has open. */
static int
nothing(int fd)
{
	(void)fd;
	return 0;
}

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
	struct rep_reserve r;
	char path[512];
	struct bench *b;
	pid_t server;
	int fd;

#ifdef WITH_SANITIZERS
	atf_tc_skip("a confined role does not run with sanitizers");
#endif
	(void)snprintf(path, sizeof(path), "%s/../../privd-front",
	    atf_tc_get_config_var_wd(tc, "srcdir", "."));
	b = bench_new(path);
	ATF_REQUIRE_EQ(0, bench_reserve(b, ALICE, UINT32_MAX, &r));
	/* the control: an ordinary file is refused here, and front lives */
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	ATF_CHECK_EQ(ESTALE, bench_call(b, PRIVOP_IMAGE, r.slot, r.generation,
	    &q, &fd, 1));
	(void)close(fd);
	fd = fusefile_open(&server);
	ATF_CHECK_MSG(!fusefile_returns(close, fd), "close came back");
	ATF_CHECK_MSG(!fusefile_returns(nothing, fd), "its end did not wait");
	bench_ask(b, PRIVOP_IMAGE, r.slot, r.generation, &q, &fd, 1);
	/* its wires end at once, and so does the process that a supervisor
	 * waits for, though the file is not closed yet */
	ATF_CHECK_EQ(0, wire_recv_wait(b->ctld, &m, 3000));
	ATF_CHECK_EQ(0, wire_recv_wait(b->jail, &m, 3000));
	ATF_CHECK_EQ(1, bench_wait(b));
	fusefile_end(server);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ends);
	return atf_no_error();
}
