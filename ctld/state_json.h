/* SPDX-License-Identifier: ISC */
/* A VM's record to JSON and back; strict in what it takes. */
#ifndef CTLD_STATE_JSON_H
#define CTLD_STATE_JSON_H

#include <stddef.h>

#include "common/err.h"
#include "ctld/priv_client.h"
#include "policy/clientops.h"

#define STATE_FORMAT 1
#define STATE_FILE_MAX 262144u

struct record {
	struct cl_vm pub;
	struct clreq_start spec;
	struct vm_handle h;
	char boot_id[40];
};

/* malloc'ed text, or NULL. */
char *record_dump(const struct record *r);
/* -1 with *e unless every member is there, in range, and nothing else is. */
int record_parse(const char *text, size_t n, struct record *r, struct err *e);

#endif
