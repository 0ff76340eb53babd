/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf; reads what the kernel says of itself. A /dev/kvm that opens
 * is no proof that guests run on it (a host without hardware virtualisation
 * may have one): the processor's flag is asked for too.
 */
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "ctld/conf/host.h"

static int
has_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = line; (p = strstr(p, word)) != NULL; p += n) {
		if ((p == line || p[-1] == ' ' || p[-1] == '\t') &&
		    (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return 1;
	}
	return 0;
}

/* ": 2899.998" into kHz, 0 when it is anything else. */
static uint32_t
mhz(const char *line)
{
	const char *p = strchr(line, ':');
	unsigned long whole, frac = 0;
	char *end;
	int i;

	if (p == NULL)
		return 0;
	whole = strtoul(p + 1, &end, 10);
	if (end == p + 1 || whole == 0 || whole > 100000)
		return 0;
	if (*end == '.')
		end++;
	for (i = 0; i < 3; i++) {
		frac *= 10;
		if (*end >= '0' && *end <= '9')
			frac += (unsigned long)(*end++ - '0');
	}
	return (uint32_t)(whole * 1000 + frac);
}

void
host_cpu(FILE *f, struct host_cpu *h)
{
	char *line CLEANUP_FREE = NULL;
	size_t size = 0;

	memset(h, 0, sizeof(*h));
	while (getline(&line, &size, f) > 0) {
		if (line[0] == '\n')
			break; /* end of the first processor */
		if (strncmp(line, "flags", 5) == 0)
			h->virt = has_word(line, "vmx") ||
			    has_word(line, "svm");
		else if (strncmp(line, "cpu MHz", 7) == 0)
			h->khz = mhz(line);
	}
}
