/* SPDX-License-Identifier: ISC */
/*
 * A real privd-front, confined as in service, with the test at the far ends
 * of its wires: it plays ctld, net and jail. Needs root.
 */
#ifndef TESTS_FRONT_BENCH_H
#define TESTS_FRONT_BENCH_H

#include <stdint.h>
#include <sys/types.h>
#include <atf-c.h>

#include "common/sysconf.h"
#include "common/wire.h"
#include "policy/privops.h"

#define AS_ROOT(name)                                                \
	ATF_TC(name);                                                \
	ATF_TC_HEAD(name, tc)                                        \
	{                                                            \
		atf_tc_set_md_var(tc, "require.user", "root");       \
		atf_tc_set_md_var(tc, "timeout", "120");             \
	}                                                            \
	ATF_TC_BODY(name, tc)

#define ALICE 61050u
#define BOB 61051u
#define ADMIN 61052u
#define STRANGER 61053u

struct bench {
	struct sysconf conf;
	pid_t pid;
	int ctld, net, jail;	/* far ends; -1 once given away */
	int ledger, listen;
	uint32_t seq;
	int hold;		/* answer nothing by ourselves */
	struct wire_msg m;
};

/* The program's path, from that of the test; static. Skips the test where a
 * confined role cannot run. */
const char *bench_program(const atf_tc_t *tc);

/* The ledger and the control socket; then a front, which is answered what it
 * asks at its start (jail sees nothing). */
struct bench *bench_new(const char *program);
/* Just the process; nothing is answered. */
void bench_start(struct bench *b, const char *program);
/* Answer jail's and net's questions of the start. */
void bench_boot(struct bench *b);
/* It ends: its exit status, or 1000 + signal; -1 when it does not. */
int bench_wait(struct bench *b);
void bench_kill(struct bench *b);

/* A client's accepted socket, its peer being uid. */
int bench_client(struct bench *b, uint32_t uid);

/* Send, as ctld. */
void bench_ask(struct bench *b, uint16_t op, uint32_t slot,
    uint64_t generation, const void *body, const int *fds, unsigned nfds);
/* What net or jail is asked next: 'n' or 'j', in b->m; 0 within ms. */
char bench_asked(struct bench *b, int ms);
/* The op-server's answer to b->m. */
void bench_answer(struct bench *b, char by, int code);
/* ctld's next answer, in b->m; the op-servers are answered meanwhile unless
 * hold. The code, or -1 when none comes. */
int bench_heard(struct bench *b);
/* Ask and hear. */
int bench_call(struct bench *b, uint16_t op, uint32_t slot,
    uint64_t generation, const void *body, const int *fds, unsigned nfds);
/* Does it answer? */
int bench_alive(struct bench *b);
/* The step that the answer in b->m names. */
unsigned bench_step(const struct bench *b);
/* RESERVE for the peer; 0, or a code. */
int bench_reserve(struct bench *b, uint32_t peer, uint32_t owner,
    struct rep_reserve *rep);
/* From a reservation to a running VM. */
void bench_run(struct bench *b, const struct rep_reserve *r);

unsigned bench_fds(const struct bench *b); /* that the front has open */

#endif
