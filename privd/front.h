/* SPDX-License-Identifier: ISC */
/*
 * Front's own shapes: one wire to ctld, one to each op-server, the slots,
 * and for each slot a queue of which one request at a time is on its way.
 */
#ifndef PRIVD_FRONT_H
#define PRIVD_FRONT_H

#include <stdint.h>

#include "common/bucket.h"
#include "common/sysconf.h"
#include "common/wire.h"
#include "policy/privops.h"
#include "privd/ledger.h"

#define CALL_QUEUE_MAX 24u  /* waiting requests of one slot */
#define CALLS_MAX 4096u	    /* held at all; beyond, ctld is not read */
#define CALL_FDS_MAX 3072u  /* descriptors held; likewise */
#define SPAWN_WINDOW 6u	    /* of them starts, each for up to 7 s... */
#define SPAWN_OWNER 3u	    /* ...and starts of one owner */
#define SERVER_WINDOW 8u    /* requests on their way to one op-server */
#define ANSWER_MS 10000	    /* without any answer: the op-server hangs */
#define VMM_MIB 64u	    /* host memory of a VM beside the guest's */
#define OUT_MS 10000	    /* ctld that does not read its answers */

/* One request of ctld, from its arrival to its answer. */
struct call {
	struct call *next;
	struct wire_hdr h;	/* as asked */
	uint16_t type;		/* as forwarded: ATTEST for a RESERVE */
	uint8_t accepted;	/* KILL: its state was judged on arrival */
	uint32_t seq;		/* front's, on the op-server's wire */
	unsigned nfds;
	int fds[WIRE_FDS_MAX];	/* owned */
	struct req_net_up *was;	/* NET_SET: what the ledger had; owned */
	uint64_t body[];	/* h.len bytes */
};

struct slot {
	struct ledger_slot rec;	/* rec.state is the state machine's */
	uint8_t taken;		/* counted against the owner's ceilings */
	uint8_t quarantined;	/* its record was damaged: never given out */
	uint8_t spoiled;	/* a step of its start failed: undo only */
	uint8_t waiting;	/* in an op-server's list for its window */
	uint32_t nqueued;
	struct call *head, *tail; /* waiting, first in first out */
	struct call *flight;	/* sent, not answered */
	struct slot *wait_next;
};

struct server {
	int fd;
	const char *name;
	unsigned used;		/* of the window */
	struct slot *flights[SERVER_WINDOW];
	struct slot *wait_head, *wait_tail;
	int64_t deadline;	/* for the next answer, if used > 0 */
};

/* An answer that ctld's socket did not take at once. */
struct out {
	struct out *next;
	struct wire_hdr h;
	int fd;			/* owned, or -1 */
	size_t len;
	uint64_t body[];
};

struct front {
	struct sysconf conf;
	struct ledger ledger;
	struct slot *slots;	/* conf.slots of them */
	uint32_t last;		/* slot given out last */
	uint32_t seq;		/* of the last request sent */
	uint64_t generation;	/* the next one to give out */
	int ctld;
	int notify;		/* the service manager, or -1 */
	int64_t ping_at;	/* tell it again that front lives */
	int mounts;		/* /proc/self/mountinfo, opened beforehand */
	int meminfo;		/* /proc/meminfo, the same */
	struct buckets starts;	/* of each owner */
	struct server net, jail;
	unsigned ncalls, nfds;	/* held */
	struct out *out_head, *out_tail;
	int64_t out_deadline;
	struct wire_msg msg;	/* what is being received */
};

/* A verdict on a request: done (the reply is filled in), sent on (a reply
 * follows later), or malformed (front logs it and ends: one fate). */
enum verdict { V_DONE, V_LATER, V_MALFORMED };

/* check_x(): what front alone can judge of a request beyond its frame:
 * reserved bytes, and bounds that only the ledger knows. Pure. V_LATER: go
 * on; V_DONE: refused, *no says why. */
#define CHECK_CTLD(name)                                                    \
	enum verdict check_##name(const struct front *, const struct slot *, \
	    const struct req_##name *, struct rep_hdr *no);
#define CHECK_FRONT(name)
#define CHECK_JAIL(name)
/* op_x(): the requests that front performs itself. */
#define OP_FRONT(name)                                                 \
	enum verdict op_##name(struct front *, struct slot *,          \
	    struct call *, const struct req_##name *, struct rep_##name *);
#define OP_NET(name)
#define OP_JAIL(name)
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx) \
	CHECK_##ask(name) OP_##srv(name)
#include "policy/privops.def"
#undef PRIVOP
#undef CHECK_CTLD
#undef CHECK_FRONT
#undef CHECK_JAIL
#undef OP_FRONT
#undef OP_NET
#undef OP_JAIL

/* dispatch.c: the typed call for a type that ctld may ask. */
enum verdict dispatch_check(const struct front *f, const struct slot *s,
    uint16_t type, const void *body, struct rep_hdr *no);
enum verdict dispatch_op(struct front *f, struct slot *s, struct call *c,
    void *rep);

/* slot.c */
struct slot *slot_find(struct front *f, uint32_t slot, uint64_t generation);
uint32_t slot_number(const struct front *f, const struct slot *s);
/* A free slot, round robin; NULL with errno ENOSPC, or EUCLEAN when only
 * quarantined ones are left. */
struct slot *slot_choose(struct front *f);
/* Would a request be let through in this state? */
int slot_allows(const struct privop_row *row, uint32_t state);
/* Write the record with this state, then take it as the slot's own. 0 or -1
 * (then the state is as it was). */
int slot_set_state(struct front *f, struct slot *s, uint32_t state);
/* Forget everything but the generation. */
void slot_free(struct front *f, struct slot *s);

/* quota.c: ceilings of an owner (EDQUOT) and of the node (ENOSPC). 0, or -1
 * with *no. */
int quota_check(const struct front *f, uint32_t owner,
    const struct req_reserve *req, struct rep_hdr *no);
/* Room for these lists in place of a running VM's? The same. */
int quota_lists(const struct front *f, const struct slot *s,
    const struct req_net_up *up, struct rep_hdr *no);
/* Does the host, of which the kernel says that so many MiB are available (0:
 * it does not say), have a guest's memory now? 0, or -1 with *rep. */
int quota_host(const struct front *f, uint32_t memory_mib, uint32_t available,
    struct rep_reserve *rep);
/* Is this VM's owner, or an admin, at the other end of a client's socket? 0,
 * or -1 with *no. */
int owner_asks(const struct front *f, const struct slot *s, int sock,
    struct rep_hdr *no);
/* The owner that the peer may act for: itself, or for admins another member.
 * claim UINT32_MAX: itself. 0, or -1 with *no. */
int owner_of(const struct sysconf *c, uint32_t peer, uint32_t claim,
    uint32_t *owner, struct rep_hdr *no);

/* window.c: may the head of the slot's queue go out now? */
int window_room(const struct server *srv, const struct slot *s);
/* Into the line of those that wait, where ends go before starts; and out of
 * it. */
void window_wait(struct server *srv, struct slot *s);
void window_leave(struct server *srv, struct slot *s);

/* route.c */
/* A checked frame from ctld; the message's descriptors are taken over. */
void route_request(struct front *f, struct wire_msg *m);
/* An answer on an op-server's wire. */
void route_answer(struct front *f, struct server *srv, struct wire_msg *m);
/* Push on what may go now in this slot. */
void route_pump(struct front *f, struct slot *s);

/* netset.c: NET_SET beside its row. Who asks, and ceilings: 0, or -1 with
 * *no. Intent into the ledger: 0 or -1 with errno. The outcome into it. */
int netset_admit(const struct front *f, const struct slot *s,
    const struct call *c, struct rep_hdr *no);
int netset_intent(struct front *f, struct slot *s, struct call *c);
void netset_done(struct front *f, struct slot *s, const struct call *c,
    int code);

/* call.c */
struct call *call_new(struct front *f, struct wire_msg *m);
void call_drop_fds(struct front *f, struct call *c);
void call_free(struct front *f, struct call *c);
/* Answer ctld: with this struct, or with a refusal of the right size. fd:
 * NULL, or one to send along, which is taken over. */
void call_answer(struct front *f, const struct call *c, const void *rep,
    size_t n, int *fd);
void call_refuse(struct front *f, const struct call *c,
    const struct rep_hdr *no);
/* The one line that a refusal leaves. */
void call_log(const struct call *c, const struct rep_hdr *no);
void out_flush(struct front *f);

/* resync.c: before ctld is heard, compare ledger and jail. */
void resync(struct front *f);
/* What to do with a slot; pure, for the tests. */
enum resync_act {
	RS_NONE,	/* nothing is there */
	RS_RESTORE,	/* lives as recorded */
	RS_LEAVE,	/* was running and is dead: ctld records the end */
	RS_UNDO,	/* half-made, or remains of something */
	RS_FINISH,	/* only front's and net's part is left */
	RS_ADOPT,	/* lives, and our record is lost: jail's word */
	RS_FOREIGN,	/* contradicts the record: reported, not touched */
	RS_QUARANTINE,	/* damaged record, nothing there */
};
struct found {		/* what jail sees in a slot */
	uint8_t there, alive;
	uint32_t owner;
	uint64_t generation;
	enum resync_act act;	/* what was decided */
};
enum resync_act resync_decide(const struct ledger_slot *rec, int damaged,
    const struct found *got);

/* loop.c */
/* Tell the service manager, if there is one that listens; puts off the next
 * ping. What it does not take is lost: it is no concern of the VMs. */
void notify(struct front *f, const char *text);
void loop_run(struct front *f) __attribute__((noreturn));

static inline struct rep_hdr
rep_no(int code, uint16_t step)
{
	struct rep_hdr r = { .code = code, .step = step };

	return r;
}

#endif
