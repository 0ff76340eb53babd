/* SPDX-License-Identifier: ISC */
/*
 * One line a record on the inherited standard error:
 *	role: level: text
 * Strings that came from a peer go through log_vis() first.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>

/* role: a string literal that names this process in each line. */
void log_init(const char *role, int debug);
const char *log_role(void);

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Log, then _exit(1). fatal() adds strerror(errno), fatalx() does not. */
void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void fatalx(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* What fatal() and fatalx() do last before they end the process. */
void log_last(void (*fn)(void *), void *arg);

/* Escape src into dst, cut at its end: backslash doubled, everything but
 * printable ASCII (white space too) as three octal digits. Returns dst. */
const char *log_vis(char *dst, size_t size, const char *src);

#endif
