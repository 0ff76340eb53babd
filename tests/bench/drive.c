/* SPDX-License-Identifier: ISC */
/* Runs in the programs of `make bench`, as root; see drive.h. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/drive.h"
#include "tests/bench/measure.h"

#define ARGS_MAX 32

static void
become_tenant(void)
{
	const gid_t group = BENCH_GROUP;

	if (setgroups(1, &group) < 0 ||
	    setresgid(BENCH_TENANT, BENCH_TENANT, BENCH_TENANT) < 0 ||
	    setresuid(BENCH_TENANT, BENCH_TENANT, BENCH_TENANT) < 0)
		_exit(126);
}

pid_t
drive_run(char *const argv[], int tenant, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return pid;
	if (out < 0)
		out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	if (tenant)
		become_tenant();
	(void)execv(argv[0], argv);
	_exit(127);
}

int
drive_wait(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			err(1, "waitpid");
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

char *
drive_env(const char *name)
{
	return (char *)(uintptr_t)measure_env(name);
}

static pid_t
postern(const char *const args[], int out)
{
	char *argv[ARGS_MAX];
	unsigned n = 0, i;

	argv[n++] = drive_env("POSTERN_BIN");
	for (i = 0; args[i] != NULL; i++) {
		if (n == ARGS_MAX - 1)
			errx(2, "too many arguments");
		argv[n++] = (char *)(uintptr_t)args[i];
	}
	argv[n] = NULL;
	return drive_run(argv, 1, out);
}

pid_t
drive_postern_begin(const char *const args[])
{
	return postern(args, -1);
}

/* Up to size - 1 bytes until the end; what is more is read and dropped. */
static void
drain(int fd, char *text, size_t size)
{
	char rest[4096];
	size_t used = 0;
	ssize_t n;

	for (;;) {
		n = used + 1 < size ? read(fd, text + used, size - 1 - used)
				    : read(fd, rest, sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (used + 1 < size)
			used += (size_t)n;
	}
	if (size > 0)
		text[used] = '\0';
}

void
drive_postern(const char *const args[], char *text, size_t size)
{
	int p[2], st;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		err(1, "pipe");
	pid = postern(args, p[1]);
	(void)close(p[1]);
	drain(p[0], text, text != NULL ? size : 0);
	(void)close(p[0]);
	st = drive_wait(pid);
	if (st != 0)
		errx(1, "postern %s %s: exit %d", args[0],
		    args[1] != NULL ? args[1] : "", st);
}

/* With everything on: a network, a list, one published port. */
pid_t
drive_start(const char *name, unsigned port)
{
	const char *args[] = {"start", name, "--kernel", measure_env("GUEST"),
	    "--memory", "16M", "--allow", "tcp:93.184.215.7:443", "--allow",
	    "udp:93.184.215.0/24:53", port != 0 ? "-p" : NULL, NULL, NULL};
	char p[32];

	(void)snprintf(p, sizeof(p), "%u:80", port);
	if (port != 0)
		args[11] = p;
	return drive_postern_begin(args);
}

double
drive_parse(const char *text)
{
	const char *p = strstr(text, "executed ");

	return p == NULL ? -1 : strtod(p + strlen("executed "), NULL) / 1e6;
}

double
drive_executed(const char *name)
{
	const char *args[] = {"logs", name, NULL};
	const struct timespec wait = {.tv_nsec = 2000000};
	char text[4096];
	double v = -1;
	int i;

	for (i = 0; i < 500 && v < 0; i++) {
		drive_postern(args, text, sizeof(text));
		v = drive_parse(text);
		if (v < 0)
			(void)nanosleep(&wait, NULL);
	}
	if (v < 0)
		errx(1, "the VMM of %s did not say when it began", name);
	return v;
}

void
drive_remove(const char *name)
{
	const char *args[] = {"rm", "-f", name, NULL};

	drive_postern(args, NULL, 0);
}

pid_t
drive_bare(unsigned slot, int in, char *text, size_t size)
{
	char number[16];
	char *argv[] = {drive_env("BENCH_BARE"), drive_env("BENCH_VMM"),
	    drive_env("GUEST"), drive_env("BENCH_STATE"),
	    drive_env("BENCH_INSTANCE"), number, NULL};
	int out[2];
	ssize_t n;
	pid_t pid;

	(void)snprintf(number, sizeof(number), "%u", slot);
	if (pipe2(out, O_CLOEXEC) < 0)
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (dup2(in, STDIN_FILENO) < 0 ||
		    dup2(out[1], STDOUT_FILENO) < 0)
			_exit(126);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)close(out[1]);
	n = read(out[0], text, size - 1);
	if (n <= 0)
		errx(1, "the bare program failed");
	text[n] = '\0';
	(void)close(out[0]);
	return pid;
}
