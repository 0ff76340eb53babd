/* SPDX-License-Identifier: ISC */
/*
 * role_become() runs as root in a child of the starter (or in the starter,
 * for front), role_prove() and role_seal() at the start of the program that
 * it executes. The invariant: a role that serves anybody has exactly its
 * row's capabilities, its own ids, and no way back, each of which was tried.
 *
 * The order matters: the bounding set goes first (it needs SETPCAP), then
 * securebits, so that a change of uid keeps the capabilities; exec keeps only
 * what is ambient, so that is raised, and raising locked, before SETPCAP goes.
 */
#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

#define BIT(cap) (1ULL << (cap))
#define SECBITS                                                      \
	(SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |    \
	    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |                   \
	    SECBIT_KEEP_CAPS_LOCKED)
#define SECBITS_LAST \
	(SECBITS | SECBIT_NO_CAP_AMBIENT_RAISE | \
	    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

const struct role roles[ROLE_END] = {
#define ROLE(ID, ti, prog, member, cp, nf, fs, np, pl, bel)              \
	[ROLE_##ID] = { .title = ti, .program = prog, .caps = (cp),      \
	    .nofile = nf, .fsize_mib = fs, .nproc = np, .place = pl,     \
	    .believes = bel },
#include "policy/roles.def"
#undef ROLE
};

/* Permitted = effective = caps; inheritable as told. 0 or -1. */
static int
set_caps(uint64_t caps, uint64_t inheritable)
{
	cap_t c = cap_init();
	cap_value_t v;
	int r = c != NULL ? 0 : -1;

	for (v = 0; r == 0 && v < 64 && CAP_IS_SUPPORTED(v); v++) {
		if ((caps & BIT(v)) != 0 &&
		    (cap_set_flag(c, CAP_PERMITTED, 1, &v, CAP_SET) < 0 ||
			cap_set_flag(c, CAP_EFFECTIVE, 1, &v, CAP_SET) < 0))
			r = -1;
		if ((inheritable & BIT(v)) != 0 &&
		    cap_set_flag(c, CAP_INHERITABLE, 1, &v, CAP_SET) < 0)
			r = -1;
	}
	if (r == 0)
		r = cap_set_proc(c);
	(void)cap_free(c);
	return r;
}

static uint64_t
get_caps(cap_flag_t which)
{
	cap_t c = cap_get_proc();
	cap_flag_value_t on;
	cap_value_t v;
	uint64_t set = 0;

	if (c == NULL)
		fatal("cap_get_proc");
	for (v = 0; v < 64 && CAP_IS_SUPPORTED(v); v++) {
		if (cap_get_flag(c, v, which, &on) < 0)
			fatal("cap_get_flag %d", v);
		if (on == CAP_SET)
			set |= BIT(v);
	}
	(void)cap_free(c);
	return set;
}

/* Lowers a limit for good. Where the wish is above what we may have (root in
 * a container), the ceiling there is stays. */
static void
limit(const char *what, int resource, rlim_t most)
{
	struct rlimit now, want = { most, most };

	if (getrlimit((unsigned)resource, &now) < 0)
		fatal("getrlimit %s", what);
	if (setrlimit((unsigned)resource, &want) == 0)
		return;
	if (errno != EPERM || now.rlim_max >= most)
		fatal("setrlimit %s", what);
	log_warn("limit %s is %llu, not %llu: no right to raise it", what,
	    (unsigned long long)now.rlim_max, (unsigned long long)most);
	want.rlim_cur = want.rlim_max = now.rlim_max;
	if (setrlimit((unsigned)resource, &want) < 0)
		fatal("setrlimit %s", what);
}

static void
drop_bounding(uint64_t keep)
{
	cap_value_t v;

	for (v = 0; v < 64 && CAP_IS_SUPPORTED(v); v++)
		if ((keep & BIT(v)) == 0 && cap_drop_bound(v) < 0)
			fatal("bounding set: drop %d", v);
}

static void
raise_ambient(uint64_t caps)
{
	cap_value_t v;

	for (v = 0; v < 64 && CAP_IS_SUPPORTED(v); v++)
		if ((caps & BIT(v)) != 0 && cap_set_ambient(v, CAP_SET) < 0)
			fatal("ambient set: raise %d", v);
}

void
role_become(enum role_id id, uint32_t uid, uint32_t gid)
{
	const struct role *r = &roles[id];
	uint64_t with = r->caps | BIT(CAP_SETPCAP);

	limit("core", RLIMIT_CORE, 0);
	limit("nofile", RLIMIT_NOFILE, r->nofile);
	limit("fsize", RLIMIT_FSIZE, (rlim_t)r->fsize_mib << 20);
	drop_bounding(with);
	if (prctl(PR_SET_SECUREBITS, SECBITS) < 0)
		fatal("securebits");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		fatal("%s: ids %u:%u", r->title, uid, gid);
	if (set_caps(with, r->caps) < 0)
		fatal("%s: capabilities 0x%llx", r->title,
		    (unsigned long long)with);
	raise_ambient(r->caps);
	if (prctl(PR_SET_SECUREBITS, SECBITS_LAST) < 0)
		fatal("securebits, ambient locked");
	drop_bounding(r->caps);
	if (set_caps(r->caps, r->caps) < 0)
		fatal("%s: capabilities 0x%llx", r->title,
		    (unsigned long long)r->caps);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("no_new_privs");
}

static void
prove_caps(const struct role *r)
{
	cap_value_t v;

	if (set_caps(r->caps, 0) < 0)
		fatal("%s: capabilities 0x%llx are not there", r->title,
		    (unsigned long long)r->caps);
	if (get_caps(CAP_PERMITTED) != r->caps ||
	    get_caps(CAP_EFFECTIVE) != r->caps ||
	    get_caps(CAP_INHERITABLE) != 0)
		fatalx("%s: other capabilities than 0x%llx", r->title,
		    (unsigned long long)r->caps);
	for (v = 0; v < 64 && CAP_IS_SUPPORTED(v); v++) {
		if (cap_get_bound(v) != ((r->caps & BIT(v)) != 0))
			fatalx("bounding set: capability %d", v);
		if (cap_get_ambient(v) != 0 ||
		    cap_set_ambient(v, CAP_SET) == 0)
			fatalx("ambient set: capability %d can be had", v);
		if ((r->caps & BIT(v)) == 0 &&
		    set_caps(r->caps | BIT(v), 0) == 0)
			fatalx("capability %d can be had back", v);
	}
}

static void
prove_ids(const struct role *r)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0)
		fatal("ids");
	if (ru == 0 || ru != eu || ru != su || rg == 0 || rg != eg ||
	    rg != sg || getgroups(0, NULL) != 0)
		fatalx("%s: runs as %u/%u/%u:%u/%u/%u", r->title, ru, eu, su,
		    rg, eg, sg);
	/* with SETUID and SETGID (jail) only the filter pins the arguments */
	if ((r->caps & BIT(CAP_SETUID)) == 0 &&
	    (setresuid(0, 0, 0) == 0 || setuid(0) == 0 ||
		setresuid(ru + 1, ru + 1, ru + 1) == 0))
		fatalx("%s: another uid can be had", r->title);
	if ((r->caps & BIT(CAP_SETGID)) == 0 &&
	    (setresgid(0, 0, 0) == 0 || setgid(0) == 0 ||
		setgroups(1, &rg) == 0))
		fatalx("%s: another gid can be had", r->title);
}

static void
signals(void)
{
	sigset_t none;

	/* writes answer EPIPE and EFBIG instead; the log may be a file that
	 * is longer than we may write */
	if (sigemptyset(&none) < 0 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		fatal("signals");
}

void
role_prove(enum role_id id)
{
	const struct role *r = &roles[id];
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };

	log_init(r->title, 0);
	if (clearenv() != 0)
		fatalx("clearenv");
	(void)umask(077);
	signals();
	if (prctl(PR_SET_NAME, r->title) < 0)
		fatal("title");
	if (setsid() < 0 && getpgrp() != getpid())
		fatal("setsid");
	if (cap_reset_ambient() < 0)
		fatal("ambient set");
	/* not before exec: that fails while the uid has more processes */
	limit("nproc", RLIMIT_NPROC, r->nproc);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		fatal("dumpable");
	if (prctl(PR_GET_SECUREBITS) != (int)SECBITS_LAST)
		fatalx("securebits 0x%x", (unsigned)prctl(PR_GET_SECUREBITS));
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		fatalx("no_new_privs is off");
	prove_ids(r);
	prove_caps(r);
	if (setrlimit(RLIMIT_CORE, &core) == 0)
		fatalx("limits can be raised");
}

void
role_confine(enum role_id id, const int dirs[ROLE_DIRS])
{
	const struct role_place *p = &roles[id].place;
	struct ll_rule rules[ROLE_DIRS];
	unsigned n;

	for (n = 0; n < ROLE_DIRS && p->dir[n].name != NULL; n++)
		rules[n] = (struct ll_rule){ dirs[n], p->dir[n].access };
	if (sandbox_landlock(rules, n) < 0 &&
	    (p->must || errno != EOPNOTSUPP))
		fatal("%s: landlock", roles[id].title);
}

void
role_seal(int filter_fd)
{
	if (sandbox_load(filter_fd, 1) < 0)
		fatal("seccomp filter");
	/* every list allows this one prctl, so that silence is no answer */
	if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER)
		fatalx("the seccomp filter is not on");
}
