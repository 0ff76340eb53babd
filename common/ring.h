/* SPDX-License-Identifier: ISC */
/*
 * A bounded log of bytes in a memfd of sealed size, made by ctld, written by
 * vmsup, read by anybody who was handed the descriptor. The newest bytes win;
 * memory is fixed whatever a guest prints. A reader distrusts the header:
 * size comes from the sealed file, positions are only ever used masked.
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RING_CONSOLE (64u << 10) /* data bytes of the console ring */
#define RING_LOG (16u << 10)	 /* of the hypervisor log ring */

/* New memfd with room for size bytes (a power of two), sealed against shrink,
 * grow and further seals; writable. The caller owns it. -1 on failure. */
int ring_create(const char *name, size_t size);

struct ring {			/* a writer's mapping */
	struct ring_hdr *hdr;
	unsigned char *data;
	size_t size;
	uint64_t head;		/* the writer's own: the shared one is only
				   told to readers, never believed */
};
int ring_map(struct ring *r, int fd);	/* EBADMSG unless sealed in size */
void ring_put(struct ring *r, const void *buf, size_t n);
void ring_close(struct ring *r);	/* no more will come */

/* Reader: bytes from absolute position *pos on, at most size, into buf;
 * advances *pos, skipping what was overwritten (then *lost, if not NULL, is
 * set to how much). Returns bytes, 0 for "nothing yet", -1 with EBADMSG. */
ssize_t ring_read(int fd, uint64_t *pos, void *buf, size_t size,
    uint64_t *lost);
/* 1 when the writer said the end, 0 not yet, -1 EBADMSG. */
int ring_closed(int fd);
int ring_mark_closed(int fd);	/* by ctld, when vmsup was killed */

#endif
