/* SPDX-License-Identifier: ISC */
/* What a guest may put on a terminal, and what not. Runs as anybody. */
#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "ctld/cli/escape.h"

/* All at once, and byte by byte: the same. */
static void
check(int utf8, const char *in, const char *want)
{
	struct escape a = { .utf8 = utf8 }, b = { .utf8 = utf8 };
	char out[1024], bits[1024];
	size_t i, n, k = 0;

	n = escape_feed(&a, in, strlen(in), out);
	ATF_REQUIRE(n <= ESCAPE_OUT(strlen(in)));
	out[n] = '\0';
	ATF_CHECK_STREQ_MSG(want, out, "of %s", in);
	for (i = 0; i < strlen(in); i++)
		k += escape_feed(&b, in + i, 1, bits + k);
	bits[k] = '\0';
	ATF_CHECK_STREQ(want, bits);
}

ATF_TC_WITHOUT_HEAD(passes);
ATF_TC_BODY(passes, tc)
{
	char every[96];
	int i;

	(void)tc;
	for (i = 0; i < 95; i++)
		every[i] = (char)(' ' + i);
	every[95] = '\0';
	check(1, every, every);
	check(0, every, every);
	check(1, "a\r\n\tb\b", "a\r\n\tb\b");
	/* two, three and four bytes */
	check(1, "gr\303\274n \342\202\254 \360\237\230\200", "gr\303\274n "
	    "\342\202\254 \360\237\230\200");
}

ATF_TC_WITHOUT_HEAD(controls);
ATF_TC_BODY(controls, tc)
{
	struct escape e = { .utf8 = 1 };
	char out[16], c = '\0';

	(void)tc;
	check(1, "\033]0;title\007", "^[]0;title^G");
	check(1, "\033[31m\033c\033P$qm\033\\", "^[[31m^[c^[P$qm^[\\");
	check(1, "\001\002\013\014\016\017\030\032\177",
	    "^A^B^K^L^N^O^X^Z^?");
	check(1, "\005", "^E"); /* asks who the terminal is */
	ATF_CHECK_EQ(2, escape_feed(&e, &c, 1, out));
	ATF_CHECK_EQ(0, memcmp(out, "^@", 2));
}

ATF_TC_WITHOUT_HEAD(not_utf8);
ATF_TC_BODY(not_utf8, tc)
{
	(void)tc;
	/* C1 controls, alone and as characters */
	check(1, "\23331m", "M-^[31m");
	check(1, "\302\23331m", "M-BM-^[31m");
	/* overlong, surrogate, beyond, too short, too long */
	check(1, "\300\233", "M-@M-^[");
	check(1, "\340\200\233", "M-`M-^@M-^[");
	check(1, "\355\240\200", "M-mM- M-^@");
	check(1, "\364\220\200\200", "M-tM-^PM-^@M-^@");
	check(1, "\342\202x", "M-bM-^Bx");
	check(1, "\342\033[c", "M-b^[[c");
	check(1, "\303\303\274", "M-C\303\274");
	check(1, "\274", "M-<");
	check(1, "\377\376", "M-^?M-~");
	/* turns the text around; invisible; another newline */
	check(1, "\342\200\256", "M-bM-^@M-.");
	check(1, "\342\200\213", "M-bM-^@M-^K");
	check(1, "\342\200\250", "M-bM-^@M-(");
	/* where the terminal reads bytes, none of 128 up passes */
	check(0, "\342\202\254 \333\233", "M-bM-^BM-, M-[M-^[");
}

/* Every two bytes: nothing but the four controls comes out as one. */
ATF_TC_WITHOUT_HEAD(never);
ATF_TC_BODY(never, tc)
{
	char in[2], out[ESCAPE_OUT(2)];
	unsigned i, k, u;
	size_t n;

	(void)tc;
	for (i = 0; i < 65536; i++)
		for (u = 0; u < 2; u++) {
			struct escape e = { .utf8 = (int)u };

			in[0] = (char)(i >> 8);
			in[1] = (char)i;
			n = escape_feed(&e, in, 2, out);
			for (k = 0; k < n; k++)
				if (out[k] == 0x7f || ((unsigned char)out[k] <
				    0x20 && strchr("\n\r\t\b", out[k]) ==
				    NULL) || (!u && (out[k] & 0x80) != 0))
					atf_tc_fail("%#x: %#x", i,
					    (unsigned)out[k]);
		}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, passes);
	ATF_TP_ADD_TC(tp, controls);
	ATF_TP_ADD_TC(tp, not_utf8);
	ATF_TP_ADD_TC(tp, never);
	return atf_no_error();
}
