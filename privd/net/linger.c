/* SPDX-License-Identifier: ISC */
/* Runs in privd-net. Invariant: no descriptor stays longer than LINGER_MS,
 * because a socket keeps the namespace of its VM. */
#include <string.h>

#include "common/fdutil.h"
#include "privd/net/linger.h"

static int
take(struct lingering *l, unsigned i)
{
	int fd = l->at[i].fd;

	l->n--;
	memmove(&l->at[i], &l->at[i + 1], (l->n - i) * sizeof(l->at[0]));
	return fd;
}

static void
close_first(struct lingering *l)
{
	int fd = take(l, 0);

	fd_close(&fd);
}

void
linger_add(struct lingering *l, uint64_t generation, int *fd)
{
	if (l->n == LINGER_MAX)
		close_first(l);
	l->at[l->n].generation = generation;
	l->at[l->n].when = now_ms() + LINGER_MS;
	l->at[l->n].fd = fd_steal(fd);
	l->n++;
}

int
linger_take(struct lingering *l, uint64_t generation)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (l->at[i].generation == generation)
			return take(l, i);
	return -1;
}

int
linger_run(struct lingering *l)
{
	int64_t now;

	if (l->n == 0)
		return -1;
	now = now_ms();
	while (l->n > 0 && l->at[0].when <= now)
		close_first(l);
	return l->n == 0 ? -1 : (int)(l->at[0].when - now);
}
