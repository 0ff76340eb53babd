/* SPDX-License-Identifier: ISC */
/* The console's watch: texts across pieces, false starts, repeats. */
#include <atf-c.h>
#include <string.h>

#include "ctld/sup/watch.h"

/* Feed text in pieces of this many bytes; how often it said "now". */
static int
feed(struct watch *w, const char *text, size_t n, size_t piece)
{
	int hits = 0;
	size_t i, k;

	for (i = 0; i < n; i += k) {
		k = n - i < piece ? n - i : piece;
		hits += watch_feed(w, text + i, k);
	}
	return hits;
}

ATF_TC_WITHOUT_HEAD(pieces);
ATF_TC_BODY(pieces, tc)
{
	static const struct {
		const char *want, *text;
		int hit;
	} t[] = { { "READY", "booting\r\nREADY\r\n", 1 },
		{ "READY", "REAREADY", 1 }, { "aab", "aaab", 1 },
		{ "abcabd", "abcabcabd", 1 }, { "aaaa", "aaabaaaa", 1 },
		{ "x", "x", 1 }, { "READY", "READ Y", 0 },
		{ "login: ", "login:", 0 }, { "aaaa", "aaabaaab", 0 } };
	struct watch w;
	size_t i, piece;

	(void)tc;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (piece = 1; piece < 12; piece++) {
			watch_set(&w, t[i].want);
			ATF_CHECK_EQ_MSG(t[i].hit, feed(&w, t[i].text,
			    strlen(t[i].text), piece), "%s in %s by %zu",
			    t[i].want, t[i].text, piece);
			ATF_CHECK_EQ(t[i].hit, w.seen);
		}
}

ATF_TC_WITHOUT_HEAD(once);
ATF_TC_BODY(once, tc)
{
	struct watch w;

	(void)tc;
	watch_set(&w, "ab");
	ATF_CHECK_EQ(1, watch_feed(&w, "ab", 2));
	ATF_CHECK_EQ(0, watch_feed(&w, "ab", 2));
	ATF_CHECK_EQ(1, w.seen);
	watch_set(&w, "");
	ATF_CHECK_EQ(0, watch_feed(&w, "\0\0", 2));
	ATF_CHECK_EQ(0, w.seen);
}

ATF_TC_WITHOUT_HEAD(longest);
ATF_TC_BODY(longest, tc)
{
	char text[WATCH_TEXT_MAX + 1], stream[1024];
	struct watch w;

	(void)tc;
	memset(text, 'a', WATCH_TEXT_MAX);
	text[WATCH_TEXT_MAX] = '\0';
	memset(stream, 'a', sizeof(stream));
	stream[WATCH_TEXT_MAX - 1] = '\0'; /* binary output is output */
	watch_set(&w, text);
	ATF_CHECK_EQ(0, feed(&w, stream, WATCH_TEXT_MAX * 2 - 1, 7));
	ATF_CHECK_EQ(1, feed(&w, "a", 1, 1));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pieces);
	ATF_TP_ADD_TC(tp, once);
	ATF_TP_ADD_TC(tp, longest);
	return atf_no_error();
}
