/* SPDX-License-Identifier: ISC */
/*
 * What can stand to the right of a `=` in postern.conf. Each function takes
 * the whole text (surrounding blanks were removed), accepts exactly one
 * spelling of its kind and nothing after it: 0 with *out set, or -1. The
 * caller words the complaint, since it knows the key and the remedy.
 */
#ifndef CTLD_CONF_VALUE_H
#define CTLD_CONF_VALUE_H

#include <stdint.h>

/* Decimal, lo to hi, no sign, no blanks. */
int value_number(const char *s, uint32_t lo, uint32_t hi, uint32_t *out);
/* MiB: a plain number, or with K, M, G or T after it; must be whole MiB. */
int value_mib(const char *s, uint32_t *out);
/* Bytes: a plain number, or with K or M after it. */
int value_bytes(const char *s, uint32_t *out);
/* Seconds as 2 or 2s, or 1500ms; into milliseconds, at most an hour. */
int value_msec(const char *s, uint32_t *out);
/* yes true on 1 / no false off 0, in lower case. */
int value_bool(const char *s, int *out);
/* A.B.C.D, four decimal numbers; host byte order. */
int value_ipv4(const char *s, uint32_t *out);
/* A.B.C.D/N with no bit set beyond the prefix. */
int value_cidr(const char *s, uint32_t *addr, uint32_t *prefix);
/* LO-HI, 1-65535, LO <= HI; or one number. */
int value_ports(const char *s, uint16_t *lo, uint16_t *hi);

#endif
