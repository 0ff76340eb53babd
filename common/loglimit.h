/* SPDX-License-Identifier: ISC */
/*
 * Log lines that a user can cause as often as it likes: so many a second of
 * each, and then a line that says how many were left out.
 */
#ifndef COMMON_LOGLIMIT_H
#define COMMON_LOGLIMIT_H

#include <stdint.h>

#define LOG_LINES 5u		/* a second of a user; a burst of ten times it */

/* log_info(), as far as uid has not had its share. Who did what to which VM is
 * not logged by this: the ceilings on requests and starts bound that. */
void log_of(uint32_t uid, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
