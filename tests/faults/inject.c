/* SPDX-License-Identifier: ISC */
/*
 * inject PID ROLE [REQUEST WHO CALL K ACTION [ARGUMENT]]
 *
 * Traces the live role ROLE (front net jail ctld) and what it clones; says
 * "ready" when it does. Alone it prints each system call that returns, as
 * "REQUEST WHO CALL K RESULT": WHO made it, for the K-th time after it heard
 * REQUEST. With a point it waits for that call and then, ACTION being
 *	before, after [PID]	WHO, or else process PID, is killed there;
 *	fail ERRNO	the call is not made and fails;
 *	lie		the call is not made and answers 0;
 * says "hit" and lets everything go. Ends at SIGTERM. Runs as root, for tests
 * alone; no process of the product knows of it.
 *
 * A call that is not to be made becomes close(-1), which every list allows:
 * a tracer's stop comes before seccomp, which then judges what stands there.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <seccomp.h>

#include "common/sysx.h"
#include "tests/faults/inject.h"

#define TASKS 64
#define NAMES 1024
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | \
    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)

enum action { CENSUS, KILL_BEFORE, KILL_AFTER, FAIL, LIE, ACTIONS };

static const char *const actions[ACTIONS] = { "census", "before", "after",
	"fail", "lie" };
static const char *const whos[WHO_END] = { "none", "front", "net", "jail",
	"ctld", "helper", "S", "V", "vmsup" };

struct count {
	const char *request;
	enum who who;
	uint64_t nr;
	unsigned n;
};

struct inject {
	pid_t role;
	enum action action;
	const char *request;
	enum who who;
	int nr;
	unsigned k;
	int argument;		/* an errno, or whom to kill instead */
	struct task tasks[TASKS];
	struct count counts[NAMES];
	unsigned ncounts;
};

static struct task *
task_find(struct inject *in, pid_t pid)
{
	unsigned i;

	for (i = 0; i < TASKS; i++)
		if (in->tasks[i].pid == pid)
			return &in->tasks[i];
	return NULL;
}

static struct task *
task_add(struct inject *in, pid_t pid, enum who who)
{
	struct task *t = task_find(in, 0);

	if (t == NULL)
		errx(1, "more than %d processes", TASKS);
	*t = (struct task){ .pid = pid, .who = who, .request = "-" };
	return t;
}

/* A process may be gone at any moment. */
static void
go_on(const struct task *t, int sig)
{
	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, (long)sig) < 0 &&
	    errno != ESRCH)
		err(1, "PTRACE_SYSCALL");
}

static void
let_go(struct task *t)
{
	(void)ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	t->pid = 0;
}

static unsigned
count(struct inject *in, const struct task *t)
{
	struct count *c;

	for (c = in->counts; c < in->counts + in->ncounts; c++)
		if (c->request == t->request && c->who == t->who &&
		    c->nr == t->nr)
			return ++c->n;
	if (in->ncounts == NAMES)
		errx(1, "more than %d names", NAMES);
	in->ncounts++;
	*c = (struct count){ t->request, t->who, t->nr, 1 };
	return 1;
}

static void
print_call(const struct task *t, int64_t result)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
	    (int)t->nr);

	(void)printf("%s %s %s %u %lld\n", t->request, whos[t->who],
	    name != NULL ? name : "?", t->k, (long long)result);
	free(name);
}

static _Noreturn void
done(void)
{
	(void)printf("hit\n");
	exit(0); /* and all that is traced goes on */
}

/* Kill it and see it dead, so that nothing of it runs after this. */
static _Noreturn void
kill_now(const struct inject *in, const struct task *t)
{
	pid_t pid = in->argument != 0 ? in->argument : t->pid;
	struct pollfd p = { .fd = sysx_pidfd_open(pid), .events = POLLIN };

	if (p.fd < 0 || kill(pid, SIGKILL) < 0)
		err(1, "cannot kill %d", (int)pid);
	/* the init of a pid namespace waits for its children, and they for
	 * their tracer */
	while (poll(&p, 1, 1) == 0)
		while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
			;
	done();
}

static int
is_point(const struct inject *in, const struct task *t)
{
	return in->action != CENSUS && t->who == in->who &&
	    t->nr == (uint64_t)in->nr && t->k == in->k &&
	    strcmp(t->request, in->request) == 0;
}

static void
enter(struct inject *in, struct task *t,
    const struct __ptrace_syscall_info *info)
{
	struct user_regs_struct r;

	t->nr = info->entry.nr;
	memcpy(t->args, info->entry.args, sizeof(t->args));
	t->k = count(in, t);
	t->hit = is_point(in, t);
	if (!t->hit)
		return;
	if (in->action == KILL_BEFORE)
		kill_now(in, t);
	if (in->action != FAIL && in->action != LIE)
		return;
	if (ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs) < 0)
		err(1, "PTRACE_GETREGS");
	r = t->regs;
	r.orig_rax = SYS_close;
	r.rdi = (unsigned long long)-1;
	if (ptrace(PTRACE_SETREGS, t->pid, NULL, &r) < 0)
		err(1, "PTRACE_SETREGS");
}

static void
leave(struct inject *in, struct task *t,
    const struct __ptrace_syscall_info *info)
{
	const char *request;

	if (t->hit && in->action == KILL_AFTER)
		kill_now(in, t);
	if (t->hit) {
		t->regs.rax = in->action == LIE ? 0 :
		    (unsigned long long)-in->argument;
		if (ptrace(PTRACE_SETREGS, t->pid, NULL, &t->regs) < 0)
			err(1, "PTRACE_SETREGS");
		done();
	}
	if (in->action == CENSUS)
		print_call(t, info->exit.rval);
	if (t->nr == SYS_recvmsg &&
	    (request = heard(t, info->exit.rval)) != NULL)
		t->request = request;
}

static void
at_syscall(struct inject *in, struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enter(in, t, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		leave(in, t, &info);
}

/* jail's children are S, with a pid namespace, and helpers; S's is V. */
static enum who
child_of(const struct task *t)
{
	struct clone_args a = { 0 };

	if (t->who == WHO_S)
		return WHO_V;
	if (t->nr == SYS_clone3 && peek(t->pid, t->args[0], &a,
	    CLONE_ARGS_SIZE_VER0) == 0 && (a.flags & CLONE_NEWPID) != 0)
		return WHO_S;
	return WHO_HELPER;
}

static void
at_clone(struct inject *in, const struct task *t)
{
	unsigned long pid;
	struct task *c;

	if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &pid) < 0)
		return;
	c = task_find(in, (pid_t)pid);
	if (c == NULL)
		c = task_add(in, (pid_t)pid, WHO_NONE);
	c->who = child_of(t);
	c->request = t->request;
	if (c->parked) {
		c->parked = 0;
		go_on(c, 0);
	}
}

/* S has become vmsup; what V becomes is no program of ours. */
static int
at_exec(const struct inject *in, struct task *t)
{
	if (t->who != WHO_S ||
	    (in->action != CENSUS && in->who != WHO_VMSUP)) {
		let_go(t);
		return -1;
	}
	t->who = WHO_VMSUP;
	return 0;
}

static void
stopped(struct inject *in, struct task *t, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	switch (event) {
	case 0:
		if (sig == (SIGTRAP | 0x80)) {
			at_syscall(in, t);
			sig = 0;
		}
		go_on(t, sig);
		return;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		at_clone(in, t);
		break;
	case PTRACE_EVENT_EXEC:
		if (at_exec(in, t) < 0)
			return;
		break;
	case PTRACE_EVENT_STOP:
		if (t->who == WHO_NONE) {
			t->parked = 1;
			return;
		}
		break;
	}
	go_on(t, 0);
}

static void
trace(struct inject *in)
{
	struct task *t;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		t = task_find(in, pid);
		if (t == NULL && WIFSTOPPED(status))
			t = task_add(in, pid, WHO_NONE);
		if (t == NULL)
			continue;
		if (WIFSTOPPED(status))
			stopped(in, t, status);
		else
			t->pid = 0;
	}
}

static unsigned
lookup(const char *name, const char *const *list, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return i;
	errx(2, "%s?", name);
}

static void
parse_point(struct inject *in, int argc, char **argv)
{
	in->request = argv[0];
	in->who = lookup(argv[1], whos, WHO_END);
	in->nr = seccomp_syscall_resolve_name(argv[2]);
	in->k = (unsigned)strtoul(argv[3], NULL, 10);
	in->action = lookup(argv[4], actions, ACTIONS);
	if (argc > 5)
		in->argument = (int)strtol(argv[5], NULL, 10);
	if (in->nr < 0 || (in->action == FAIL && in->argument <= 0))
		errx(2, "no such point");
}

int
main(int argc, char **argv)
{
	static struct inject in;
	int status;

	if (argc != 3 && argc != 8 && argc != 9)
		errx(2, "usage: inject PID ROLE [REQUEST WHO CALL K ACTION "
		    "[ARGUMENT]]");
	in.role = (pid_t)strtol(argv[1], NULL, 10);
	if (argc > 3)
		parse_point(&in, argc - 3, argv + 3);
	(void)task_add(&in, in.role, lookup(argv[2], whos, WHO_END));
	if (ptrace(PTRACE_SEIZE, in.role, NULL, OPTIONS) < 0 ||
	    ptrace(PTRACE_INTERRUPT, in.role, NULL, NULL) < 0)
		err(1, "cannot trace %d", (int)in.role);
	if (waitpid(in.role, &status, __WALL) != in.role ||
	    !WIFSTOPPED(status))
		errx(1, "it has ended");
	stopped(&in, task_find(&in, in.role), status);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)printf("ready\n");
	trace(&in);
	return 0;
}
