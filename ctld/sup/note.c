/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. Its own words go where its VMM's do: into the hypervisor
 * log ring, since it has no other way to the operator. The text may quote
 * the VMM; readers escape what they print.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ctld/sup/sup.h"

void
sup_note(struct sup *s, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n, k;

	n = snprintf(line, sizeof(line), "vmsup: ");
	va_start(ap, fmt);
	k = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (k < 0)
		return;
	n += k < (int)sizeof(line) - n - 1 ? k : (int)sizeof(line) - n - 2;
	line[n++] = '\n';
	ring_put(&s->log, line, (size_t)n);
}
