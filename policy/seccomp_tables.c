/* SPDX-License-Identifier: ISC */
/*
 * The lists as data: what each word of a policy/<list>.def means, and every
 * header whose constants they use. No code but the look-up.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/vmfd.h"
#include "policy/seccomp.h"

/* as mknodat(2) takes it, for numbers below 256 */
#define DEV(major, minor) ((uint64_t)(major) << 8 | (minor))

#define RULE(k, c, n, w) .kind = k, .nr = SCMP_SYS(c), .call = #c, \
	.nargs = n, .why = w
#define ARG(a, o, v) { .arg = a, .op = SCMP_CMP_##o, .value = (v) }
#define MASK(a, m, v) \
	{ .arg = a, .op = SCMP_CMP_MASKED_EQ, .mask = (m), .value = (v) }

#define ALLOW(c, why) { RULE(SECK_ALLOW, c, 0, why) },
#define ALLOW_ARG(c, a, op, v, why) \
	{ RULE(SECK_ALLOW, c, 1, why), .args = { ARG(a, op, v) } },
#define ALLOW_MASK(c, a, m, v, why) \
	{ RULE(SECK_ALLOW, c, 1, why), .args = { MASK(a, m, v) } },
#define ALLOW_ARG2(c, a, o, v, a2, o2, v2, why) \
	{ RULE(SECK_ALLOW, c, 2, why), \
	    .args = { ARG(a, o, v), ARG(a2, o2, v2) } },
#define ALLOW_MASK2(c, a, m, v, a2, m2, v2, why) \
	{ RULE(SECK_ALLOW, c, 2, why), \
	    .args = { MASK(a, m, v), MASK(a2, m2, v2) } },
/* the kernel takes 32 bits; programs that keep it in an int sign-extend it */
#define ALLOW_IOCTL(request, why) \
	ALLOW_MASK(ioctl, 1, 0xffffffffu, (uint32_t)(request), why)
#define ALLOW_IDS(c, why) { RULE(SECK_IDS, c, 0, why) },
#define REFUSE(c, error, why) \
	{ RULE(SECK_REFUSE, c, 0, why), .refuse = (error) },
#define REFUSE_MASK(c, a, m, v, error, why) \
	{ RULE(SECK_REFUSE, c, 1, why), .args = { MASK(a, m, v) }, \
	    .refuse = (error) },

static const struct seccomp_rule front[] = {
#include "policy/front.def"
};
static const struct seccomp_rule net[] = {
#include "policy/net.def"
};
static const struct seccomp_rule jail[] = {
#include "policy/jail.def"
};
static const struct seccomp_rule s[] = {
#include "policy/s.def"
};
static const struct seccomp_rule sup[] = {
#include "policy/sup.def"
};
static const struct seccomp_rule qemu[] = {
#include "policy/qemu.def"
};
static const struct seccomp_rule fc[] = {
#include "policy/fc.def"
};
static const struct seccomp_rule ctld[] = {
#include "policy/ctld.def"
};
static const struct seccomp_rule client[] = {
#include "policy/client.def"
};
static const struct seccomp_rule client_child[] = {
#include "policy/client_child.def"
};
static const struct seccomp_rule conf[] = {
#include "policy/conf.def"
};

#define LIST(ID, l) [SEC_##ID] = { #l, l, sizeof(l) / sizeof((l)[0]) }
static const struct {
	const char *name;
	const struct seccomp_rule *rules;
	size_t n;
} lists[SEC_N] = {
	LIST(FRONT, front),
	LIST(NET, net),
	LIST(JAIL, jail),
	LIST(S, s),
	LIST(SUP, sup),
	LIST(QEMU, qemu),
	LIST(FC, fc),
	LIST(CTLD, ctld),
	LIST(CLIENT, client),
	LIST(CLIENT_CHILD, client_child),
	LIST(CONF, conf),
};

/* Whose lists make up a program, and what happens to every other call. */
#define L(x) (1u << SEC_##x)
#define OF_VM (L(SUP) | L(QEMU) | L(FC))

static const struct program {
	uint32_t lists; /* bits of enum seccomp_list */
	uint32_t other;
} programs[SEC_N] = {
	[SEC_FRONT] = { L(FRONT), SCMP_ACT_TRAP },
	[SEC_NET] = { L(NET), SCMP_ACT_TRAP },
	[SEC_JAIL] = { L(JAIL) | L(S) | OF_VM, SCMP_ACT_TRAP },
	[SEC_S] = { L(S) | OF_VM, SCMP_ACT_TRAP },
	[SEC_SUP] = { L(SUP), SCMP_ACT_TRAP },
	[SEC_QEMU] = { L(QEMU), SCMP_ACT_KILL_PROCESS },
	[SEC_FC] = { L(FC), SCMP_ACT_KILL_PROCESS },
	[SEC_CTLD] = { L(CTLD), SCMP_ACT_TRAP },
	[SEC_CLIENT] = { L(CLIENT) | L(CLIENT_CHILD), SCMP_ACT_TRAP },
	[SEC_CLIENT_CHILD] = { L(CLIENT_CHILD), SCMP_ACT_TRAP },
	[SEC_CONF] = { L(CONF), SCMP_ACT_TRAP },
};

uint32_t
seccomp_lists(enum seccomp_list list)
{
	return (unsigned)list < SEC_N ? programs[list].lists : 0;
}

uint32_t
seccomp_other(enum seccomp_list list)
{
	return (unsigned)list < SEC_N ? programs[list].other :
					SCMP_ACT_KILL_PROCESS;
}

const struct seccomp_rule *
seccomp_rule(enum seccomp_list list, unsigned i)
{
	if ((unsigned)list >= SEC_N || i >= lists[list].n)
		return NULL;
	return &lists[list].rules[i];
}

const char *
seccomp_list_name(enum seccomp_list list)
{
	return (unsigned)list < SEC_N ? lists[list].name : "?";
}
