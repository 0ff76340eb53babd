/* SPDX-License-Identifier: ISC */
/*
 * postern: the command. Runs with the caller's rights. A command is a row of
 * commands.def and a function in a file of its group.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctld/cli/cli.h"

enum { OPT_JSON = OPT_FIRST + 900, OPT_SOCKET, OPT_HELP };

static const struct command commands[] = {
#define COMMAND(name, line, usage) { #name, cmd_##name, line, usage },
#include "ctld/cli/commands.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char common[] =
    "common options: --json, --socket PATH (or POSTERN_SOCKET), --help\n";

int
cli_usage(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "postern%s%s: ", c->cmd != NULL ? " " : "",
	    c->cmd != NULL ? c->cmd->name : "");
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; see postern %s%s--help\n",
	    c->cmd != NULL ? c->cmd->name : "", c->cmd != NULL ? " " : "");
	return EX_USE;
}

static void
help(const struct cli *c)
{
	size_t i;

	if (c->cmd != NULL) {
		(void)printf("%s%s", c->cmd->usage, common);
		return;
	}
	(void)printf("usage: postern COMMAND [options]\n");
	for (i = 0; i < NCOMMANDS; i++)
		(void)printf("  %-9s %s\n", commands[i].name,
		    commands[i].line);
	(void)printf("%spostern COMMAND --help tells more\n", common);
}

static void
common_option(struct cli *c, int opt, const char *arg)
{
	switch (opt) {
	case OPT_JSON:
		c->json = 1;
		break;
	case OPT_SOCKET:
		c->socket = arg;
		break;
	case OPT_HELP:
	default:
		help(c);
		exit(EX_DONE);
	}
}

/* getopt_long(3) has set optopt: 0 for an unknown long option, the letter of
 * a short one, or the value of a long one that was used wrongly. */
static void
complain(const struct cli *c, int how, const char *word)
{
	if (how == ':')
		(void)cli_usage(c, "%s needs a value after it", word);
	else if (word[0] == '-' && word[1] == '-' && optopt != 0)
		(void)cli_usage(c, "%s: this option takes no value", word);
	else if (optopt > 0 && optopt < OPT_FIRST)
		(void)cli_usage(c, "unknown option -%c", optopt);
	else
		(void)cli_usage(c, "unknown option %s", word);
}

int
cli_getopt(struct cli *c, int argc, char *argv[], const char *shorts,
    const struct option *longs)
{
	static const struct option ours[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct option all[44];
	size_t n = 0;
	int opt;

	while (longs != NULL && longs[n].name != NULL && n < 40) {
		all[n] = longs[n];
		n++;
	}
	memcpy(&all[n], ours, sizeof(ours));
	opterr = 0;
	for (;;) {
		opt = getopt_long(argc, argv, shorts, all, NULL);
		if (opt == OPT_JSON || opt == OPT_SOCKET || opt == OPT_HELP) {
			common_option(c, opt, optarg);
			continue;
		}
		if (opt == '?' || opt == ':')
			complain(c, opt, argv[optind - 1]);
		return opt == ':' ? '?' : opt;
	}
}

static const struct command *
find(const char *name)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* How many letters are missing, too many or others. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[32], i, k, up, left, n = strlen(b);

	if (n >= sizeof(row) / sizeof(row[0]))
		return n;
	for (k = 0; k <= n; k++)
		row[k] = k;
	for (i = 0; a[i] != '\0'; i++) {
		left = row[0];
		row[0] = i + 1;
		for (k = 1; k <= n; k++) {
			up = row[k];
			row[k] = left + (a[i] != b[k - 1]);
			if (up + 1 < row[k])
				row[k] = up + 1;
			if (row[k - 1] + 1 < row[k])
				row[k] = row[k - 1] + 1;
			left = up;
		}
	}
	return row[n];
}

/* Say which command may have been meant. */
static int
unknown(const struct cli *c, const char *name)
{
	size_t i, best = 0;

	for (i = 1; i < NCOMMANDS; i++)
		if (distance(name, commands[i].name) <
		    distance(name, commands[best].name))
			best = i;
	if (distance(name, commands[best].name) > 2)
		return cli_usage(c, "unknown command %s", name);
	return cli_usage(c, "unknown command %s; is it %s", name,
	    commands[best].name);
}

int
main(int argc, char *argv[])
{
	struct cli c = { .socket = getenv("POSTERN_SOCKET") };
	const struct command *cmd;
	int r;

	if (c.socket == NULL || c.socket[0] == '\0')
		c.socket = CLI_SOCKET;
	if (cli_getopt(&c, argc, argv, "+:", NULL) != -1)
		return EX_USE;
	if (optind >= argc)
		return cli_usage(&c, "no command");
	cmd = find(argv[optind]);
	if (cmd == NULL)
		return unknown(&c, argv[optind]);
	c.cmd = cmd;
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt_long begins anew */
	r = cmd->run(&c, argc, argv);
	/* a full disk must not look like success */
	if (fflush(stdout) != 0 && r == EX_DONE) {
		(void)fprintf(stderr, "postern: cannot write the output\n");
		r = EX_FAILED;
	}
	return r;
}
