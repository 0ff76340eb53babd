/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter: the hook of privd/net/hosthook.h for tables of
 * iptables' legacy variant, which no netlink socket reaches. Where the kernel
 * has none (no table "filter" was ever loaded) nothing is executed, for a
 * look with iptables-legacy would load one. Only iptables-legacy itself
 * changes such tables; its arguments are fixed but for the two names that the
 * instance gives.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "privd/starter.h"

#define NAMES "/proc/net/ip_tables_names"
#define PROGRAM "/usr/sbin/iptables-legacy"
#define ARGS_MAX 8
#define WAIT_S "5"	/* for the lock of whoever changes them now */

struct legacy {
	char chain[16];		/* the instance in capitals */
	char links[16];		/* our interfaces: "pst+" */
};

static int
has_filter(void)
{
	char buf[256], *line, *rest;

	if (fd_slurp(AT_FDCWD, NAMES, buf, sizeof(buf)) < 0)
		return 0;
	for (line = strtok_r(buf, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest))
		if (strcmp(line, "filter") == 0)
			return 1;
	return 0;
}

/* 0, or -1: refused, which may only mean that it is there, or is not. */
static int
run(const char *const words[])
{
	char path[] = PROGRAM, w[] = "-w", wait_s[] = WAIT_S;
	char text[ARGS_MAX][32];	/* execve(2) wants them writable */
	char *argv[ARGS_MAX + 4] = { path, w, wait_s };
	char *env[] = { NULL };
	int n, null, st;
	pid_t pid;

	for (n = 0; n < ARGS_MAX && words[n] != NULL; n++) {
		(void)snprintf(text[n], sizeof(text[n]), "%s", words[n]);
		argv[3 + n] = text[n];
	}
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0)
			(void)dup2(null, STDERR_FILENO);
		(void)execve(PROGRAM, argv, env);
		_exit(127);
	}
	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		return -1;
	return WEXITSTATUS(st) == 0 ? 0 : -1;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static void
names(struct legacy *l, const struct sysconf *c)
{
	size_t i;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < sizeof(l->chain) - 1 && c->instance[i] != '\0'; i++)
		l->chain[i] = (char)toupper((unsigned char)c->instance[i]);
	(void)snprintf(l->links, sizeof(l->links), "%s+", c->ifprefix);
}

void
legacy_hook(const struct sysconf *c)
{
	const char *parent;
	struct legacy l;

	if (!has_filter())
		return;
	names(&l, c);
	parent = RUN("-S", "DOCKER-USER") == 0 ? "DOCKER-USER" : "FORWARD";
	(void)RUN("-N", l.chain);
	if (RUN("-F", l.chain) < 0 ||
	    RUN("-A", l.chain, "-i", l.links, "-j", "ACCEPT") < 0 ||
	    RUN("-A", l.chain, "-o", l.links, "-j", "ACCEPT") < 0 ||
	    (RUN("-C", parent, "-j", l.chain) < 0 &&
		RUN("-I", parent, "-j", l.chain) < 0))
		log_warn("legacy iptables has a table \"filter\", and %s could "
		    "not put chain %s before its %s: what that drops, VMs do "
		    "not get", PROGRAM, l.chain, parent);
}

int
legacy_down(const struct sysconf *c, struct err *e)
{
	struct legacy l;

	if (!has_filter())
		return 0;
	names(&l, c);
	if (RUN("-S", l.chain) < 0)
		return 0;
	while (RUN("-D", "FORWARD", "-j", l.chain) == 0 ||
	    RUN("-D", "DOCKER-USER", "-j", l.chain) == 0)
		;
	if (RUN("-F", l.chain) < 0 || RUN("-X", l.chain) < 0)
		return err_set(e, EIO, "chain %s of legacy iptables is left; "
		    "see iptables-legacy -S", l.chain);
	return 0;
}
