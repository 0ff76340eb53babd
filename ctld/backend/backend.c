/* SPDX-License-Identifier: ISC */
/* Runs in ctld: which backends there are, and in which order `auto` asks. */
#include <errno.h>
#include <stddef.h>

#include "ctld/backend/backend.h"

static const struct backend *const backends[] = { &backend_qemu };

#define NBACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *
backend_name(uint32_t kind)
{
	static const char *const names[] = { [BACKEND_AUTO] = "auto",
		[BACKEND_QEMU] = "qemu", [BACKEND_FIRECRACKER] = "firecracker",
		[BACKEND_RUNNER] = "runner" };

	return kind <= BACKEND_RUNNER ? names[kind] : "?";
}

const struct backend *
backend_get(const struct sysconf *c, uint32_t kind, struct err *e)
{
	struct err first, why;
	size_t i;

	(void)err_field(&first, "backend", EOPNOTSUPP,
	    "it is not built in; use auto or qemu");
	for (i = 0; i < NBACKENDS; i++) {
		if (kind != BACKEND_AUTO &&
		    kind != (uint32_t)backends[i]->kind)
			continue;
		if (backends[i]->is_available(c, &why))
			return backends[i];
		/* the first one that would do tells the remedy */
		if (first.code == EOPNOTSUPP)
			first = why;
	}
	*e = first;
	return NULL;
}

const struct backend *
backend_at(unsigned i)
{
	return i < NBACKENDS ? backends[i] : NULL;
}

const struct backend *
backend_of(uint32_t kind)
{
	unsigned i;

	for (i = 0; i < NBACKENDS; i++)
		if (kind == (uint32_t)backends[i]->kind)
			return backends[i];
	return NULL;
}
