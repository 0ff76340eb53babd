/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf, once, and in privd-front at each RESERVE: two roles without
 * any capability. sysinfo(2) knows free memory only, not what the kernel can
 * take back, so it is the text that is asked. Believes the kernel; a text that
 * is none of its ends in "not told".
 */
#include <string.h>
#include <unistd.h>

#include "common/meminfo.h"

uint32_t
meminfo_find(const char *text, const char *field)
{
	size_t n = strlen(field);
	uint64_t kib = 0;
	const char *p;

	for (p = text; strncmp(p, field, n) != 0 || p[n] != ':'; p++) {
		p = strchr(p, '\n');
		if (p == NULL)
			return 0;
	}
	for (p += n + 1; *p == ' '; p++)
		;
	for (; *p >= '0' && *p <= '9'; p++) {
		kib = kib * 10 + (uint64_t)(*p - '0');
		if (kib / 1024 > UINT32_MAX)
			return UINT32_MAX;
	}
	return strncmp(p, " kB\n", 4) == 0 ? (uint32_t)(kib / 1024) : 0;
}

uint32_t
meminfo_mib(int fd, const char *field)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return meminfo_find(text, field);
}
