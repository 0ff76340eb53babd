/* SPDX-License-Identifier: ISC */
/*
 * Runs a vmsup and a VMM as jail would: descriptors at the numbers of
 * common/vmfd.h, the real seccomp program, VMM as vmsup's child. For tests;
 * needs no root. Failures fail the test.
 */
#ifndef TESTS_LIB_SUPRUN_H
#define TESTS_LIB_SUPRUN_H

#include <atf-c.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"
#include "policy/clientops.h"
#include "policy/supops.h"

struct suprun {
	pid_t pid;		/* of vmsup, our child */
	pid_t vmm;
	unsigned channels;
	int console, log;	/* rings */
	int conn;		/* to vmsup, or -1 */
	struct supreq_state st;	/* the last that it told */
	struct wire_msg msg;
};

/* argv of the VMM; its 0-3 are as in a jail, drive (or -1) is at
 * VMM_FD_DRIVE. */
void suprun_start(struct suprun *r, const atf_tc_t *tc, char *const argv[],
    int drive);
/* The same with a seccomp program of the caller's choice. */
void suprun_start_with(struct suprun *r, const atf_tc_t *tc,
    char *const argv[], int drive, int filter);
/* The test guest in QEMU, as the backend plans this request but for the paths
 * that only a jail has; connected. With channels their listener is
 * "channel.sock" in the current directory. Skips where there is no QEMU. */
void suprun_qemu(struct suprun *r, const atf_tc_t *tc,
    struct clreq_start *req, int drive);
/* Ask with a body and a descriptor (or -1). */
int suprun_say(struct suprun *r, uint16_t op, const void *body, int fd);
/* Connect as ctld would, and HELLO. */
void suprun_connect(struct suprun *r);
/* r->conn is connected: HELLO only. */
void suprun_hello(struct suprun *r);
/* Ask and wait for the answer's code; STATE records are noted on the way. */
int suprun_ask(struct suprun *r, uint16_t op);
int suprun_ready(struct suprun *r, const char *text);
/* Until it told this state, or that the text was seen: 1, or 0 after ms. */
int suprun_state(struct suprun *r, uint32_t state, int ms);
int suprun_until_ready(struct suprun *r, int ms);
/* ACK_EXIT, then its exit status as of wait(2). */
int suprun_end(struct suprun *r);
/* Kilobytes of its memory: a line of smaps_rollup, such as "Pss". */
long suprun_memory(const struct suprun *r, const char *what);
/* Everything in a ring, NUL-terminated (static). */
const char *suprun_ring(int fd);

#endif
