/* SPDX-License-Identifier: ISC */
/*
 * Between the caller's standard input and output and a stream to the guest.
 * Signals that end, stop or continue the command are taken over meanwhile.
 */
#ifndef CTLD_CLI_RELAY_H
#define CTLD_CLI_RELAY_H

enum relay_end {
	RELAY_GUEST,	/* the stream has ended */
	RELAY_LEFT,	/* ^] */
	RELAY_INPUT,	/* standard input ended, and then it was quiet */
	RELAY_OUTPUT,	/* nobody reads standard output any more */
	RELAY_SIGNAL,	/* r->signal, not acted upon yet */
	RELAY_LOST,	/* the terminal has gone */
};

struct relay {
	int fd;			/* the stream; the caller's */
	int console;		/* a terminal is taken; ^] leaves */
	int escape;		/* what the guest says is escaped */
	int linger_ms;		/* after the end of standard input */
	int signal;
};

/* Until one of them ends. The terminal is as before when this returns. */
enum relay_end relay_run(struct relay *r);

/* End as the signal would have ended us. */
void relay_die(int sig);

#endif
