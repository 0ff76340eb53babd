/* SPDX-License-Identifier: ISC */
/*
 * policyprobe PID LIST: asks the kernel for the seccomp programs that a live
 * process has loaded and judges them call by call against the tables that
 * this program was compiled with. Prints one line for each call that the
 * kernel decides otherwise than the tables say; exits 1 when no program of
 * the process agrees. Needs root (PTRACE_SECCOMP_GET_FILTER).
 */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/seccomp.h"

#define CALLS 512
#define FILTERS 8

static struct sock_filter prog[FILTERS][BPF_MAXINSNS];
static long len[FILTERS];

static uint32_t
load(const struct seccomp_data *d, uint32_t at)
{
	uint32_t v;

	if (at > sizeof(*d) - sizeof(v))
		errx(2, "load at %u", at);
	memcpy(&v, (const unsigned char *)d + at, sizeof(v));
	return v;
}

/* The few classic instructions that libseccomp and QEMU write. */
static uint32_t
run(const struct sock_filter *p, long n, const struct seccomp_data *d)
{
	uint32_t a = 0;
	long pc;
	int yes;

	for (pc = 0; pc < n; pc++) {
		switch (p[pc].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(d, p[pc].k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= p[pc].k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += p[pc].k;
			continue;
		case BPF_RET | BPF_K:
			return p[pc].k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == p[pc].k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > p[pc].k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= p[pc].k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & p[pc].k) != 0;
			break;
		default:
			errx(2, "instruction 0x%x", p[pc].code);
		}
		pc += yes ? p[pc].jt : p[pc].jf;
	}
	errx(2, "the program has no end");
}

static unsigned
fetch(pid_t pid)
{
	unsigned n;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
	    waitpid(pid, NULL, __WALL) < 0)
		err(2, "ptrace %d", pid);
	for (n = 0; n < FILTERS; n++) {
		len[n] = ptrace(PTRACE_SECCOMP_GET_FILTER, pid,
		    (void *)(uintptr_t)n, prog[n]);
		if (len[n] < 0)
			break;
	}
	if (n == 0 && errno != ENOENT)
		err(2, "PTRACE_SECCOMP_GET_FILTER");
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return n;
}

/* A call that the rule speaks of. */
static struct seccomp_data
sample(const struct seccomp_rule *r)
{
	struct seccomp_data d = { .nr = r->nr, .arch = AUDIT_ARCH_X86_64 };
	unsigned i;

	/* setresuid and setresgid: -1 is one of their forms */
	if (r->kind == SECK_IDS)
		for (i = 0; i < 3; i++)
			d.args[i] = UINT32_MAX;
	for (i = 0; i < r->nargs; i++) {
		d.args[r->args[i].arg] = r->args[i].value;
		if (r->args[i].op == SCMP_CMP_NE ||
		    r->args[i].op == SCMP_CMP_GT)
			d.args[r->args[i].arg]++;
		if (r->args[i].op == SCMP_CMP_LT)
			d.args[r->args[i].arg]--;
	}
	return d;
}

struct judge {
	enum seccomp_list list;
	unsigned at;		/* which program */
	int quiet;
	unsigned bad;
};

static void
differs(struct judge *j, int nr, const char *what)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

	j->bad++;
	if (!j->quiet)
		(void)printf("%s: %s (%d): %s\n", seccomp_list_name(j->list),
		    name != NULL ? name : "?", nr, what);
	free(name);
}

static void
judge(struct judge *j)
{
	uint32_t lists = seccomp_lists(j->list), got;
	struct seccomp_data d = { .arch = AUDIT_ARCH_X86_64 };
	const struct seccomp_rule *r;
	char named[CALLS] = { 0 };
	unsigned l, i;

	for (l = 0; l < SEC_N; l++) {
		if ((lists & (1u << l)) == 0)
			continue;
		for (i = 0; (r = seccomp_rule((enum seccomp_list)l, i)) != NULL; i++) {
			if (r->nr < 0 || r->nr >= CALLS)
				continue;
			named[r->nr] = 1;
			d = sample(r);
			got = run(prog[j->at], len[j->at], &d);
			if (got != (r->kind == SECK_REFUSE ?
			    SECCOMP_RET_ERRNO | (uint32_t)r->refuse :
			    (uint32_t)SECCOMP_RET_ALLOW) &&
			    (r->kind != SECK_REFUSE ||
				got != SECCOMP_RET_ALLOW))
				differs(j, r->nr, "the table allows it, the "
				    "process may not");
		}
	}
	for (i = 0; i < CALLS; i++) {
		memset(&d, 0, sizeof(d));
		d.arch = AUDIT_ARCH_X86_64;
		d.nr = (int)i;
		got = run(prog[j->at], len[j->at], &d) &
		    SECCOMP_RET_ACTION_FULL;
		if (!named[i] && got == SECCOMP_RET_ALLOW)
			differs(j, (int)i, "the process may, no table says "
			    "so");
	}
}

int
main(int argc, char *argv[])
{
	struct judge j = { .quiet = 1 };
	unsigned l, n;

	if (argc != 3)
		errx(2, "usage: policyprobe PID LIST");
	for (l = 0; l < SEC_N; l++)
		if (strcmp(seccomp_list_name((enum seccomp_list)l), argv[2]) == 0)
			break;
	if (l == SEC_N)
		errx(2, "no list %s", argv[2]);
	j.list = (enum seccomp_list)l;
	n = fetch((pid_t)atoi(argv[1]));
	if (n == 0)
		errx(2, "%s: process %s has no program", argv[2], argv[1]);
	for (j.at = 0; j.at < n; j.at++) {
		j.bad = 0;
		judge(&j);
		if (j.bad == 0)
			return 0;
	}
	j.quiet = 0;
	j.at = 0;
	judge(&j);
	return 1;
}
