/* SPDX-License-Identifier: ISC */
/*
 * The seccomp lists as data and as programs, judged by an interpreter of
 * classic BPF, so that every rule and every call can be asked about: no rule
 * twice or shadowed by a wider one, each rule does what it says, everything
 * else is the list's default, and a union is never stricter than its parts.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "policy/seccomp.h"

#define X32 0x40000000u

struct prog {
	struct sock_filter insn[BPF_MAXINSNS];
	unsigned n;
};

static struct sysconf c;
static struct prog progs[SEC_N];

static void
compile_all(void)
{
	struct err e = { .code = 0 };
	ssize_t size;
	unsigned i;
	int fd;

	sysconf_default(&c);
	c.uid.jail = c.gid.jail = 61003;
	for (i = 0; i < SEC_N; i++) {
		fd = seccomp_compile((enum seccomp_list)i, &c, &e);
		ATF_REQUIRE_MSG(fd >= 0, "%s: %s",
		    seccomp_list_name((enum seccomp_list)i), e.msg);
		size = fd_sealed_size(fd, sizeof(progs[i].insn));
		ATF_REQUIRE(size > 0);
		ATF_REQUIRE_EQ(0, fd_unseal(fd, progs[i].insn, (size_t)size));
		progs[i].n = (unsigned)size / sizeof(progs[i].insn[0]);
		(void)close(fd);
	}
}

static uint32_t
load(const struct seccomp_data *d, uint32_t at)
{
	uint32_t v;

	ATF_REQUIRE(at <= sizeof(*d) - sizeof(v) && at % sizeof(v) == 0);
	memcpy(&v, (const unsigned char *)d + at, sizeof(v));
	return v;
}

/* What the kernel would answer to this call. */
static uint32_t
run(enum seccomp_list list, const struct seccomp_data *d)
{
	const struct prog *p = &progs[list];
	uint32_t a = 0;
	unsigned pc = 0;
	int yes;

	for (;;) {
		const struct sock_filter *f = &p->insn[pc++];

		ATF_REQUIRE(pc <= p->n);
		yes = 0;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS: a = load(d, f->k); continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= f->k; continue;
		case BPF_RET | BPF_K: return f->k;
		case BPF_JMP | BPF_JA: pc += f->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: yes = a == f->k; break;
		case BPF_JMP | BPF_JGT | BPF_K: yes = a > f->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: yes = a >= f->k; break;
		case BPF_JMP | BPF_JSET | BPF_K: yes = (a & f->k) != 0; break;
		default: atf_tc_fail("instruction 0x%x", f->code);
		}
		pc += yes ? f->jt : f->jf;
	}
}

static struct seccomp_data
call(int nr)
{
	struct seccomp_data d;

	memset(&d, 0, sizeof(d));
	d.nr = nr;
	d.arch = AUDIT_ARCH_X86_64;
	return d;
}

static uint32_t
ask(enum seccomp_list list, int nr, uint64_t a0, uint64_t a1, uint64_t a2,
    uint64_t a3)
{
	struct seccomp_data d = call(nr);

	d.args[0] = a0;
	d.args[1] = a1;
	d.args[2] = a2;
	d.args[3] = a3;
	return run(list, &d);
}

/* A call that the rule is about, other arguments being other. */
static struct seccomp_data
sample(const struct seccomp_rule *r, uint64_t other)
{
	struct seccomp_data d = call(r->nr);
	const struct seccomp_arg *a;
	unsigned i;

	for (i = 0; i < 6; i++)
		d.args[i] = other;
	for (i = 0; r->kind == SECK_IDS && i < 3; i++)
		d.args[i] = c.vm_id_base + 77;
	for (i = 0; i < r->nargs; i++) {
		a = &r->args[i];
		switch ((enum scmp_compare)a->op) {
		case SCMP_CMP_EQ:
		case SCMP_CMP_LE:
		case SCMP_CMP_GE: d.args[a->arg] = a->value; break;
		case SCMP_CMP_NE:
		case SCMP_CMP_GT: d.args[a->arg] = a->value + 1; break;
		case SCMP_CMP_LT: d.args[a->arg] = a->value - 1; break;
		case SCMP_CMP_MASKED_EQ:
			d.args[a->arg] = (other & ~a->mask) | a->value;
			break;
		case _SCMP_CMP_MIN:
		case _SCMP_CMP_MAX:
		default: atf_tc_fail("%s: comparison %u", r->call, a->op);
		}
	}
	return d;
}

static uint32_t
other_action(enum seccomp_list list)
{
	return list == SEC_QEMU || list == SEC_FC ? SECCOMP_RET_KILL_PROCESS :
						    SECCOMP_RET_TRAP;
}

/* Is everything that condition a takes also taken by b? */
static int
implies(const struct seccomp_arg *a, const struct seccomp_arg *b)
{
	const int am = a->op == SCMP_CMP_MASKED_EQ;
	const int bm = b->op == SCMP_CMP_MASKED_EQ;

	if (a->arg != b->arg)
		return 0;
	if (am && bm)
		return (b->mask & ~a->mask) == 0 &&
		    (a->value & b->mask) == b->value;
	if (bm)
		return a->op == SCMP_CMP_EQ &&
		    (a->value & b->mask) == b->value;
	return !am && a->op == b->op && a->value == b->value;
}

static int
shadows(const struct seccomp_rule *wide, const struct seccomp_rule *r)
{
	unsigned i, j;

	if (wide->nr != r->nr)
		return 0;
	/* an unconditional rule, or such a refusal, stands alone */
	if ((wide->kind == SECK_REFUSE && wide->nargs == 0) ||
	    (r->kind == SECK_REFUSE && r->nargs == 0) ||
	    (wide->kind == SECK_IDS) != (r->kind == SECK_IDS))
		return 1;
	for (i = 0; i < wide->nargs; i++) {
		for (j = 0; j < r->nargs; j++)
			if (implies(&r->args[j], &wide->args[i]))
				break;
		if (j == r->nargs)
			return 0;
	}
	return 1;
}

ATF_TC_WITHOUT_HEAD(no_rule_twice);
ATF_TC_BODY(no_rule_twice, tc)
{
	const struct seccomp_rule *a, *b;
	unsigned l, i, j;

	(void)tc;
	for (l = 0; l < SEC_N; l++)
		for (i = 0; (a = seccomp_rule(l, i)) != NULL; i++) {
			ATF_CHECK_MSG(strlen(a->why) > 2, "%s: %s: no reason",
			    seccomp_list_name(l), a->call);
			for (j = 0; (b = seccomp_rule(l, j)) != NULL; j++)
				ATF_CHECK_MSG(i == j || !shadows(a, b),
				    "%s.def: %s (\"%s\") is shadowed by "
				    "\"%s\"", seccomp_list_name(l), b->call,
				    b->why, a->why);
		}
}

/* The test above would see one: pairs that it must and must not complain of. */
ATF_TC_WITHOUT_HEAD(no_rule_twice_control);
ATF_TC_BODY(no_rule_twice_control, tc)
{
	const struct seccomp_rule all = { .kind = SECK_ALLOW, .nr = 1 };
	const struct seccomp_rule one = { .kind = SECK_ALLOW, .nr = 1,
		.nargs = 1, .args = { { 0, SCMP_CMP_EQ, 0, 5 } } };
	const struct seccomp_rule two = { .kind = SECK_ALLOW, .nr = 1,
		.nargs = 2, .args = { { 0, SCMP_CMP_EQ, 0, 5 },
		    { 1, SCMP_CMP_EQ, 0, 6 } } };
	const struct seccomp_rule bits = { .kind = SECK_ALLOW, .nr = 1,
		.nargs = 1, .args = { { 0, SCMP_CMP_MASKED_EQ, 4, 4 } } };
	const struct seccomp_rule no = { .kind = SECK_REFUSE, .nr = 1 };

	(void)tc;
	ATF_CHECK(shadows(&all, &one) && !shadows(&one, &all));
	ATF_CHECK(shadows(&one, &two) && !shadows(&two, &one));
	ATF_CHECK(shadows(&bits, &one) && !shadows(&one, &bits));
	ATF_CHECK(shadows(&no, &one) && shadows(&one, &no));
}

static uint32_t
answer(const struct seccomp_rule *r)
{
	return r->kind == SECK_REFUSE ?
	    SECCOMP_RET_ERRNO | (unsigned)r->refuse : SECCOMP_RET_ALLOW;
}

ATF_TC_WITHOUT_HEAD(each_rule);
ATF_TC_BODY(each_rule, tc)
{
	static const uint64_t others[] = { 0, 0x5a5a5a5a5a5a5a5aULL, ~0ULL };
	const struct seccomp_rule *r;
	struct seccomp_data d;
	unsigned l, i, k;
	uint32_t got;

	(void)tc;
	compile_all();
	for (l = 0; l < SEC_N; l++) {
		/* unions: see union_is_not_stricter */
		if (l == SEC_JAIL || l == SEC_S || l == SEC_CLIENT)
			continue;
		for (i = 0; (r = seccomp_rule(l, i)) != NULL; i++)
			for (k = 0; k < 3; k++) {
				d = sample(r, others[k]);
				got = run(l, &d);
				ATF_CHECK_EQ_MSG(answer(r), got,
				    "%s: %s \"%s\": 0x%x",
				    seccomp_list_name(l), r->call, r->why,
				    got);
			}
	}
}

static int
named(uint32_t lists, int nr)
{
	const struct seccomp_rule *r;
	unsigned l, i;

	for (l = 0; l < SEC_N; l++)
		for (i = 0; (lists & 1u << l) != 0 &&
		     (r = seccomp_rule(l, i)) != NULL; i++)
			if (r->nr == nr)
				return 1;
	return 0;
}

static uint32_t
parts(unsigned list)
{
	const uint32_t vm = 1u << SEC_SUP | 1u << SEC_QEMU | 1u << SEC_FC;

	switch (list) {
	case SEC_JAIL: return vm | 1u << SEC_S | 1u << SEC_JAIL;
	case SEC_S: return vm | 1u << SEC_S;
	case SEC_CLIENT: return 1u << SEC_CLIENT | 1u << SEC_CLIENT_CHILD;
	default: return 1u << list;
	}
}

ATF_TC_WITHOUT_HEAD(everything_else);
ATF_TC_BODY(everything_else, tc)
{
	struct seccomp_data d;
	unsigned l, k;
	int nr, unnamed;

	(void)tc;
	compile_all();
	for (l = 0; l < SEC_N; l++) {
		for (nr = 0, unnamed = 0; nr < 700; nr++) {
			d = call(nr);
			for (k = 0; k < 6; k++)
				d.args[k] = (uint64_t)nr * 2654435761u;
			if (!named(parts(l), nr)) {
				ATF_CHECK_EQ(other_action(l), run(l, &d));
				unnamed++;
			}
			/* x32 and i386 are nobody's */
			d.nr = (int)(X32 | (unsigned)nr);
			ATF_CHECK_EQ(SECCOMP_RET_KILL_PROCESS, run(l, &d));
			d.nr = nr;
			d.arch = AUDIT_ARCH_I386;
			ATF_CHECK_EQ(SECCOMP_RET_KILL_PROCESS, run(l, &d));
		}
		d = call(-1);
		ATF_CHECK(run(l, &d) != SECCOMP_RET_ALLOW);
		ATF_CHECK(unnamed > 400);
	}
}

static void
random_rule_call(unsigned l, struct seccomp_data *d)
{
	const struct seccomp_rule *r;
	unsigned n = 0, k;

	while (seccomp_rule(l, n) != NULL)
		n++;
	r = seccomp_rule(l, (unsigned)random() % n);
	*d = sample(r, (uint64_t)random() & 0xff);
	/* and often something near it */
	k = (unsigned)random() % 6;
	if (random() % 2 == 0)
		d->args[k] ^= 1ULL << (random() % 34);
}

ATF_TC_WITHOUT_HEAD(union_is_not_stricter);
ATF_TC_BODY(union_is_not_stricter, tc)
{
	static const unsigned unions[] = { SEC_JAIL, SEC_S, SEC_CLIENT };
	struct seccomp_data d;
	uint32_t own, all;
	unsigned u, l;
	long i;

	(void)tc;
	compile_all();
	srandom(1);
	for (u = 0; u < 3; u++)
		for (l = 0; l < SEC_N; l++)
			for (i = 0; (parts(unions[u]) & 1u << l) != 0 &&
			     l != unions[u] && i < 50000; i++) {
				random_rule_call(l, &d);
				own = run(l, &d);
				all = run(unions[u], &d);
				if (own == SECCOMP_RET_ALLOW)
					ATF_CHECK_EQ_MSG(SECCOMP_RET_ALLOW,
					    all, "%s in %s: call %d",
					    seccomp_list_name(l),
					    seccomp_list_name(unions[u]),
					    d.nr);
				/* TRAP would win over the child's ERRNO */
				if ((own & SECCOMP_RET_ACTION_FULL) ==
				    SECCOMP_RET_ERRNO)
					ATF_CHECK(all >= SECCOMP_RET_ERRNO);
			}
}

#define ALLOWED(l, ...) ATF_CHECK_EQ(SECCOMP_RET_ALLOW, ask(l, __VA_ARGS__))
#define DENIED(l, ...) \
	ATF_CHECK_EQ(other_action(l), ask(l, __VA_ARGS__))

ATF_TC_WITHOUT_HEAD(ids);
ATF_TC_BODY(ids, tc)
{
	static const int calls[] = { SYS_setresuid, SYS_setresgid };
	static const unsigned lists[] = { SEC_JAIL, SEC_S };
	const uint64_t none = 0xffffffffu, own = 61003;
	uint64_t lo, hi;
	unsigned i, l;
	int nr;

	(void)tc;
	compile_all();
	lo = c.vm_id_base;
	hi = lo + c.vm_id_count - 1;
	for (i = 0; i < 4; i++) {
		nr = calls[i % 2];
		l = lists[i / 2];
		ALLOWED(l, nr, none, lo, none, 0);
		ALLOWED(l, nr, none, own, none, 0);
		ALLOWED(l, nr, hi, hi, hi, 0);
		ALLOWED(l, nr, lo, own, hi, 0);
		DENIED(l, nr, 0, 0, 0, 0);
		DENIED(l, nr, none, 0, none, 0);
		DENIED(l, nr, 0, lo, lo, 0);
		DENIED(l, nr, lo, lo, 0, 0);
		DENIED(l, nr, lo - 1, lo, lo, 0);
		DENIED(l, nr, lo, hi + 1, lo, 0);
		DENIED(l, nr, lo, lo, 1000, 0);
		/* the kernel looks at 32 bits: this would be uid 0 */
		DENIED(l, nr, 1ULL << 32, lo, lo, 0);
		DENIED(l, nr, none, 1ULL << 32 | 0, none, 0);
		DENIED(l, nr, lo, 1ULL << 32 | lo, lo, 0);
	}
	for (l = 0; l < SEC_N; l++) {
		DENIED(l, SYS_setuid, 0, 0, 0, 0);
		DENIED(l, SYS_setgid, 0, 0, 0, 0);
		DENIED(l, SYS_setreuid, 0, 0, 0, 0);
		DENIED(l, SYS_setfsuid, 0, 0, 0, 0);
		DENIED(l, SYS_setgroups, 1, 0, 0, 0);
	}
	ALLOWED(SEC_JAIL, SYS_setgroups, 0, 0, 0, 0);
}

ATF_TC_WITHOUT_HEAD(device_nodes);
ATF_TC_BODY(device_nodes, tc)
{
	(void)tc;
	compile_all();
	/* type and number together */
	ALLOWED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFCHR | 0666, 10 << 8 | 200);
	ALLOWED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFCHR | 0666, 10 << 8 | 232);
	ALLOWED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFCHR | 0666, 1 << 8 | 3);
	DENIED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFBLK | 0666, 1 << 8 | 3);
	DENIED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFCHR | 0666, 1 << 8 | 1);
	DENIED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFBLK | 0666, 8 << 8);
	DENIED(SEC_JAIL, SYS_mknodat, 3, 0, S_IFBLK | 0666, 0);
	DENIED(SEC_JAIL, SYS_mknod, 3, S_IFCHR, 1 << 8 | 3, 0);
}

/* The pinned program, by both of its arguments. */
static void
pinned_program(unsigned list)
{
	struct seccomp_data d = call(SYS_execveat);

	d.args[0] = VMM_FD_EXE;
	d.args[4] = AT_EMPTY_PATH;
	ATF_CHECK_EQ(SECCOMP_RET_ALLOW, run(list, &d));
	d.args[0] = VMM_FD_EXE + 1;
	ATF_CHECK_EQ(SECCOMP_RET_KILL_PROCESS, run(list, &d));
	d.args[0] = VMM_FD_EXE;
	d.args[4] = 0;
	ATF_CHECK_EQ(SECCOMP_RET_KILL_PROCESS, run(list, &d));
}

ATF_TC_WITHOUT_HEAD(vmm_arguments);
ATF_TC_BODY(vmm_arguments, tc)
{
	const unsigned vmm[] = { SEC_QEMU, SEC_FC };
	unsigned i;

	(void)tc;
	compile_all();
	for (i = 0; i < 2; i++) {
		pinned_program(vmm[i]);
		DENIED(vmm[i], SYS_fchmod, 3, 04777, 0, 0);
		DENIED(vmm[i], SYS_clone, CLONE_NEWUSER | CLONE_VM |
		    CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0);
		DENIED(vmm[i], SYS_clone, 17, 0, 0, 0); /* fork */
		ATF_CHECK_EQ(SECCOMP_RET_ERRNO | ENOSYS,
		    ask(vmm[i], SYS_clone3, 0, 0, 0, 0));
		/* of the host's huge pages none: nothing here counts them */
		ATF_CHECK_EQ(SECCOMP_RET_ERRNO | EINVAL, ask(vmm[i],
		    SYS_memfd_create, 0, MFD_HUGETLB | MFD_CLOEXEC, 0, 0));
		ALLOWED(vmm[i], SYS_memfd_create, 0, MFD_CLOEXEC, 0, 0);
		DENIED(vmm[i], SYS_mmap, 0, 1, 1, MAP_PRIVATE | MAP_HUGETLB);
		ALLOWED(vmm[i], SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE);
		DENIED(vmm[i], SYS_socket, 2, 1, 0, 0);
		DENIED(vmm[i], SYS_socket, 16, 3, 0, 0);
		ALLOWED(vmm[i], SYS_socket, 1, 1, 0, 0);
		DENIED(vmm[i], SYS_fcntl, 3, F_SETLEASE, 0, 0);
		DENIED(vmm[i], SYS_fcntl, 3, F_SETLK, 0, 0);
		DENIED(vmm[i], SYS_fcntl, 3, F_OFD_SETLK, 0, 0);
		DENIED(vmm[i], SYS_fcntl, 3, F_NOTIFY, 0, 0);
		DENIED(vmm[i], SYS_fcntl, 3, F_SETOWN, 0, 0);
		/* FIFREEZE, TIOCSTI, KVM's neighbours */
		DENIED(vmm[i], SYS_ioctl, 3, 0xc0045877u, 0, 0);
		DENIED(vmm[i], SYS_ioctl, 3, 0x5412, 0, 0);
		DENIED(vmm[i], SYS_ioctl, 3, 0, 0, 0);
	}
	/* a number held in an int arrives sign-extended */
	ALLOWED(SEC_QEMU, SYS_ioctl, 3, 0xffffffff00000000ULL | 0xc004ae02u,
	    0, 0);
}

ATF_TC_WITHOUT_HEAD(net_arguments);
ATF_TC_BODY(net_arguments, tc)
{
	(void)tc;
	compile_all();
	/* pairs are AND */
	ALLOWED(SEC_NET, SYS_socket, 2, 1, 6, 0);
	ALLOWED(SEC_NET, SYS_socket, 2, 2, 17, 0);
	DENIED(SEC_NET, SYS_socket, 2, 3, 1, 0);
	DENIED(SEC_NET, SYS_socket, 17, 3, 6, 0);
	DENIED(SEC_NET, SYS_socket, 16, 3, 0, 0);
	DENIED(SEC_NET, SYS_listen, 3, 1, 0, 0);
}

/* No role of ours maps code, but for NSS in conf. */
ATF_TC_WITHOUT_HEAD(mapped_code);
ATF_TC_BODY(mapped_code, tc)
{
	unsigned l;

	(void)tc;
	compile_all();
	for (l = 0; l < SEC_N; l++) {
		if (l == SEC_CONF || parts(l) & 1u << SEC_QEMU)
			continue;
		if (named(parts(l), SYS_mmap) && l != SEC_FC) {
			ALLOWED(l, SYS_mmap, 0, 4096, PROT_READ, 0);
			DENIED(l, SYS_mmap, 0, 4096, PROT_EXEC, 0);
			DENIED(l, SYS_mprotect, 0, 4096,
			    PROT_READ | PROT_EXEC, 0);
		}
	}
}

ATF_TC_WITHOUT_HEAD(never);
ATF_TC_BODY(never, tc)
{
	static const int nr[] = { SYS_ptrace, SYS_process_vm_readv,
		SYS_process_vm_writev, SYS_bpf, SYS_keyctl, SYS_add_key,
		SYS_request_key, SYS_io_uring_enter, SYS_userfaultfd,
		SYS_perf_event_open, SYS_init_module, SYS_finit_module,
		SYS_kexec_load, SYS_personality, SYS_execve, SYS_fork,
		SYS_vfork, SYS_kill, SYS_tkill, SYS_chmod, SYS_fchmod,
		SYS_chown, SYS_lchown, SYS_setxattr,
		SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
		SYS_open_by_handle_at, SYS_chroot, SYS_swapon, SYS_reboot,
		SYS_ioperm, SYS_iopl, SYS_acct, SYS_modify_ldt,
		SYS_pidfd_getfd, SYS_process_madvise, SYS_mbind, SYS_quotactl,
		SYS_settimeofday, SYS_clock_settime, SYS_shmget, SYS_shmat,
		SYS_msgget, SYS_semget, SYS_link, SYS_linkat, SYS_utimensat,
		SYS_pkey_mprotect, SYS_fanotify_init, SYS_vmsplice,
		SYS_tee, SYS_syslog };
	static const int vm_only[] = { SYS_flock, SYS_fchown, SYS_fchmodat,
		SYS_fchownat, SYS_mount, SYS_pivot_root, SYS_setns,
		SYS_unshare, SYS_mknodat, SYS_symlinkat, SYS_capset,
		SYS_umount2, SYS_open_tree, SYS_move_mount, SYS_fsopen,
		SYS_setresuid, SYS_setresgid };
	unsigned i, l;

	(void)tc;
	compile_all();
	for (l = 0; l < SEC_N; l++) {
		for (i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
			ATF_CHECK_EQ_MSG(other_action(l),
			    ask(l, nr[i], 0, 0, 0, 0), "%s: call %d",
			    seccomp_list_name(l), nr[i]);
		for (i = 0; i < sizeof(vm_only) / sizeof(vm_only[0]); i++)
			if (l != SEC_JAIL && l != SEC_S)
				ATF_CHECK_EQ_MSG(other_action(l),
				    ask(l, vm_only[i], 0, 0, 0, 0),
				    "%s: call %d", seccomp_list_name(l),
				    vm_only[i]);
	}
	/* or peer_client() would believe a connection's process */
	DENIED(SEC_CLIENT_CHILD, SYS_accept4, 3, 0, 0, 0);
	DENIED(SEC_CLIENT_CHILD, SYS_accept, 3, 0, 0, 0);
	DENIED(SEC_CLIENT_CHILD, SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0);
	DENIED(SEC_CLIENT_CHILD, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, no_rule_twice);
	ATF_TP_ADD_TC(tp, no_rule_twice_control);
	ATF_TP_ADD_TC(tp, each_rule);
	ATF_TP_ADD_TC(tp, everything_else);
	ATF_TP_ADD_TC(tp, union_is_not_stricter);
	ATF_TP_ADD_TC(tp, ids);
	ATF_TP_ADD_TC(tp, device_nodes);
	ATF_TP_ADD_TC(tp, vmm_arguments);
	ATF_TP_ADD_TC(tp, net_arguments);
	ATF_TP_ADD_TC(tp, mapped_code);
	ATF_TP_ADD_TC(tp, never);
	return atf_no_error();
}
