/* SPDX-License-Identifier: ISC */
/* Runs in privd-net. Comments of rules: writing into memory, and reading what
 * the kernel gave back, which is not believed to be ours. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "privd/net/nft.h"

/* Comments are nft(8)'s own: type 0, length, text with its NUL. */
struct note {
	uint8_t type, len;
	char text[NFT_NOTE_MAX];
};

void
nft_note(struct nft *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->note, sizeof(t->note), fmt, ap);
	va_end(ap);
}

void
nft_put_note(struct nft *t)
{
	struct note u = { 0, (uint8_t)(strlen(t->note) + 1), "" };

	if (u.len == 1)
		return;
	memcpy(u.text, t->note, u.len);
	nlm_put(t->b.h, NFTA_RULE_USERDATA, 2u + u.len, &u);
}

const char *
nft_note_of(const struct nlattr *userdata)
{
	const struct note *u;

	if (userdata == NULL || nlm_len(userdata) < 3)
		return "";
	u = nlm_data(userdata);
	if (u->type != 0 || nlm_len(userdata) < 2u + u->len || u->len == 0 ||
	    u->text[u->len - 1] != '\0')
		return "";
	return u->text;
}
