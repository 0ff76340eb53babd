/* SPDX-License-Identifier: ISC */
/*
 * Runs in every confined process, vmsup included (so: no library but libc,
 * no allocation). Distrusts the memfd it is given until seals and size have
 * been checked, and lets nothing go on without a filter.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "common/sysx.h"

#define EXIT_SIGSYS 159 /* what a shell says of death by SIGSYS */

static const char *const names[] = {
#include "policy/sysnames.h"
};

/* An async-signal-safe line, built piece by piece. */
struct line {
	char buf[256];
	size_t n;
};

static void
add(struct line *l, const char *s)
{
	while (*s != '\0' && l->n < sizeof(l->buf))
		l->buf[l->n++] = *s++;
}

static void
add_number(struct line *l, unsigned long v, unsigned base)
{
	char digits[24];
	unsigned i = sizeof(digits) - 1;

	digits[i] = '\0';
	do
		digits[--i] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	add(l, &digits[i]);
}

static void
on_sigsys(int sig, siginfo_t *si, void *ctx)
{
	struct line l = { .n = 0 };
	unsigned nr = (unsigned)si->si_syscall;
	const char *name = NULL;

	(void)sig;
	(void)ctx;
	if (nr < sizeof(names) / sizeof(names[0]))
		name = names[nr];
	add(&l, log_role());
	add(&l, ": fatal: forbidden system call ");
	add(&l, name != NULL ? name : "?");
	add(&l, " (");
	add_number(&l, nr, 10);
	add(&l, ", arch 0x");
	add_number(&l, si->si_arch, 16);
	add(&l, ")\n");
	if (write(STDERR_FILENO, l.buf, l.n) < 0)
		_exit(EXIT_SIGSYS);
	_exit(EXIT_SIGSYS);
}

static int
handle_sigsys(void)
{
	struct sigaction sa;
	sigset_t set;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_sigsys;
	sa.sa_flags = SA_SIGINFO;
	if (sigfillset(&sa.sa_mask) < 0 || sigaction(SIGSYS, &sa, NULL) < 0 ||
	    sigemptyset(&set) < 0 || sigaddset(&set, SIGSYS) < 0)
		return -1;
	return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int
sandbox_load(int filter_fd, int handler)
{
	/* static: 32 KiB are too much for a stack, and there is one thread */
	static struct sock_filter prog[BPF_MAXINSNS];
	ssize_t size = fd_sealed_size(filter_fd, sizeof(prog));
	int r = -1;

	if (size >= (ssize_t)sizeof(prog[0]) &&
	    (size_t)size % sizeof(prog[0]) == 0)
		r = fd_unseal(filter_fd, prog, (size_t)size);
	else
		errno = EBADMSG;
	/* closed first: afterwards the filter may not allow it */
	fd_close(&filter_fd);
	if (r < 0 || (handler && handle_sigsys() < 0))
		return -1;
	return sysx_seccomp_filter(prog,
	    (unsigned short)((size_t)size / sizeof(prog[0])));
}
