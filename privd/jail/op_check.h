/* SPDX-License-Identifier: ISC */
/* The pure parts of handlers, for unit tests and fuzzing without root. */
#ifndef JAIL_OP_CHECK_H
#define JAIL_OP_CHECK_H

#include "common/err.h"
#include "common/sysconf.h"
#include "policy/privops.h"

int limits_check(const struct sysconf *c, const struct req_limits *q,
    struct err *e);
int image_check(const struct req_image *q, unsigned nfds, struct err *e);
int spawn_check(const struct req_spawn *q, struct err *e);

#endif
