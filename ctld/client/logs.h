/* SPDX-License-Identifier: ISC */
/* Lines of a console: where the last n begin, and base64 in pieces. */
#ifndef CTLD_CLIENT_LOGS_H
#define CTLD_CLIENT_LOGS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct log_source {
	int fd;
	int ring;		/* common/ring.h; else a plain file */
	uint64_t pos;
};
/* Next bytes, 0 for none (yet), -1. */
ssize_t log_read(struct log_source *src, void *buf, size_t n);

/* Move src to where its last `lines` lines begin; *end is where they end.
 * A last line without a newline counts. 0 or -1. */
int log_tail(struct log_source *src, uint64_t lines, uint64_t *end);

/* base64 of n bytes into out, which holds at least (n + 2) / 3 * 4. Returns
 * how many characters. */
size_t base64(char *out, const unsigned char *in, size_t n);

#endif
