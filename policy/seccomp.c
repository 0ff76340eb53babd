/* SPDX-License-Identifier: ISC */
/*
 * Runs in the starter, as root, before any role exists; reads nothing but
 * the tables compiled in and the checked configuration. The invariant: a
 * list that libseccomp does not take whole is an error, never a thinner or a
 * missing filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/seccomp.h"

#define NO_ID 0xffffffffull	/* (uid_t)-1 as libc passes it */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* All the rules of a program, one after the other. */
struct cursor {
	uint32_t lists;
	unsigned list, i;
};

static const struct seccomp_rule *
next_rule(struct cursor *c)
{
	const struct seccomp_rule *r;

	for (; c->list < SEC_N; c->list++, c->i = 0) {
		if ((c->lists & (1u << c->list)) == 0)
			continue;
		r = seccomp_rule((enum seccomp_list)c->list, c->i);
		if (r != NULL) {
			c->i++;
			return r;
		}
	}
	return NULL;
}

/* What the lists of a union say of one call, taken together. */
struct verdict {
	unsigned whole;	   /* rules that allow it whatever its arguments */
	unsigned partly;   /* rules that allow some form of it */
	unsigned refused;
};

static struct verdict
judge(uint32_t lists, int nr)
{
	struct cursor c = { .lists = lists };
	struct verdict v = { 0, 0, 0 };
	const struct seccomp_rule *r;

	while ((r = next_rule(&c)) != NULL) {
		if (r->nr != nr)
			continue;
		if (r->kind == SECK_REFUSE)
			v.refused += r->nargs == 0;
		else if (r->kind == SECK_ALLOW && r->nargs == 0)
			v.whole++;
		else
			v.partly++;
	}
	return v;
}

static int
same_rule(const struct seccomp_rule *a, const struct seccomp_rule *b)
{
	unsigned i;

	if (a->nr != b->nr || a->kind != b->kind || a->nargs != b->nargs)
		return 0;
	for (i = 0; i < a->nargs; i++)
		if (a->args[i].arg != b->args[i].arg ||
		    a->args[i].op != b->args[i].op ||
		    a->args[i].mask != b->args[i].mask ||
		    a->args[i].value != b->args[i].value)
			return 0;
	return 1;
}

/* Is there an equal rule before this one? libseccomp would say EEXIST. */
static int
seen(uint32_t lists, const struct seccomp_rule *r)
{
	struct cursor c = { .lists = lists };
	const struct seccomp_rule *o;

	while ((o = next_rule(&c)) != r)
		if (same_rule(o, r))
			return 1;
	return 0;
}

/* The three arguments of setresuid or setresgid, each one of n forms. */
static int
add_ids(scmp_filter_ctx ctx, const struct seccomp_rule *r,
    const struct sysconf *c)
{
	const uint64_t range = ~(uint64_t)(c->vm_id_count - 1);
	const uint32_t own = r->nr == SYS_setresgid ? c->gid.jail :
						      c->uid.jail;
	const struct scmp_arg_cmp form[] = {
		{ 0, SCMP_CMP_EQ, NO_ID, 0 },
		{ 0, SCMP_CMP_EQ, own, 0 },
		{ 0, SCMP_CMP_MASKED_EQ, range, c->vm_id_base },
	};
	const unsigned n = sizeof(form) / sizeof(form[0]);
	struct scmp_arg_cmp a[3];
	unsigned i, k, rest;
	int error;

	for (i = 0; i < n * n * n; i++) {
		for (k = 0, rest = i; k < 3; k++, rest /= n) {
			a[k] = form[rest % n];
			a[k].arg = k;
		}
		error = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, 3,
		    a);
		if (error != 0)
			return error;
	}
	return 0;
}

static int
add_rule(scmp_filter_ctx ctx, uint32_t lists, const struct seccomp_rule *r,
    const struct sysconf *c)
{
	struct verdict v = judge(lists, r->nr);
	struct scmp_arg_cmp a[3];
	unsigned i;

	if (seen(lists, r))
		return 0;
	if (v.whole > 0 || (v.partly > 0 && v.refused > 0)) {
		/* the first that comes along stands for all of them */
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, 0,
		    NULL);
	}
	if (r->kind == SECK_IDS)
		return add_ids(ctx, r, c);
	for (i = 0; i < r->nargs; i++) {
		a[i].arg = r->args[i].arg;
		a[i].op = (enum scmp_compare)r->args[i].op;
		a[i].datum_a = a[i].op == SCMP_CMP_MASKED_EQ ?
		    r->args[i].mask : r->args[i].value;
		a[i].datum_b = a[i].op == SCMP_CMP_MASKED_EQ ?
		    r->args[i].value : 0;
	}
	return seccomp_rule_add_array(ctx, r->kind == SECK_REFUSE ?
	    SCMP_ACT_ERRNO((uint32_t)r->refuse) : SCMP_ACT_ALLOW, r->nr,
	    r->nargs, a);
}

/* 0, or libseccomp's negative errno with the rule it failed at. */
static int
fill(scmp_filter_ctx ctx, enum seccomp_list list, const struct sysconf *c,
    const char **call)
{
	struct cursor cur = { .lists = seccomp_lists(list) };
	const struct seccomp_rule *r;
	int error;

	*call = "attributes";
	if ((error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
		SCMP_ACT_KILL_PROCESS)) != 0 ||
	    (error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)) != 0)
		return error;
	while ((r = next_rule(&cur)) != NULL) {
		*call = r->call;
		error = add_rule(ctx, seccomp_lists(list), r, c);
		if (error != 0 && error != -EEXIST)
			return error;
	}
	return 0;
}

static int
export(scmp_filter_ctx ctx, enum seccomp_list list, struct err *e)
{
	const char *name = seccomp_list_name(list);
	int fd CLEANUP_FD = -1;
	struct stat st;
	int error;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(e, errno, "seccomp list %s: memfd_create", name);
	error = seccomp_export_bpf(ctx, fd);
	if (error != 0)
		return err_set(e, -error, "seccomp list %s: export", name);
	if (fstat(fd, &st) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_set(e, errno, "seccomp list %s: seal", name);
	if (st.st_size < (off_t)sizeof(struct sock_filter) ||
	    st.st_size > BPF_MAXINSNS * (off_t)sizeof(struct sock_filter))
		return err_set(e, E2BIG,
		    "seccomp list %s: %lld bytes of program", name,
		    (long long)st.st_size);
	return fd_steal(&fd);
}

int
seccomp_compile(enum seccomp_list list, const struct sysconf *c,
    struct err *e)
{
	scmp_filter_ctx ctx;
	const char *call;
	int error, fd = -1;

	if ((unsigned)list >= SEC_N)
		return err_set(e, EINVAL, "seccomp list %u: none such", list);
	ctx = seccomp_init(seccomp_other(list));
	if (ctx == NULL)
		return err_set(e, ENOMEM, "seccomp_init");
	error = fill(ctx, list, c, &call);
	if (error != 0)
		(void)err_set(e, -error, "seccomp list %s: rule for %s",
		    seccomp_list_name(list), call);
	else
		fd = export(ctx, list, e);
	seccomp_release(ctx);
	return fd;
}
