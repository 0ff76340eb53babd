/* SPDX-License-Identifier: ISC */
/*
 * Hostile and clumsy clients against a real listener and a stand-in for ctld.
 * As root the listener is the real program in its role (uid, filters,
 * Landlock); otherwise its code runs in a child. After each abuse another
 * client is served: that is the point.
 */
#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "config.h"
#include "common/fdutil.h"
#include "tests/lib/fakectld.h"

#define SOCK "./sock"
#define VM "io.postern.Vm."

static pid_t
serve_as(uint32_t uid)
{
	const struct fakectld f = { .socket = SOCK, .uid = uid,
		.program = geteuid() == 0 ? CLIENT_PROGRAM : NULL };

	return fakectld_start(&f);
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = SOCK };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0,
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)));
	return fd;
}

static void
say(int fd, const char *text)
{
	ATF_REQUIRE_EQ((ssize_t)strlen(text) + 1,
	    send(fd, text, strlen(text) + 1, MSG_NOSIGNAL));
}

static void
say_fds(int sock, const char *text, const int *fds, unsigned nfds)
{
	char ctl[CMSG_SPACE(253 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) + 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = CMSG_SPACE(nfds * sizeof(int)) };
	struct cmsghdr *h = (struct cmsghdr *)(void *)ctl;

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(h), fds, nfds * sizeof(int));
	ATF_REQUIRE(sendmsg(sock, &m, MSG_NOSIGNAL) > 0);
}

/* The next message within ms, or NULL at the end of the connection. */
static json_t *
hear(int fd, int ms)
{
	static char buf[1 << 20];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	json_t *j;

	for (;;) {
		ATF_REQUIRE_MSG(poll(&p, 1, ms) == 1, "no answer in %d ms",
		    ms);
		if (read(fd, buf + n, 1) != 1)
			return NULL;
		if (buf[n] == '\0')
			break;
		ATF_REQUIRE(++n < sizeof(buf));
	}
	j = json_loadb(buf, n, 0, NULL);
	ATF_REQUIRE_MSG(j != NULL, "not JSON: %s", buf);
	return j;
}

static void
hear_error(int fd, const char *error, const char *field)
{
	json_t *j = hear(fd, 8000);
	const char *e, *f;

	ATF_REQUIRE_MSG(j != NULL, "no answer, but an end");
	e = json_string_value(json_object_get(j, "error"));
	f = json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "field"));
	ATF_CHECK_STREQ(error, e != NULL ? e : "none");
	if (field != NULL)
		ATF_CHECK_STREQ(field, f != NULL ? f : "none");
	json_decref(j);
}

static void
hear_end(int fd)
{
	ATF_CHECK(hear(fd, 8000) == NULL);
	(void)close(fd);
}

/* An ordinary client gets its answer. */
static void
others_are_served(void)
{
	int fd = dial();
	json_t *j;

	say(fd, "{\"method\":\"" VM "Status\",\"parameters\":"
	    "{\"name\":\"web\"}}");
	j = hear(fd, 4000);
	ATF_REQUIRE(j != NULL);
	ATF_CHECK_STREQ("Running", json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "status")));
	json_decref(j);
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(ordinary);
ATF_TC_BODY(ordinary, tc)
{
	static const char *const calls[] = { "Stop", "Kill", "Remove",
		"Info", "Network", "Logs" };
	char text[128];
	json_t *j;
	int fd;
	size_t i;

	(void)tc;
	(void)serve_as(getuid());
	others_are_served();
	fd = dial();
	/* all sent before any is read: answered in order */
	for (i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "{\"method\":\"" VM
		    "%s\",\"parameters\":{\"name\":\"web\"}}", calls[i]);
		say(fd, text);
	}
	say(fd, "{\"method\":\"" VM "List\",\"oneway\":true}");
	say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	for (i = 0; i < 6; i++) {
		j = hear(fd, 4000);
		ATF_CHECK_MSG(json_object_get(j, "parameters") != NULL &&
		    json_object_get(j, "error") == NULL, "%s", calls[i]);
		json_decref(j);
	}
	j = hear(fd, 4000); /* List was oneway: no answer */
	ATF_CHECK_STREQ("Postern", json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "vendor")));
	json_decref(j);
	say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.postern.Vm\"}}");
	j = hear(fd, 4000);
	ATF_CHECK(strstr(json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "description")),
	    "method Start(") != NULL);
	json_decref(j);
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(typed_errors);
ATF_TC_BODY(typed_errors, tc)
{
	static const char *const t[][2] = { { "absent", VM "NotFound" },
		{ "taken", VM "AlreadyExists" }, { "denied", VM "Denied" },
		{ "quota", VM "QuotaExceeded" }, { "late", VM "TimedOut" },
		{ "hostfail", VM "HostFailure" },
		{ "halted", VM "WrongState" }, { "nosuch", VM "Unsupported" },
		{ "../x", VM "InvalidArgument" } };
	char text[160];
	size_t i;
	int fd;

	(void)tc;
	(void)serve_as(getuid());
	fd = dial();
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"method\":\"" VM
		    "Kill\",\"parameters\":{\"name\":\"%s\"}}", t[i][0]);
		say(fd, text);
		hear_error(fd, t[i][1], NULL);
	}
	say(fd, "{\"method\":\"" VM "Fly\"}");
	hear_error(fd, "org.varlink.service.MethodNotFound", NULL);
	say(fd, "{\"method\":\"org.example.Fly\"}");
	hear_error(fd, "org.varlink.service.InterfaceNotFound", NULL);
	say(fd, "{\"method\":\"x\"}");
	hear_error(fd, "org.varlink.service.InterfaceNotFound", NULL);
	say(fd, "{\"method\":\"" VM "List\",\"parameters\":{\"fast\":1}}");
	hear_error(fd, VM "InvalidArgument", "fast");
	say(fd, "{\"method\":\"" VM "List\",\"parameters\":[]}");
	hear_error(fd, VM "InvalidArgument", "parameters");
	say(fd, "{\"method\":\"" VM "List\",\"more\":1}");
	hear_error(fd, VM "InvalidArgument", "more");
	say(fd, "{\"method\":\"" VM "List\",\"upgrade\":true}");
	hear_error(fd, VM "InvalidArgument", "upgrade");
	say(fd, "{\"method\":\"" VM "List\",\"speed\":1}");
	hear_error(fd, VM "InvalidArgument", "speed");
	say(fd, "{\"parameters\":{}}");
	hear_error(fd, VM "InvalidArgument", "method");
	say(fd, "{\"method\":\"" VM "Logs\",\"parameters\":{\"name\":\"web\","
		"\"follow\":true}}");
	hear_error(fd, VM "InvalidArgument", "follow");
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static const char *const bad[] = { "", "{", "[]", "nonsense",
		"{\"method\":\"a\",\"method\":\"b\"}", "{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" };
	size_t i;
	int fd;

	(void)tc;
	(void)serve_as(getuid());
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = dial();
		say(fd, bad[i]);
		hear_error(fd, VM "InvalidArgument", "message");
		hear_end(fd);
	}
	others_are_served();
}

ATF_TC_WITHOUT_HEAD(ten_megabytes);
ATF_TC_BODY(ten_megabytes, tc)
{
	static char big[1 << 16];
	int fd, i;
	ssize_t k = 0;

	(void)tc;
	(void)serve_as(getuid());
	memset(big, '[', sizeof(big));
	fd = dial();
	for (i = 0; i < 160 && k >= 0; i++)
		k = send(fd, big, sizeof(big), MSG_NOSIGNAL);
	ATF_CHECK_MSG(i < 160, "10 MB were taken");
	hear_error(fd, VM "InvalidArgument", "message");
	(void)close(fd);
	others_are_served();
}

ATF_TC_WITHOUT_HEAD(half_a_message);
ATF_TC_BODY(half_a_message, tc)
{
	int fd, quiet;

	(void)tc;
	(void)serve_as(getuid());
	quiet = dial();
	fd = dial();
	ATF_REQUIRE_EQ(10, send(fd, "{\"method\":", 10, MSG_NOSIGNAL));
	others_are_served();
	hear_error(fd, VM "InvalidArgument", "message");
	hear_end(fd);
	/* nothing at all is no half message: that one may stay */
	say(quiet, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(hear(quiet, 4000));
	(void)close(quiet);
}

ATF_TC_WITHOUT_HEAD(many_connections);
ATF_TC_BODY(many_connections, tc)
{
	int fd[40], i;

	(void)tc;
	(void)serve_as(getuid());
	for (i = 0; i < 40; i++)
		fd[i] = dial();
	hear_error(fd[39], VM "QuotaExceeded", NULL);
	for (i = 0; i < 32; i++) {
		say(fd[i], "{\"method\":\"org.varlink.service.GetInfo\"}");
		json_decref(hear(fd[i], 4000));
	}
	for (i = 0; i < 40; i++)
		(void)close(fd[i]);
	/* places come back when their processes have been reaped */
	for (i = 0; i < 100; i++) {
		struct pollfd p = { .events = POLLIN };
		p.fd = dial();
		if (poll(&p, 1, 20) == 0) {
			(void)close(p.fd);
			break;
		}
		(void)close(p.fd);
		(void)poll(NULL, 0, 20);
	}
	others_are_served();
}

ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	int i;

	(void)tc;
	(void)serve_as(getuid());
	for (i = 0; i < 500; i++)
		(void)close(dial());
	for (i = 0; i < 50; i++) {
		struct pollfd p = { .events = POLLIN };
		p.fd = dial();
		if (poll(&p, 1, 50) == 0) {
			(void)close(p.fd);
			break;
		}
		(void)close(p.fd);
	}
	others_are_served();
}

ATF_TC_WITHOUT_HEAD(too_many_fds);
ATF_TC_BODY(too_many_fds, tc)
{
	int fds[253], fd, i;

	(void)tc;
	(void)serve_as(getuid());
	for (i = 0; i < 253; i++)
		fds[i] = 0;
	fd = dial();
	say_fds(fd, "{\"method\":\"" VM "List\"}", fds, 253);
	hear_error(fd, VM "InvalidArgument", "fds");
	hear_end(fd);
	/* one where none is taken; an unused one; an index beyond */
	fds[0] = open(SOCK "et", O_CREAT | O_RDWR, 0600);
	fd = dial();
	say_fds(fd, "{\"method\":\"" VM "List\"}", fds, 1);
	hear_error(fd, VM "InvalidArgument", "fds");
	say(fd, "{\"method\":\"" VM "List\"}");
	json_decref(hear(fd, 4000));
	say_fds(fd, "{\"method\":\"" VM "Start\",\"parameters\":{\"config\":"
		    "{\"name\":\"web\",\"kernel_fd\":1}}}", fds, 1);
	hear_error(fd, VM "InvalidArgument", "kernel_fd");
	(void)close(fd);
	others_are_served();
}

static int
file(const char *name, const char *text, int flags)
{
	atf_utils_create_file(name, "%s", text);
	return open(name, flags);
}

static void
start(const char *members, const int *fds, unsigned nfds, const char *field)
{
	char text[1024];
	int sock = dial();
	json_t *j;

	(void)snprintf(text, sizeof(text), "{\"method\":\"" VM "Start\","
	    "\"parameters\":{\"config\":{\"name\":\"web\"%s}}}", members);
	if (nfds > 0)
		say_fds(sock, text, fds, nfds);
	else
		say(sock, text);
	if (field != NULL) {
		hear_error(sock, VM "InvalidArgument", field);
	} else {
		j = hear(sock, 4000);
		ATF_CHECK_MSG(json_object_get(j, "error") == NULL, "%s: %s",
		    members, json_dumps(j, 0));
		/* the stand-in says how many descriptors it got */
		ATF_CHECK_EQ(nfds, json_integer_value(json_object_get(
		    json_object_get(json_object_get(j, "parameters"), "vm"),
		    "owner")));
		json_decref(j);
	}
	(void)close(sock);
}

ATF_TC_WITHOUT_HEAD(start_files);
ATF_TC_BODY(start_files, tc)
{
	int fds[6], p[2];

	(void)tc;
	(void)serve_as(getuid());
	fds[0] = file("kernel", "vmlinux", O_RDONLY);
	fds[1] = file("root", "filesystem", O_RDONLY);
	fds[2] = open("root", O_RDWR);
	start(",\"kernel_fd\":0", fds, 1, NULL);
	start(",\"kernel_fd\":0,\"rootfs_fd\":1,\"rootfs_rw_fd\":2", fds, 3,
	    NULL);
	start(",\"kernel_fd\":0,\"volumes\":[{\"host\":\"d\",\"guest\":"
	      "\"/d\",\"fd\":1,\"rw_fd\":2}]", fds, 3, NULL);
	start("", NULL, 0, "kernel_fd");
	start(",\"kernel_path\":\"/boot/vmlinux\"", NULL, 0, "kernel_fd");
	start(",\"kernel_fd\":0,\"initrd_fd\":0", fds, 1, "initrd_fd");
	start(",\"kernel_fd\":0", fds, 2, "fds");
	start(",\"kernel_fd\":2,\"rootfs_fd\":0,\"rootfs_rw_fd\":1", fds, 3,
	    "kernel_fd");
	start(",\"kernel_fd\":0,\"rootfs_rw_fd\":2,\"initrd_fd\":1", fds, 3,
	    "rootfs_fd");
	start(",\"kernel_fd\":0,\"cpus\":0", fds, 1, "cpus");
	start(",\"kernel_fd\":0,\"memory_mib\":1", fds, 1, "memory_mib");
	start(",\"kernel_fd\":0,\"speed\":1", fds, 1, "speed");
	start(",\"kernel_fd\":0,\"network\":\"none\",\"ports\":"
	      "[{\"host\":8080,\"guest\":80}]", fds, 1, "ports");
	ATF_REQUIRE_EQ(0, pipe(p));
	start(",\"kernel_fd\":0", p, 1, "kernel_fd");
	fds[0] = open("/dev/null", O_RDONLY);
	start(",\"kernel_fd\":0", fds, 1, "kernel_fd");
	fds[0] = open(".", O_RDONLY);
	start(",\"kernel_fd\":0", fds, 1, "kernel_fd");
	fds[0] = open("kernel", O_PATH);
	start(",\"kernel_fd\":0", fds, 1, "kernel_fd");
	fds[0] = file("empty", "", O_RDONLY);
	start(",\"kernel_fd\":0", fds, 1, "kernel_fd");
	fds[0] = memfd_create("m", 0);
	start(",\"kernel_fd\":0", fds, 1, "kernel_fd");
	fds[0] = open("kernel", O_RDONLY);
	fds[1] = file("qcow2", "QFI\xfb....", O_RDONLY);
	start(",\"kernel_fd\":0,\"rootfs_fd\":1", fds, 2, "rootfs_fd");
	others_are_served();
}

ATF_TC(reader_that_never_reads);
ATF_TC_HEAD(reader_that_never_reads, tc)
{
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_BODY(reader_that_never_reads, tc)
{
	static const char call[] = "{\"method\":\"" VM "Logs\","
	    "\"parameters\":{\"name\":\"full\"}}";
	int fd, i, k = 1;

	(void)tc;
	(void)serve_as(getuid());
	fd = dial();
	/* far more answers than any socket buffer holds */
	for (i = 0; i < 4000 && k > 0; i++)
		k = (int)send(fd, call, sizeof(call),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	others_are_served();
	/* its connection ends after CONN_STUCK_MS: writing fails then */
	for (i = 0, k = 0; i < 200 && k >= 0; i++) {
		(void)poll(NULL, 0, 100);
		k = (int)send(fd, " ", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EAGAIN)
			k = 0;
	}
	ATF_CHECK_MSG(k < 0 && errno == EPIPE, "still open after 20 s");
	others_are_served();
}

ATF_TC_WITHOUT_HEAD(logs_follow);
ATF_TC_BODY(logs_follow, tc)
{
	int fd, n = 0, more = 1;
	json_t *j;

	(void)tc;
	(void)serve_as(getuid());
	fd = dial();
	say(fd, "{\"method\":\"" VM "Logs\",\"more\":true,\"parameters\":"
		"{\"name\":\"grow\",\"follow\":true}}");
	others_are_served();
	while (more) {
		j = hear(fd, 4000);
		ATF_REQUIRE(j != NULL);
		more = json_is_true(json_object_get(j, "continues"));
		n++;
		json_decref(j);
	}
	ATF_CHECK_MSG(n > 3, "%d answers", n);
	/* the connection goes on afterwards */
	say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(hear(fd, 4000));
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(ctld_ends);
ATF_TC_BODY(ctld_ends, tc)
{
	pid_t fake = serve_as(getuid());
	int idle = dial(), waiting = dial(), st;

	(void)tc;
	say(waiting, "{\"method\":\"" VM "Kill\",\"parameters\":"
		     "{\"name\":\"stuck\"}}");
	others_are_served();
	ATF_REQUIRE_EQ(0, kill(fake, SIGKILL));
	ATF_REQUIRE_EQ(fake, waitpid(fake, &st, 0));
	hear_error(waiting, VM "HostFailure", NULL);
	hear_end(waiting);
	hear_end(idle);
}

ATF_TC_WITHOUT_HEAD(not_a_member);
ATF_TC_BODY(not_a_member, tc)
{
	int fd, st;
	pid_t pid;

	(void)tc;
	(void)serve_as(getuid() == 0 ? 61050 : getuid() + 1);
	pid = fork();
	if (pid == 0) {
		/* root becomes somebody who is in no list */
		if (getuid() == 0 && setresuid(61099, 61099, 61099) < 0)
			_exit(1);
		fd = dial();
		hear_error(fd, VM "Denied", NULL);
		hear_end(fd);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &st, 0));
	ATF_CHECK_EQ(0, st);
}

/* A line of /proc/PID/status, without its name; "" when there is none. */
static void
status_line(const char *pid, const char *key, char *buf, size_t size)
{
	char path[64], line[256];
	FILE *f;

	buf[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%s/status", pid);
	if ((f = fopen(path, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0)
			(void)strlcpy(buf, line + strlen(key), size);
	}
	(void)fclose(f);
}

static unsigned
entries(const char *pid, const char *what)
{
	char path[64];
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, what);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* The pid, as text, of the process that serves the only connection. */
static void
find_conn(char *pid, size_t size)
{
	char name[64], uid[64];
	DIR *proc = opendir("/proc");
	struct dirent *d;

	pid[0] = '\0';
	while ((d = readdir(proc)) != NULL) {
		status_line(d->d_name, "Name:", name, sizeof(name));
		status_line(d->d_name, "Uid:", uid, sizeof(uid));
		if (strcmp(name, "\tctld-conn\n") == 0 &&
		    strcmp(uid, "\t61005\t61005\t61005\t61005\n") == 0)
			(void)strlcpy(pid, d->d_name, size);
	}
	(void)closedir(proc);
}

ATF_TC(confined);
ATF_TC_HEAD(confined, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(confined, tc)
{
	static const char *const none[] = { "CapInh:", "CapPrm:", "CapEff:",
		"CapBnd:", "CapAmb:" };
	char pid[32], text[64];
	size_t i;
	int fd;

	(void)tc;
#ifdef WITH_SANITIZERS
	atf_tc_skip("sanitizers' runtime cannot be confined");
#endif
	(void)serve_as(getuid());
	fd = dial();
	say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(hear(fd, 4000));
	find_conn(pid, sizeof(pid));
	ATF_REQUIRE(pid[0] != '\0');
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		status_line(pid, none[i], text, sizeof(text));
		ATF_CHECK_STREQ_MSG("\t0000000000000000\n", text, "%s",
		    none[i]);
	}
	status_line(pid, "NoNewPrivs:", text, sizeof(text));
	ATF_CHECK_STREQ("\t1\n", text);
	status_line(pid, "Seccomp:", text, sizeof(text));
	ATF_CHECK_STREQ("\t2\n", text);
	status_line(pid, "Seccomp_filters:", text, sizeof(text));
	ATF_CHECK_MSG(atoi(text) >= 2, "%s filters", text);
	status_line(pid, "Groups:", text, sizeof(text));
	ATF_CHECK_STREQ("\t \n", text);
	/* 0-2, the client, ctld, mountinfo */
	ATF_CHECK_EQ(6, entries(pid, "fd"));
	(void)close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ordinary);
	ATF_TP_ADD_TC(tp, typed_errors);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, ten_megabytes);
	ATF_TP_ADD_TC(tp, half_a_message);
	ATF_TP_ADD_TC(tp, many_connections);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, too_many_fds);
	ATF_TP_ADD_TC(tp, start_files);
	ATF_TP_ADD_TC(tp, reader_that_never_reads);
	ATF_TP_ADD_TC(tp, logs_follow);
	ATF_TP_ADD_TC(tp, ctld_ends);
	ATF_TP_ADD_TC(tp, not_a_member);
	ATF_TP_ADD_TC(tp, confined);
	return atf_no_error();
}
