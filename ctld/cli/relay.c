/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Distrusts the guest's bytes
 * and pace. Invariants: a guest that does not read, or a terminal that is
 * held, never keeps the caller from leaving; what nobody takes yet is
 * bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/escape.h"
#include "ctld/cli/keys.h"
#include "ctld/cli/out.h"
#include "ctld/cli/relay.h"

#define PIECE 4096u

enum { ON_IN, ON_FD, ON_OUT, ON_SIG, ON_N };

struct pipe {
	size_t at, n;
	char b[ESCAPE_OUT(PIECE)];
};
struct state {
	struct relay *r;
	struct keys keys;	/* to the guest */
	struct escape esc;
	struct pipe down;	/* to standard output */
	struct out out;
	int sig;		/* signalfd */
	int64_t quiet_at;	/* then it was quiet long enough; 0: no */
	int end;		/* enum relay_end, -1: go on */
};

static void
quiet_from_now(struct state *s)
{
	if (s->keys.eof)
		s->quiet_at = now_ms() + s->r->linger_ms;
}

static void
on_in(struct state *s)
{
	switch (keys_read(&s->keys)) {
	case KEYS_LEFT:
		s->end = RELAY_LEFT;
		break;
	case KEYS_LOST:
		s->end = RELAY_LOST;
		break;
	case KEYS_EOF:
		if (s->keys.n == 0)
			(void)shutdown(s->r->fd, SHUT_WR);
		quiet_from_now(s);
		break;
	case KEYS_MORE:
		break;
	}
}

static void
write_up(struct state *s)
{
	if (keys_write(&s->keys, s->r->fd))
		quiet_from_now(s);
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
	ssize_t k = out_write(&s->out, s->down.b + s->down.at, s->down.n);

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (k < 0) {
		s->end = s->keys.tty.fd >= 0 && errno == EIO ? RELAY_LOST :
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
	if (keys_signal(&s->keys, (int)si.ssi_signo))
		return;
	s->r->signal = (int)si.ssi_signo;
	s->end = RELAY_SIGNAL;
}

static void
want(const struct state *s, struct pollfd p[ON_N])
{
	size_t up = s->keys.n;

	memset(p, 0, ON_N * sizeof(p[0]));
	p[ON_IN].fd = keys_wanted(&s->keys) ? STDIN_FILENO : -1;
	p[ON_IN].events = POLLIN;
	p[ON_FD].fd = s->down.n == 0 || up > 0 ? s->r->fd : -1;
	p[ON_FD].events = (short)((s->down.n == 0 ? POLLIN : 0) |
	    (up > 0 ? POLLOUT : 0));
	/* with nothing to write it is only asked whether it is still there */
	p[ON_OUT].fd = s->out.fd;
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
		s->end = s->keys.tty.fd >= 0 ? RELAY_LOST : RELAY_OUTPUT;
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
	s.esc.utf8 = r->escape && tty_utf8();
	if ((s.sig = signals(&old)) < 0)
		return RELAY_LOST;
	out_open(&s.out, STDOUT_FILENO);
	if (keys_open(&s.keys, r->console, !r->escape) < 0)
		s.end = RELAY_LOST;
	/* ours and the supervisor's ends are separate: this is ours alone */
	fl = fcntl(r->fd, F_GETFL);
	if (fl >= 0)
		(void)fcntl(r->fd, F_SETFL, fl | O_NONBLOCK);
	while (s.end < 0)
		turn(&s);
	write_up(&s); /* what was typed before ^] */
	tty_restore(&s.keys.tty);
	out_close(&s.out);
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
