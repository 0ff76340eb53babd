/* SPDX-License-Identifier: ISC */
/*
 * A hostile program as the VMM: each thing it tries is refused; the same
 * program outside of a jail shows that each of them can be done. As root.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "tests/integration/jailharness.h"
#include "tests/lib/files.h"

#define ACTIONS_MAX 128
#define BATCH 16

struct action {
	char name[32];
	int how;	/* bits of evilvmm: 1 needs a special host, 2 filter */
};

static unsigned
actions(const char *build, struct action *a)
{
	char path[300], list[ACTIONS_MAX * 40];
	char *argv[] = { path, (char[]){ "list" }, NULL };
	unsigned n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/tests/lib/evilvmm", build);
	ATF_REQUIRE_EQ(0, tf_output(argv, list, sizeof(list)));
	f = fmemopen(list, strlen(list), "r");
	ATF_REQUIRE(f != NULL);
	while (n < ACTIONS_MAX &&
	    fscanf(f, "%31s %d", a[n].name, &a[n].how) == 2)
		n++;
	(void)fclose(f);
	return n;
}

static int
start(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v,
    const char *action)
{
	char args[64];
	int n, ro;

	n = snprintf(args, sizeof(args), "evilvmm%c%s", 0, action);
	jh_vm_init(v, args, (size_t)n + 1);
	ATF_REQUIRE_EQ(0, jh_prepare(j, slot, gen, RH_TENANT));
	ro = RH(open("kernel", O_RDONLY | O_CLOEXEC));
	ATF_REQUIRE_EQ(0, jh_image(j, slot, gen, IMG_KERNEL, 0, ro, -1));
	fd_close(&ro);
	return jh_spawn(j, slot, gen, v, 0);
}

static void
end(struct jh *j, uint32_t slot, uint64_t gen, struct jh_vm *v)
{
	ATF_CHECK_EQ(0, jh_kill(j, slot, gen, KILL_ALL));
	ATF_CHECK_EQ(0, jh_reap(j, slot, gen));
	jh_vm_close(v);
}

/* Killed by the filter, or told a refusal; and it did not say "done". */
static void
judge(const char *name, const struct jh_vm *v)
{
	char out[8192];
	int status = jh_vm_wait(v, 10000);

	(void)jh_console(v, 0, out, sizeof(out));
	ATF_REQUIRE_MSG(status >= 0, "%s: no end", name);
	ATF_CHECK_MSG(strstr(out, "done") == NULL, "%s: %s", name, out);
	ATF_CHECK_MSG((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
	    strstr(out, "refused") != NULL, "%s: status 0x%x, \"%s\"", name,
	    status, out);
}

ATF_TC_WITH_CLEANUP(refused);
ATF_TC_HEAD(refused, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
	atf_tc_set_md_var(tc, "timeout", "120");
}
ATF_TC_BODY(refused, tc)
{
	struct action a[ACTIONS_MAX];
	struct jh_vm v[BATCH];
	struct jh j;
	unsigned i, k, n, m;

	jh_evil(&j, tc, "jevil");
	jh_run(&j);
	n = actions(j.build, a);
	ATF_REQUIRE(n >= 40);
	for (i = 0; i < n; i += BATCH) {
		m = n - i < BATCH ? n - i : BATCH;
		for (k = 0; k < m; k++)
			ATF_REQUIRE_EQ_MSG(0, start(&j, k, i + 1, &v[k],
			    a[i + k].name), "%s", a[i + k].name);
		for (k = 0; k < m; k++)
			judge(a[i + k].name, &v[k]);
		for (k = 0; k < m; k++)
			end(&j, k, i + 1, &v[k]);
	}
	printf("%u actions refused\n", n);
	ATF_CHECK_EQ(0, jh_clean(&j));
}
ATF_TC_CLEANUP(refused, tc)
{
	(void)tc;
	(void)rh_cg_clean("jevil");
}

/* Without the outer filter (the operator's toggle) uid, capabilities, tree
 * and namespaces alone refuse what does harm. */
ATF_TC_WITH_CLEANUP(refused_without_filter);
ATF_TC_HEAD(refused_without_filter, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(refused_without_filter, tc)
{
	char out[8192];
	struct jh_vm v;
	struct jh j;

	jh_evil(&j, tc, "jevilnf");
	j.conf.compose &= ~COMPOSE_JAILER;
	jh_run(&j);
	ATF_REQUIRE_EQ(0, start(&j, 0, 1, &v, "all"));
	ATF_CHECK_EQ(0, jh_vm_wait(&v, 10000));
	(void)jh_console(&v, 0, out, sizeof(out));
	ATF_CHECK_MSG(strstr(out, "end\n") != NULL, "%s", out);
	ATF_CHECK_MSG(strstr(out, "done") == NULL, "%s", out);
	end(&j, 0, 1, &v);
	ATF_CHECK_EQ(0, jh_clean(&j));
}
ATF_TC_CLEANUP(refused_without_filter, tc)
{
	(void)tc;
	(void)rh_cg_clean("jevilnf");
}

/* Init of a pid namespace with two children: the program, and another. */
static _Noreturn void
control_init(const char *build, const char *name, int out)
{
	char path[300], here[256], base[300];
	pid_t pid;

	if (RH(fork()) == 0)
		for (;;)
			(void)pause();
	pid = RH(fork());
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
		_exit(0);
	}
	(void)snprintf(path, sizeof(path), "%s/tests/lib/evilvmm", build);
	RH(dup2(out, STDOUT_FILENO));
	if (getcwd(here, sizeof(here)) == NULL)
		_exit(1);
	(void)snprintf(base, sizeof(base), "%s/tree", here);
	(void)execl(path, path, name, base, (char *)NULL);
	_exit(127);
}

/* One action outside of a jail, as root in namespaces of its own. */
static int
control(const char *build, const char *name)
{
	char out[256];
	int p[2], n;
	pid_t pid;

	RH(pipe2(p, O_CLOEXEC));
	pid = RH(fork());
	if (pid == 0) {
		RH(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWPID));
		RH(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		pid = RH(fork());
		if (pid == 0)
			control_init(build, name, p[1]);
		(void)waitpid(pid, NULL, 0);
		_exit(0);
	}
	(void)close(p[1]);
	n = (int)read(p[0], out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = '\0';
	(void)close(p[0]);
	RH(waitpid(pid, NULL, 0));
	if (strstr(out, "done") == NULL)
		printf("control %s: %s", name, out);
	return strstr(out, "done") != NULL;
}

/* What the actions look for in a jail. */
static void
fresh_tree(void)
{
	static const char *const dirs[] = { "tree", "tree/img", "tree/run",
		"tree/dev", "tree/usr", "tree/usr/bin" };
	unsigned i;

	tf_remove("tree");
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		tf_dir(dirs[i], 0755);
	tf_file("tree/img/kernel", "x\n", 0600);
}

ATF_TC(control_is_done);
ATF_TC_HEAD(control_is_done, tc)
{
	atf_tc_set_md_var(tc, "descr", "negative control: outside of a jail "
	    "the same actions work");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(control_is_done, tc)
{
	struct action a[ACTIONS_MAX];
	char build[256];
	unsigned i, n, done = 0;

	jh_build(tc, build);
	n = actions(build, a);
	for (i = 0; i < n; i++) {
		fresh_tree();
		if (control(build, a[i].name))
			done++;
		else
			ATF_CHECK_MSG((a[i].how & 1) != 0, "%s does not work "
			    "outside either: it proves nothing", a[i].name);
	}
	printf("%u of %u actions work outside\n", done, n);
	ATF_CHECK(done >= 40);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, refused_without_filter);
	ATF_TP_ADD_TC(tp, control_is_done);
	return atf_no_error();
}
