/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. A ring's content is a guest's: copied, bounded, never
 * interpreted. Its header is vmsup's: common/ring.c uses it masked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "ctld/ctld.h"
#include "ctld/rings.h"
#include "ctld/state.h"
#include "ctld/vm.h"

/* of half a kilobyte: more than any ring holds */
#define TURNS_MAX 65536u

int
rings_make(struct vm *vm)
{
	vm->ring_console = ring_create("console",
	    vm->ctld->conf.console_bytes);
	vm->ring_log = ring_create("log", RING_LOG);
	return vm->ring_console >= 0 && vm->ring_log >= 0 ? 0 : -1;
}

void
rings_end(struct vm *vm)
{
	if (vm->ring_console >= 0)
		(void)ring_mark_closed(vm->ring_console);
	if (vm->ring_log >= 0)
		(void)ring_mark_closed(vm->ring_log);
}

static int
save(struct vm *vm, int ring, size_t max, const char *suffix)
{
	char *buf CLEANUP_FREE = NULL;
	uint64_t pos = 0;
	size_t n = 0;
	ssize_t k;

	if (ring < 0)
		return 0;
	if ((buf = malloc(max)) == NULL)
		return -1;
	/* a writer that still runs could feed this for ever: one ring's worth */
	while (n < max && (k = ring_read(ring, &pos, buf + n, max - n,
	    NULL)) > 0)
		n += (size_t)k;
	return state_put_blob(vm->ctld->state_dir, vm->pub.id, suffix, buf, n);
}

int
rings_save(struct vm *vm)
{
	int rc = 0;

	rc |= save(vm, vm->ring_console, vm->ctld->conf.console_bytes,
	    "console");
	rc |= save(vm, vm->ring_log, RING_LOG, "log");
	return rc == 0 ? 0 : -1;
}

int
rings_open(struct vm *vm, int hypervisor, int *live)
{
	int ring = hypervisor ? vm->ring_log : vm->ring_console;
	char path[64];
	int fd;

	*live = ring >= 0;
	if (ring >= 0) {
		/* a reader gets no write access where /proc allows that */
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ring);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		return fd >= 0 ? fd : fcntl(ring, F_DUPFD_CLOEXEC, 3);
	}
	fd = state_open_blob(vm->ctld->state_dir, vm->pub.id,
	    hypervisor ? "log" : "console");
	if (fd < 0 && errno == ENOENT)
		fd = fd_sealed("empty", "", 0);
	return fd;
}

static void
last_line(int ring, char *buf, size_t size)
{
	char raw[1024];
	uint64_t pos = 0;
	size_t n = 0, from, i;
	unsigned turns;
	ssize_t k;

	/* keep the newest bytes; a writer that never ends is left */
	for (turns = 0; ring >= 0 && turns < TURNS_MAX; turns++) {
		k = ring_read(ring, &pos, raw + n, sizeof(raw) - n, NULL);
		if (k <= 0)
			break;
		n += (size_t)k;
		if (n == sizeof(raw)) {
			memmove(raw, raw + n / 2, n / 2);
			n /= 2;
		}
	}
	while (n > 0 && (raw[n - 1] == '\n' || raw[n - 1] == '\r' ||
	    raw[n - 1] == ' '))
		n--;
	for (from = n; from > 0 && raw[from - 1] != '\n'; from--)
		;
	for (i = 0; from < n && i + 1 < size; from++)
		if (raw[from] >= ' ' && raw[from] <= '~')
			buf[i++] = raw[from];
	buf[i] = '\0';
}

void
rings_last(struct vm *vm, char *buf, size_t size)
{
	last_line(vm->ring_log, buf, size);
	if (buf[0] == '\0')
		last_line(vm->ring_console, buf, size);
}
