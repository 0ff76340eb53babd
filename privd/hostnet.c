/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter. Where IPv4 forwarding is off, remembers on
 * disk every value that the kernel changes along with the switch, so that
 * `privd -D` can put each back. The switch itself is net's, after its table is
 * in: at no moment does the host forward anybody else's packets. Interfaces
 * that were made since then are not in the list and keep what the switch gives
 * them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/sysx.h"
#include "privd/starter.h"

#define IPV4 "/proc/sys/net/ipv4"
#define SWITCH "ip_forward"
#define SAVED "forward.saved"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int
value(int dir, const char *name)
{
	char buf[16];

	return fd_slurp(dir, name, buf, sizeof(buf)) < 1 ? -1 : buf[0] - '0';
}

/* One line: file beneath /proc/sys/net/ipv4, value. */
static int
save_one(FILE *out, int ipv4, const char *name)
{
	int v = value(ipv4, name);

	if (v < 0 || v > 9)
		return -1;
	return fprintf(out, "%s %d\n", name, v) < 0 ? -1 : 0;
}

static int
save_all(FILE *out, int ipv4)
{
	char name[300], boot[64];
	struct dirent *d;
	DIR *dir;
	int fd, bad = 0;

	if (fd_slurp(AT_FDCWD, BOOT_ID, boot, sizeof(boot)) < 0 ||
	    fprintf(out, "boot %s", boot) < 0 ||
	    save_one(out, ipv4, "conf/all/accept_redirects") < 0)
		return -1;
	fd = openat(ipv4, "conf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL)
		return -1;
	while (!bad && (d = readdir(dir)) != NULL) {
		/* "all" comes with the switch itself */
		if (d->d_name[0] == '.' || strcmp(d->d_name, "all") == 0)
			continue;
		(void)snprintf(name, sizeof(name), "conf/%s/forwarding",
		    d->d_name);
		/* an interface may go while we look */
		if (save_one(out, ipv4, name) < 0 && errno != ENOENT)
			bad = 1;
	}
	(void)closedir(dir);
	return bad ? -1 : 0;
}

/* On disk, whole, or not at all. */
static int
save(int run_dir, int ipv4)
{
	int fd = openat(run_dir, SAVED ".new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int bad;

	if (out == NULL)
		return -1;
	bad = save_all(out, ipv4) < 0 || fflush(out) != 0 || fsync(fd) < 0;
	if (fclose(out) != 0 || bad ||
	    renameat(run_dir, SAVED ".new", run_dir, SAVED) < 0)
		return -1;
	return fsync(run_dir);
}

/* What was saved in this boot, open after its first line; NULL if nothing. */
static FILE *
saved_open(int run_dir)
{
	char boot[64], want[72], line[72];
	FILE *in;
	int fd = openat(run_dir, SAVED, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	in = fdopen(fd, "r");
	if (in == NULL)
		return NULL;
	if (fd_slurp(AT_FDCWD, BOOT_ID, boot, sizeof(boot)) > 0 &&
	    fgets(line, sizeof(line), in) != NULL) {
		(void)snprintf(want, sizeof(want), "boot %s", boot);
		if (strcmp(line, want) == 0)
			return in;
	}
	(void)fclose(in);
	return NULL;
}

int
forward_save(int run_dir, int *was_off, struct err *e)
{
	int ipv4 CLEANUP_FD = open(IPV4, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FILE *in = saved_open(run_dir);
	int on;

	if (ipv4 < 0)
		return err_set(e, errno, IPV4);
	*was_off = in != NULL;
	if (in != NULL)
		(void)fclose(in);
	on = value(ipv4, SWITCH);
	if (on < 0)
		return err_set(e, errno, IPV4 "/" SWITCH);
	if (on == 1)
		return 0;
	if (!*was_off && save(run_dir, ipv4) < 0)
		return err_set(e, errno, SAVED ": the old values of "
		    "forwarding cannot be kept, so it stays off");
	*was_off = 1;
	return 0;
}

/* A name from the file goes beneath conf/ only; the file is root's, but it
 * is read as if it were not. */
static int
restore_line(int ipv4, char *line)
{
	char *sp = strchr(line, ' '), *p;
	int slashes = 0;

	if (sp == NULL || strncmp(line, "conf/", 5) != 0 ||
	    strstr(line, "..") != NULL || sp[1] < '0' || sp[1] > '1')
		return -1;
	*sp = '\0';
	for (p = line; *p != '\0'; p++)
		slashes += *p == '/';
	if (slashes != 2)
		return -1;
	sp[2] = '\0';
	if (value(ipv4, line) == sp[1] - '0')
		return 0;
	return fd_put(ipv4, line, sp + 1) < 0 && errno != ENOENT ? -1 : 0;
}

int
forward_down(int run_dir, struct err *e)
{
	int ipv4 CLEANUP_FD = open(IPV4, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FILE *in = saved_open(run_dir);
	char line[400];
	int bad = 0;

	if (in == NULL) {
		/* nothing of ours, or another boot's */
		(void)unlinkat(run_dir, SAVED, 0);
		return 0;
	}
	if (ipv4 < 0 || fd_put(ipv4, SWITCH, "0") < 0)
		bad = 1;
	while (!bad && fgets(line, sizeof(line), in) != NULL)
		bad = restore_line(ipv4, line) < 0;
	(void)fclose(in);
	if (bad)
		return err_set(e, errno, "forwarding: not every value of "
		    SAVED " could be put back");
	(void)unlinkat(run_dir, SAVED, 0);
	return 0;
}

/* Before anything is confined: on a host that locks module loading later,
 * or whose kernel does not load by itself. A host without modules has them
 * built in; what is really missing is told by the role that needs it. */
void
modules_load(void)
{
	char path[] = "/sbin/modprobe", quiet[] = "-q", all[] = "-a";
	char tun[] = "tun", veth[] = "veth", nft[] = "nf_tables";
	char nat[] = "nft_chain_nat", ct[] = "nft_ct", fib[] = "nft_fib_ipv4";
	char ctnl[] = "nf_conntrack_netlink", masq[] = "nft_masq";
	char nnat[] = "nft_nat", conn[] = "nft_connlimit", lim[] = "nft_limit";
	char *argv[] = { path, quiet, all, tun, veth, nft, nat, ct, fib, ctnl,
		masq, nnat, conn, lim, NULL };
	char *env[] = { NULL };
	pid_t pid;

	if (access("/proc/modules", F_OK) < 0 || access(path, X_OK) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)execve(path, argv, env);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		log_warn("modprobe was not run");
}
