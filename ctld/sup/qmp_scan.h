/* SPDX-License-Identifier: ISC */
/*
 * One line of QMP, taken apart without trust: the writer is the VMM, which a
 * hostile guest may have taken over. Pure: no state, no allocation, no
 * recursion; its run time is linear in the line.
 */
#ifndef CTLD_SUP_QMP_SCAN_H
#define CTLD_SUP_QMP_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define QMP_LINE_MAX (64u << 10) /* bytes of a line; more: not QMP */
#define QMP_DEPTH_MAX 16u	 /* containers within containers */

enum qmp_kind { QMP_NONE = 0, QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };

/* What we act on; every other event is QMP_EV_OTHER and has no effect. */
enum qmp_event {
	QMP_EV_OTHER = 0, QMP_EV_SHUTDOWN, QMP_EV_RESET, QMP_EV_STOP,
	QMP_EV_RESUME, QMP_EV_POWERDOWN, QMP_EV_PANICKED, QMP_EV_PORT,
	QMP_EV_END
};
enum qmp_reason {	/* data.reason of SHUTDOWN */
	QMP_WHY_OTHER = 0, QMP_WHY_GUEST_SHUTDOWN, QMP_WHY_GUEST_RESET,
	QMP_WHY_GUEST_PANIC, QMP_WHY_QUIT, QMP_WHY_SIGNAL, QMP_WHY_ERROR,
	QMP_WHY_END
};
enum qmp_status {	/* return.status of query-status */
	QMP_IS_OTHER = 0, QMP_IS_RUNNING, QMP_IS_PAUSED, QMP_IS_INTERNAL_ERROR,
	QMP_IS_IO_ERROR, QMP_IS_END
};

struct qmp_msg {
	enum qmp_kind kind;
	enum qmp_event event;
	enum qmp_reason reason;
	enum qmp_status status;
	uint32_t id;	/* of a command's answer; 0: it had none */
	int guest;	/* data.guest of SHUTDOWN: the guest did it */
	int open;	/* data.open of VSERPORT_CHANGE */
	char device[16]; /* data.id of it; "" if longer or escaped */
	char desc[96];	/* error.desc, printable ASCII, cut */
};

/* Scan one line without its newline. 0 and *m filled, or -1 with EBADMSG:
 * not one JSON object in printable ASCII (QEMU escapes all else), too long or
 * deep, an important member twice or of another type, not exactly one of
 * QMP, return, error, event. Words with escapes in them match nothing. */
int qmp_scan(const char *line, size_t n, struct qmp_msg *m);

const char *qmp_event_name(enum qmp_event event);
const char *qmp_reason_name(enum qmp_reason reason);

#endif
