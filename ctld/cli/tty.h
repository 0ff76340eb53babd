/* SPDX-License-Identifier: ISC */
/*
 * The caller's terminal while a guest has it. Whatever happens, its owner
 * gets it back as it was: tty_restore() is called on every way out.
 */
#ifndef CTLD_CLI_TTY_H
#define CTLD_CLI_TTY_H

#include <termios.h>

struct tty {
	int fd;			/* standard input, a terminal; -1: none */
	int raw;		/* the guest's sequences reach it */
	int on;			/* its modes are ours */
	struct termios saved;
};

/* Is standard input a terminal? Then remember its modes. raw: nothing of what
 * the guest writes will be escaped. */
void tty_init(struct tty *t, int raw);
/* Every key goes through; output is as the guest writes it if raw, else
 * newlines are completed. 0 or -1. Nothing to do without a terminal. */
int tty_take(struct tty *t);
/* Its old modes, no input that nobody typed, and after raw output no state
 * that a guest left. Never waits longer than a moment. */
void tty_restore(struct tty *t);

/* Bytes of a character may pass only where the terminal reads them as one:
 * elsewhere each of them alone could be a control. */
int tty_utf8(void);

#endif
