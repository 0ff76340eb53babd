/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process on bytes that the client chose.
 * jansson recurses once a level and builds what it reads, so depth is
 * bounded beforehand, and the caller has bounded the length.
 */
#include <stdio.h>

#include "common/log.h"
#include "ctld/client/json.h"

int
json_depth_ok(const char *text, size_t n)
{
	unsigned depth = 0;
	int in_string = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = 0;
			continue;
		}
		switch (text[i]) {
		case '"':
			in_string = 1;
			break;
		case '[':
		case '{':
			if (++depth > JSON_DEPTH_MAX)
				return 0;
			break;
		case ']':
		case '}':
			if (depth > 0)
				depth--;
			break;
		default:
			break;
		}
	}
	return 1;
}

json_t *
json_take(const char *text, size_t n, char *why, size_t size)
{
	char shown[120];
	json_error_t je;
	json_t *j;

	if (!json_depth_ok(text, n)) {
		(void)snprintf(why, size, "nested deeper than %d levels",
		    JSON_DEPTH_MAX);
		return NULL;
	}
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (j == NULL) {
		(void)snprintf(why, size, "byte %d: %s", je.position,
		    log_vis(shown, sizeof(shown), je.text));
		return NULL;
	}
	if (!json_is_object(j)) {
		(void)snprintf(why, size, "not a JSON object");
		json_decref(j);
		return NULL;
	}
	return j;
}
