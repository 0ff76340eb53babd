/* SPDX-License-Identifier: ISC */
/*
 * What clumsy and hostile clients say to a real listener, and what it makes
 * of it: typed errors, malformed messages, descriptors that do not fit. After
 * each abuse another client is served: that is the point.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/rawclient.h"

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
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	rc_others_served();
	fd = rc_dial();
	/* all sent before any is read: answered in order */
	for (i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "{\"method\":\"" VM
		    "%s\",\"parameters\":{\"name\":\"web\"}}", calls[i]);
		rc_say(fd, text);
	}
	rc_say(fd, "{\"method\":\"" VM "List\",\"oneway\":true}");
	rc_say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	for (i = 0; i < 6; i++) {
		j = rc_hear(fd, 4000);
		ATF_CHECK_MSG(json_object_get(j, "parameters") != NULL &&
		    json_object_get(j, "error") == NULL, "%s", calls[i]);
		json_decref(j);
	}
	j = rc_hear(fd, 4000); /* List was oneway: no answer */
	ATF_CHECK_STREQ("Postern", json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "vendor")));
	json_decref(j);
	rc_say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.postern.Vm\"}}");
	j = rc_hear(fd, 4000);
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
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	fd = rc_dial();
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"method\":\"" VM
		    "Kill\",\"parameters\":{\"name\":\"%s\"}}", t[i][0]);
		rc_say(fd, text);
		rc_hear_error(fd, t[i][1], NULL);
	}
	rc_say(fd, "{\"method\":\"" VM "Fly\"}");
	rc_hear_error(fd, "org.varlink.service.MethodNotFound", NULL);
	rc_say(fd, "{\"method\":\"org.example.Fly\"}");
	rc_hear_error(fd, "org.varlink.service.InterfaceNotFound", NULL);
	rc_say(fd, "{\"method\":\"x\"}");
	rc_hear_error(fd, "org.varlink.service.InterfaceNotFound", NULL);
	rc_say(fd, "{\"method\":\"" VM "List\",\"parameters\":{\"fast\":1}}");
	rc_hear_error(fd, VM "InvalidArgument", "fast");
	rc_say(fd, "{\"method\":\"" VM "List\",\"parameters\":[]}");
	rc_hear_error(fd, VM "InvalidArgument", "parameters");
	rc_say(fd, "{\"method\":\"" VM "List\",\"more\":1}");
	rc_hear_error(fd, VM "InvalidArgument", "more");
	rc_say(fd, "{\"method\":\"" VM "List\",\"upgrade\":true}");
	rc_hear_error(fd, VM "InvalidArgument", "upgrade");
	rc_say(fd, "{\"method\":\"" VM "List\",\"speed\":1}");
	rc_hear_error(fd, VM "InvalidArgument", "speed");
	rc_say(fd, "{\"parameters\":{}}");
	rc_hear_error(fd, VM "InvalidArgument", "method");
	rc_say(fd, "{\"method\":\"" VM "Logs\",\"parameters\":{\"name\":\"web\","
		"\"follow\":true}}");
	rc_hear_error(fd, VM "InvalidArgument", "follow");
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
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = rc_dial();
		rc_say(fd, bad[i]);
		rc_hear_error(fd, VM "InvalidArgument", "message");
		rc_hear_end(fd);
	}
	rc_others_served();
}

ATF_TC_WITHOUT_HEAD(ten_megabytes);
ATF_TC_BODY(ten_megabytes, tc)
{
	static char big[1 << 16];
	int fd, i;
	ssize_t k = 0;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	memset(big, '[', sizeof(big));
	fd = rc_dial();
	for (i = 0; i < 160 && k >= 0; i++)
		k = send(fd, big, sizeof(big), MSG_NOSIGNAL);
	ATF_CHECK_MSG(i < 160, "10 MB were taken");
	rc_hear_error(fd, VM "InvalidArgument", "message");
	(void)close(fd);
	rc_others_served();
}

ATF_TC_WITHOUT_HEAD(half_a_message);
ATF_TC_BODY(half_a_message, tc)
{
	int fd, quiet;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	quiet = rc_dial();
	fd = rc_dial();
	ATF_REQUIRE_EQ(10, send(fd, "{\"method\":", 10, MSG_NOSIGNAL));
	rc_others_served();
	rc_hear_error(fd, VM "InvalidArgument", "message");
	rc_hear_end(fd);
	/* nothing at all is no half message: that one may stay */
	rc_say(quiet, "{\"method\":\"org.varlink.service.GetInfo\"}");
	json_decref(rc_hear(quiet, 4000));
	(void)close(quiet);
}

ATF_TC_WITHOUT_HEAD(too_many_fds);
ATF_TC_BODY(too_many_fds, tc)
{
	int fds[253], fd, i;

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	for (i = 0; i < 253; i++)
		fds[i] = 0;
	fd = rc_dial();
	rc_say_fds(fd, "{\"method\":\"" VM "List\"}", fds, 253);
	rc_hear_error(fd, VM "InvalidArgument", "fds");
	rc_hear_end(fd);
	/* one where none is taken; an unused one; an index beyond */
	fds[0] = open("file", O_CREAT | O_RDWR, 0600);
	fd = rc_dial();
	rc_say_fds(fd, "{\"method\":\"" VM "List\"}", fds, 1);
	rc_hear_error(fd, VM "InvalidArgument", "fds");
	rc_say(fd, "{\"method\":\"" VM "List\"}");
	json_decref(rc_hear(fd, 4000));
	rc_say_fds(fd, "{\"method\":\"" VM "Start\",\"parameters\":{\"config\":"
		    "{\"name\":\"web\",\"kernel_fd\":1}}}", fds, 1);
	rc_hear_error(fd, VM "InvalidArgument", "kernel_fd");
	(void)close(fd);
	rc_others_served();
}

static int
file(const char *name, const char *text, int flags)
{
	atf_utils_create_file(name, "%s", text);
	return open(name, flags);
}

/* got: how many descriptors ctld is given, when field is NULL. */
static void
start_got(const char *members, const int *fds, unsigned nfds, unsigned got,
    const char *field)
{
	char text[1024];
	int sock = rc_dial();
	json_t *j;

	(void)snprintf(text, sizeof(text), "{\"method\":\"" VM "Start\","
	    "\"parameters\":{\"config\":{\"name\":\"web\"%s}}}", members);
	if (nfds > 0)
		rc_say_fds(sock, text, fds, nfds);
	else
		rc_say(sock, text);
	if (field != NULL) {
		rc_hear_error(sock, VM "InvalidArgument", field);
	} else {
		j = rc_hear(sock, 4000);
		ATF_CHECK_MSG(json_object_get(j, "error") == NULL, "%s: %s",
		    members, json_dumps(j, 0));
		/* the stand-in says how many descriptors it got */
		ATF_CHECK_EQ(got, json_integer_value(json_object_get(
		    json_object_get(json_object_get(j, "parameters"), "vm"),
		    "owner")));
		json_decref(j);
	}
	(void)close(sock);
}

static void
start(const char *members, const int *fds, unsigned nfds, const char *field)
{
	start_got(members, fds, nfds, nfds, field);
}

/* Contents end in the process of the connection: ctld gets drives of them. */
ATF_TC_WITHOUT_HEAD(guest_files);
ATF_TC_BODY(guest_files, tc)
{
	int fds[5], p[2];

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	fds[0] = file("kernel", "vmlinux", O_RDONLY);
	fds[1] = file("toml", "x = 1", O_RDONLY);
	fds[2] = memfd_create("m", 0);
	start_got(",\"kernel_fd\":0,\"config_files\":[{\"name\":\"a\","
		  "\"content\":\"b\"}]", fds, 1, 2, NULL);
	start_got(",\"kernel_fd\":0,\"config_files\":[{\"name\":\"a\","
		  "\"fd\":1}],\"secret_files\":[{\"name\":\"a\","
		  "\"fd\":2}]", fds, 3, 3, NULL);
	start(",\"kernel_fd\":0,\"config_files\":[{\"name\":\"a\","
	      "\"fd\":0}]", fds, 1, "config_files[0].fd");
	start(",\"kernel_fd\":0,\"config_files\":[{\"name\":\"../a\","
	      "\"fd\":1}]", fds, 2, "config_files[0].name");
	/* what is no file or must not be read */
	ATF_REQUIRE_EQ(0, pipe(p));
	fds[1] = p[0];
	start(",\"kernel_fd\":0,\"secret_files\":[{\"name\":\"a\","
	      "\"fd\":1}]", fds, 2, "secret_files[0].fd");
	fds[1] = open("toml", O_PATH);
	start(",\"kernel_fd\":0,\"secret_files\":[{\"name\":\"a\","
	      "\"fd\":1}]", fds, 2, "secret_files[0].fd");
	rc_others_served();
}

ATF_TC_WITHOUT_HEAD(start_files);
ATF_TC_BODY(start_files, tc)
{
	int fds[6], p[2];

	(void)tc;
	(void)rc_serve(getuid(), CLIENT_PROGRAM);
	fds[0] = file("kernel", "vmlinux", O_RDONLY);
	fds[1] = file("root", "filesystem", O_RDONLY);
	fds[2] = open("root", O_RDWR);
	start(",\"kernel_fd\":0", fds, 1, NULL);
	start(",\"kernel_fd\":0,\"rootfs_fd\":1,\"rootfs_rw_fd\":2", fds, 3,
	    NULL);
	start_got(",\"kernel_fd\":0,\"volumes\":[{\"host\":\"d\","
		  "\"guest\":\"/d\",\"fd\":1,\"rw_fd\":2}]", fds, 3, 4,
	    NULL);
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
	rc_others_served();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ordinary);
	ATF_TP_ADD_TC(tp, typed_errors);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, ten_megabytes);
	ATF_TP_ADD_TC(tp, half_a_message);
	ATF_TP_ADD_TC(tp, too_many_fds);
	ATF_TP_ADD_TC(tp, start_files);
	ATF_TP_ADD_TC(tp, guest_files);
	return atf_no_error();
}
