/* SPDX-License-Identifier: ISC */
/*
 * Seccomp lists as data: policy/<list>.def, one rule a line with its reason.
 *
 *	ALLOW(call, "why")
 *	ALLOW_ARG(call, arg, op, value, "why")         op: EQ NE LT LE GT GE
 *	ALLOW_MASK(call, arg, mask, value, "why")      (arg & mask) == value
 *	ALLOW_ARG2(call, a1, op1, v1, a2, op2, v2, "why")       both hold
 *	ALLOW_IDS(call, "why")   setresuid, setresgid: each argument is -1,
 *	                         jail's own id or in the VM range
 *	REFUSE(call, errno, "why")    what libc merely probes
 *
 * Everything else: TRAP for our roles, KILL_PROCESS for a VMM. x32 and other
 * architectures: killed. Compiled by libseccomp once, by the starter, and
 * handed out as sealed memfds. jail's program is the union of its own list
 * and of all that its descendants will load (filters only narrow).
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

/* For printing and tests: rule i of a list, NULL beyond. */
struct seccomp_rule;
const struct seccomp_rule *seccomp_rule(enum seccomp_list list, unsigned i);
const char *seccomp_list_name(enum seccomp_list list);

#endif
