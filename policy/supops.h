/* SPDX-License-Identifier: ISC */
#ifndef POLICY_SUPOPS_H
#define POLICY_SUPOPS_H

#include <stdint.h>

#include "common/vmfd.h"
#include "common/wire.h"

/* What both speak is the smaller of their versions. 2: console, channels; 3:
 * pace. */
#define SUP_VERSION 3
#define SUP_CONSOLE_RATE (1u << 20) /* until PACE says another */
#define SUP_ADMINS_MAX 1024

enum sup_state {
	SUP_STARTING = 1, /* VMM executed, not heard of yet */
	SUP_RUNNING,
	SUP_PAUSED,
	SUP_ENDED,	  /* VMM reaped: see exit */
};
enum sup_end {		  /* why the guest ended, as far as the VMM told */
	END_UNKNOWN = 0,
	END_SHUTDOWN,	  /* guest powered off */
	END_REBOOT,	  /* guest reset itself (-no-reboot: it ends) */
	END_PANIC,	  /* pvpanic */
	END_QUIT,	  /* we asked the VMM to end */
	END_SIGNAL,	  /* killed: wait_status tells by what */
	END_VMM_ERROR,	  /* VMM ended by itself with an error */
};

struct supreq_hello { uint32_t version; uint32_t zero; };
struct suprep_hello {
	struct rep_hdr r;
	uint32_t version;
	uint32_t state;		/* enum sup_state */
	uint32_t end;		/* enum sup_end */
	int32_t wait_status;	/* of waitid: raw wait(2) status, -1 none */
	uint32_t ready;		/* 1: the text of READY was seen */
	uint32_t zero;
};
struct supreq_shutdown { uint64_t zero; };
struct suprep_shutdown { struct rep_hdr r; };
struct supreq_pause { uint64_t zero; };
struct suprep_pause { struct rep_hdr r; };
struct supreq_resume { uint64_t zero; };
struct suprep_resume { struct rep_hdr r; };
struct supreq_quit { uint64_t zero; };
struct suprep_quit { struct rep_hdr r; };
struct supreq_ack_exit { uint64_t zero; };
struct suprep_ack_exit { struct rep_hdr r; };
struct supreq_ready { char text[64]; };
struct suprep_ready { struct rep_hdr r; };
/* told on every change, and once after HELLO's answer */
struct supreq_state {
	uint32_t state, end;
	int32_t wait_status;
	uint32_t ready;
};
struct suprep_state { struct rep_hdr r; };
/* fds out: the console ring, then the hypervisor log ring */
struct supreq_rings { uint64_t zero; };
struct suprep_rings { struct rep_hdr r; };
/* fd in: a stream socket, guest's output out of it, its input into it. EBUSY:
 * as many are attached as may be; ESRCH: the VMM has ended */
struct supreq_console { uint64_t zero; };
struct suprep_console { struct rep_hdr r; };
/* Ports by their order in the start request; who may connect besides root. */
struct supreq_channels {
	uint32_t owner;
	uint32_t nports;
	uint32_t ports[CHANNELS_MAX];
	uint32_t nadmins;
	uint32_t zero;
	uint32_t admins[SUP_ADMINS_MAX];
};
struct suprep_channels { struct rep_hdr r; };
/* fd in: a stream socket. ENOENT: no such port; ECONNREFUSED: the guest has
 * not opened it; EBUSY: it is in use; ESRCH */
struct supreq_connect { uint32_t port; uint32_t zero; };
struct suprep_connect { struct rep_hdr r; };
struct supreq_ready_port { uint32_t port; uint32_t zero; };
struct suprep_ready_port { struct rep_hdr r; };
/* bytes a second that are taken of what guest and VMM print: the rest waits
 * with them, who are slowed down by that */
struct supreq_pace { uint32_t rate; uint32_t zero; };
struct suprep_pace { struct rep_hdr r; };

enum supop {
	SUPOP_NONE = 0,
#define SUPOP(NAME, name, dir, in, out) SUPOP_##NAME,
#include "policy/supops.def"
#undef SUPOP
	SUPOP_END
};
#define SUPOP(NAME, name, dir, in, out)                                  \
	_Static_assert(sizeof(struct supreq_##name) <= WIRE_BODY_MAX &&  \
	    sizeof(struct supreq_##name) % 8 == 0, "supreq_" #name);
#include "policy/supops.def"
#undef SUPOP
const struct wire_row *supop_row(uint16_t type);	/* policy/supops.c */

#endif
