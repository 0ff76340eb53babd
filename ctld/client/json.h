/* SPDX-License-Identifier: ISC */
/* A client's JSON, with every limit applied before jansson sees a byte. */
#ifndef CTLD_CLIENT_JSON_H
#define CTLD_CLIENT_JSON_H

#include <jansson.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 16

/* Does the text stay within JSON_DEPTH_MAX of nesting? 1 or 0. Linear, no
 * recursion; says nothing about whether it is JSON. */
int json_depth_ok(const char *text, size_t n);

/* One JSON object: UTF-8, no duplicate members, no NUL in strings, nothing
 * after it. The caller owns the result. NULL with the reason in why. */
json_t *json_take(const char *text, size_t n, char *why, size_t size);

#endif
