/* SPDX-License-Identifier: ISC */
/*
 * A guest's bytes on their way to a terminal, as they come: newline, carriage
 * return, tab, backspace and printable characters pass; everything that could
 * move the cursor, ask the terminal a question or rename a window becomes ^X
 * and M-x as cat -v writes it. Pure.
 */
#ifndef CTLD_CLI_ESCAPE_H
#define CTLD_CLI_ESCAPE_H

#include <stddef.h>

struct escape {
	int utf8;		/* the terminal reads UTF-8; else ASCII only */
	unsigned n, want;	/* bytes of a character, and how many it has */
	unsigned char part[4];
};

/* Room that n bytes can need. */
#define ESCAPE_OUT(n) (4 * ((n) + 3))

/* The next n bytes into out; returns how many came out. A character that is
 * not whole yet waits. */
size_t escape_feed(struct escape *e, const void *in, size_t n, char *out);

#endif
