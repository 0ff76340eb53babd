/* SPDX-License-Identifier: ISC */
/* Test code; see rawclient.h. */
#include <atf-c.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/fakectld.h"
#include "tests/lib/rawclient.h"
#include "tests/lib/sendfds.h"

pid_t
rc_serve(uint32_t member, const char *program)
{
	const struct fakectld f = { .socket = RC_SOCK, .uid = member,
		.program = geteuid() == 0 ? program : NULL };

	return fakectld_start(&f);
}

int
rc_dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = RC_SOCK };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0,
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)));
	return fd;
}

void
rc_say(int fd, const char *text)
{
	ATF_REQUIRE_EQ((ssize_t)strlen(text) + 1,
	    send(fd, text, strlen(text) + 1, MSG_NOSIGNAL));
}

void
rc_say_fds(int fd, const char *text, const int *fds, unsigned nfds)
{
	send_fds(fd, text, strlen(text) + 1, fds, nfds);
}

json_t *
rc_hear(int fd, int ms)
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

void
rc_hear_error(int fd, const char *error, const char *field)
{
	json_t *j = rc_hear(fd, 8000);
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

void
rc_hear_end(int fd)
{
	ATF_CHECK(rc_hear(fd, 8000) == NULL);
	(void)close(fd);
}

void
rc_others_served(void)
{
	int fd = rc_dial();
	json_t *j;

	rc_say(fd, "{\"method\":\"" VM "Status\",\"parameters\":"
	    "{\"name\":\"web\"}}");
	j = rc_hear(fd, 4000);
	ATF_REQUIRE(j != NULL);
	ATF_CHECK_STREQ("Running", json_string_value(json_object_get(
	    json_object_get(j, "parameters"), "status")));
	json_decref(j);
	(void)close(fd);
}

void
rc_wait_place(void)
{
	static const char call[] =
	    "{\"method\":\"org.varlink.service.GetInfo\"}";
	int fd, i, served = 0;
	json_t *j;

	for (i = 0; i < 500 && !served; i++) {
		fd = rc_dial();
		/* it may be turned away before it says anything */
		(void)send(fd, call, sizeof(call), MSG_NOSIGNAL);
		j = rc_hear(fd, 8000);
		served = json_object_get(j, "parameters") != NULL &&
		    json_object_get(j, "error") == NULL;
		json_decref(j);
		(void)close(fd);
		if (!served)
			(void)poll(NULL, 0, 20);
	}
	ATF_REQUIRE(served);
}
