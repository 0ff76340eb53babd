/* SPDX-License-Identifier: ISC */
/* What the caller wrote after start, create or run. */
#ifndef CTLD_CLI_WISH_H
#define CTLD_CLI_WISH_H

#include <jansson.h>

#include "ctld/cli/cli.h"

struct wish {
	json_t *config;		/* StartConfig */
	const char *what;	/* the name as typed, for complaints */
	int by_name;		/* nothing but the name (and --ready) was said */
	long long timeout_ms;	/* -1: not said */
	long tcp;		/* --ready tcp:GUESTPORT; 0: none */
	int raw;
	int input;		/* standard input, though it is no terminal */
};

/* An exit status; wish_free() in any case. */
int wish_parse(struct cli *c, int argc, char *argv[], struct wish *w);
void wish_free(struct wish *w);

#endif
