/* SPDX-License-Identifier: ISC */
/* One user's lines in the log: bounded, and the rest is not left out in
 * silence. */
#include <atf-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loglimit.h"

/* Lines of the file that hold the text. */
static unsigned
lines(const char *text)
{
	FILE *f = fopen("log", "r");
	char buf[256];
	unsigned n = 0;

	ATF_REQUIRE(f != NULL);
	while (fgets(buf, sizeof(buf), f) != NULL)
		n += strstr(buf, text) != NULL;
	(void)fclose(f);
	return n;
}

ATF_TC_WITHOUT_HEAD(bounded);
ATF_TC_BODY(bounded, tc)
{
	unsigned i, n;

	(void)tc;
	ATF_REQUIRE(freopen("log", "a", stderr) != NULL);
	log_init("test", 0);
	for (i = 0; i < 10000; i++)
		log_of(1000, "flood %u", i);
	/* a burst of 50, and what came while the loop ran */
	n = lines("flood");
	ATF_CHECK_MSG(n >= 50 && n < 500, "%u lines", n);
	ATF_CHECK(lines("uid=1000 too many lines") >= 1);
	/* somebody else's are all there */
	for (i = 0; i < 20; i++)
		log_of(1001, "other %u", i);
	ATF_CHECK_EQ(20, lines("other"));
	/* control: without the bound all of them are */
	for (i = 0; i < 1000; i++)
		log_info("plain %u", i);
	ATF_CHECK_EQ(1000, lines("plain"));
	(void)usleep(1000000 / LOG_LINES + 100000);
	n = lines("suppressed");
	log_of(1000, "again");
	ATF_CHECK_EQ(1, lines("again"));
	ATF_CHECK_EQ(n + 1, lines("lines suppressed"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, bounded);
	return atf_no_error();
}
