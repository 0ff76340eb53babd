/* SPDX-License-Identifier: ISC */
/*
 * Runs in a VM's jail in place of QEMU, with the VM's rights: tells on its
 * console when it was executed, says as much QMP as vmsup wants, and sleeps.
 * With "init" it plays the supervisor of the bare program: it sleeps only.
 * It believes nobody and needs nobody.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CTL 3 /* VMM_FD_CTL */
#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define QUIT                                                      \
	"{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false, " \
	"\"reason\": \"host-qmp-quit\"}}\r\n"

static void
say(const char *text)
{
	size_t n = strlen(text);

	if (write(CTL, text, n) != (ssize_t)n)
		_exit(1);
}

/* One command; most of what vmsup asks is answered by nothing but its id. */
static void
answer(const char *line)
{
	const char *id = strstr(line, "\"id\":");
	char text[128];

	(void)snprintf(text, sizeof(text), "{\"return\": %s, \"id\": %lu}\r\n",
	    strstr(line, "query-status") != NULL ? "{\"status\": \"running\"}"
						 : "{}",
	    id != NULL ? strtoul(id + 5, NULL, 10) : 0);
	say(text);
	if (strstr(line, "\"quit\"") != NULL ||
	    strstr(line, "system_powerdown") != NULL) {
		say(QUIT);
		_exit(0);
	}
}

static void
serve(void)
{
	char buf[512], *nl;
	size_t used = 0;
	ssize_t n;

	say(GREETING);
	while ((n = read(CTL, buf + used, sizeof(buf) - 1 - used)) > 0) {
		used += (size_t)n;
		buf[used] = '\0';
		while ((nl = strchr(buf, '\n')) != NULL) {
			*nl++ = '\0';
			answer(buf);
			used -= (size_t)(nl - buf);
			memmove(buf, nl, used + 1);
		}
	}
}

int
main(int argc, char *argv[])
{
	struct timespec ts;
	char text[64];
	int n;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	if (argc > 1 && strcmp(argv[1], "init") == 0)
		for (;;)
			(void)pause();
	n = snprintf(text, sizeof(text), "executed %lld\n",
	    (long long)ts.tv_sec * 1000000000 + ts.tv_nsec);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		return 1;
	if (argc > 1 && strcmp(argv[1], "bare") == 0)
		for (;;)
			(void)pause();
	serve();
	for (;;)
		(void)pause();
}
