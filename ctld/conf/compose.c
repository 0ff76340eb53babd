/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf. The environment is that of the daemon's supervisor (root's
 * own). The rule is the one of the systems replaced, to the letter: what they
 * read as "on" is on here, so that nobody's firewall depends on who reads.
 */
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/sysconf.h"
#include "ctld/conf/compose.h"

static const struct {
	const char *key, *env;
	uint32_t bit;
} toggles[] = {
	{ "network", "MICROVM_COMPOSE_NETWORK", COMPOSE_NETWORK },
	{ "vsock", "MICROVM_COMPOSE_VSOCK", COMPOSE_VSOCK },
	{ "firewall", "MICROVM_COMPOSE_FIREWALL", COMPOSE_FIREWALL },
	{ "jailer", "MICROVM_COMPOSE_JAILER", COMPOSE_JAILER },
	{ "console", "MICROVM_COMPOSE_CONSOLE", COMPOSE_CONSOLE },
	{ "graceful_shutdown", "MICROVM_COMPOSE_GRACEFUL_SHUTDOWN",
	    COMPOSE_SHUTDOWN },
};
#define NTOGGLES (sizeof(toggles) / sizeof(toggles[0]))

static int
one_of(const char *s, size_t n, const char *const *words, size_t nwords,
    int exact)
{
	size_t i;

	for (i = 0; i < nwords; i++) {
		if (strlen(words[i]) == n &&
		    (exact ? memcmp(s, words[i], n) :
			     strncasecmp(s, words[i], n)) == 0)
			return 1;
	}
	return 0;
}

enum compose_word
compose_word(const char *value)
{
	static const char *const off[] = { "0", "false", "FALSE", "False",
		"no", "NO" };
	static const char *const near[] = { "false", "no", "off", "n", "f",
		"none", "disable", "disabled", "00", "\"0\"", "'0'",
		"\"false\"", "'false'", "\"no\"", "'no'" };
	size_t n;

	if (value == NULL)
		return COMPOSE_WORD_ON;
	while (isspace((unsigned char)*value))
		value++;
	n = strlen(value);
	while (n > 0 && isspace((unsigned char)value[n - 1]))
		n--;
	if (one_of(value, n, off, sizeof(off) / sizeof(off[0]), 1))
		return COMPOSE_WORD_OFF;
	if (one_of(value, n, near, sizeof(near) / sizeof(near[0]), 0))
		return COMPOSE_WORD_NEAR;
	return COMPOSE_WORD_ON;
}

uint32_t
compose_env_off(char *(*get)(const char *name))
{
	char shown[128];
	const char *v;
	uint32_t off = 0;
	size_t i;

	for (i = 0; i < NTOGGLES; i++) {
		v = get(toggles[i].env);
		switch (compose_word(v)) {
		case COMPOSE_WORD_OFF:
			off |= toggles[i].bit;
			log_warn("%s=%s: %s is off for every VM",
			    toggles[i].env, log_vis(shown, sizeof(shown), v),
			    toggles[i].key);
			break;
		case COMPOSE_WORD_NEAR:
			log_warn("%s=%s: %s stays ON: only 0, false, FALSE, "
			    "False, no and NO turn it off",
			    toggles[i].env, log_vis(shown, sizeof(shown), v),
			    toggles[i].key);
			break;
		case COMPOSE_WORD_ON:
		default:
			break;
		}
	}
	return off;
}

uint32_t
compose_bit(const char *key)
{
	size_t i;

	for (i = 0; i < NTOGGLES; i++) {
		if (strcmp(key, toggles[i].key) == 0)
			return toggles[i].bit;
	}
	return 0;
}
