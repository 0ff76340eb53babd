/* SPDX-License-Identifier: ISC */
/*
 * Looking for one text in a stream that comes in pieces of any size. Exact
 * (Knuth, Morris, Pratt), so a text that spans pieces or overlaps its own
 * false start is found; the state is as large as the text.
 */
#ifndef CTLD_SUP_WATCH_H
#define CTLD_SUP_WATCH_H

#include <stddef.h>
#include <stdint.h>

#define WATCH_TEXT_MAX 63

struct watch {
	char text[WATCH_TEXT_MAX + 1];
	uint8_t back[WATCH_TEXT_MAX + 1]; /* where to go on after a miss */
	uint8_t len, at;
	uint8_t seen;			  /* 1: the text was there */
};

/* Begin anew with text of 1 to WATCH_TEXT_MAX bytes; "" watches nothing. */
void watch_set(struct watch *w, const char *text);

/* The next n bytes. 1 if the text was completed for the first time. */
int watch_feed(struct watch *w, const void *buf, size_t n);

#endif
