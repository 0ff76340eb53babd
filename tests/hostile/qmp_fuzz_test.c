/* SPDX-License-Identifier: ISC */
/*
 * A hostile VMM's bytes: lines and whole conversations, changed at random
 * (the same at every run), in pieces of any size. What counts is that
 * everything ends, stays inside its buffers (the sanitizer build looks) and
 * that no state comes of it but what the protocol has.
 */
#include <atf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/sup/sup.h"

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static const char *const corpus[] = {
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22}}, "
	"\"capabilities\": [\"oob\"]}}\r\n",
	"{\"return\": {}, \"id\": 1}\r\n",
	"{\"return\": {\"status\": \"running\", \"running\": true}, "
	"\"id\": 2}\r\n",
	"{\"return\": {\"status\": \"internal-error\"}, \"id\": 3}\n",
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"\\u0041\"}, "
	"\"id\": 2}\n",
	"{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1.5e3}}\n",
	"{\"event\": \"RESUME\"}\n", "{\"event\": \"RESET\"}\n",
	"{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
	"\"reason\": \"guest-reset\"}}\n",
	"{\"event\": \"GUEST_PANICKED\", \"data\": {\"action\": null}}\n" };

#define NCORPUS ((uint32_t)(sizeof(corpus) / sizeof(corpus[0])))

static size_t
mutate(char *buf, size_t n, size_t size)
{
	static const char likely[] = "{}[]:,\"\\ \n\r0-9.eEtfnu\x80\xff";
	uint32_t times = rnd(4), at;

	while (times-- > 0 && n > 1) {
		at = rnd((uint32_t)n);
		switch (rnd(4)) {
		case 0:
			buf[at] = (char)rnd(256);
			break;
		case 1:
			buf[at] = likely[rnd(sizeof(likely))];
			break;
		case 2:
			memmove(buf + at, buf + at + 1, n - at - 1);
			n--;
			break;
		default:
			if (n == size)
				break;
			memmove(buf + at + 1, buf + at, n - at);
			n++;
			buf[at] = likely[rnd(sizeof(likely))];
		}
	}
	return n;
}

ATF_TC_WITHOUT_HEAD(lines);
ATF_TC_BODY(lines, tc)
{
	char buf[512], *copy;
	struct qmp_msg m;
	uint32_t i, k;
	size_t n;

	(void)tc;
	for (i = 0; i < 300000; i++) {
		k = rnd(NCORPUS);
		n = strlen(corpus[k]);
		memcpy(buf, corpus[k], n);
		n = mutate(buf, n, sizeof(buf));
		copy = malloc(n); /* exactly: one byte more is seen */
		ATF_REQUIRE(copy != NULL);
		memcpy(copy, buf, n);
		if (qmp_scan(copy, n, &m) == 0) {
			ATF_REQUIRE(m.kind > QMP_NONE && m.kind <= QMP_EVENT);
			ATF_REQUIRE(m.event < QMP_EV_END &&
			    m.reason < QMP_WHY_END && m.status < QMP_IS_END);
			ATF_REQUIRE(memchr(m.desc, '\0', sizeof(m.desc)));
		}
		free(copy);
	}
}

static struct sup s;

static int
fresh(void)
{
	struct ring log = s.log;
	int sv[2];

	if (log.hdr == NULL)
		ATF_REQUIRE_EQ(0, ring_map(&log, ring_create("log",
		    RING_LOG)));
	memset(&s, 0, offsetof(struct sup, qmp));
	s.log = log;
	s.qmp.phase = QMP_WANT_GREETING;
	s.qmp.used = s.qmp.sent = s.qmp.queued = 0;
	s.qmp.caps_id = s.qmp.status_id = 0;
	s.be = &sup_backend_qemu;
	s.state = SUP_STARTING;
	s.conn = -1;
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	s.ctl = sv[0];
	return sv[1];
}

/* One line into the conversation, in two pieces. */
static void
feed(int vmm, const char *buf, size_t n)
{
	size_t first = n > 1 ? rnd((uint32_t)n - 1) + 1 : n;

	if (write(vmm, buf, first) != (ssize_t)first)
		return;
	s.be->input(&s);
	if (s.ctl < 0 || n == first ||
	    write(vmm, buf + first, n - first) != (ssize_t)(n - first))
		return;
	s.be->input(&s);
}

ATF_TC_WITHOUT_HEAD(conversations);
ATF_TC_BODY(conversations, tc)
{
	unsigned long told = 0;
	uint32_t i, j, k;
	char buf[512];
	size_t n;
	int vmm;

	(void)tc;
	for (i = 0; i < 20000; i++) {
		vmm = fresh();
		for (j = 0; j < 12 && s.ctl >= 0; j++) {
			/* mostly in order, so that it gets somewhere */
			k = j < 3 && rnd(8) != 0 ? j : rnd(NCORPUS);
			n = strlen(corpus[k]);
			memcpy(buf, corpus[k], n);
			if (rnd(6) == 0)
				n = mutate(buf, n, sizeof(buf));
			feed(vmm, buf, n);
			if (rnd(6) == 0 && s.ctl >= 0)
				(void)s.be->command(&s, SUP_CMD_PAUSE,
				    ++s.last_id);
			ATF_REQUIRE(s.qmp.used < sizeof(s.qmp.line));
			ATF_REQUIRE(s.qmp.sent <= s.qmp.queued &&
			    s.qmp.queued <= sizeof(s.qmp.out));
			ATF_REQUIRE(s.state >= SUP_STARTING &&
			    s.state < SUP_ENDED);
			ATF_REQUIRE(s.end <= END_VMM_ERROR);
		}
		told += s.state != SUP_STARTING;
		close(vmm);
		fd_close(&s.ctl);
	}
	/* the test itself: conversations do get somewhere */
	ATF_CHECK(told > 1000);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, lines);
	ATF_TP_ADD_TC(tp, conversations);
	return atf_no_error();
}
