/* SPDX-License-Identifier: ISC */
/* Runs in every process; keeps no state; allocates nothing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>

#include "common/err.h"

static void err_fill(struct err *, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static void
err_fill(struct err *e, int code, const char *fmt, va_list ap)
{
	e->code = code != 0 ? code : EIO;
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
}

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		memset(e, 0, sizeof(*e));
		va_start(ap, fmt);
		err_fill(e, code, fmt, ap);
		va_end(ap);
	}
	errno = code != 0 ? code : EIO;
	return -1;
}

int
err_field(struct err *e, const char *field, int code, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		memset(e, 0, sizeof(*e));
		(void)strlcpy(e->field, field, sizeof(e->field));
		va_start(ap, fmt);
		err_fill(e, code, fmt, ap);
		va_end(ap);
	}
	errno = code != 0 ? code : EIO;
	return -1;
}

int
err_step(struct err *e, uint16_t step, int code, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		memset(e, 0, sizeof(*e));
		e->step = step;
		va_start(ap, fmt);
		err_fill(e, code, fmt, ap);
		va_end(ap);
	}
	errno = code != 0 ? code : EIO;
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char ctx[96], old[sizeof(e->msg)];
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(ctx, sizeof(ctx), fmt, ap);
	va_end(ap);
	(void)strlcpy(old, e->msg, sizeof(old));
	(void)strlcpy(e->msg, ctx, sizeof(e->msg));
	(void)strlcat(e->msg, ": ", sizeof(e->msg));
	(void)strlcat(e->msg, old, sizeof(e->msg));
	return -1;
}
