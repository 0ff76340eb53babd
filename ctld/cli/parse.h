/* SPDX-License-Identifier: ISC */
/* What users write after options, into JSON. */
#ifndef CTLD_CLI_PARSE_H
#define CTLD_CLI_PARSE_H

#include <jansson.h>

/* Seconds, with up to three decimals, 0 to 3600; into milliseconds. 0, -1. */
int parse_seconds(const char *s, long long *ms);

/* New references, or NULL when the text is no such thing.
 *	[ADDR:]HOST:GUEST[/tcp|/udp]
 *	PROTO:CIDR[:PORT[-PORT]]
 *	HOST:GUEST[:SIZE|:ro]	(the last two colons separate)
 *	PORT */
json_t *parse_port(const char *s);
json_t *parse_allow(const char *s);
json_t *parse_volume(const char *s);
json_t *parse_channel(const char *s);

#endif
