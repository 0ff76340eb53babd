/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. The child runs our code only, for some 100 us; files of
 * /proc/PID that were opened stay good after its death, so it is killed at
 * once. It keeps no descriptor of jail's but one end of a socket, and ends when
 * jail does: else a jail that is killed would seem alive by its wires and its
 * lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "privd/jail/helper.h"

#define HELPER_MS 2000
#define TELL 3	/* the child's only descriptor from 3 up */

int
helper_enter_empty(void)
{
	return setns(JAIL_FD_EMPTYNS, CLONE_NEWNS);
}

static _Noreturn void
child(int (*become)(void), int tell)
{
	int code = 0;

	/* setresuid(2) made jail non-dumpable, and then its children's maps
	 * belong to root; nobody else can be in between: same uid, no files */
	if (become() < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ||
	    fd_arrange(&tell, 1, TELL) < 0)
		code = errno;
	else
		tell = TELL;
	(void)send(tell, &code, sizeof(code), MSG_NOSIGNAL);
	if (code == 0) /* until it is killed, or jail has ended */
		(void)recv(tell, &code, sizeof(code), 0);
	_exit(0);
}

/* What the child reported: 0, or -1 with errno. */
static int
wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int code, k;

	do
		k = poll(&p, 1, HELPER_MS);
	while (k < 0 && errno == EINTR);
	if (k == 0)
		errno = ETIMEDOUT;
	if (k <= 0 || fd_readn(fd, &code, sizeof(code)) < 0)
		return -1;
	errno = code;
	return code == 0 ? 0 : -1;
}

static int
open_files(pid_t pid, const struct helper_file *files, unsigned n, int *fds)
{
	char path[64];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%d/%s", (int)pid,
		    files[i].name);
		fds[i] = openat(JAIL_FD_PROC, path, files[i].flags | O_CLOEXEC);
		if (fds[i] < 0)
			return -1;
	}
	return 0;
}

static void
end_child(int pidfd)
{
	siginfo_t si;

	(void)sysx_pidfd_send_signal(pidfd, SIGKILL);
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED) < 0 &&
	    errno == EINTR)
		;
}

int
helper_files(int (*become)(void), const struct helper_file *files, unsigned n,
    int *fds, uint16_t step, struct err *e)
{
	int pidfd CLEANUP_FD = -1;
	int tell[2], code = 0;
	unsigned i;
	pid_t pid;

	for (i = 0; i < n; i++)
		fds[i] = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tell) < 0)
		return err_step(e, step, errno, "cannot make a socket");
	pid = sysx_clone3(0, -1, &pidfd);
	if (pid == 0)
		child(become, tell[1]);
	if (pid < 0)
		code = errno;
	fd_close(&tell[1]);
	if (pid > 0 && (wait_ready(tell[0]) < 0 ||
	    open_files(pid, files, n, fds) < 0))
		code = errno;
	fd_close(&tell[0]);
	if (pid > 0)
		end_child(pidfd);
	if (code == 0)
		return 0;
	for (i = 0; i < n; i++)
		fd_close(&fds[i]);
	return err_step(e, step, code, "helper process failed");
}
