/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Reads nothing but the tables
 * that were compiled in: roles.def, children.def and the seccomp lists, the
 * same that the daemon's programs were compiled from.
 */
#include <seccomp.h>
#include <stdint.h>
#include <string.h>

#include "common/sandbox.h"
#include "ctld/cli/policy.h"
#include "policy/children.h"
#include "policy/seccomp.h"

#include <linux/capability.h>

/* A row of either table, with the seccomp program that it loads. */
struct row {
	const char *title, *program, *member, *believes, *sees;
	uint64_t caps;
	uint32_t nofile, nproc;
	uint64_t fsize_kib;
	struct role_place place;
	enum seccomp_list list;
};

static const struct row rows[] = {
#define ROLE(ID, ti, prog, mem, cp, nf, fs, np, pl, bel)                  \
	{ .title = ti, .program = prog, .member = #mem, .caps = (cp),     \
	    .nofile = (nf), .fsize_kib = (uint64_t)(fs) << 10,            \
	    .nproc = (np), .place = pl, .believes = bel, .list = SEC_##ID },
#include "policy/roles.def"
#undef ROLE
#define CHILD(ID, ti, li, nf, fs, np, da, se, bel)                        \
	{ .title = ti, .nofile = (nf), .fsize_kib = (fs), .nproc = (np),  \
	    .sees = se, .believes = bel, .list = SEC_##li },
#include "policy/children.def"
#undef CHILD
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

#define CAP(c) [CAP_##c] = #c
static const char *const cap_names[64] = { CAP(CHOWN), CAP(DAC_OVERRIDE),
	CAP(DAC_READ_SEARCH), CAP(FOWNER), CAP(FSETID), CAP(KILL),
	CAP(SETGID), CAP(SETUID), CAP(SETPCAP), CAP(LINUX_IMMUTABLE),
	CAP(NET_BIND_SERVICE), CAP(NET_BROADCAST), CAP(NET_ADMIN),
	CAP(NET_RAW), CAP(IPC_LOCK), CAP(IPC_OWNER), CAP(SYS_MODULE),
	CAP(SYS_RAWIO), CAP(SYS_CHROOT), CAP(SYS_PTRACE), CAP(SYS_PACCT),
	CAP(SYS_ADMIN), CAP(SYS_BOOT), CAP(SYS_NICE), CAP(SYS_RESOURCE),
	CAP(SYS_TIME), CAP(SYS_TTY_CONFIG), CAP(MKNOD), CAP(LEASE),
	CAP(AUDIT_WRITE), CAP(AUDIT_CONTROL), CAP(SETFCAP),
	CAP(MAC_OVERRIDE), CAP(MAC_ADMIN), CAP(SYSLOG), CAP(WAKE_ALARM),
	CAP(BLOCK_SUSPEND), CAP(AUDIT_READ), CAP(PERFMON), CAP(BPF),
	CAP(CHECKPOINT_RESTORE) };

static json_t *
caps(uint64_t set)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < 64; i++) {
		if ((set & 1ULL << i) == 0)
			continue;
		(void)json_array_append_new(list, cap_names[i] != NULL ?
			json_string(cap_names[i]) : json_sprintf("%u", i));
	}
	return list;
}

static json_t *
place(const struct row *r)
{
	char rights[32];
	json_t *dirs;
	unsigned i;

	if (r->sees != NULL)
		return json_string(r->sees);
	if (r->place.empty_root)
		return json_string("nothing (chroot into an empty root)");
	if (!r->place.landlock)
		return json_string("everything");
	if (r->place.dir[0].name == NULL)
		return json_string("nothing (Landlock)");
	dirs = json_array();
	for (i = 0; i < ROLE_DIRS && r->place.dir[i].name != NULL; i++) {
		(void)snprintf(rights, sizeof(rights), "%s%s%s",
		    (r->place.dir[i].access & LL_READ) != 0 ? "read" : "",
		    (r->place.dir[i].access & LL_WRITE) != 0 ? " write" : "",
		    (r->place.dir[i].access & LL_SOCK) != 0 ? " sockets" :
							      "");
		(void)json_array_append_new(dirs, json_sprintf(
		    "%s: %s (Landlock)", r->place.dir[i].name, rights));
	}
	return dirs;
}

static json_t *
number(uint64_t v)
{
	if (v == CHILD_DRIVE)
		return json_string("largest drive");
	if (v == CHILD_ROLE)
		return json_string("as its parent");
	return json_integer((json_int_t)v);
}

json_t *
policy_processes(const json_t *uids)
{
	json_t *list = json_array(), *uid;
	const struct row *r;

	for (r = rows; r < rows + NROWS; r++) {
		if (r->member == NULL)
			uid = json_string(r->list == SEC_CLIENT_CHILD ?
				"as its parent" : "one of the VM's");
		else
			uid = json_incref(json_object_get(uids, r->member));
		(void)json_array_append_new(list,
		    json_pack("{s:s,s:s?,s:o?,s:o,s:o,s:o,s:o,s:i,s:o,s:s,"
			      "s:s}",
			"title", r->title, "program", r->program, "uid", uid,
			"capabilities", caps(r->caps),
			"nofile", number(r->nofile),
			"fsize_kib", number(r->fsize_kib),
			"nproc", number(r->nproc), "core", 0,
			"sees", place(r),
			"seccomp", seccomp_list_name(r->list),
			"believes", r->believes));
	}
	return list;
}

static json_t *
one_arg(const struct seccomp_arg *a)
{
	static const char *const ops[] = { "?", "!=", "<", "<=", "==", ">=",
		">" };

	if (a->op == SCMP_CMP_MASKED_EQ)
		return json_sprintf("arg%u & 0x%llx == 0x%llx", a->arg,
		    (unsigned long long)a->mask,
		    (unsigned long long)a->value);
	return json_sprintf("arg%u %s 0x%llx", a->arg,
	    a->op < sizeof(ops) / sizeof(ops[0]) ? ops[a->op] : "?",
	    (unsigned long long)a->value);
}

static json_t *
rules(enum seccomp_list l)
{
	json_t *list = json_array(), *args;
	const struct seccomp_rule *r;
	unsigned i, k;

	for (i = 0; (r = seccomp_rule(l, i)) != NULL; i++) {
		args = json_array();
		for (k = 0; k < r->nargs; k++)
			(void)json_array_append_new(args,
			    one_arg(&r->args[k]));
		if (r->kind == SECK_IDS)
			(void)json_array_append_new(args, json_string(
			    "each: -1, jail's own or a VM's"));
		(void)json_array_append_new(list,
		    json_pack("{s:s,s:i,s:s,s:o,s:s}", "call", r->call,
			"nr", r->nr, "action",
			r->kind == SECK_REFUSE ? strerrorname_np(r->refuse) :
						 "allow",
			"if", args, "why", r->why));
	}
	return list;
}

json_t *
policy_seccomp(void)
{
	json_t *all = json_object(), *with;
	uint32_t lists;
	unsigned l, k;

	for (l = 0; l < SEC_N; l++) {
		with = json_array();
		lists = seccomp_lists((enum seccomp_list)l);
		for (k = 0; k < SEC_N; k++)
			if (k != l && (lists & (1u << k)) != 0)
				(void)json_array_append_new(with, json_string(
				    seccomp_list_name((enum seccomp_list)k)));
		(void)json_object_set_new(all,
		    seccomp_list_name((enum seccomp_list)l),
		    json_pack("{s:s,s:o,s:o}", "other",
			seccomp_other((enum seccomp_list)l) == SCMP_ACT_TRAP ?
			    "trap" : "kill",
			"with", with, "rules", rules((enum seccomp_list)l)));
	}
	return all;
}
