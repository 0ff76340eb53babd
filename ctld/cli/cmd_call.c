/* SPDX-License-Identifier: ISC */
/*
 * postern call, backends (caller's rights). call is for people without a
 * Varlink client. backends asks a VMM for its version by executing it, as the
 * caller, and only one that root alone can have put there: the daemon, which
 * names it, executes nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/text.h"

#define PARAMS_MAX (60u << 10)	/* a message may have 64 KiB */
#define VERSION_MS 5000

static int
call(struct cli *c, const char *method, json_t *params, int more)
{
	json_t *answer, *out;
	struct vl v;
	int r = vl_open(c, &v);

	if (r != EX_DONE) {
		json_decref(params);
		return r;
	}
	(void)vl_send(&v, method, params, more, NULL, 0);
	do {
		answer = vl_recv(&v);
		r = vl_answer(c, method, answer, &out);
		more = json_is_true(json_object_get(answer, "continues"));
		if (r == EX_DONE) {
			(void)json_dumpf(out, stdout, JSON_COMPACT);
			(void)putchar('\n');
			if (fflush(stdout) != 0)
				r = EX_FAILED;
		}
		json_decref(out);
		json_decref(answer);
	} while (r == EX_DONE && more);
	vl_close(&v);
	return r;
}

/* JSON, or - for standard input. */
static json_t *
parameters(struct cli *c, const char *text)
{
	char *buf CLEANUP_FREE = NULL;
	json_error_t je;
	json_t *j;
	size_t n;

	if (strcmp(text, "-") == 0) {
		if ((buf = malloc(PARAMS_MAX)) == NULL)
			return NULL;
		n = fread(buf, 1, PARAMS_MAX, stdin);
		j = json_loadb(buf, n, JSON_REJECT_DUPLICATES, &je);
	} else {
		j = json_loads(text, JSON_REJECT_DUPLICATES, &je);
	}
	if (json_is_object(j))
		return j;
	(void)cli_usage(c, "parameters: byte %d: %s", j == NULL ? je.position :
		1, j == NULL ? je.text : "not a JSON object");
	json_decref(j);
	return NULL;
}

int
cmd_call(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "more", no_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	json_t *params;
	int opt, more = 0;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) == 'm')
		more = 1;
	if (opt != -1)
		return EX_USE;
	if (optind >= argc || argc - optind > 2)
		return cli_usage(c, "say METHOD, and its parameters as JSON");
	params = parameters(c, optind + 1 < argc ? argv[optind + 1] : "{}");
	if (params == NULL)
		return EX_USE;
	return call(c, argv[optind], params, more);
}

/* May its word be asked for: nobody but root can have put it there? */
static int
trusted(const char *path)
{
	struct stat st;

	return strncmp(path, "/usr/", 5) == 0 && stat(path, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH | S_ISUID | S_ISGID)) == 0;
}

/* Start path --version with its output into fd. Its pid or -1. */
static pid_t
spawn(const char *path, int fd)
{
	char *argv[] = { (char *)(uintptr_t)path,
		(char *)(uintptr_t)"--version", NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int e;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -1;
	e = posix_spawn_file_actions_adddup2(&fa, fd, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_addopen(&fa, STDERR_FILENO,
		    "/dev/null", O_WRONLY, 0);
	if (e == 0)
		e = posix_spawn(&pid, path, &fa, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&fa);
	return e == 0 ? pid : -1;
}

/* The first line of `path --version`, "" if there is none. */
static void
version(const char *path, char *buf, size_t size)
{
	struct pollfd p = { .events = POLLIN };
	int fds[2], status;
	ssize_t n = 0;
	pid_t pid;

	buf[0] = '\0';
	if (!trusted(path) || pipe2(fds, O_CLOEXEC) < 0)
		return;
	pid = spawn(path, fds[1]);
	(void)close(fds[1]);
	p.fd = fds[0];
	if (pid > 0 && poll(&p, 1, VERSION_MS) == 1)
		n = read(fds[0], buf, size - 1);
	(void)close(fds[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL); /* all that is wanted was said */
		(void)waitpid(pid, &status, 0);
	}
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static void
add_version(json_t *b)
{
	const char *path = json_string_value(json_object_get(b, "path"));
	char text[128] = "";
	json_t *j;

	if (path != NULL && json_is_true(json_object_get(b, "available")))
		version(path, text, sizeof(text));
	j = text[0] != '\0' ? json_string(text) : json_null();
	(void)json_object_set_new(b, "version", j);
}

static void
print_backend(const json_t *b)
{
	const char *s = json_string_value(json_object_get(b, "name"));
	const json_t *caps = json_object_get(b, "capabilities"), *cap;
	size_t i;

	text_str(stdout, s != NULL ? s : "?");
	(void)puts(json_is_true(json_object_get(b, "available")) ?
		": available" : ": not available");
	(void)fputs("  can      ", stdout);
	json_array_foreach(caps, i, cap) {
		(void)fputs(i > 0 ? ", " : "", stdout);
		text_str(stdout, json_string_value(cap));
	}
	(void)putchar('\n');
	if ((s = json_string_value(json_object_get(b, "path"))) != NULL) {
		(void)fputs("  program  ", stdout);
		text_str(stdout, s);
		(void)putchar('\n');
	}
	if ((s = json_string_value(json_object_get(b, "version"))) != NULL) {
		(void)fputs("  version  ", stdout);
		text_str(stdout, s);
		(void)putchar('\n');
	}
	if ((s = json_string_value(json_object_get(b, "reason"))) != NULL) {
		(void)fputs("  because  ", stdout);
		text_str(stdout, s);
		(void)putchar('\n');
	}
}

int
cmd_backends(struct cli *c, int argc, char *argv[])
{
	json_t *out, *list, *b;
	size_t i;
	int r;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	r = vl_call(c, "", "Backends", json_object(), NULL, 0, &out);
	if (r != EX_DONE)
		return r;
	list = json_object_get(out, "backends");
	json_array_foreach(list, i, b) {
		add_version(b);
		if (!c->json)
			print_backend(b);
	}
	if (c->json) {
		(void)json_dumpf(list, stdout, JSON_COMPACT);
		(void)putchar('\n');
	}
	json_decref(out);
	return EX_DONE;
}
