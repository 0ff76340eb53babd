/* SPDX-License-Identifier: ISC */
/* fakectld SOCKET COMMAND...: run COMMAND with the stand-in on SOCKET. */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fakectld.h"

int
main(int argc, char *argv[])
{
	struct fakectld f = { .uid = getuid() };
	pid_t fake, pid;
	int st;

	if (argc < 3)
		errx(1, "usage: fakectld SOCKET COMMAND...");
	f.socket = argv[1];
	fake = fakectld_start(&f);
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (waitpid(pid, &st, 0) != pid)
		err(1, "waitpid");
	(void)kill(fake, SIGKILL);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1;
}
