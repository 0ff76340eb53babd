/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup. The stream is what a guest printed: any bytes at all.
 * Invariant: at < len whenever a byte is compared.
 */
#include <string.h>

#include "ctld/sup/watch.h"

void
watch_set(struct watch *w, const char *text)
{
	uint8_t i, k = 0;

	memset(w, 0, sizeof(*w));
	w->len = (uint8_t)strnlen(text, WATCH_TEXT_MAX);
	memcpy(w->text, text, w->len);
	for (i = 1; i < w->len; i++) {
		while (k > 0 && w->text[i] != w->text[k])
			k = w->back[k - 1];
		if (w->text[i] == w->text[k])
			k++;
		w->back[i] = k;
	}
}

int
watch_feed(struct watch *w, const void *buf, size_t n)
{
	const char *p = buf;
	size_t i;

	if (w->len == 0 || w->seen)
		return 0;
	for (i = 0; i < n; i++) {
		while (w->at > 0 && p[i] != w->text[w->at])
			w->at = w->back[w->at - 1];
		if (p[i] == w->text[w->at])
			w->at++;
		if (w->at == w->len) {
			w->at = 0;
			w->seen = 1;
			return 1;
		}
	}
	return 0;
}
