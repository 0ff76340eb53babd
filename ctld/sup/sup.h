/* SPDX-License-Identifier: ISC */
/*
 * vmsup: parent of one VMM and init of its pid namespace. One struct sup is
 * all its state; nothing is allocated, so its memory is the same in its first
 * second and after a month, whatever guest, VMM or ctld do.
 *
 * Who calls whom: loop.c waits; console.c, serve.c, exit.c and the backend's
 * file handle one descriptor each. Only loop.c closes or ends anything for
 * a reason that came from outside.
 */
#ifndef CTLD_SUP_SUP_H
#define CTLD_SUP_SUP_H

#include <stdint.h>

#include "common/ring.h"
#include "common/wire.h"
#include "ctld/sup/channel.h"
#include "ctld/sup/qmp.h"
#include "ctld/sup/watch.h"
#include "policy/supops.h"

#define SUP_ASKS_MAX 8u	       /* requests that wait for the VMM */
#define SUP_ASK_MS 2000	       /* and how long: then ETIMEDOUT */
#define SUP_REST_MS 1000       /* no accept(2) for so long after it failed */
#define SUP_TYPED_MAX 1024u    /* bytes for the guest that wait */
#define SUP_DRAIN_MAX (4u << 20) /* bytes read of a dead VMM's pipes at most */

enum sup_cmd { SUP_CMD_SHUTDOWN, SUP_CMD_QUIT, SUP_CMD_PAUSE, SUP_CMD_RESUME };

struct sup;

/* What differs between VMMs, one const table each. The bytes it reads come
 * from a VMM that is assumed hostile. */
struct sup_backend {
	const char *name;
	/* The VMM has executed: begin to talk on s->ctl. */
	void (*start)(struct sup *s);
	/* s->ctl has bytes, or ended. Reads once; never blocks. */
	void (*input)(struct sup *s);
	/* Has output waited? Then output() is called when s->ctl has room. */
	int (*waiting)(const struct sup *s);
	void (*output)(struct sup *s);
	/* Pass a request on. 0: ask_answer(s, id, code) will be called when
	 * the VMM answered; else the errno to answer with now. */
	int (*command)(struct sup *s, enum sup_cmd cmd, uint32_t id);
};
/* NULL for a kind that this vmsup does not know. */
const struct sup_backend *sup_backend(uint32_t vmm_kind);

struct sup_ask {	/* a request of ctld that the VMM has yet to answer */
	uint32_t id;	/* 0: free */
	uint32_t conn;	/* the connection it came by */
	int64_t until;
	struct wire_hdr h;
};

struct sup {
	uint32_t ctld_uid;
	const struct sup_backend *be;
	/* -1 once closed; ctl and conn are never written to blocking */
	int listen, conn, console_ring, log_ring, in, out, log_out, ctl, vmm,
	    chld;

	uint32_t state;		/* enum sup_state */
	uint32_t end;		/* enum sup_end; the first reason stays */
	int32_t wait_status;
	uint32_t ready;
	int acked;		/* ctld has recorded the end: we may go */

	uint32_t conn_id;	/* counts connections */
	int greeted;		/* HELLO was the first record on conn */
	int owed;		/* a STATE record could not be sent yet */
	int64_t accept_at;	/* not before */
	uint32_t last_id;	/* of commands to the VMM */
	struct sup_ask asks[SUP_ASKS_MAX];

	uint32_t rate;		/* bytes a second of console and log */
	int64_t paid_us;	/* what was read is paid for until then */
	struct ring console, log;
	struct watch ready_watch, panic_watch;
	int attached[CONSOLES_MAX];	/* streams, or -1 */
	uint8_t silent[CONSOLES_MAX];	/* it sends no more, it listens */
	size_t ntyped, at_typed;	/* [at, at + n) waits for the guest */
	char typed[SUP_TYPED_MAX];
	struct channels chan;
	struct qmp qmp;
	struct wire_msg msg;
	char buf[4096];
};

/* ---- note.c */
/* A line of ours in the hypervisor log, before which stands "vmsup: ". */
void sup_note(struct sup *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- loop.c */
/* Until ctld acknowledged the exit of the VMM. */
void sup_loop(struct sup *s);
/* The VMM said so. Tells ctld of a change. */
void sup_state(struct sup *s, enum sup_state state);
/* The first reason wins; later ones only tell how that end went on. */
void sup_end(struct sup *s, enum sup_end end);

/* ---- console.c */
void console_start(struct sup *s);
/* s->out, s->log_out is readable, or ended: one read. Bytes, or 0. */
size_t console_input(struct sup *s);
size_t console_log(struct sup *s);
/* When output is read again, ms; 0: now. A second's worth is read at once. */
int64_t console_until(const struct sup *s, int64_t now);
/* fd hears the guest's output from now on, and what it sends is the guest's
 * input: taken if the answer is 0, else an errno. A reader that stalls loses
 * bytes; it delays neither the guest nor the ring. */
int console_attach(struct sup *s, int fd);
/* attached[i] has bytes or an end: what is polled so; s->in has room. */
void console_typed(struct sup *s, unsigned i, short what);
void console_write(struct sup *s);
/* The VMM has ended: so do they all. */
void console_end(struct sup *s);
/* Watch for text, from the oldest byte that the ring still has. */
void console_ready(struct sup *s, const char *text);

/* ---- serve.c */
void serve_accept(struct sup *s);
void serve_input(struct sup *s);	/* a record on s->conn, or its end */
void serve_tell(struct sup *s);	/* STATE to ctld, now or when it fits */
void serve_expire(struct sup *s, int64_t now);
/* Milliseconds until something expires, -1: nothing will. */
int serve_timeout(const struct sup *s, int64_t now);
/* The VMM answered command id: code 0, or an errno. */
void ask_answer(struct sup *s, uint32_t id, int code);
/* No answer will come any more: every request that waits fails. */
void ask_fail_all(struct sup *s, int code);

/* ---- exit.c */
/* Descriptor that is readable when a child ended; blocks SIGCHLD. -1. */
int exit_watch(void);
/* Reap whatever ended; a VMM that did is the end of this VM. */
void exit_reap(struct sup *s);

#endif
