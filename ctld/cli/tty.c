/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Distrusts what a guest may
 * have told the terminal: with --raw it can have asked for answers, which
 * arrive as if they were typed and would land in the caller's shell.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/tty.h"

#define FENCE_MS 300

/*
 * Ends a string or sequence in progress, leaves the second screen and the
 * scroll region, switches off mouse, focus and paste reports and
 * application keys, shows the cursor in plain colours and plain characters
 * (soft reset last), then asks for the terminal's status: when that answer
 * has come, so have all those to a guest's questions.
 */
static const char reset[] = "\030\033\\\033[?1049l\033[r\033[?1000;1002;"
    "1003;1004;1005;1006;1015;2004l\033[?1l\033>\033[?25h\033[?7h\033[0m"
    "\033(B\017\033[!p\r\n\033[5n";
static const char answer[] = "\033[0n";

void
tty_init(struct tty *t, int raw)
{
	memset(t, 0, sizeof(*t));
	t->raw = raw;
	t->fd = tcgetattr(STDIN_FILENO, &t->saved) == 0 ? STDIN_FILENO : -1;
}

int
tty_take(struct tty *t)
{
	struct termios m = t->saved;

	if (t->fd < 0)
		return 0;
	cfmakeraw(&m);
	if (!t->raw)
		m.c_oflag |= OPOST | ONLCR;
	m.c_cc[VMIN] = 1;
	m.c_cc[VTIME] = 0;
	if (tcsetattr(t->fd, TCSANOW, &m) < 0)
		return -1;
	t->on = 1;
	return 0;
}

/* Read away what comes until our own question is answered. */
static void
fence(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = now_ms() + FENCE_MS, left;
	unsigned at = 0;
	char c;

	while ((left = until - now_ms()) > 0 && answer[at] != '\0') {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if (read(fd, &c, 1) != 1)
			return;
		at = c == answer[at] ? at + 1 : c == answer[0] ? 1 : 0;
	}
}

/* Somebody else's turn: the shell has put us into the background. */
static int
background(int fd)
{
	pid_t front = tcgetpgrp(fd);

	return front > 0 && front != getpgrp();
}

void
tty_restore(struct tty *t)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (!t->on || background(t->fd))
		return;
	t->on = 0;
	if (t->raw && isatty(STDOUT_FILENO) && poll(&p, 1, 0) == 1 &&
	    write(STDOUT_FILENO, reset, sizeof(reset) - 1) > 0)
		fence(t->fd);
	/* not TCSADRAIN: a terminal that is held would hold us */
	(void)tcsetattr(t->fd, TCSANOW, &t->saved);
	(void)tcflush(t->fd, TCIFLUSH);
}

int
tty_utf8(void)
{
	return setlocale(LC_CTYPE, "") != NULL &&
	    strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
