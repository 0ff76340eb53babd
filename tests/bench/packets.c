/* SPDX-License-Identifier: ISC */
/*
 * Measures datagrams to the test guest and its answers through a published
 * port, beside the same guest on a plain TAP of the host, in turn: round
 * trips one by one, and answers a second with a window of them on the way.
 * Runs in the bench's network namespace, with no right.
 *
 * bench-packets ADDR PORT ADDR PORT N (ours, then the TAP's); series rtt,
 * rtt.tap, rate, rate.tap.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/measure.h"

#define WINDOW 32
#define PAYLOAD 1200
#define RATE_MS 500.0
#define RUN 50
#define LOST_MS 200

struct way {
	const char *rtt, *rate;
	int fd;
};

/* A word that the guest does not know, then one that it answers. */
static const char short_text[] = "count";
static char long_text[PAYLOAD];

static void
open_way(struct way *w, const char *addr, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)measure_number(port, 65535))};

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		errx(2, "%s: no address", addr);
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "%s", addr);
}

/* 1: an answer; 0: none in time. */
static int
heard(const struct way *w)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	char buf[2048];

	if (poll(&p, 1, LOST_MS) <= 0)
		return 0;
	return recv(w->fd, buf, sizeof(buf), 0) >= 0;
}

static void
ask(const struct way *w, const char *text, size_t n)
{
	if (send(w->fd, text, n, 0) < 0 && errno != ECONNREFUSED)
		err(1, "send");
}

static void
rtt(const struct way *w)
{
	double t;
	int i, lost = 0;

	for (i = 0; i < RUN && lost < RUN; i++) {
		t = measure_now();
		ask(w, short_text, sizeof(short_text) - 1);
		if (heard(w)) {
			measure_keep(w->rtt, measure_now() - t);
		} else {
			lost++;
			i--;
		}
	}
	if (lost == RUN)
		errx(1, "%s: no answers", w->rtt);
}

static void
rate(const struct way *w)
{
	double t = measure_now(), end = t + RATE_MS;
	unsigned n = 0, i;

	for (i = 0; i < WINDOW; i++)
		ask(w, long_text, sizeof(long_text));
	while (measure_now() < end) {
		if (heard(w)) {
			n++;
			ask(w, long_text, sizeof(long_text));
			continue;
		}
		for (i = 0; i < WINDOW; i++) /* all were lost */
			ask(w, long_text, sizeof(long_text));
	}
	measure_keep(w->rate, n / ((measure_now() - t) / 1e3));
	while (heard(w))
		continue;
}

int
main(int argc, char *argv[])
{
	struct way ours = {"rtt", "rate", -1};
	struct way tap = {"rtt.tap", "rate.tap", -1};
	unsigned n, i;

	if (argc != 6)
		errx(2, "ADDR PORT ADDR PORT N");
	n = measure_number(argv[5], 100000);
	memset(long_text, 'x', sizeof(long_text));
	(void)memcpy(long_text + sizeof(long_text) - 6, " count", 6);
	open_way(&ours, argv[1], argv[2]);
	open_way(&tap, argv[3], argv[4]);
	for (i = 0; i < n; i++) {
		rtt(&ours);
		rtt(&tap);
	}
	for (i = 0; i < 1 + n / 4; i++) {
		rate(&ours);
		rate(&tap);
	}
	measure_write();
	return 0;
}
