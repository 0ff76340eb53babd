/* SPDX-License-Identifier: ISC */
/*
 * An error on its way to a person. Functions return 0 or -1 and fill the
 * caller's struct err; each level may add context; the top prints it once.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <stdint.h>

struct err {
	int code;	 /* errno value, never 0 once set */
	uint16_t step;	 /* enum step of policy/steps.def, 0: none */
	char field[32];	 /* the request's member that is at fault, or "" */
	char msg[192];	 /* what, with the value and the remedy */
};

/* Fill *e (NULL is allowed) and set errno to code. Always returns -1. */
int err_set(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, naming the offending request member. Always returns -1. */
int err_field(struct err *e, const char *field, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Put "context: " before the message already in *e. Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Note the privileged step (policy/steps.def) at fault. Always returns -1. */
int err_step(struct err *e, uint16_t step, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
