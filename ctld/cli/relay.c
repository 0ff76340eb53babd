/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Distrusts the guest's bytes
 * and pace. Invariants: a guest that does not read, or a terminal that is
 * held, never keeps the caller from leaving; what nobody takes yet is
 * bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/escape.h"
#include "ctld/cli/relay.h"
#include "ctld/cli/tty.h"

#define LEAVE 0x1d		/* ^] */
#define PIECE 4096u
#define HELD_PIECE 256u		/* a blocking terminal takes so much at once */

enum { ON_IN, ON_FD, ON_OUT, ON_SIG, ON_N };

struct pipe {
	size_t at, n;
	char b[ESCAPE_OUT(PIECE)];
};
struct state {
	struct relay *r;
	struct tty tty;
	struct escape esc;
	struct pipe up, down;	/* to the guest, to standard output */
	int out;		/* standard output, non-blocking if possible */
	int own_out;		/* out is a descriptor of ours */
	int sig;		/* signalfd */
	int eof;		/* of standard input */
	int64_t quiet_at;	/* then it was quiet long enough; 0: no */
	int end;		/* enum relay_end, -1: go on */
};

/* Writing must not wait for a terminal that is held or a pipe that is full,
 * and O_NONBLOCK on the descriptor that we share with the shell would stay
 * there: so open the same thing anew. */
static void
open_out(struct state *s)
{
	struct stat st;

	s->out = STDOUT_FILENO;
	if (fstat(STDOUT_FILENO, &st) < 0 ||
	    (!S_ISFIFO(st.st_mode) && !isatty(STDOUT_FILENO)))
		return;
	s->out = open("/proc/self/fd/1",
	    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	s->own_out = s->out >= 0;
	if (s->out < 0)
		s->out = STDOUT_FILENO;
}

/* Bytes of a character may pass only where the terminal reads them as one:
 * elsewhere each of them alone could be a control. */
static int
terminal_utf8(void)
{
	return setlocale(LC_CTYPE, "") != NULL &&
	    strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void
quiet_from_now(struct state *s)
{
	if (s->eof)
		s->quiet_at = now_ms() + s->r->linger_ms;
}

/* What was typed; the rest of a full buffer is lost, as at any terminal. */
static void
take_typed(struct state *s, const char *buf, size_t n)
{
	const char *leave = memchr(buf, LEAVE, n);
	size_t room;

	if (leave != NULL) {
		n = (size_t)(leave - buf);
		s->end = RELAY_LEFT;
	}
	if (s->up.n == 0)
		s->up.at = 0;
	room = PIECE - s->up.at - s->up.n;
	if (n > room)
		n = room;
	memcpy(s->up.b + s->up.at + s->up.n, buf, n);
	s->up.n += n;
}

static void
on_in(struct state *s)
{
	char buf[PIECE];
	ssize_t k = read(STDIN_FILENO, buf, sizeof(buf));

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k > 0 && s->tty.fd >= 0 && s->r->console) {
		take_typed(s, buf, (size_t)k);
		return;
	}
	if (k > 0) {
		memcpy(s->up.b, buf, (size_t)k);
		s->up.at = 0;
		s->up.n = (size_t)k;
		return;
	}
	if (s->tty.fd >= 0 && s->r->console) {
		s->end = RELAY_LOST;
		return;
	}
	s->eof = 1;
	if (s->up.n == 0)
		(void)shutdown(s->r->fd, SHUT_WR);
	quiet_from_now(s);
}

static void
write_up(struct state *s)
{
	ssize_t k;

	if (s->up.n == 0)
		return;
	k = send(s->r->fd, s->up.b + s->up.at, s->up.n,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (k < 0 && errno != EAGAIN && errno != EINTR)
		s->up.n = 0; /* its end is read */
	if (k > 0) {
		s->up.at += (size_t)k;
		s->up.n -= (size_t)k;
	}
	if (s->up.n == 0 && s->eof) {
		(void)shutdown(s->r->fd, SHUT_WR);
		quiet_from_now(s);
	}
}

static void
on_fd(struct state *s)
{
	char buf[PIECE];
	ssize_t k = recv(s->r->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k <= 0) {
		s->end = RELAY_GUEST;
		return;
	}
	s->down.at = 0;
	if (s->r->escape) {
		s->down.n = escape_feed(&s->esc, buf, (size_t)k, s->down.b);
	} else {
		memcpy(s->down.b, buf, (size_t)k);
		s->down.n = (size_t)k;
	}
	quiet_from_now(s);
}

static void
write_down(struct state *s)
{
	size_t n = s->down.n;
	ssize_t k;

	if (!s->own_out && n > HELD_PIECE)
		n = HELD_PIECE;
	k = write(s->out, s->down.b + s->down.at, n);
	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k < 0) {
		s->end = s->tty.fd >= 0 && errno == EIO ? RELAY_LOST :
							  RELAY_OUTPUT;
		return;
	}
	s->down.at += (size_t)k;
	s->down.n -= (size_t)k;
}

static void
on_signal(struct state *s)
{
	struct signalfd_siginfo si;

	if (read(s->sig, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGTSTP) {
		tty_restore(&s->tty);
		(void)raise(SIGSTOP);
	}
	if (si.ssi_signo == SIGTSTP || si.ssi_signo == SIGCONT) {
		if (s->r->console && tcgetpgrp(STDIN_FILENO) == getpgrp())
			(void)tty_take(&s->tty);
		return;
	}
	s->r->signal = (int)si.ssi_signo;
	s->end = RELAY_SIGNAL;
}

static void
want(const struct state *s, struct pollfd p[ON_N])
{
	int typed = s->tty.fd >= 0 && s->r->console;

	memset(p, 0, ON_N * sizeof(p[0]));
	p[ON_IN].fd = !s->eof && (typed || s->up.n == 0) ? STDIN_FILENO : -1;
	p[ON_IN].events = POLLIN;
	p[ON_FD].fd = s->down.n == 0 || s->up.n > 0 ? s->r->fd : -1;
	p[ON_FD].events = (short)((s->down.n == 0 ? POLLIN : 0) |
	    (s->up.n > 0 ? POLLOUT : 0));
	/* with nothing to write it is only asked whether it is still there */
	p[ON_OUT].fd = s->out;
	p[ON_OUT].events = s->down.n > 0 ? POLLOUT : 0;
	p[ON_SIG].fd = s->sig;
	p[ON_SIG].events = POLLIN;
}

static void
turn(struct state *s)
{
	struct pollfd p[ON_N];
	int64_t left = -1;

	want(s, p);
	/* who does not take what is there is not done with it */
	if (s->quiet_at != 0 && s->down.n == 0 &&
	    (left = s->quiet_at - now_ms()) < 0)
		left = 0;
	if (poll(p, ON_N, (int)left) == 0) {
		s->end = RELAY_INPUT;
		return;
	}
	if (p[ON_SIG].revents != 0)
		on_signal(s);
	if (p[ON_IN].revents != 0)
		on_in(s);
	if ((p[ON_FD].revents & ~POLLOUT) != 0 && s->down.n == 0)
		on_fd(s);
	write_up(s);
	if (s->down.n > 0)
		write_down(s);
	else if ((p[ON_OUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		s->end = s->tty.fd >= 0 ? RELAY_LOST : RELAY_OUTPUT;
}

/* Only those that the caller has not set aside (nohup). */
static int
signals(sigset_t *old)
{
	static const int take[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP,
		SIGCONT };
	struct sigaction sa;
	sigset_t set;
	size_t i;

	(void)sigemptyset(&set);
	for (i = 0; i < sizeof(take) / sizeof(take[0]); i++)
		if (sigaction(take[i], NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_IGN)
			(void)sigaddset(&set, take[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, old) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum relay_end
relay_run(struct relay *r)
{
	static struct state s;
	sigset_t old;
	int fl;

	memset(&s, 0, sizeof(s));
	s.r = r;
	s.end = -1;
	s.esc.utf8 = r->escape && terminal_utf8();
	if ((s.sig = signals(&old)) < 0)
		return RELAY_LOST;
	open_out(&s);
	tty_init(&s.tty, !r->escape);
	if (r->console && tty_take(&s.tty) < 0)
		s.end = RELAY_LOST;
	/* ours and the supervisor's ends are separate: this is ours alone */
	fl = fcntl(r->fd, F_GETFL);
	if (fl >= 0)
		(void)fcntl(r->fd, F_SETFL, fl | O_NONBLOCK);
	while (s.end < 0)
		turn(&s);
	write_up(&s); /* what was typed before ^] */
	tty_restore(&s.tty);
	if (s.own_out)
		fd_close(&s.out);
	fd_close(&s.sig);
	if (s.end != RELAY_SIGNAL)
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return (enum relay_end)s.end;
}

void
relay_die(int sig)
{
	sigset_t set;

	(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, sig);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(sig);
}
