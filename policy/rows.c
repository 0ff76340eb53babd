/* SPDX-License-Identifier: ISC */
/* The request tables as data, generated from their .def files. */
#include <stddef.h>

#include <string.h>

#include "policy/children.h"
#include "policy/clientops.h"
#include "policy/privops.h"
#include "policy/steps.h"
#include "policy/supops.h"

#define ROW(nm, ty, rq, rp, i0, i1, o0, o1)                                   \
	{ .name = nm, .type = ty, .req_len = rq, .rep_len = rp, .in_min = i0, \
	  .in_max = i1, .out_min = o0, .out_max = o1 }

static const struct privop_row privops[PRIVOP_END] = {
#define PRIVOP(NAME, name, srv, ask, i0, i1, o0, o1, st, nx)                \
	[PRIVOP_##NAME] = {                                                 \
		ROW(#name, PRIVOP_##NAME, sizeof(struct req_##name),        \
		    ASK_##ask == ASK_JAIL ? 0 : sizeof(struct rep_##name),  \
		    i0, i1, o0, o1),                                        \
		.server = SRV_##srv, .asker = ASK_##ask, .states = (st),    \
		.next = (nx) },
#include "policy/privops.def"
#undef PRIVOP
};

static const struct clientop_row clientops[CLIENTOP_END] = {
#define CLIENTOP(NAME, name, ab, i0, i1, o0, o1)                            \
	[CLIENTOP_##NAME] = {                                               \
		ROW(#name, CLIENTOP_##NAME, sizeof(struct clreq_##name),    \
		    sizeof(struct clrep_##name), i0, i1, o0, o1),           \
		.about = ABOUT_##ab },
#include "policy/clientops.def"
#undef CLIENTOP
};

#define DIR_CTLD(x) sizeof(x)
#define DIR_SUP(x) 0
static const struct wire_row supops[SUPOP_END] = {
#define SUPOP(NAME, name, dir, in, out)                                     \
	[SUPOP_##NAME] = ROW(#name, SUPOP_##NAME,                           \
	    sizeof(struct supreq_##name),                                   \
	    DIR_##dir(struct suprep_##name), in, in, out, out),
#include "policy/supops.def"
#undef SUPOP
};

static const struct child_row children[CHILD_END] = {
#define CHILD(ID, ti, list, nf, fs, np, da, se, bel)                        \
	[CHILD_##ID] = { .title = (ti), .nofile = (nf), .fsize_kib = (fs),  \
	    .nproc = (np), .data_mib = (da), .sees = (se),                  \
	    .believes = (bel) },
#include "policy/children.def"
#undef CHILD
};

const struct child_row *
child_row(enum child id)
{
	return &children[id];
}

const struct privop_row *
privop_row(uint16_t type)
{
	return type > PRIVOP_NONE && type < PRIVOP_END ? &privops[type] : NULL;
}

const char *
privop_name(uint16_t type)
{
	const struct privop_row *row = privop_row(type);

	return row != NULL ? row->w.name : "?";
}

const struct clientop_row *
clientop_row(uint16_t type)
{
	return type > CLIENTOP_NONE && type < CLIENTOP_END ? &clientops[type] :
							     NULL;
}

const struct wire_row *
supop_row(uint16_t type)
{
	return type > SUPOP_NONE && type < SUPOP_END ? &supops[type] : NULL;
}

const char *
step_name(uint16_t step)
{
	static const char *const names[] = {
#define STEP(NAME, name) name,
#include "policy/steps.def"
#undef STEP
	};

	return step < STEP_END ? names[step] : "?";
}

const char *
slot_state_name(uint32_t state)
{
	switch (state) {
	case ST_FREE: return "free";
	case ST_RESERVED: return "reserved";
	case ST_NS: return "namespace";
	case ST_NET: return "network";
	case ST_LIMITED: return "limited";
	case ST_RUNNING: return "running";
	case ST_DYING: return "dying";
	case ST_REAPED: return "reaped";
	case ST_CLOSED: return "closed";
	default: return "?";
	}
}

int
cl_file_name_ok(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._+@-");

	return n > 0 && s[n] == '\0' &&
	    n < sizeof(((struct cl_file *)NULL)->name) &&
	    strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

unsigned
cl_drive_of(const struct clreq_start *s, uint32_t secret)
{
	unsigned i;

	if (!secret && s->nvolumes > 0)
		return 1;
	for (i = 0; i < s->nfiles && i < CL_FILES_MAX; i++)
		if (s->files[i].secret == secret)
			return 1;
	return 0;
}

const char *
vm_status_name(uint32_t status)
{
	static const char *const names[] = { "?", "Stopped", "Starting",
		"Running", "Paused", "Stopping", "Failed" };

	return status <= VM_FAILED ? names[status] : names[0];
}

const char *
event_name(uint32_t kind)
{
	static const char *const names[EVENT_END] = { "?", "created",
		"started", "not-started", "stopped", "failed", "removed",
		"paused", "resumed", "refused", "daemon-started",
		"daemon-ended" };

	return kind < EVENT_END ? names[kind] : names[0];
}
