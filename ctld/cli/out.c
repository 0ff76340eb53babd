/* SPDX-License-Identifier: ISC */
/* Part of the postern command (caller's rights). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/out.h"
#include "ctld/cli/text.h"

#define HELD_US 20000		/* a held terminal is not waited for longer */

void
out_open(struct out *o, int fd)
{
	struct stat st;
	char path[32];
	int again = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)))
		again = open(path,
		    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	o->own = again >= 0;
	o->fd = again >= 0 ? again : fd;
	o->held = again < 0 && isatty(fd);
}

void
out_close(struct out *o)
{
	if (o->own)
		fd_close(&o->fd);
	o->own = 0;
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* The timer goes on until it is unset: one that rang before the write began
 * rings again. */
static ssize_t
write_briefly(int fd, const void *buf, size_t n)
{
	static const struct itimerval on = { { 0, HELD_US }, { 0, HELD_US } };
	static const struct itimerval off;
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	sigset_t set;
	ssize_t k;
	int saved;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	if (sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ||
	    sigaction(SIGALRM, &sa, &old) < 0 ||
	    setitimer(ITIMER_REAL, &on, NULL) < 0)
		return -1;
	k = write(fd, buf, n);
	saved = errno;
	(void)setitimer(ITIMER_REAL, &off, NULL);
	(void)sigaction(SIGALRM, &old, NULL);
	errno = saved;
	return k;
}

ssize_t
out_write(const struct out *o, const void *buf, size_t n)
{
	return o->held ? write_briefly(o->fd, buf, n) :
			 write(o->fd, buf, n);
}

void
out_note(const char *what, const char *text)
{
	struct pollfd p = { .events = POLLOUT };
	char *line CLEANUP_FREE = NULL;
	struct out o;
	size_t n;
	FILE *f;

	if ((f = open_memstream(&line, &n)) == NULL)
		return;
	(void)putc('\n', f);
	text_str(f, what);
	(void)fprintf(f, ": %s\n", text);
	if (fclose(f) != 0)
		return;
	out_open(&o, STDERR_FILENO);
	p.fd = o.fd;
	if (poll(&p, 1, 0) == 1)
		(void)!out_write(&o, line, n);
	out_close(&o);
}
