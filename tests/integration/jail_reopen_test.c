/* SPDX-License-Identifier: ISC */
/*
 * NS_REOPEN of the real privd-jail: the namespace of a running VM comes to
 * net, before the answer, also after jail was started anew; of one that does
 * not run, nothing. As root.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/sockios.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "tests/integration/jailharness.h"

static const char wait_args[] = "evilvmm\0wait";

static int
same(int fd, const struct stat *want)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == want->st_dev &&
	    st.st_ino == want->st_ino;
}

/* What net hears of it is the namespace of this process, twice over. */
static void
handed_over(struct jh *j, pid_t pid)
{
	struct req_ns_reopen q = { 0 };
	static struct wire_msg m;
	struct stat vm, host;
	char path[64];
	int where;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	ATF_REQUIRE_EQ(0, stat(path, &vm));
	ATF_REQUIRE_EQ(0, stat("/proc/self/ns/net", &host));
	ATF_REQUIRE(vm.st_ino != host.st_ino);
	ATF_REQUIRE_EQ(0, jh_call(j, PRIVOP_NS_REOPEN, 7, 70, &q, NULL, 0,
	    NULL, NULL));
	ATF_REQUIRE_EQ(1, wire_recv(j->net, &m));
	ATF_CHECK_EQ(PRIVOP_NS_LIVE, m.h.type);
	ATF_CHECK(m.h.slot == 7 && m.h.generation == 70);
	ATF_REQUIRE_EQ(NSLIVE_N, m.nfds);
	ATF_CHECK(same(m.fds[NSLIVE_NS], &vm));
	where = ioctl(m.fds[NSLIVE_NFT], SIOCGSKNS);
	ATF_CHECK(same(where, &vm));
	fd_close(&where);
	wire_drop_fds(&m);
}

static int
refused(struct jh *j, uint32_t slot, uint64_t gen)
{
	struct req_ns_reopen q = { 0 };
	static struct wire_msg m;
	int code = jh_call(j, PRIVOP_NS_REOPEN, slot, gen, &q, NULL, 0, NULL,
	    NULL);

	ATF_CHECK_EQ(-1, wire_recv(j->net, &m)); /* nothing came */
	return code;
}

ATF_TC_WITH_CLEANUP(reopen);
ATF_TC_HEAD(reopen, tc)
{
	atf_tc_set_md_var(tc, "descr", "a running VM's namespace goes to net, "
	    "before and after a restart");
	atf_tc_set_md_var(tc, "require.user", "root");
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_CLEANUP(reopen, tc)
{
	(void)tc;
	(void)rh_cg_clean("jreop");
}
ATF_TC_BODY(reopen, tc)
{
	struct jh j;
	struct jh_vm v;

	jh_evil(&j, tc, "jreop");
	jh_run(&j);
	ATF_REQUIRE_EQ(0, jh_prepare(&j, 7, 70, RH_TENANT));
	ATF_CHECK_EQ(ESRCH, refused(&j, 7, 70));
	jh_vm_init(&v, wait_args, sizeof(wait_args));
	ATF_REQUIRE_EQ(0, jh_spawn(&j, 7, 70, &v, 0));
	handed_over(&j, jh_pid(&j, 7, 70, "sup"));
	ATF_CHECK_EQ(ESTALE, refused(&j, 7, 69));
	ATF_CHECK_EQ(ESTALE, refused(&j, 8, 70));
	RH(kill(j.pid, SIGKILL));
	jh_end(&j);
	jh_run(&j);
	handed_over(&j, jh_pid(&j, 7, 70, "sup"));
	ATF_CHECK_EQ(0, jh_kill(&j, 7, 70, KILL_ALL));
	ATF_CHECK_EQ(0, jh_reap(&j, 7, 70));
	ATF_CHECK_EQ(ESTALE, refused(&j, 7, 70));
	jh_vm_close(&v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, reopen);
	return atf_no_error();
}
