/* SPDX-License-Identifier: ISC */
/*
 * vmsup as an earlier daemon started it: says OLD_VERSION at HELLO and drops
 * whoever asks for a row behind OLD_LAST, as it did not know it. The rest is
 * today's, which has not changed what the old rows say. For tests.
 */
#include "policy/supops.h"

#undef SUP_VERSION
#define SUP_VERSION OLD_VERSION

static const struct wire_row *
old_row(uint16_t type)
{
	return type <= OLD_LAST ? supop_row(type) : NULL;
}
#define supop_row old_row

#include "ctld/sup/serve.c"
