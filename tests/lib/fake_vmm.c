/* SPDX-License-Identifier: ISC */
/*
 * A VMM that speaks QMP on descriptor 3, well or badly as its first argument
 * says. It prints what it was told to its standard output (the console). For
 * tests of vmsup.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define CAPS GREETING "{\"return\": {}, \"id\": 1}\r\n"
#define CTL 3

static int drip;	/* one byte a write */
static int die_at;	/* end instead of this answer */
static int served;

static void
say(const char *text)
{
	size_t n = strlen(text), i;

	for (i = 0; drip && i < n; i++)
		if (write(CTL, text + i, 1) != 1)
			exit(3);
	if (!drip && write(CTL, text, n) != (ssize_t)n)
		exit(3);
}

static void __attribute__((noreturn))
rest(void)
{
	for (;;)
		(void)pause(); /* the control channel is not the VM */
}

static void
print(const char *text)
{
	(void)fputs(text, stdout);
	(void)fflush(stdout);
}

static void
answer(const char *line)
{
	const char *id = strstr(line, "\"id\":");
	char text[256];

	print(line);
	if (++served == die_at)
		exit(42);
	(void)snprintf(text, sizeof(text), "{\"return\": %s, \"id\": %lu}\r\n",
	    strstr(line, "query-status") != NULL ?
		"{\"status\": \"running\"}" : "{}",
	    id != NULL ? strtoul(id + 5, NULL, 10) : 0);
	say(text);
	if (strstr(line, "\"stop\"") != NULL)
		say("{\"event\": \"STOP\"}\r\n");
	if (strstr(line, "\"cont\"") != NULL)
		say("{\"event\": \"RESUME\"}\r\n");
	if (strstr(line, "\"quit\"") != NULL) {
		say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false, "
		    "\"reason\": \"host-qmp-quit\"}}\r\n");
		exit(0);
	}
}

static void
serve(void)
{
	char line[256];
	FILE *f = fdopen(CTL, "r");

	say(GREETING);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		answer(line);
	rest();
}

/* As many bytes as are taken; never a newline. */
static void
endless(void)
{
	static char chunk[65536];
	unsigned long long n = 0;
	ssize_t k = 1;

	memset(chunk, ' ', sizeof(chunk));
	while (n < 4ULL << 30 && k > 0) {
		k = send(CTL, chunk, sizeof(chunk), MSG_NOSIGNAL);
		n += k > 0 ? (unsigned long long)k : 0;
	}
	print("cut off\n");
	rest();
}

/* Good events as fast as they are taken, for two seconds. */
static void
storm(void)
{
	time_t until = time(NULL) + 2;

	say(CAPS "{\"return\": {}, \"id\": 2}\r\n");
	while (time(NULL) < until)
		say("{\"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n"
		    "{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\n");
	rest();
}

/* A grandchild that outlives its parent. */
static void
orphan(void)
{
	if (fork() != 0)
		return;
	if (fork() == 0)
		(void)usleep(200000);
	_exit(0);
}

int
main(int argc, char *argv[])
{
	const char *mode = argc > 1 ? argv[1] : "";

	(void)signal(SIGPIPE, SIG_IGN);
	if (strncmp(mode, "die", 3) == 0)
		die_at = atoi(mode + 3);
	drip = strcmp(mode, "drip") == 0;
	if (strcmp(mode, "fail") == 0) {
		(void)fputs("fake: no such thing\n", stderr);
		return 7;
	}
	if (strcmp(mode, "silent") == 0)
		rest();
	if (strcmp(mode, "endless") == 0)
		endless();
	if (strcmp(mode, "storm") == 0)
		storm();
	if (strcmp(mode, "garbage") == 0) {
		say(CAPS "hello\r\n");
		rest();
	}
	if (strcmp(mode, "mute") == 0) { /* runs, then answers no more */
		say(CAPS "{\"return\": {}, \"id\": 2}\r\n");
		rest();
	}
	if (strcmp(mode, "orphan") == 0)
		orphan();
	serve();
	return 0;
}
