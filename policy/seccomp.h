/* SPDX-License-Identifier: ISC */
/*
 * Seccomp lists as data: policy/<list>.def, one rule a line with its reason.
 *
 *	ALLOW(call, "why")
 *	ALLOW_ARG(call, arg, op, value, "why")         op: EQ NE LT LE GT GE
 *	ALLOW_MASK(call, arg, mask, value, "why")      (arg & mask) == value
 *	ALLOW_ARG2(call, a1, op1, v1, a2, op2, v2, "why")       both hold
 *	ALLOW_MASK2(call, a1, mask1, v1, a2, mask2, v2, "why")  both hold
 *	ALLOW_IOCTL(request, "why")                    by its 32-bit number
 *	ALLOW_IDS(call, "why")   setresuid, setresgid: each argument is -1,
 *	                         jail's own id or in the VM range
 *	REFUSE(call, errno, "why")    what libc merely probes
 *	REFUSE_MASK(call, arg, mask, value, errno, "why")  of a call whose other
 *	                         forms are allowed
 *
 * Everything else: TRAP for our roles, KILL_PROCESS for a VMM. x32 and other
 * architectures: killed. Compiled by libseccomp once, by the starter, and
 * handed out as sealed memfds. Filters only narrow, so the programs of jail, S
 * and the client listener are unions of their own list and of all that their
 * descendants will load. In a union a call that one list allows whatever its
 * arguments is allowed so, and a call that one list allows in some form and
 * another refuses is allowed: the descendant's own filter is the stricter.
 */
#ifndef POLICY_SECCOMP_H
#define POLICY_SECCOMP_H

#include <stdint.h>

#include "common/err.h"
#include "common/sysconf.h"

enum seccomp_list {
	SEC_FRONT, SEC_NET, SEC_JAIL, SEC_S, SEC_SUP, SEC_QEMU, SEC_FC,
	SEC_CTLD, SEC_CLIENT, SEC_CLIENT_CHILD, SEC_CONF, SEC_N
};

/* Compile one list into a sealed memfd of struct sock_filter[]. The caller
 * owns the descriptor. -1 with *e. */
int seccomp_compile(enum seccomp_list list, const struct sysconf *c,
    struct err *e);

enum seccomp_kind { SECK_ALLOW, SECK_IDS, SECK_REFUSE };
struct seccomp_arg {
	uint8_t arg;		/* 0-5 */
	uint8_t op;		/* enum scmp_compare; MASKED_EQ uses mask */
	uint64_t mask, value;
};
struct seccomp_rule {
	enum seccomp_kind kind;
	int nr, refuse;		/* call; errno of SECK_REFUSE */
	unsigned nargs;
	struct seccomp_arg args[3]; /* all hold */
	const char *call, *why;
};

/* For printing and tests: rule i of a list, NULL beyond. */
const struct seccomp_rule *seccomp_rule(enum seccomp_list list, unsigned i);
const char *seccomp_list_name(enum seccomp_list list);
/* What a program is made of: bits of enum seccomp_list; and libseccomp's
 * action for every call that is in none of them. */
uint32_t seccomp_lists(enum seccomp_list list);
uint32_t seccomp_other(enum seccomp_list list);

#endif
