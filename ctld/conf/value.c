/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf (unprivileged, one-shot) on text that the operator wrote.
 * Pure functions. Invariant: a value is taken whole or not at all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "ctld/conf/value.h"

/* Digits at *s, below 2^40; advances *s. -1 when there are none. */
static int
digits(const char **s, uint64_t *out)
{
	uint64_t v = 0;
	unsigned n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++) {
		if (++n > 12)
			return -1;
		v = v * 10 + (uint64_t)(**s - '0');
	}
	*out = v;
	return n > 0 ? 0 : -1;
}

int
value_number(const char *s, uint32_t lo, uint32_t hi, uint32_t *out)
{
	uint64_t v;

	if (digits(&s, &v) < 0 || *s != '\0' || v < lo || v > hi)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
value_mib(const char *s, uint32_t *out)
{
	uint64_t v;

	if (digits(&s, &v) < 0)
		return -1;
	switch (*s) {
	case '\0':
	case 'M':
		break;
	case 'K':
		if (v % 1024 != 0)
			return -1;
		v /= 1024;
		break;
	case 'G':
		v *= 1024;
		break;
	case 'T':
		v *= 1024 * 1024;
		break;
	default:
		return -1;
	}
	if ((*s != '\0' && s[1] != '\0') || v == 0 || v > UINT32_MAX)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
value_bytes(const char *s, uint32_t *out)
{
	uint64_t v, unit = 1;

	if (digits(&s, &v) < 0)
		return -1;
	if (*s == 'K')
		unit = 1024;
	else if (*s == 'M')
		unit = 1024 * 1024;
	else if (*s != '\0')
		return -1;
	if ((*s != '\0' && s[1] != '\0') || v == 0 || v > UINT32_MAX / unit)
		return -1;
	*out = (uint32_t)(v * unit);
	return 0;
}

int
value_msec(const char *s, uint32_t *out)
{
	uint64_t v;

	if (digits(&s, &v) < 0)
		return -1;
	if (strcmp(s, "ms") != 0) {
		if (*s != '\0' && strcmp(s, "s") != 0)
			return -1;
		v *= 1000;
	}
	if (v > 3600000)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
value_bool(const char *s, int *out)
{
	static const char *const on[] = { "yes", "true", "on", "1" };
	static const char *const off[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
		if (strcmp(s, on[i]) == 0 || strcmp(s, off[i]) == 0) {
			*out = strcmp(s, on[i]) == 0;
			return 0;
		}
	}
	return -1;
}

int
value_ipv4(const char *s, uint32_t *out)
{
	struct in_addr a;

	/* inet_pton takes exactly four decimal numbers, no octal */
	if (inet_pton(AF_INET, s, &a) != 1)
		return -1;
	*out = ntohl(a.s_addr);
	return 0;
}

int
value_cidr(const char *s, uint32_t *addr, uint32_t *prefix)
{
	const char *slash = strchr(s, '/');
	char buf[INET_ADDRSTRLEN];
	uint32_t mask;

	if (slash == NULL || (size_t)(slash - s) >= sizeof(buf))
		return -1;
	memcpy(buf, s, (size_t)(slash - s));
	buf[slash - s] = '\0';
	if (value_ipv4(buf, addr) < 0 ||
	    value_number(slash + 1, 0, 32, prefix) < 0)
		return -1;
	mask = *prefix == 0 ? 0 : UINT32_MAX << (32 - *prefix);
	return (*addr & ~mask) == 0 ? 0 : -1;
}

int
value_ports(const char *s, uint16_t *lo, uint16_t *hi)
{
	uint64_t a, b;

	if (digits(&s, &a) < 0)
		return -1;
	b = a;
	if (*s == '-') {
		s++;
		if (digits(&s, &b) < 0)
			return -1;
	}
	if (*s != '\0' || a < 1 || a > b || b > UINT16_MAX)
		return -1;
	*lo = (uint16_t)a;
	*hi = (uint16_t)b;
	return 0;
}
