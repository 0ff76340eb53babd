/* SPDX-License-Identifier: ISC */
/*
 * A connection's process that its client has taken over passes what it was to
 * keep from us: a file of a FUSE mount whose server never answers. It comes
 * with a request that takes files, with one that takes none, and with bytes
 * that are no record. That connection ends; everybody else is served.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/ctldrun.h"
#include "tests/lib/fusefile.h"

#define TURNS 3

CASE(taken_over, "a file that never answers ends its connection alone")
{
	struct clreq_start rq;
	struct clreq_list list = { 0 };
	struct wire_hdr h = { .type = CLIENTOP_LIST };
	int wire[TURNS], keep[TURNS], files[16], fd, i;
	struct wire_msg m;
	struct setup s;
	pid_t server;

	ct_begin(&s);
	ATF_REQUIRE_EQ(CLE_NONE, ct_start_web(&s).error);
	for (i = 0; i < TURNS; i++)
		wire[i] = fake_client(&s.f, FAKE_UID2, &keep[i], NULL);
	fake_spec(&rq, "evil");
	(void)fake_files(files);
	fd = fusefile_open(&server);
	/* the negative control: whoever closes it waits */
	ATF_CHECK_MSG(!fusefile_returns(close, fd), "close came back");
	files[0] = fd;
	fake_send(&s.f, wire[0], CLIENTOP_START, &rq, files, 3);
	ATF_CHECK_EQ(0, fake_answer(&s.f, wire[0], &m, 3000));
	fake_send(&s.f, wire[1], CLIENTOP_LIST, &list, &fd, 1);
	ATF_CHECK_EQ(0, fake_answer(&s.f, wire[1], &m, 3000));
	ATF_REQUIRE_EQ(0, wire_send(wire[2], &h, "short", 5, &fd, 1));
	ATF_CHECK_EQ(0, fake_answer(&s.f, wire[2], &m, 3000));
	ATF_CHECK_EQ(VM_RUNNING, ct_status(&s, "web"));
	ATF_CHECK_EQ(CLE_NONE, ct_stop(&s, s.wire, "web").error);
	/* and when front ends, ctld lets go of all else at once */
	ATF_REQUIRE_EQ(0, shutdown(s.f.front, SHUT_RDWR));
	i = wire_recv_wait(s.f.listener, &m, 3000);
	ATF_CHECK_EQ_MSG(0, i, "%d %s", i, strerror(errno));
	fusefile_end(server);
	ATF_CHECK_EQ(s.f.ctld, waitpid(s.f.ctld, NULL, 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, taken_over);
	return atf_no_error();
}
