/* SPDX-License-Identifier: ISC */
/*
 * A call's parameters: each is asked for by name, type and bounds; what
 * nobody asks for is refused by name. `null` counts as absent. Every function
 * returns 0, or -1 with InvalidArgument in *e; `at` is put before the
 * member's name there ("" or "ports[2].").
 */
#ifndef CTLD_CLIENT_ARGS_H
#define CTLD_CLIENT_ARGS_H

#include <jansson.h>
#include <stdint.h>

#include "policy/clientops.h"

/* Fill *e; always -1. */
int arg_bad(struct rep_cl *e, const char *at, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int arg_unsupported(struct rep_cl *e, const char *backend,
    const char *operation);

/* Only these members (names ends with NULL). */
int arg_known(const json_t *o, const char *at, const char *const *names,
    struct rep_cl *e);

/* 1 when the member is there and not null. */
int arg_has(const json_t *o, const char *key);

/* An integer from lo to hi; absent: *out stays. */
int arg_int(const json_t *o, const char *at, const char *key, int64_t lo,
    int64_t hi, int64_t *out, struct rep_cl *e);
int arg_bool(const json_t *o, const char *at, const char *key, int *out,
    struct rep_cl *e);
/* Text without control characters that fits size with its NUL; the rest of
 * dst is zeroed. absent: dst becomes "". */
int arg_text(const json_t *o, const char *at, const char *key, char *dst,
    size_t size, struct rep_cl *e);
/* A path for showing only: as arg_text, but too long a one is cut, and
 * control characters become '?'. */
int arg_path(const json_t *o, const char *at, const char *key, char *dst,
    size_t size, struct rep_cl *e);
/* An array of at most max entries, or absent (*out NULL). */
int arg_list(const json_t *o, const char *at, const char *key, size_t max,
    const json_t **out, struct rep_cl *e);

/* MiB as an integer, or a string like 512M or 2G. */
int arg_memory(const json_t *o, const char *key, uint32_t *out,
    struct rep_cl *e);

/* A VM's own name: [a-z0-9][a-z0-9-]{0,62}. 1 or 0. */
int vm_name_ok(const char *s);
/* NAME or OWNER_UID/NAME from member "name". */
int arg_ref(const json_t *o, struct cl_ref *ref, struct rep_cl *e);

/* Lists of Port and Allow into the wire's structs. */
int arg_ports(const json_t *o, struct req_net_up *up, struct rep_cl *e);
int arg_allow(const json_t *o, struct req_net_up *up, struct rep_cl *e);

#endif
