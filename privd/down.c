/* SPDX-License-Identifier: ISC */
/*
 * privd -D: runs as root, under the lock, when no daemon runs. Takes back
 * what the starter and net made on the host, if no VM is left that needs it;
 * goes on after a failure, says each, and can be repeated. The state
 * directory stays.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/peer.h"
#include "common/rolefd.h"
#include "policy/seccomp.h"
#include "privd/starter.h"

/* net takes its own tables out of the host, with no right but its own. */
static int
tables_down(const struct starter *s, struct err *e)
{
	int filter CLEANUP_FD = -1, exe CLEANUP_FD = -1;
	char title[] = "privd: net", word[] = "down";
	char *argv[] = { title, word, NULL }, *env[] = { NULL };
	int keep[NET_FD_END - RFD_CONF], st;
	pid_t pid;

	memset(keep, -1, sizeof(keep));
	if ((exe = program_open(s->libexec, "privd-net", e)) < 0 ||
	    (filter = seccomp_compile(SEC_NET, &s->conf, e)) < 0)
		return -1;
	keep[0] = s->conf_fd;
	keep[RFD_FILTER - RFD_CONF] = filter;
	keep[NET_FD_ROUTE - RFD_CONF] = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	keep[NET_FD_NFT - RFD_CONF] = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0)
		role_exec(ROLE_NET, s->conf.uid.net, s->conf.gid.net, exe,
		    keep, NET_FD_END - RFD_CONF, argv, env);
	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st) ||
	    WEXITSTATUS(st) != 0)
		return err_set(e, EIO, "privd-net down: tables may be left; "
		    "see nft list tables");
	return 0;
}

/* What a role left in its directory: files, and one level below. Names only,
 * relative to open directories; a link is removed, never followed. */
static int
empty(int parent, const char *name, int depth, struct err *e)
{
	int fd = openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int bad = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return errno == ENOENT ? 0 : err_set(e, errno, "%s", name);
	}
	while (!bad && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, d->d_name, 0) == 0 || errno == ENOENT)
			continue;
		bad = errno != EISDIR || depth == 0 ||
		    empty(fd, d->d_name, depth - 1, e) < 0;
	}
	(void)closedir(dir);
	if (bad || unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return err_set(e, errno, "%s cannot be emptied", name);
	return 0;
}

static int
run_dir_down(const struct starter *s, struct err *e)
{
	int parent CLEANUP_FD = openat(s->run_dir, "..",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *name = strrchr(s->conf.run_dir, '/') + 1;

	if (parent < 0 || empty(s->run_dir, "ctld", 1, e) < 0 ||
	    empty(s->run_dir, "channel", 0, e) < 0 ||
	    empty(s->run_dir, "front", 0, e) < 0)
		return -1;
	(void)unlinkat(s->run_dir, CONTROL_SOCKET, 0);
	/* last, so that nobody takes an unlocked half of it */
	(void)unlinkat(s->run_dir, "lock", 0);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != EBUSY)
		return err_set(e, errno, "%s is not empty", s->conf.run_dir);
	return 0;
}

static int
told(int result, const struct err *e)
{
	if (result == 0)
		return 0;
	log_err("%s: %s", e->msg, strerror(e->code));
	return 1;
}

int
down(struct starter *s)
{
	struct err e = { 0 };
	int n = cg_count(&s->conf, &e), bad = 0;

	if (n < 0)
		return told(n, &e);
	if (n > 0) {
		log_info("nothing undone: instance %s still has VMs (%d); "
		    "start the daemon and say postern stop --everybody",
		    s->conf.instance, n);
		return DOWN_VMS_LEFT;
	}
	bad |= told(tables_down(s, &e), &e);
	bad |= told(legacy_down(&s->conf, &e), &e);
	bad |= told(forward_down(s->run_dir, &e), &e);
	bad |= told(cg_down(&s->conf, &e), &e);
	if (!bad)
		bad = told(run_dir_down(s, &e), &e);
	return bad;
}
