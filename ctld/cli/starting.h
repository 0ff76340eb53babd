/* SPDX-License-Identifier: ISC */
/*
 * Calls that make a VM run: new ones and defined ones, with files opened here
 * as the caller, and what --ready waits for.
 */
#ifndef CTLD_CLI_STARTING_H
#define CTLD_CLI_STARTING_H

#include "ctld/cli/wish.h"
#include "ctld/cli/files.h"

struct starting {
	json_t *params;		/* of Start or Create */
	json_t *ports;		/* published; borrowed by nobody else */
	struct files files;
	int rm;			/* a definition that goes when it ends */
};

/* Open the files of a new VM; of one that is defined, after asking what they
 * are. EX_DONE, or an exit status after a complaint; starting_free() in any
 * case. */
int starting_new(struct cli *c, struct wish *w, struct starting *s);
int starting_defined(struct cli *c, struct wish *w, struct starting *s);
void starting_free(struct starting *s);

/* Call Start and wait until it is ready. When time runs out the VM stays, and
 * what it printed last is shown. *vm: a new reference, or NULL. */
int starting_go(struct cli *c, const struct wish *w, struct starting *s,
    json_t **vm);
/* The sentences that came with an answer. */
void starting_notes(const json_t *out);

#endif
