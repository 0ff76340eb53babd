/* SPDX-License-Identifier: ISC */
/*
 * Measures one privileged request, asked and answered, beside an empty
 * ping-pong of as many bytes over the same kind of socket with a process that
 * only sends back, in turn. As root; plays ctld, net and jail for a real,
 * confined privd-front.
 *
 * bench-roundtrip PRIVD-FRONT N; series request, pingpong.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"
#include "tests/bench/measure.h"
#include "tests/hostile/front_bench.h"

#define RUN 50 /* of one kind before the other: caches warm alike */

static unsigned char bytes[4096];

static int
echo(void)
{
	int sv[2];
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		(void)close(sv[0]);
		while ((n = recv(sv[1], bytes, sizeof(bytes), 0)) > 0)
			if (send(sv[1], bytes, (size_t)n, 0) != n)
				break;
		_exit(0);
	}
	(void)close(sv[1]);
	return sv[0];
}

static void
pingpong(int fd, size_t size)
{
	double t = measure_now();

	if (send(fd, bytes, size, 0) != (ssize_t)size ||
	    recv(fd, bytes, sizeof(bytes), 0) != (ssize_t)size)
		err(1, "ping-pong");
	measure_keep("pingpong", measure_now() - t);
}

static void
request(struct bench *b)
{
	struct req_slot_next req = {.after = UINT32_MAX};
	struct wire_hdr h = {.type = PRIVOP_SLOT_NEXT, .seq = ++b->seq};
	double t = measure_now();

	if (wire_send(b->ctld, &h, &req, sizeof(req), NULL, 0) < 0 ||
	    wire_recv_wait(b->ctld, &b->m, 5000) != 1)
		err(1, "request");
	measure_keep("request", measure_now() - t);
}

int
main(int argc, char *argv[])
{
	struct rep_reserve rep;
	struct bench *b;
	unsigned n, i, k;
	int fd;

	if (argc != 3)
		errx(2, "PRIVD-FRONT N");
	n = measure_number(argv[2], 1000000);
	b = bench_new(argv[1]);
	if (bench_reserve(b, ALICE, ALICE, &rep) != 0)
		errx(1, "RESERVE was refused");
	fd = echo();
	for (i = 0; i < n; i += RUN) {
		for (k = 0; k < RUN; k++)
			request(b);
		for (k = 0; k < RUN; k++)
			pingpong(fd, sizeof(struct wire_hdr) +
					 sizeof(struct req_slot_next));
	}
	measure_write();
	bench_kill(b);
	return 0;
}
