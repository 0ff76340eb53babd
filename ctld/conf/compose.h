/* SPDX-License-Identifier: ISC */
/* The composition toggles as the daemon's environment may set them. */
#ifndef CTLD_CONF_COMPOSE_H
#define CTLD_CONF_COMPOSE_H

#include <stdint.h>

enum compose_word {
	COMPOSE_WORD_ON,	/* absent, empty, or anything else */
	COMPOSE_WORD_OFF,	/* 0 false FALSE False no NO, blanks around */
	COMPOSE_WORD_NEAR,	/* means on, but its writer meant off */
};

/* How the value of MICROVM_COMPOSE_<NAME> is read; NULL: absent. */
enum compose_word compose_word(const char *value);

/* COMPOSE_ bits that the environment turns off. A near miss is warned about
 * in the log and stays on. get: getenv(3), or a test's own. */
uint32_t compose_env_off(char *(*get)(const char *name));

/* The COMPOSE_ bit of a key of [compose], 0 for an unknown one. */
uint32_t compose_bit(const char *key);

#endif
