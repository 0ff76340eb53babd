/* SPDX-License-Identifier: ISC */
/*
 * postern.conf and postern.conf.d into a struct sysconf: one table of keys,
 * libinih for the syntax, one complaint that names file, line, key, value
 * and what to write instead.
 */
#ifndef CTLD_CONF_PARSE_H
#define CTLD_CONF_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/sysconf.h"

#define CONF_FILES_MAX 32
#define CONF_FILE_MAX (64u << 10)	/* bytes of one file */
#define CONF_EXTRA_MAX 64		/* users named by `members`, `admins` */

struct conf_text {
	char name[400];		/* as complaints name it */
	char *text;		/* NUL-terminated; owned by the list */
	size_t len;
};
struct conf_texts {
	struct conf_text file[CONF_FILES_MAX];
	unsigned n;
};

enum accel_mode { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* What the files say that is no member of struct sysconf. */
struct conf_extra {
	enum accel_mode accel;
	uint32_t admin_group;	/* 0: not said */
	uint32_t nmembers, nadmins;
	uint32_t members[CONF_EXTRA_MAX], admins[CONF_EXTRA_MAX];
};

/* Read NAME and then NAME.d's *.conf, in the order of their names, beneath
 * the directory etc. A missing NAME is an error unless missing_ok; without
 * the directory (etc < 0) everything is missing. Files that others than root
 * and the user `owner` could have written are refused. 0 or -1; free with
 * conf_free(). */
int conf_read(int etc, const char *name, int missing_ok, uint32_t owner,
    struct conf_texts *t, struct err *e);
void conf_free(struct conf_texts *t);

/* Apply all texts to *c (defaults already in it) and *x (zeroed). 0 or -1. */
int conf_parse(const struct conf_texts *t, struct sysconf *c,
    struct conf_extra *x, struct err *e);

#endif
