/* SPDX-License-Identifier: ISC */
/*
 * Sockets on their way to be closed. The end of an nf_tables socket waits for
 * what was deleted last (an RCU grace period, 10 to 20 ms, measured), and net
 * would answer nobody meanwhile. So it is closed LINGER_MS after the change,
 * when that is over, unless the VM's next change takes it again.
 */
#ifndef PRIVD_NET_LINGER_H
#define PRIVD_NET_LINGER_H

#include <stdint.h>

#define LINGER_MS 150
#define LINGER_MAX 64u	/* beyond, the oldest is closed at once */

struct lingering {
	unsigned n;
	struct {
		uint64_t generation;	/* whose it is */
		int64_t when;
		int fd;
	} at[LINGER_MAX];		/* the oldest first */
};

/* Takes *fd over. */
void linger_add(struct lingering *l, uint64_t generation, int *fd);
/* The VM's, for the caller to own, or -1. */
int linger_take(struct lingering *l, uint64_t generation);
/* Close what is due; ms until the next is, -1: none waits. */
int linger_run(struct lingering *l);

#endif
