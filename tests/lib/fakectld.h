/* SPDX-License-Identifier: ISC */
/*
 * A stand-in for ctld behind a real client listener: answers are canned, by
 * the VM's name.
 *	absent taken denied quota late hostfail halted nosuch: that error
 *	stuck: never answered		web: runs	failed: Failed
 *	nonet: without network		grow: a console that is written to
 *	vm-...: has failed, and a console that is written to
 *	foreign, pathless, fleeting: defined by another uid; without paths;
 *	removed when it ends
 *	evil: a console with escape sequences	full: a full console ring
 */
#ifndef TESTS_FAKECTLD_H
#define TESTS_FAKECTLD_H

#include <stdint.h>
#include <sys/types.h>

struct fakectld {
	const char *socket;	/* path to serve on */
	const char *program;	/* ctld-client in its role (as root), or NULL:
				   its code in a child of the test */
	uint32_t uid;		/* the one member, beside uid 0 */
};

/* Returns the pid of the stand-in once the socket serves; it ends, and all
 * connections with it, when it is killed. */
pid_t fakectld_start(const struct fakectld *f);

#endif
