/* SPDX-License-Identifier: ISC */
/* The QMP conversation in one process: the VMM is played here, well and
 * badly. */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static struct sup s;
static int vmm;

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static void
fresh(void)
{
	int sv[2];

	memset(&s, 0, sizeof(s));
	s.be = &sup_backend_qemu;
	s.state = SUP_STARTING;
	s.conn = -1;
	s.log_ring = ring_create("log", RING_LOG);
	ATF_REQUIRE_EQ(0, ring_map(&s.log, s.log_ring));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	s.ctl = sv[0];
	vmm = sv[1];
	console_start(&s);
	s.be->start(&s);
}

static void
say(const char *text)
{
	ATF_REQUIRE_EQ((ssize_t)strlen(text), write(vmm, text, strlen(text)));
	s.be->input(&s);
}

/* What vmsup sent since the last look. */
static const char *
heard(void)
{
	static char buf[4096];
	ssize_t n = recv(vmm, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
up(void)
{
	fresh();
	say(GREETING);
	ATF_CHECK(strstr(heard(), "\"qmp_capabilities\",\"id\":1}\n") != NULL);
	say("{\"return\": {}, \"id\": 1}\r\n");
	ATF_CHECK(strstr(heard(), "\"cont\",\"id\":2}\n") != NULL);
	ATF_CHECK_EQ(EAGAIN, s.be->command(&s, SUP_CMD_PAUSE, 9));
	ATF_CHECK_EQ(SUP_STARTING, s.state);
	say("{\"event\": \"RESUME\"}\r\n");
	ATF_CHECK_EQ(SUP_STARTING, s.state);
	say("{\"return\": {}, \"id\": 2}\r\n");
	ATF_CHECK_EQ(SUP_RUNNING, s.state);
}

static void
dead(void)
{
	ATF_CHECK_EQ(-1, s.ctl);
	ATF_CHECK_EQ(EPIPE, s.be->command(&s, SUP_CMD_QUIT, ++s.last_id));
	ATF_CHECK_EQ(END_UNKNOWN, s.end);
	close(vmm);
}

ATF_TC_WITHOUT_HEAD(start);
ATF_TC_BODY(start, tc)
{
	(void)tc;
	fresh();
	ATF_CHECK_EQ(EAGAIN, s.be->command(&s, SUP_CMD_PAUSE, ++s.last_id));
	up();
	ATF_CHECK_EQ(0, s.be->command(&s, SUP_CMD_SHUTDOWN, ++s.last_id));
	ATF_CHECK(strstr(heard(), "system_powerdown") != NULL);
}

ATF_TC_WITHOUT_HEAD(pieces);
ATF_TC_BODY(pieces, tc)
{
	static const char text[] = GREETING
	    "{\"return\": {}, \"id\": 1}\r\n{\"return\": {}, \"id\": 2}\r\n";
	char one[2] = "";
	size_t i;

	(void)tc;
	fresh();
	for (i = 0; i < sizeof(text) - 1; i++) {
		one[0] = text[i];
		say(one);
	}
	ATF_CHECK_EQ(SUP_RUNNING, s.state);
	ATF_CHECK_EQ(QMP_READY, s.qmp.phase);
	/* and all at once */
	fresh();
	say(text);
	ATF_CHECK_EQ(SUP_RUNNING, s.state);
	ATF_CHECK_EQ(0, s.qmp.used);
}

ATF_TC_WITHOUT_HEAD(ends);
ATF_TC_BODY(ends, tc)
{
	static const struct { const char *why; enum sup_end end; } t[] = {
		{ "guest-shutdown", END_SHUTDOWN },
		{ "guest-reset", END_REBOOT }, { "guest-panic", END_PANIC },
		{ "host-qmp-quit", END_QUIT }, { "host-signal", END_SIGNAL },
		{ "host-error", END_VMM_ERROR }, { "whatever", END_UNKNOWN } };
	char line[128];
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		up();
		(void)snprintf(line, sizeof(line), "{\"event\":\"SHUTDOWN\","
		    "\"data\":{\"guest\":true,\"reason\":\"%s\"}}\n",
		    t[i].why);
		say(line);
		ATF_CHECK_EQ(t[i].end, s.end);
		/* the first reason stays */
		say("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":"
		    "\"host-signal\"}}\n");
		ATF_CHECK_EQ(t[i].end == END_UNKNOWN ? END_SIGNAL : t[i].end,
		    s.end);
		ATF_CHECK_EQ(SUP_RUNNING, s.state); /* until it is reaped */
		ATF_CHECK_EQ(ESRCH, s.be->command(&s, SUP_CMD_QUIT, 9));
		ATF_CHECK_STREQ("", heard());
	}
	up();
	say("{\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":"
	    "\"poweroff\"}}\n");
	ATF_CHECK_EQ(END_PANIC, s.end);
	/* a kernel without pvpanic resets instead; its console tells */
	up();
	ATF_CHECK_EQ(1, watch_feed(&s.panic_watch,
	    "[    1.7] Kernel panic - not syncing: VFS", 41));
	say("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}\n");
	ATF_CHECK_EQ(END_PANIC, s.end);
}

ATF_TC_WITHOUT_HEAD(stopped);
ATF_TC_BODY(stopped, tc)
{
	(void)tc;
	up();
	say("{\"event\":\"STOP\"}\n");
	ATF_CHECK_EQ(SUP_PAUSED, s.state);
	ATF_CHECK(strstr(heard(), "\"query-status\",\"id\":3") != NULL);
	say("{\"return\":{\"status\":\"io-error\"},\"id\":3}\n");
	ATF_CHECK_EQ(SUP_PAUSED, s.state);
	say("{\"event\":\"RESUME\"}\n");
	ATF_CHECK_EQ(SUP_RUNNING, s.state);
	/* a guest that KVM cannot emulate: QEMU would stay for ever */
	say("{\"event\":\"STOP\"}\n");
	(void)heard();
	say("{\"return\":{\"status\":\"internal-error\"},\"id\":4}\n");
	ATF_CHECK(strstr(heard(), "\"quit\"") != NULL);
	say("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":"
	    "\"host-qmp-quit\"}}\n");
	ATF_CHECK_EQ(END_VMM_ERROR, s.end);
}

ATF_TC_WITHOUT_HEAD(broken);
ATF_TC_BODY(broken, tc)
{
	static const char *const lines[] = { "\n", "hello\n", "{}\n",
		GREETING, "{\"return\":{}}\n", "{\"return\":{},\"id\":0}\n",
		"{\"return\":{},\"id\":99}\n", "{\"error\":{}}\n",
		"{\"event\":\"RESUME\"}{\n" };
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		up();
		say(lines[i]);
		dead();
		ATF_CHECK_EQ(SUP_RUNNING, s.state);
	}
	/* out of order */
	fresh();
	say("{\"event\":\"RESUME\"}\n");
	dead();
	ATF_CHECK_EQ(SUP_STARTING, s.state);
	fresh();
	say("{\"return\":{},\"id\":1}\n");
	dead();
	fresh();
	say(GREETING);
	say("{\"error\":{\"desc\":\"no\"},\"id\":1}\n");
	dead();
	/* late and double answers to what was sent are none of these */
	up();
	say("{\"return\":{},\"id\":2}\n{\"return\":{},\"id\":2}\n");
	ATF_CHECK(s.ctl >= 0);
	close(vmm);
	s.be->input(&s);
	ATF_CHECK_EQ(-1, s.ctl);
}

ATF_TC_WITHOUT_HEAD(endless_line);
ATF_TC_BODY(endless_line, tc)
{
	static char chunk[4096];
	unsigned i;

	(void)tc;
	up();
	memset(chunk, ' ', sizeof(chunk));
	for (i = 0; i < 64 && s.ctl >= 0; i++) {
		ATF_REQUIRE_EQ((ssize_t)sizeof(chunk),
		    write(vmm, chunk, sizeof(chunk)));
		s.be->input(&s);
	}
	ATF_CHECK_EQ(QMP_LINE_MAX / sizeof(chunk), i);
	dead();
}

/* A VMM that never reads: commands fail, nothing blocks or grows. */
ATF_TC_WITHOUT_HEAD(deaf);
ATF_TC_BODY(deaf, tc)
{
	unsigned i;
	int code = 0;

	(void)tc;
	up();
	for (i = 0; i < 1000000 && code == 0; i++)
		code = s.be->command(&s, SUP_CMD_PAUSE, ++s.last_id);
	ATF_CHECK_EQ(ENOBUFS, code);
	ATF_CHECK(s.be->waiting(&s));
	ATF_CHECK(s.qmp.queued <= sizeof(s.qmp.out));
	while (heard()[0] != '\0')
		;
	s.be->output(&s);
	ATF_CHECK(!s.be->waiting(&s));
	ATF_CHECK_EQ(0, s.be->command(&s, SUP_CMD_PAUSE, ++s.last_id));
}

/* What a VMM said last is heard although it is gone already. */
ATF_TC_WITHOUT_HEAD(last_words);
ATF_TC_BODY(last_words, tc)
{
	(void)tc;
	fresh();
	ATF_REQUIRE(dprintf(vmm, GREETING "{\"event\":\"SHUTDOWN\",\"data\":"
	    "{\"reason\":\"guest-reset\"}}\n") > 0);
	close(vmm);
	s.be->input(&s);
	ATF_CHECK_EQ(END_REBOOT, s.end);
	s.be->input(&s);
	ATF_CHECK_EQ(-1, s.ctl);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, start);
	ATF_TP_ADD_TC(tp, pieces);
	ATF_TP_ADD_TC(tp, ends);
	ATF_TP_ADD_TC(tp, stopped);
	ATF_TP_ADD_TC(tp, broken);
	ATF_TP_ADD_TC(tp, endless_line);
	ATF_TP_ADD_TC(tp, deaf);
	ATF_TP_ADD_TC(tp, last_words);
	return atf_no_error();
}
