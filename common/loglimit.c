/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Distrusts the pace of clients and of supervisors, which are
 * their owners'. Invariant: what one of them causes leaves room in the host's
 * log for everybody else's lines, and is not left out in silence.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/bucket.h"
#include "common/fdutil.h"
#include "common/log.h"
#include "common/loglimit.h"

static struct buckets shares;
static uint32_t lost[CONF_MEMBERS_MAX + 1];	/* by the bucket's place */

static uint32_t *
lost_of(uint32_t uid)
{
	unsigned i;

	for (i = 0; i + 1 < shares.n; i++)
		if (shares.b[i].uid == uid)
			break;
	return &lost[i];
}

void
log_of(uint32_t uid, const char *fmt, ...)
{
	char line[512];
	uint32_t *n;
	va_list ap;
	int64_t ms = bucket_take(&shares, uid, LOG_LINES, 10 * LOG_LINES,
	    now_ms());

	n = lost_of(uid);
	if (ms > 0) {
		if ((*n)++ == 0)
			log_warn("uid=%u too many lines: some are left out",
			    uid);
		return;
	}
	if (*n > 0)
		log_warn("uid=%u %u lines suppressed", uid, *n);
	*n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_info("%s", line);
}
