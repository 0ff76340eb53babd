/* SPDX-License-Identifier: ISC */
/* The QMP side of vmsup: what it remembers of one conversation. */
#ifndef CTLD_SUP_QMP_H
#define CTLD_SUP_QMP_H

#include <stddef.h>
#include <stdint.h>

#include "ctld/sup/qmp_scan.h"

enum qmp_phase {
	QMP_WANT_GREETING = 0, QMP_WANT_CAPS, QMP_READY,
	QMP_ENDING,	/* it told SHUTDOWN: nothing is sent any more */
	QMP_DEAD	/* ended, or it broke the protocol: not heard again */
};

struct qmp {
	enum qmp_phase phase;
	uint32_t caps_id, cont_id, status_id; /* commands of our own */
	size_t used, sent, queued;
	char out[1024];			/* [sent, queued) waits */
	char line[QMP_LINE_MAX];	/* [0, used) came, without newline */
};

extern const struct sup_backend sup_backend_qemu;

#endif
