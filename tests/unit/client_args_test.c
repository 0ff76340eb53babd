/* SPDX-License-Identifier: ISC */
/*
 * What a client may say: JSON's limits and the parameters of its calls, as
 * the connection's own process decodes them. Runs as anybody.
 */
#include <atf-c.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "ctld/client/args.h"
#include "ctld/client/json.h"

static int
takes(const char *text, size_t n)
{
	char why[160] = "";
	json_t *j = json_take(text, n, why, sizeof(why));
	int ok = j != NULL;

	json_decref(j);
	ATF_CHECK_EQ(ok, why[0] == '\0');
	return ok;
}
#define TAKES(s) takes(s, strlen(s))

ATF_TC_WITHOUT_HEAD(json_limits);
ATF_TC_BODY(json_limits, tc)
{
	static char deep[10u << 20];
	char text[64];
	unsigned i;

	(void)tc;
	ATF_CHECK(TAKES("{}"));
	ATF_CHECK(TAKES("{\"a\":[{\"b\":null}]}"));
	ATF_CHECK(!TAKES(""));
	ATF_CHECK(!TAKES("{"));
	ATF_CHECK(!TAKES("{} {}"));
	ATF_CHECK(!TAKES("[]"));
	ATF_CHECK(!TAKES("\"text\""));
	ATF_CHECK(!TAKES("{\"a\":1,\"a\":2}"));
	ATF_CHECK(!TAKES("{\"a\":\"\\u0000\"}"));
	ATF_CHECK(!TAKES("{\"a\":\"\xff\"}"));
	ATF_CHECK(!TAKES("{\"a\":\"\xed\xa0\x80\"}"));
	ATF_CHECK(!TAKES("{\"a\":NaN}"));
	ATF_CHECK(!TAKES("{\"a\":1e999}"));
	ATF_CHECK(!TAKES("{\"a\":99999999999999999999}"));
	ATF_CHECK(!takes("{\"a\":\"b\0\"}", 10));
	/* 16 levels are, 17 are not; brackets in strings are no levels */
	for (i = 15; i <= 16; i++) {
		(void)strlcpy(text, "{\"a\":", sizeof(text));
		memset(text + 5, '[', i);
		memset(text + 5 + i, ']', i);
		(void)strlcpy(text + 5 + 2 * i, "}",
		    sizeof(text) - 5 - 2 * i);
		ATF_CHECK_EQ(i == 15, TAKES(text));
	}
	ATF_CHECK(TAKES("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	ATF_CHECK(TAKES("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	memset(deep, '[', sizeof(deep));
	ATF_CHECK(!takes(deep, sizeof(deep)));
	memset(deep, '{', sizeof(deep));
	ATF_CHECK(!takes(deep, sizeof(deep)));
}

static json_t *
obj(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	ATF_REQUIRE_MSG(j != NULL, "%s", text);
	return j;
}

static void
memory(const char *text, int want, uint32_t mib)
{
	json_t *j = obj(text);
	uint32_t v = 256;
	struct rep_cl e;

	ATF_CHECK_EQ_MSG(want, arg_memory(j, "memory_mib", &v, &e), "%s",
	    text);
	if (want == 0)
		ATF_CHECK_EQ_MSG(mib, v, "%s", text);
	else
		ATF_CHECK_STREQ("memory_mib", e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(memory_sizes);
ATF_TC_BODY(memory_sizes, tc)
{
	(void)tc;
	memory("{}", 0, 256);
	memory("{\"memory_mib\":null}", 0, 256);
	memory("{\"memory_mib\":512}", 0, 512);
	memory("{\"memory_mib\":\"512\"}", 0, 512);
	memory("{\"memory_mib\":\"512M\"}", 0, 512);
	memory("{\"memory_mib\":\"2G\"}", 0, 2048);
	memory("{\"memory_mib\":1}", -1, 0);
	memory("{\"memory_mib\":0}", -1, 0);
	memory("{\"memory_mib\":-512}", -1, 0);
	memory("{\"memory_mib\":512.0}", -1, 0);
	memory("{\"memory_mib\":\"2GB\"}", -1, 0);
	memory("{\"memory_mib\":\" 2G\"}", -1, 0);
	memory("{\"memory_mib\":\"\"}", -1, 0);
	memory("{\"memory_mib\":\"99999T\"}", -1, 0);
	memory("{\"memory_mib\":9223372036854775807}", -1, 0);
	memory("{\"memory_mib\":[512]}", -1, 0);
	memory("{\"memory_mib\":true}", -1, 0);
}

static void
ports(const char *list, const char *field, struct req_net_up *up)
{
	char text[512];
	struct rep_cl e;
	json_t *j;
	int r;

	(void)snprintf(text, sizeof(text), "{\"ports\":%s}", list);
	j = obj(text);
	memset(up, 0, sizeof(*up));
	r = arg_ports(j, up, &e);
	ATF_CHECK_EQ_MSG(field == NULL ? 0 : -1, r, "%s", list);
	if (r < 0)
		ATF_CHECK_STREQ(field, e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(port_lists);
ATF_TC_BODY(port_lists, tc)
{
	struct req_net_up up;

	(void)tc;
	ports("null", NULL, &up);
	ATF_CHECK_EQ(0, up.nports);
	ports("[{\"host\":8080,\"guest\":80}]", NULL, &up);
	ATF_CHECK(up.nports == 1 && up.ports[0].host == 8080 &&
	    up.ports[0].guest == 80 && up.ports[0].proto == IPPROTO_TCP &&
	    up.ports[0].addr == 0);
	ports("[{\"host\":53,\"guest\":53,\"proto\":\"udp\","
	      "\"address\":\"127.0.0.2\"}]", NULL, &up);
	ATF_CHECK(up.ports[0].proto == IPPROTO_UDP &&
	    up.ports[0].addr == 0x7f000002u);
	ports("{}", "ports", &up);
	ports("[1]", "ports[0].host", &up);
	ports("[{\"host\":8080}]", "ports[0].guest", &up);
	ports("[{\"guest\":8080}]", "ports[0].host", &up);
	ports("[{\"host\":0,\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":65536,\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":\"80\",\"guest\":80}]", "ports[0].host", &up);
	ports("[{\"host\":1,\"guest\":1,\"proto\":\"sctp\"}]",
	    "ports[0].proto", &up);
	ports("[{\"host\":1,\"guest\":1,\"address\":\"localhost\"}]",
	    "ports[0].address", &up);
	ports("[{\"host\":1,\"guest\":1,\"x\":1}]", "ports[0].x", &up);
	ports("[{\"host\":1,\"guest\":1},{\"host\":1,\"guest\":2}]",
	    "ports[1].host", &up);
	ports("[{\"host\":1,\"guest\":1},"
	      "{\"host\":1,\"guest\":2,\"proto\":\"udp\"}]", NULL, &up);
	ports("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
	      "1,1,1]", "ports", &up);
}

static void
allows(const char *list, const char *field, struct req_net_up *up)
{
	char text[512];
	struct rep_cl e;
	json_t *j;
	int r;

	(void)snprintf(text, sizeof(text), "{\"allow\":%s}", list);
	j = obj(text);
	memset(up, 0, sizeof(*up));
	r = arg_allow(j, up, &e);
	ATF_CHECK_EQ_MSG(field == NULL ? 0 : -1, r, "%s", list);
	if (r < 0)
		ATF_CHECK_STREQ(field, e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(allow_lists);
ATF_TC_BODY(allow_lists, tc)
{
	struct req_net_up up;

	(void)tc;
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.0/24\","
	       "\"ports\":\"80-443\"}]", NULL, &up);
	ATF_CHECK(up.nallow == 1 && up.allow[0].addr == 0xc0000200u &&
	    up.allow[0].prefix == 24 && up.allow[0].port_lo == 80 &&
	    up.allow[0].port_hi == 443 && up.allow[0].proto == IPPROTO_TCP);
	allows("[{\"proto\":\"any\",\"cidr\":\"192.0.2.1\"}]", NULL, &up);
	ATF_CHECK(up.allow[0].prefix == 32 && up.allow[0].proto == 0);
	allows("[{\"proto\":\"any\",\"cidr\":\"0.0.0.0/0\"}]", NULL, &up);
	allows("[{\"cidr\":\"0.0.0.0/0\"}]", "allow[0].proto", &up);
	allows("[{\"proto\":\"tcp\"}]", "allow[0].cidr", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1/24\"}]",
	    "allow[0].cidr", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"::/0\"}]", "allow[0].cidr",
	    &up);
	allows("[{\"proto\":\"icmp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":\"80\"}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":\"90-80\"}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\","
	       "\"ports\":80}]", "allow[0].ports", &up);
	allows("[{\"proto\":\"tcp\",\"cidr\":\"192.0.2.1\",\"via\":1}]",
	    "allow[0].via", &up);
}

static void
ref(const char *name, int want, uint32_t owner)
{
	json_t *j = json_pack("{s:s}", "name", name);
	struct cl_ref r;
	struct rep_cl e;

	ATF_CHECK_EQ_MSG(want, arg_ref(j, &r, &e), "%s", name);
	if (want == 0)
		ATF_CHECK_EQ(owner, r.owner);
	else
		ATF_CHECK_STREQ("name", e.field);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	char longest[301];

	(void)tc;
	ref("web", 0, OWNER_SELF);
	ref("1-b-c", 0, OWNER_SELF);
	ref("1000/web", 0, 1000);
	ref("0/web", 0, 0);
	memset(longest, 'a', 300);
	longest[300] = '\0';
	ref(longest, -1, 0);
	longest[63] = '\0';
	ref(longest, 0, OWNER_SELF);
	ref("", -1, 0);
	ref("-web", -1, 0);
	ref("Web", -1, 0);
	ref("../x", -1, 0);
	ref("a/b/c", -1, 0);
	ref("/web", -1, 0);
	ref("root/web", -1, 0);
	ref("4294967295/web", -1, 0);
	ref("99999999999999999999/web", -1, 0);
	ref("we b", -1, 0);
	ref("web\n", -1, 0);
	ref("w\xc3\xa9" "b", -1, 0);
}

ATF_TC_WITHOUT_HEAD(texts);
ATF_TC_BODY(texts, tc)
{
	static const char *const known[] = { "a", "b", "c", NULL };
	json_t *j = obj("{\"a\":\"x\\ny\",\"b\":\"\\u009b31m\","
			"\"c\":\"\xc3\xa9\xc3\xa9\"}");
	char buf[8];
	struct rep_cl e;

	(void)tc;
	ATF_CHECK_EQ(0, arg_known(j, "", known, &e));
	ATF_CHECK_EQ(-1, arg_known(j, "", known + 1, &e));
	ATF_CHECK_STREQ("a", e.field);
	ATF_CHECK_EQ(-1, arg_text(j, "", "a", buf, sizeof(buf), &e));
	ATF_CHECK_EQ(-1, arg_text(j, "", "b", buf, sizeof(buf), &e));
	ATF_CHECK_EQ(0, arg_text(j, "", "c", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("\xc3\xa9\xc3\xa9", buf);
	ATF_CHECK_EQ(-1, arg_text(j, "", "c", buf, 4, &e));
	ATF_CHECK_EQ(0, arg_path(j, "", "a", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("x?y", buf);
	ATF_CHECK_EQ(0, arg_path(j, "", "b", buf, sizeof(buf), &e));
	ATF_CHECK_STREQ("??31m", buf);
	json_decref(j);
	j = obj("{\"p\":\"ab\xc3\xa9" "cdefgh\"}");
	ATF_CHECK_EQ(0, arg_path(j, "", "p", buf, 7, &e));
	ATF_CHECK_STREQ("ab...", buf);
	json_decref(j);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, json_limits);
	ATF_TP_ADD_TC(tp, memory_sizes);
	ATF_TP_ADD_TC(tp, port_lists);
	ATF_TP_ADD_TC(tp, allow_lists);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, texts);
	return atf_no_error();
}
