/* SPDX-License-Identifier: ISC */
/* Part of the postern command. Distrusts every byte it prints. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctld/cli/text.h"

void
text_put(FILE *f, const char *s, size_t n, int lines)
{
	unsigned char b;
	size_t i;

	for (i = 0; i < n; i++) {
		b = (unsigned char)s[i];
		if (lines && (b == '\n' || b == '\t')) {
			(void)putc(b, f);
			continue;
		}
		if (lines && b == '\r')
			continue;
		if (b >= 0x80) {
			(void)fputs("M-", f);
			b &= 0x7f;
		}
		if (b < 0x20 || b == 0x7f) {
			(void)putc('^', f);
			b ^= 0x40;
		}
		(void)putc(b, f);
	}
}

void
text_str(FILE *f, const char *s)
{
	text_put(f, s, strlen(s), 0);
}

void
text_pad(FILE *f, const char *s, int width)
{
	int n = (int)strlen(s);

	text_str(f, s);
	do
		(void)putc(' ', f);
	while (++n < width);
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

unsigned char *
text_unbase64(const char *s, size_t *n)
{
	size_t len = strlen(s), i, o = 0;
	unsigned char *out;
	uint32_t v = 0;
	int d;

	if (len % 4 != 0 || (out = malloc(len / 4 * 3 + 1)) == NULL)
		return NULL;
	for (i = 0; i < len && s[i] != '='; i++) {
		d = digit(s[i]);
		if (d < 0) {
			free(out);
			return NULL;
		}
		v = v << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			out[o++] = (unsigned char)(v >> 16);
			out[o++] = (unsigned char)(v >> 8);
			out[o++] = (unsigned char)v;
		}
	}
	if (i % 4 >= 2)
		out[o++] = (unsigned char)(v >> (i % 4 == 2 ? 4 : 10));
	if (i % 4 == 3)
		out[o++] = (unsigned char)(v >> 2);
	*n = o;
	return out;
}
