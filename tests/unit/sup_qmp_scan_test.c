/* SPDX-License-Identifier: ISC */
/* The scanner of QMP lines, with what QEMU says and what it never would. */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctld/sup/qmp_scan.h"

static struct qmp_msg m;

static int
scan(const char *line)
{
	errno = 0;
	return qmp_scan(line, strlen(line), &m);
}

static void
refuse(const char *line)
{
	ATF_CHECK_EQ_MSG(-1, scan(line), "%s", line);
	ATF_CHECK_EQ(EBADMSG, errno);
}

ATF_TC_WITHOUT_HEAD(real);
ATF_TC_BODY(real, tc)
{
	(void)tc;
	ATF_REQUIRE_EQ(0, scan("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": "
	    "22, \"minor\": 2, \"major\": 7}, \"package\": \"Debian\"}, "
	    "\"capabilities\": [\"oob\"]}}\r"));
	ATF_CHECK_EQ(QMP_GREETING, m.kind);
	ATF_REQUIRE_EQ(0, scan("{\"return\": {}, \"id\": 7}"));
	ATF_CHECK_EQ(QMP_RETURN, m.kind);
	ATF_CHECK_EQ(7, m.id);
	ATF_REQUIRE_EQ(0, scan("{\"return\": {\"status\": \"running\", "
	    "\"singlestep\": false, \"running\": true}, \"id\": 2}"));
	ATF_CHECK_EQ(QMP_IS_RUNNING, m.status);
	ATF_REQUIRE_EQ(0, scan("{\"timestamp\": {\"seconds\": 1795568262, "
	    "\"microseconds\": 874774}, \"event\": \"SHUTDOWN\", \"data\": "
	    "{\"guest\": true, \"reason\": \"guest-shutdown\"}}"));
	ATF_CHECK_EQ(QMP_EVENT, m.kind);
	ATF_CHECK_EQ(QMP_EV_SHUTDOWN, m.event);
	ATF_CHECK_EQ(QMP_WHY_GUEST_SHUTDOWN, m.reason);
	ATF_CHECK_EQ(1, m.guest);
	ATF_REQUIRE_EQ(0, scan("{\"timestamp\": {\"seconds\": 1795568262, "
	    "\"microseconds\": 874774}, \"event\": \"VSERPORT_CHANGE\", "
	    "\"data\": {\"open\": true, \"id\": \"c7\"}}"));
	ATF_CHECK_EQ(QMP_EV_PORT, m.event);
	ATF_CHECK_EQ(1, m.open);
	ATF_CHECK_STREQ("c7", m.device);
	ATF_CHECK_EQ(0, m.id);
	ATF_REQUIRE_EQ(0, scan("{\"event\": \"VSERPORT_CHANGE\", \"data\": "
	    "{\"open\": 1, \"id\": \"0123456789abcdef\"}}"));
	ATF_CHECK_EQ(0, m.open);
	ATF_CHECK_STREQ("", m.device); /* longer than any of ours */
	ATF_REQUIRE_EQ(0, scan("{\"id\": 3, \"error\": {\"class\": "
	    "\"GenericError\", \"desc\": \"no such \\\"thing\\\"\"}}"));
	ATF_CHECK_EQ(QMP_ERROR, m.kind);
	ATF_CHECK_EQ(3, m.id);
	ATF_CHECK_STREQ("no such \\\"thing\\\"", m.desc);
}

ATF_TC_WITHOUT_HEAD(unknown);
ATF_TC_BODY(unknown, tc)
{
	(void)tc;
	ATF_REQUIRE_EQ(0, scan("{\"event\":\"NEW_IN_9\",\"data\":{\"a\":[1,-2."
	    "5e+3,null,{\"b\":[]}]}}"));
	ATF_CHECK_EQ(QMP_EV_OTHER, m.event);
	/* the same word with an escape in it is another word to us */
	ATF_REQUIRE_EQ(0, scan("{\"event\":\"\\u0053HUTDOWN\"}"));
	ATF_CHECK_EQ(QMP_EV_OTHER, m.event);
	/* members of the wrong depth or place mean nothing */
	ATF_REQUIRE_EQ(0, scan("{\"return\":{\"x\":{\"status\":"
	    "\"running\"}}}"));
	ATF_CHECK_EQ(QMP_IS_OTHER, m.status);
	ATF_REQUIRE_EQ(0, scan("{\"return\":[{\"status\":\"running\"}]}"));
	ATF_CHECK_EQ(QMP_IS_OTHER, m.status);
	ATF_REQUIRE_EQ(0, scan("{\"event\":\"STOP\",\"data\":{\"status\":"
	    "\"running\",\"event\":\"SHUTDOWN\",\"guest\":1}}"));
	ATF_CHECK_EQ(QMP_EV_STOP, m.event);
	ATF_CHECK_EQ(QMP_IS_OTHER, m.status);
	ATF_CHECK_EQ(0, m.guest);
	ATF_CHECK_EQ(0, m.id);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static const char *const lines[] = { "", " ", "[]", "1", "{", "{}",
		"{}}", "{\"a\":1}", "{\"return\":{}}{\"return\":{}}",
		"{\"return\":{},}", "{,\"return\":{}}", "{\"return\" {}}",
		"{\"return\":}", "{\"return\":{}", "{\"return\":[}",
		"{\"return\":{]}", "{\"return\":[1,]}", "{\"return\":[,1]}",
		"{\"return\":[1 2]}", "{return:{}}", "{'return':{}}",
		"{\"return\":\"", "{\"return\":\"\\x\"}", "{\"return\":\"\\",
		"{\"return\":\"\\u12g4\"}", "{\"return\":\"\\u12",
		"{\"return\":tru}", "{\"return\":nul", "{\"return\":+1}",
		"{\"return\":01}", "{\"return\":1.}", "{\"return\":.5}",
		"{\"return\":1e}", "{\"return\":-}", "{\"return\":0x1}",
		"{\"return\":\"\x01\"}", "{\"return\":\"\t\"}",
		"{\"return\":\"\x7f\"}", "{\"return\":\"\xc3\xa4\"}",
		"{\"return\":\"\xff\xfe\"}", "{\"return\":\"\xc0\x80\"}",
		"\xef\xbb\xbf{\"return\":{}}", "{\"return\":{}}\n",
		/* more than one kind, twice the same, of another type */
		"{\"return\":{},\"error\":{}}", "{\"return\":1,\"return\":1}",
		"{\"event\":\"STOP\",\"event\":\"STOP\"}",
		"{\"event\":\"STOP\",\"data\":{},\"data\":{}}",
		"{\"event\":\"STOP\",\"data\":{\"reason\":1,\"reason\":2}}",
		"{\"event\":1}",
		"{\"event\":{}}", "{\"error\":1}", "{\"QMP\":[]}",
		"{\"event\":\"STOP\",\"data\":1}",
		/* ids that we never sent */
		"{\"return\":{},\"id\":-1}", "{\"return\":{},\"id\":1.5}",
		"{\"return\":{},\"id\":1e3}", "{\"return\":{},\"id\":\"1\"}",
		"{\"return\":{},\"id\":4294967297}",
		"{\"return\":{},\"id\":{}}",
		"{\"return\":{},\"id\":1,\"id\":2}" };
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refuse(lines[i]);
	/* a NUL is a byte like others, and not allowed */
	ATF_CHECK_EQ(-1, qmp_scan("{\"return\":{}}\0", 14, &m));
	ATF_CHECK_EQ(-1, qmp_scan("{\"return\":\"\0\"}", 14, &m));
	ATF_CHECK_EQ(-1, qmp_scan("{\"return\":\"\\\0\"}", 15, &m));
}

ATF_TC_WITHOUT_HEAD(depth);
ATF_TC_BODY(depth, tc)
{
	char line[256];
	unsigned i, n, d;

	(void)tc;
	/* the object itself is one; d arrays within it */
	for (d = 14; d <= 100; d++) {
		n = (unsigned)snprintf(line, sizeof(line), "{\"return\":");
		for (i = 0; i < d; i++)
			line[n++] = '[';
		for (i = 0; i < d; i++)
			line[n++] = ']';
		line[n++] = '}';
		ATF_CHECK_EQ(d + 1 <= QMP_DEPTH_MAX ? 0 : -1,
		    qmp_scan(line, n, &m));
	}
}

ATF_TC_WITHOUT_HEAD(length);
ATF_TC_BODY(length, tc)
{
	static char line[QMP_LINE_MAX + 1];

	(void)tc;
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"return\":\"", 11);
	memset(line + 11, 'x', 60000);
	memcpy(line + 60011, "\"}", 2);
	ATF_CHECK_EQ(0, qmp_scan(line, QMP_LINE_MAX, &m));
	ATF_CHECK_EQ(-1, qmp_scan(line, QMP_LINE_MAX + 1, &m));
	memset(line, '{', sizeof(line));
	ATF_CHECK_EQ(-1, qmp_scan(line, QMP_LINE_MAX, &m));
	/* a description is cut, not overrun */
	memset(line, 'x', sizeof(line));
	memcpy(line, "{\"error\":{\"desc\":\"", 18);
	memcpy(line + 1000, "\"}}", 3);
	ATF_CHECK_EQ(0, qmp_scan(line, 1003, &m));
	ATF_CHECK_EQ(sizeof(m.desc) - 1, strlen(m.desc));
}

/* Every prefix of a good line and every single changed byte of it ends, and
 * stays inside a buffer of exactly its size (as a sanitizer would see). */
ATF_TC_WITHOUT_HEAD(mutations);
ATF_TC_BODY(mutations, tc)
{
	static const char good[] = "{\"event\": \"SHUTDOWN\", \"data\": {"
	    "\"guest\": true, \"reason\": \"guest-\\u0041\", \"n\": [-1.5e2]}}";
	size_t i, n = sizeof(good) - 1;
	unsigned byte;
	char *copy;

	(void)tc;
	for (i = 0; i < n; i++) {
		copy = malloc(i + 1);
		ATF_REQUIRE(copy != NULL);
		memcpy(copy, good, i);
		ATF_CHECK_EQ(-1, qmp_scan(copy, i, &m));
		free(copy);
	}
	copy = malloc(n);
	ATF_REQUIRE(copy != NULL);
	for (i = 0; i < n; i++)
		for (byte = 0; byte < 256; byte++) {
			memcpy(copy, good, n);
			copy[i] = (char)byte;
			if (qmp_scan(copy, n, &m) == 0)
				ATF_CHECK(m.kind != QMP_NONE);
		}
	free(copy);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, real);
	ATF_TP_ADD_TC(tp, unknown);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, depth);
	ATF_TP_ADD_TC(tp, length);
	ATF_TP_ADD_TC(tp, mutations);
	return atf_no_error();
}
