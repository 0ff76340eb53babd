/* SPDX-License-Identifier: ISC */
/* Errors: -1 and errno always, no overflow, context in front. */
#include <atf-c.h>
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "policy/steps.h"

static char big[500];

ATF_TC_WITHOUT_HEAD(fill);
ATF_TC_BODY(fill, tc)
{
	struct err e;

	(void)tc;
	memset(&e, 0xff, sizeof(e));
	ATF_CHECK_EQ(-1, err_set(&e, ENOENT, "no %s", "way"));
	ATF_CHECK_EQ(ENOENT, errno);
	ATF_CHECK_EQ(ENOENT, e.code);
	ATF_CHECK_EQ(0, e.step);
	ATF_CHECK_STREQ("", e.field);
	ATF_CHECK_STREQ("no way", e.msg);
	ATF_CHECK_EQ(-1, err_field(&e, "cpus", EINVAL, "%d", 7));
	ATF_CHECK_STREQ("cpus", e.field);
	ATF_CHECK_EQ(-1, err_step(&e, STEP_CGROUP, EBUSY, "x"));
	ATF_CHECK_EQ(STEP_CGROUP, e.step);
	ATF_CHECK_STREQ("", e.field);
	/* never 0 once set */
	ATF_CHECK_EQ(-1, err_set(&e, 0, "x"));
	ATF_CHECK_EQ(EIO, e.code);
	ATF_CHECK_EQ(-1, err_set(NULL, EPERM, "x"));
	ATF_CHECK_EQ(EPERM, errno);
}

ATF_TC_WITHOUT_HEAD(bounds);
ATF_TC_BODY(bounds, tc)
{
	struct err e;

	(void)tc;
	memset(big, 'x', sizeof(big) - 1);
	(void)err_field(&e, big, EINVAL, "%s", big);
	ATF_CHECK_EQ(sizeof(e.field) - 1, strlen(e.field));
	ATF_CHECK_EQ(sizeof(e.msg) - 1, strlen(e.msg));
	ATF_CHECK_EQ(-1, err_wrap(&e, "%s", big));
	ATF_CHECK_EQ(sizeof(e.msg) - 1, strlen(e.msg));
}

ATF_TC_WITHOUT_HEAD(wrap);
ATF_TC_BODY(wrap, tc)
{
	struct err e;

	(void)tc;
	(void)err_step(&e, STEP_TAP, EBUSY, "taken");
	ATF_CHECK_EQ(-1, err_wrap(&e, "slot %d", 4));
	ATF_CHECK_STREQ("slot 4: taken", e.msg);
	ATF_CHECK_EQ(EBUSY, e.code);
	ATF_CHECK_EQ(STEP_TAP, e.step);
	ATF_CHECK_EQ(-1, err_wrap(NULL, "x"));
}

ATF_TC_WITHOUT_HEAD(visible);
ATF_TC_BODY(visible, tc)
{
	char dst[16];

	(void)tc;
	ATF_CHECK_STREQ("a\\012b", log_vis(dst, sizeof(dst), "a\nb"));
	ATF_CHECK_STREQ("\\033[2J", log_vis(dst, sizeof(dst), "\033[2J"));
	ATF_CHECK_STREQ("\\377\\\\\\040x",
	    log_vis(dst, sizeof(dst), "\377\\ x"));
	/* never beyond the end, never half an escape */
	memset(big, '\n', sizeof(big) - 1);
	memset(dst, 'x', sizeof(dst));
	ATF_CHECK_STREQ("\\012\\012", log_vis(dst, 9, big));
	ATF_CHECK_STREQ("\\012", log_vis(dst, 8, big));
	ATF_CHECK_EQ('x', dst[9]);
	ATF_CHECK_STREQ("", log_vis(dst, 1, "abc"));
	(void)log_vis(dst, 0, "abc");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, fill);
	ATF_TP_ADD_TC(tp, bounds);
	ATF_TP_ADD_TC(tp, wrap);
	ATF_TP_ADD_TC(tp, visible);
	return atf_no_error();
}
