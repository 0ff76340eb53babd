/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter. Executes the only parser, without rights, and
 * takes from it one sealed memfd, which is checked like everything that a
 * role says. It is found beside this very program: what the configuration says
 * of libexec_dir is not known yet.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/wire.h"
#include "policy/seccomp.h"
#include "privd/starter.h"

#define SELF "/proc/self/exe"
#define CONF_MS 30000 /* NSS may ask a directory service */

static int
take(struct starter *s, int sock, struct err *e)
{
	struct wire_msg m;
	int k = wire_recv_wait(sock, &m, CONF_MS);

	if (k == 0) /* it has said why */
		return err_set(e, EINVAL, "the configuration was refused");
	if (k < 0)
		return err_set(e, errno, "ctld-conf does not answer");
	if (m.nfds != 1) {
		wire_drop_fds(&m);
		return err_set(e, EBADMSG, "ctld-conf sent %u descriptors",
		    m.nfds);
	}
	s->conf_fd = fd_steal(&m.fds[0]);
	wire_drop_fds(&m);
	return sysconf_load(s->conf_fd, &s->conf, e);
}

/* The directory of this program. */
static int
own_dir(struct err *e)
{
	char path[256];
	ssize_t n = readlink(SELF, path, sizeof(path) - 1);
	char *slash;

	if (n < 0 || n == sizeof(path) - 1)
		return err_set(e, n < 0 ? errno : ENAMETOOLONG, SELF);
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return err_set(e, ENOENT, SELF ": %s", path);
	*slash = '\0';
	return dir_trusted(path, e);
}

int
conf_run(struct starter *s, int dir, char *name, int optional,
    const uint32_t id[2], char *const env[], struct err *e)
{
	/* its list depends on no member of the configuration */
	static const struct sysconf blank;
	int filter CLEANUP_FD = -1, exe CLEANUP_FD = -1, lib CLEANUP_FD = -1;
	int ours CLEANUP_FD = -1, theirs CLEANUP_FD = -1, sv[2], st;
	char title[] = "ctld: conf", yes[] = "1", no[] = "0";
	char *argv[] = { title, name, optional ? yes : no, NULL };
	pid_t pid;

	lib = own_dir(e);
	if (lib < 0 || (exe = program_open(lib, "ctld-conf", e)) < 0 ||
	    (filter = seccomp_compile(SEC_CONF, &blank, e)) < 0)
		return -1;
	if (wire_pair(sv) < 0)
		return err_set(e, errno, "socketpair");
	ours = sv[0];
	theirs = sv[1];
	pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0) {
		const int keep[] = { -1, filter, theirs, dir };

		role_exec(ROLE_CONF, id[0], id[1], exe, keep, 4, argv, env);
	}
	fd_close(&theirs);
	if (take(s, ours, e) < 0) {
		(void)waitpid(pid, &st, WNOHANG);
		return -1;
	}
	fd_close(&ours);
	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st) ||
	    WEXITSTATUS(st) != 0)
		return err_set(e, ECHILD, "ctld-conf did not end well");
	return 0;
}
