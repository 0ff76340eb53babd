/* SPDX-License-Identifier: ISC */
/* Runs in ctld and the client listener; pure. */
#include <stdio.h>

#include "common/sysconf.h"

void
ceiling_text(char *buf, size_t size, enum ceiling i, int node, uint32_t limit,
    uint32_t used, uint32_t more)
{
	char figures[64] = "";

	if (used != UINT32_MAX && more > 1)
		(void)snprintf(figures, sizeof(figures),
		    ": %u in use, %u more asked for", used, more);
	else if (used != UINT32_MAX)
		(void)snprintf(figures, sizeof(figures), ": %u in use", used);
	(void)snprintf(buf, size, "%s ceiling of %u is reached%s; %s, or ask "
	    "the operator for more", node ? "the node's" : "your", limit,
	    figures, ceilings[i].remedy);
}
