/* SPDX-License-Identifier: ISC */
/*
 * A tracer of one role of a live instance and of the children that it clones,
 * for tests; runs as root, outside of the product. It names each system call
 * by the record that its process heard last, and at one of them kills, or
 * answers in the kernel's place.
 */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

enum who { WHO_NONE, WHO_FRONT, WHO_NET, WHO_JAIL, WHO_CTLD, WHO_HELPER,
	WHO_S, WHO_V, WHO_VMSUP, WHO_END };

struct task {
	pid_t pid;
	enum who who;		/* WHO_NONE: its parent did not tell yet */
	int parked;		/* stopped until it is known */
	int hit;		/* its present call is the point */
	const char *request;	/* what it heard last */
	uint64_t nr, args[6];	/* of its present call */
	unsigned k;		/* which one of its name */
	struct user_regs_struct regs;	/* as they were, when hit */
};

/* The request that a record which was just received by this process begins,
 * or NULL when it is none: from the tables of policy/. */
const char *heard(const struct task *t, int64_t received);

/* Copy from the memory of a stopped process. 0 or -1. */
int peek(pid_t pid, uint64_t at, void *buf, size_t n);

#endif
