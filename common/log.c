/* SPDX-License-Identifier: ISC */
/*
 * Runs in every process. One write(2) a line, so that lines of several
 * processes on one descriptor do not mix.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static const char *role = "postern";
static int debugging;
static void (*last)(void *);
static void *last_arg;

void
log_init(const char *name, int debug)
{
	role = name;
	debugging = debug;
}

const char *
log_role(void)
{
	return role;
}

static void log_line(const char *, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static void
log_line(const char *level, int code, const char *fmt, va_list ap)
{
	char line[1024];
	int saved = errno, n, k;

	n = snprintf(line, sizeof(line), "%s: %s: ", role, level);
	k = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	n += k < (int)sizeof(line) - n - 1 ? k : (int)sizeof(line) - n - 2;
	if (code != 0 && n < (int)sizeof(line) - 2) {
		k = snprintf(line + n, sizeof(line) - (size_t)n - 1, ": %s",
		    strerror(code));
		n += k < (int)sizeof(line) - n - 1 ? k :
						     (int)sizeof(line) - n - 2;
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = 0; /* nowhere to report that */
	errno = saved;
}

#define LOG_BODY(level, code)                     \
	do {                                      \
		va_list ap;                       \
		va_start(ap, fmt);                \
		log_line(level, code, fmt, ap);   \
		va_end(ap);                       \
	} while (0)

void
log_err(const char *fmt, ...)
{
	LOG_BODY("error", 0);
}

void
log_warn(const char *fmt, ...)
{
	LOG_BODY("warning", 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY("info", 0);
}

void
log_debug(const char *fmt, ...)
{
	if (debugging)
		LOG_BODY("debug", 0);
}

void
log_last(void (*fn)(void *), void *arg)
{
	last = fn;
	last_arg = arg;
}

_Noreturn static void
end(void)
{
	if (last != NULL)
		last(last_arg);
	_exit(1);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY("fatal", errno);
	end();
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY("fatal", 0);
	end();
}

/* Not strnvis(3): libbsd's writes one byte beyond its buffer (0.11.7). */
const char *
log_vis(char *dst, size_t size, const char *src)
{
	char piece[5];
	size_t n, used = 0;
	unsigned char c;

	if (size == 0)
		return dst;
	for (; *src != '\0'; src++, used += n) {
		c = (unsigned char)*src;
		if (c == '\\')
			n = (size_t)snprintf(piece, sizeof(piece), "\\\\");
		else if (c > ' ' && c < 0x7f)
			n = (size_t)snprintf(piece, sizeof(piece), "%c", c);
		else
			n = (size_t)snprintf(piece, sizeof(piece), "\\%03o",
			    (unsigned)c);
		if (n >= size - used)
			break;
		memcpy(dst + used, piece, n);
	}
	dst[used] = '\0';
	return dst;
}
