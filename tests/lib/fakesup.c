/* SPDX-License-Identifier: ISC */
/*
 * A stand-in for vmsup in jail's tests, static: copies what the VMM prints
 * and logs into the two ring memfds as plain text, and its wait status into
 * the last four bytes of the first; then stays, as vmsup does.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/vmfd.h"

static int
copy(int from, int to, off_t *at)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n <= 0)
		return 0;
	if (pwrite(to, buf, (size_t)n, *at) == n)
		*at += n;
	return 1;
}

static void
note_exit(void)
{
	struct stat st;
	siginfo_t si;
	int status;

	if (waitid(P_ALL, 0, &si, WEXITED) < 0 ||
	    fstat(SUP_FD_CONSOLE_RING, &st) < 0)
		_exit(3);
	status = si.si_code == CLD_EXITED ? si.si_status << 8 : si.si_status;
	status |= 1 << 30; /* told apart from nothing */
	if (pwrite(SUP_FD_CONSOLE_RING, &status, sizeof(status),
	    st.st_size - (off_t)sizeof(status)) < 0)
		_exit(4);
}

int
main(int argc, char **argv)
{
	struct pollfd p[3] = { { .fd = SUP_FD_CONSOLE_OUT, .events = POLLIN },
		{ .fd = SUP_FD_LOG, .events = POLLIN },
		{ .fd = SUP_FD_VMM, .events = POLLIN } };
	off_t at[2] = { 0, 0 };

	if (argc != 4 || strcmp(argv[0], "vmsup") != 0 || getpid() != 1)
		return 2;
	while (p[0].fd >= 0 || p[1].fd >= 0 || p[2].fd >= 0) {
		if (poll(p, 3, -1) < 0)
			return 1;
		if (p[0].revents != 0 &&
		    !copy(p[0].fd, SUP_FD_CONSOLE_RING, &at[0]))
			p[0].fd = -1;
		if (p[1].revents != 0 &&
		    !copy(p[1].fd, SUP_FD_LOG_RING, &at[1]))
			p[1].fd = -1;
		/* last: what it printed is there when its status is */
		if (p[2].revents != 0 && p[0].fd < 0 && p[1].fd < 0) {
			note_exit();
			p[2].fd = -1;
		} else if (p[2].revents != 0)
			(void)poll(NULL, 0, 1);
	}
	for (;;)
		(void)poll(NULL, 0, -1);
}
