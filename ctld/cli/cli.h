/* SPDX-License-Identifier: ISC */
/*
 * The postern command: what its files share. Runs with the caller's rights,
 * and only those; everything privileged is asked of the daemon.
 */
#ifndef CTLD_CLI_CLI_H
#define CTLD_CLI_CLI_H

#include <getopt.h>
#include <jansson.h>

#define CLI_SOCKET "/run/postern/io.postern.Vm"

enum {			/* exit status */
	EX_DONE = 0,
	EX_FAILED = 1,
	EX_USE = 2,
	EX_NOT_FOUND = 3,
	EX_DENIED = 4,
	EX_QUOTA = 5,
	EX_STATE = 6,
	EX_NO_DAEMON = 7,
	EX_TIMED_OUT = 124,
};

struct command;
struct cli {
	const struct command *cmd;
	const char *socket;	/* --socket, POSTERN_SOCKET, or CLI_SOCKET */
	int json;
};

struct command {
	const char *name;
	int (*run)(struct cli *c, int argc, char *argv[]);
	const char *line;	/* for the list of commands */
	const char *usage;	/* under 25 lines, with an example */
};

#define COMMAND(name, line, usage) \
	int cmd_##name(struct cli *c, int argc, char *argv[]);
#include "ctld/cli/commands.def"
#undef COMMAND

/* getopt_long(3) with the options every command has (--json, --socket,
 * --help) handled inside. Returns the option, -1 at the end, or '?' after a
 * complaint: then return EX_USE. longs ends with zeros; at most 40. */
int cli_getopt(struct cli *c, int argc, char *argv[], const char *shorts,
    const struct option *longs);

/* One line on standard error: "postern start: text; see ...". EX_USE. */
int cli_usage(const struct cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Options --all and the like begin here, clear of any character. */
enum { OPT_FIRST = 1000 };

#endif
