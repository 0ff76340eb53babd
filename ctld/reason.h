/* SPDX-License-Identifier: ISC */
/*
 * Why a VM does not run, as status, info, wait and events tell it. Each stands
 * in postern-troubleshooting(7) with its cause and the next command; a test
 * compares. A VMM's own error may be followed by ": " and its last line.
 */
#ifndef CTLD_REASON_H
#define CTLD_REASON_H

/* the guest's own end */
#define REASON_POWERED_OFF "guest powered off"
#define REASON_RESET "guest reset itself"
#define REASON_PANIC "panic"
#define REASON_OOM "oom"
/* the VMM's */
#define REASON_QUIT "told to quit"
#define REASON_SIGNAL "killed by signal %d"
#define REASON_VMM "vmm exited %d"
#define REASON_SUPERVISOR "its supervisor was killed"
/* somebody's wish */
#define REASON_STOPPED "stopped"
#define REASON_KILLED "killed"
/* the host's */
#define REASON_REBOOT "host restarted"
#define REASON_UNSEEN "ended while the daemon was down"
/* it has not run since it was defined, or was stopped */
#define REASON_NEVER "never started"
#define REASON_NOT_STARTED "not started"
#define REASON_BROKEN_OFF "not started: the daemon ended meanwhile"

#endif
