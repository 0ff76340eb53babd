/* SPDX-License-Identifier: ISC */
/*
 * Standard input on its way to a guest. A terminal is taken, so that every
 * key goes through, and ^] leaves; anything else is passed on as it comes.
 */
#ifndef CTLD_CLI_KEYS_H
#define CTLD_CLI_KEYS_H

#include <stddef.h>

#include "ctld/cli/tty.h"

#define KEYS_PIECE 4096u

struct keys {
	struct tty tty;
	int typed;		/* it is a terminal's, and taken */
	int eof;
	size_t at, n;		/* b[at, at + n) is to be written */
	char b[KEYS_PIECE];
};
enum keys_got {
	KEYS_MORE,
	KEYS_LEFT,		/* ^] */
	KEYS_LOST,		/* the terminal has gone */
	KEYS_EOF,
};

/* terminal: standard input, if it is one, is a console's. raw: as in tty.h.
 * 0, or -1 when the terminal cannot be taken. */
int keys_open(struct keys *k, int terminal, int raw);
/* Is standard input to be read? Of a terminal always, so that ^] is heard
 * though the guest does not read. */
int keys_wanted(const struct keys *k);
enum keys_got keys_read(struct keys *k);
/* What fd, a stream socket, takes without waiting. After the end of the input
 * and all of it is written, fd is shut for writing: then 1, else 0. */
int keys_write(struct keys *k, int fd);
/* A signal of job control: the terminal is given back, and taken again in the
 * foreground. 0: it was another signal. */
int keys_signal(struct keys *k, int sig);

#endif
