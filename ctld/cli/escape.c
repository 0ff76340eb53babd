/* SPDX-License-Identifier: ISC */
/* Part of the postern command. Distrusts every byte. */
#include <stdint.h>

#include "ctld/cli/escape.h"

static size_t
put_escaped(unsigned char b, char *out)
{
	size_t n = 0;

	if (b >= 0x80) {
		out[n++] = 'M';
		out[n++] = '-';
		b &= 0x7f;
	}
	if (b < 0x20 || b == 0x7f) {
		out[n++] = '^';
		b ^= 0x40;
	}
	out[n++] = (char)b;
	return n;
}

/* Characters that show as themselves and do nothing else: no C1 controls, no
 * surrogates, nothing that turns the direction of text or is invisible. */
static int
shows(uint32_t c)
{
	static const struct { uint32_t lo, hi; } not[] = {
		{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
		{ 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xd800, 0xdfff }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
		{ 0xe0000, 0xe0fff }, { 0xf0000, UINT32_MAX } };
	unsigned i;

	for (i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (c >= not[i].lo && c <= not[i].hi)
			return 0;
	return 1;
}

/* The whole character in e->part: is it in its shortest form, and shown? */
static int
whole_ok(const struct escape *e)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = e->part[0] & (0x7fu >> e->want);
	unsigned i;

	for (i = 1; i < e->want; i++)
		c = c << 6 | (e->part[i] & 0x3fu);
	return c >= least[e->want] && c <= 0x10ffff && shows(c);
}

/* What waits goes out, shown or escaped. */
static size_t
put_part(struct escape *e, int as_it_is, char *out)
{
	size_t o = 0;
	unsigned i;

	for (i = 0; i < e->n; i++) {
		if (as_it_is)
			out[o++] = (char)e->part[i];
		else
			o += put_escaped(e->part[i], out + o);
	}
	e->n = 0;
	return o;
}

static size_t
put_first(struct escape *e, unsigned char b, char *out)
{
	if (b == '\n' || b == '\r' || b == '\t' || b == '\b' ||
	    (b >= 0x20 && b < 0x7f)) {
		*out = (char)b;
		return 1;
	}
	if (!e->utf8 || b < 0xc2 || b > 0xf4)
		return put_escaped(b, out);
	e->want = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
	e->part[0] = b;
	e->n = 1;
	return 0;
}

size_t
escape_feed(struct escape *e, const void *in, size_t n, char *out)
{
	const unsigned char *p = in;
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		if (e->n > 0 && (p[i] & 0xc0) == 0x80) {
			e->part[e->n++] = p[i];
			if (e->n == e->want)
				o += put_part(e, whole_ok(e), out + o);
			continue;
		}
		o += put_part(e, 0, out + o);
		o += put_first(e, p[i], out + o);
	}
	return o;
}
