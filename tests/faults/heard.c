/* SPDX-License-Identifier: ISC */
/*
 * Of the injector: which row of which table a record belongs to. Reads the
 * memory of the process that received it, and believes it: it is a test's.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/rolefd.h"
#include "common/wire.h"
#include "policy/clientops.h"
#include "policy/privops.h"
#include "policy/supops.h"
#include "tests/faults/inject.h"

int
peek(pid_t pid, uint64_t at, void *buf, size_t n)
{
	struct iovec here = { .iov_base = buf, .iov_len = n };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at,
		.iov_len = n };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)n ?
	    0 : -1;
}

/* The three tables' names are told apart: both have a stop. */
static const char *const client_names[CLIENTOP_END] = {
#define CLIENTOP(NAME, name, m, i0, i1, o0, o1) \
	[CLIENTOP_##NAME] = "client-" #name,
#include "policy/clientops.def"
#undef CLIENTOP
};
static const char *const sup_names[SUPOP_END] = {
#define SUPOP(NAME, name, dir, in, out) [SUPOP_##NAME] = "sup-" #name,
#include "policy/supops.def"
#undef SUPOP
};

static const char *
sup_record(uint16_t type)
{
	return type < SUPOP_END ? sup_names[type] : NULL;
}

/* What is not front's came from a client's process, which only asks, or from
 * a vmsup, which answers and tells its state. */
static const char *
ctld_record(const struct wire_hdr *h)
{
	uint16_t type = h->type & (uint16_t)~WIRE_REPLY;

	if ((h->type & WIRE_REPLY) != 0 || (type == SUPOP_STATE &&
	    h->len == sizeof(struct supreq_state)))
		return sup_record(type);
	return type < CLIENTOP_END ? client_names[type] : NULL;
}

const char *
heard(const struct task *t, int64_t received)
{
	struct wire_hdr h;
	struct msghdr m;
	struct iovec v;
	uint16_t type;

	if (received < (int64_t)sizeof(h) ||
	    peek(t->pid, t->args[1], &m, sizeof(m)) < 0 ||
	    peek(t->pid, (uint64_t)(uintptr_t)m.msg_iov, &v, sizeof(v)) < 0 ||
	    peek(t->pid, (uint64_t)(uintptr_t)v.iov_base, &h, sizeof(h)) < 0 ||
	    h.magic != WIRE_MAGIC)
		return NULL;
	type = h.type & (uint16_t)~WIRE_REPLY;
	if (t->who == WHO_VMSUP)
		return sup_record(type);
	if (t->who == WHO_CTLD && t->args[0] != CTLD_FD_FRONT)
		return ctld_record(&h);
	return type < PRIVOP_END ? privop_name(type) : NULL;
}
