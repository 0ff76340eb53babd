/* SPDX-License-Identifier: ISC */
/*
 * A scripted front end and supervisors, for tests of the real ctld program:
 * it keeps the slots' states as front does, can fail, hold back or ignore any
 * request, and answers as vmsup on the sockets that came with SPAWN. Runs in
 * the test's own process; nothing happens but in fake_pump().
 */
#ifndef TESTS_FAKE_PRIVD_H
#define TESTS_FAKE_PRIVD_H

#include <sys/types.h>

#include "common/sysconf.h"
#include "policy/clientops.h"
#include "policy/privops.h"
#include "policy/steps.h"
#include "policy/supops.h"

#define FAKE_SLOTS 16
#define FAKE_UID 61050		/* a tenant */
#define FAKE_UID2 61051		/* another */
#define FAKE_ADMIN 61052
#define FAKE_CTLD 61004
#define FAKE_GID 61010

struct fake_slot {
	uint64_t generation;
	uint32_t state, owner;
	pid_t pid;		/* stands for vmsup */
	int pidfd;
	int listener, conn;	/* vmsup's end of its wire */
	int rings[2];
	uint32_t sup_state, end;
	int32_t wait_status;
	unsigned seen_stop;	/* STOP came with the owner's socket */
};

struct fake {
	struct sysconf conf;
	int front, listener;	/* wires to ctld */
	int state_dir, run_dir, channel_dir;
	pid_t ctld;
	/* script */
	int fail[PRIVOP_END];
	uint16_t fail_step[PRIVOP_END];
	int silent[PRIVOP_END];
	int stalled;
	uint16_t hold;		/* from this request on, keep them back */
	int holding;
	uint8_t bad;		/* rep_net_up.bad */
	uint32_t oom;
	uint32_t sup_state, sup_end; /* what a new supervisor says at first */
	int32_t sup_wait;
	int deaf;		/* guests ignore SHUTDOWN */
	uint32_t sup_version;	/* of HELLO; 0: today's */
	int stream_code;	/* to CONSOLE and CONNECT; -2: no answer */
	int stream;		/* the last that came with one, or -1 */
	int sup_code;		/* supervisors answer PAUSE and RESUME so; -1:
				   they do not answer */
	/* what happened */
	uint16_t log[512];
	uint32_t how[512];	/* of KILL */
	unsigned nlog;
	struct wire_msg held[64];
	unsigned nheld;
	struct fake_slot slots[FAKE_SLOTS];
	uint64_t generation;
	uint32_t seq;
};

/* Directories in the current one, then ctld itself. */
void fake_start(struct fake *f);
void fake_ctld(struct fake *f);		/* (again) */
void fake_kill_ctld(struct fake *f);	/* kill -9 */
void fake_end(struct fake *f);

void fake_pump(struct fake *f, int ms);	/* at most that long without news */
void fake_release(struct fake *f);	/* what was held back */
/* The supervisor of a slot says so. */
void fake_sup_tell(struct fake *f, unsigned slot, uint32_t state,
    uint32_t end, int32_t wait_status);
unsigned fake_used(const struct fake *f);	/* slots not free */
/* Pump until so many are used, ten seconds at most. */
void fake_until_used(struct fake *f, unsigned n);
unsigned fake_count(const struct fake *f, uint16_t op);

/* A client: our end of its wire. *keep: its other descriptor. */
int fake_client(struct fake *f, uint32_t uid, int *keep, struct rep_cl *why);
void fake_send(struct fake *f, int wire, uint16_t op, const void *body,
    const int *fds, unsigned nfds);
/* 1: an answer came, 0: end of file, -1: neither within ms. */
int fake_answer(struct fake *f, int wire, struct wire_msg *m, int ms);
/* Both, and the struct rep_cl at its beginning. */
struct rep_cl fake_ask(struct fake *f, int wire, uint16_t op,
    const void *body, const int *fds, unsigned nfds, struct wire_msg *m);

/* A request that is right, and its files (kernel, writable rootfs). */
void fake_spec(struct clreq_start *s, const char *name);
unsigned fake_files(int fds[16]);
/* GET by name; CLE_ error. */
uint16_t fake_get(struct fake *f, int wire, const char *name,
    struct cl_vm *vm);

#endif
