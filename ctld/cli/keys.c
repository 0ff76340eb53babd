/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Invariant: what the guest
 * does not take yet is bounded, and never keeps the caller from leaving.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctld/cli/keys.h"

#define LEAVE 0x1d		/* ^] */

int
keys_open(struct keys *k, int terminal, int raw)
{
	memset(k, 0, sizeof(*k));
	tty_init(&k->tty, raw);
	k->typed = terminal && k->tty.fd >= 0;
	return k->typed ? tty_take(&k->tty) : 0;
}

int
keys_wanted(const struct keys *k)
{
	return !k->eof && (k->typed || k->n == 0);
}

/* What was typed; the rest of a full buffer is lost, as at any terminal. */
static enum keys_got
take_typed(struct keys *k, const char *buf, size_t n)
{
	const char *leave = memchr(buf, LEAVE, n);
	size_t room;

	if (leave != NULL)
		n = (size_t)(leave - buf);
	if (k->n == 0)
		k->at = 0;
	room = KEYS_PIECE - k->at - k->n;
	if (n > room)
		n = room;
	memcpy(k->b + k->at + k->n, buf, n);
	k->n += n;
	return leave != NULL ? KEYS_LEFT : KEYS_MORE;
}

enum keys_got
keys_read(struct keys *k)
{
	char buf[KEYS_PIECE];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return KEYS_MORE;
	if (n > 0 && k->typed)
		return take_typed(k, buf, (size_t)n);
	if (n > 0) {
		memcpy(k->b, buf, (size_t)n);
		k->at = 0;
		k->n = (size_t)n;
		return KEYS_MORE;
	}
	k->eof = 1;
	return k->typed ? KEYS_LOST : KEYS_EOF;
}

int
keys_write(struct keys *k, int fd)
{
	ssize_t n;

	if (k->n == 0)
		return 0;
	n = send(fd, k->b + k->at, k->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		k->n = 0; /* its end is read */
	if (n > 0) {
		k->at += (size_t)n;
		k->n -= (size_t)n;
	}
	if (k->n > 0 || !k->eof)
		return 0;
	(void)shutdown(fd, SHUT_WR);
	return 1;
}

int
keys_signal(struct keys *k, int sig)
{
	if (sig != SIGTSTP && sig != SIGCONT)
		return 0;
	if (sig == SIGTSTP) {
		tty_restore(&k->tty);
		(void)raise(SIGSTOP);
	}
	if (k->typed && tcgetpgrp(STDIN_FILENO) == getpgrp())
		(void)tty_take(&k->tty);
	return 1;
}
