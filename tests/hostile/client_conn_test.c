/* SPDX-License-Identifier: ISC */
/*
 * Connections of hostile clients: too many of them, ones that never read,
 * that outlive ctld, that are nobody's; and the room that the process of one
 * lives in. After each abuse another client is served.
 */
#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "config.h"
#include "tests/lib/rawclient.h"

ATF_TC_WITHOUT_HEAD(many_connections);
ATF_TC_BODY(many_connections, tc)
{
	int fd[40], i;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	for (i = 0; i < 40; i++)
		fd[i] = rc_dial();
	rc_hear_error(fd[39], VM "QuotaExceeded", NULL);
	for (i = 0; i < 32; i++) {
		rc_say(fd[i], "{\"method\":\"org.varlink.service.GetInfo\"}");
		json_decref(rc_hear(fd[i], 4000));
	}
	for (i = 0; i < 40; i++)
		(void)close(fd[i]);
	rc_wait_place();
	rc_others_served();
}

ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	int i;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	for (i = 0; i < 500; i++)
		(void)close(rc_dial());
	rc_wait_place();
	rc_others_served();
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
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	fd = rc_dial();
	/* far more answers than any socket buffer holds */
	for (i = 0; i < 4000 && k > 0; i++)
		k = (int)send(fd, call, sizeof(call),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	rc_others_served();
	/* its connection ends after CONN_STUCK_MS: writing fails then */
	for (i = 0, k = 0; i < 200 && k >= 0; i++) {
		(void)poll(NULL, 0, 100);
		k = (int)send(fd, " ", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EAGAIN)
			k = 0;
	}
	ATF_CHECK_MSG(k < 0 && errno == EPIPE, "still open after 20 s");
	rc_others_served();
}

ATF_TC_WITHOUT_HEAD(logs_follow);
ATF_TC_BODY(logs_follow, tc)
{
	int fd, n = 0, more = 1;
	json_t *j;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	fd = rc_dial();
	rc_say(fd, "{\"method\":\"" VM "Logs\",\"more\":true,\"parameters\":"
		"{\"name\":\"grow\",\"follow\":true}}");
	rc_others_served();
	while (more) {
		j = rc_hear(fd, 4000);
		ATF_REQUIRE(j != NULL);
		more = json_is_true(json_object_get(j, "continues"));
		n++;
		json_decref(j);
	}
	ATF_CHECK_MSG(n > 3, "%d answers", n);
	/* the connection goes on afterwards */
	rc_say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(rc_hear(fd, 4000));
	(void)close(fd);
}

ATF_TC_WITHOUT_HEAD(ctld_ends);
ATF_TC_BODY(ctld_ends, tc)
{
	pid_t fake = rc_serve(getuid(), CLIENT_PROGRAM);
	int idle = rc_dial(), waiting = rc_dial(), st;

	(void)tc;
	rc_say(waiting, "{\"method\":\"" VM "Kill\",\"parameters\":"
		     "{\"name\":\"stuck\"}}");
	rc_others_served();
	ATF_REQUIRE_EQ(0, kill(fake, SIGKILL));
	ATF_REQUIRE_EQ(fake, waitpid(fake, &st, 0));
	/* whether it was killed nobody can say: no answer is the true one */
	rc_hear_end(waiting);
	rc_hear_end(idle);
}

ATF_TC_WITHOUT_HEAD(not_a_member);
ATF_TC_BODY(not_a_member, tc)
{
	int fd, st;
	pid_t pid;

	(void)tc;
	(void)rc_serve(getuid() == 0 ? 61050 : getuid() + 1,
	    CLIENT_PROGRAM);
	pid = fork();
	if (pid == 0) {
		/* root becomes somebody who is in no list */
		if (getuid() == 0 && setresuid(61099, 61099, 61099) < 0)
			_exit(1);
		fd = rc_dial();
		rc_hear_error(fd, VM "Denied", NULL);
		rc_hear_end(fd);
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

static pid_t
parent(const char *pid)
{
	char text[64];

	status_line(pid, "PPid:", text, sizeof(text));
	return (pid_t)strtol(text, NULL, 10);
}

/* The pid, as text, of the process that serves the only connection of the
 * listener that is this stand-in's child: others run beside this test. */
static void
find_conn(pid_t fake, char *pid, size_t size)
{
	char name[64], listener[32];
	DIR *proc = opendir("/proc");
	struct dirent *d;

	pid[0] = '\0';
	ATF_REQUIRE(proc != NULL);
	while ((d = readdir(proc)) != NULL) {
		status_line(d->d_name, "Name:", name, sizeof(name));
		if (strcmp(name, "\tctld-conn\n") != 0)
			continue;
		(void)snprintf(listener, sizeof(listener), "%d",
		    parent(d->d_name));
		if (parent(listener) == fake)
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
	pid_t fake;
	size_t i;
	int fd;

	(void)tc;
#ifdef WITH_SANITIZERS
	atf_tc_skip("sanitizers' runtime cannot be confined");
#endif
	fake = rc_serve(getuid(), CLIENT_PROGRAM);
	fd = rc_dial();
	rc_say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(rc_hear(fd, 4000));
	find_conn(fake, pid, sizeof(pid));
	ATF_REQUIRE(pid[0] != '\0');
	status_line(pid, "Uid:", text, sizeof(text));
	ATF_CHECK_STREQ("\t61005\t61005\t61005\t61005\n", text);
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
	ATF_TP_ADD_TC(tp, many_connections);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, reader_that_never_reads);
	ATF_TP_ADD_TC(tp, logs_follow);
	ATF_TP_ADD_TC(tp, ctld_ends);
	ATF_TP_ADD_TC(tp, not_a_member);
	ATF_TP_ADD_TC(tp, confined);
	return atf_no_error();
}
