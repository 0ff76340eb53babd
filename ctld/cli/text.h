/* SPDX-License-Identifier: ISC */
/*
 * Text from elsewhere (guests, other tenants, the daemon) on its way to a
 * terminal: printable ASCII stays, everything else becomes ^X and M-x as
 * cat -v writes it, so that nothing can move a cursor or rename a window.
 */
#ifndef CTLD_CLI_TEXT_H
#define CTLD_CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* lines: newline and tab stay, carriage returns are left out. */
void text_put(FILE *f, const char *s, size_t n, int lines);
/* A whole string, on one line. */
void text_str(FILE *f, const char *s);
/* The same, and blanks up to width, one at least. */
void text_pad(FILE *f, const char *s, int width);

/* base64 into bytes; the caller frees. NULL when it is none. */
unsigned char *text_unbase64(const char *s, size_t *n);

#endif
