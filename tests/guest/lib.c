/* SPDX-License-Identifier: ISC */
/*
 * The few library functions the test guest needs; the compiler itself calls
 * memcpy and memset. Runs in the VM. Distrusts nothing: a test may well crash
 * its guest. Invariant: no text_ function writes past its buffer.
 */
#include "guest.h"

void *
memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb"
			 : "+D"(d), "+S"(src), "+c"(n)
			 :
			 : "memory");
	return dst;
}

void *
memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t
strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

int
starts(const char *s, const char *prefix)
{
	while (*prefix != '\0')
		if (*s++ != *prefix++)
			return 0;
	return 1;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static uint32_t
parse(const char *s, const char **end, int base)
{
	uint32_t v = 0;

	for (; digit(*s) < base; s++)
		v = v * (uint32_t)base + (uint32_t)digit(*s);
	*end = s;
	return v;
}

uint32_t
parse_dec(const char *s, const char **end)
{
	return parse(s, end, 10);
}

uint32_t
parse_hex(const char *s, const char **end)
{
	return parse(s, end, 16);
}

uint32_t
parse_ip(const char *s, const char **end)
{
	uint32_t ip = 0, part;
	int i;

	for (i = 0; i < 4; i++) {
		if (digit(*s) > 9)
			return 0;
		part = parse_dec(s, end);
		s = *end;
		if (part > 255 || (i < 3 && *s++ != '.'))
			return 0;
		ip = ip << 8 | part;
	}
	return ip;
}

static void
text_char(struct text *t, char c)
{
	if (t->len + 1 >= t->size)
		return;
	t->buf[t->len++] = c;
	t->buf[t->len] = '\0';
}

void
text_str(struct text *t, const char *s)
{
	while (*s != '\0')
		text_char(t, *s++);
}

void
text_dec(struct text *t, uint32_t v)
{
	char digits[10];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n > 0)
		text_char(t, digits[--n]);
}

void
text_hex(struct text *t, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (; n > 0; n--, p++) {
		text_char(t, hex[*p >> 4]);
		text_char(t, hex[*p & 15]);
	}
}

uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}
