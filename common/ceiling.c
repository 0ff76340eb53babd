/* SPDX-License-Identifier: ISC */
/*
 * Runs in every process that knows the configuration; pure. The table of
 * ceilings, and the sentence of one that is reached.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/sysconf.h"

const struct ceiling_row ceilings[CEIL_N] = {
#define CEILING(NAME, name, key, unit, lo, hi, def, nlo, nhi, ndef, who, fix) \
	{ #name, key, lo, hi, def, nlo, nhi, ndef, who, fix,                  \
	    offsetof(struct owner_conf, name),                                \
	    offsetof(struct sysconf, max_##name) },
#include "policy/ceilings.def"
#undef CEILING
};

uint32_t
ceiling_owner(const struct owner_conf *o, enum ceiling i)
{
	uint32_t v;

	memcpy(&v, (const char *)o + ceilings[i].off_owner, sizeof(v));
	return v;
}

uint32_t
ceiling_node(const struct sysconf *c, enum ceiling i)
{
	uint32_t v;

	memcpy(&v, (const char *)c + ceilings[i].off_node, sizeof(v));
	return v;
}
