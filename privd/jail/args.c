/* SPDX-License-Identifier: ISC */
/*
 * Runs in V alone, after it gave up every right: the bytes come from ctld
 * and carry what a tenant wrote. No privileged process looks at them.
 */
#include <errno.h>
#include <string.h>

#include "common/fdutil.h"
#include "privd/jail/args.h"

int
args_split(struct args *a, size_t size)
{
	char *p = a->text, *end = a->text + size, *nul;

	a->n = 0;
	while (p < end) {
		nul = memchr(p, '\0', (size_t)(end - p));
		if (nul == NULL || a->n == ARGS_MAX)
			break;
		a->v[a->n++] = p;
		p = nul + 1;
	}
	a->v[a->n] = NULL;
	if (p == end && a->n > 0 && a->v[0][0] != '\0')
		return 0;
	errno = EBADMSG;
	return -1;
}

int
args_read(struct args *a, int fd)
{
	ssize_t size = fd_sealed_size(fd, sizeof(a->text));

	if (size < 0 || fd_unseal(fd, a->text, (size_t)size) < 0)
		return -1;
	return args_split(a, (size_t)size);
}
