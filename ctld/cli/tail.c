/* SPDX-License-Identifier: ISC */
/* Part of the postern command (caller's rights). What a guest wrote is
 * escaped. */
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/tail.h"
#include "ctld/cli/text.h"

#define FAILED_LINES 10

void
tail_show(struct cli *c, const char *what, int lines, int hypervisor, FILE *f)
{
	unsigned char *bytes CLEANUP_FREE = NULL;
	json_t *name, *answer;
	const char *data;
	size_t n = 0;

	if ((name = vl_name(c, what)) == NULL)
		return;
	answer = vl_try(c, "Logs", json_pack("{s:o,s:i,s:b}", "name", name,
	    "lines", lines, "hypervisor", hypervisor));
	data = json_string_value(json_object_get(
	    json_object_get(answer, "parameters"), "data"));
	bytes = data != NULL ? text_unbase64(data, &n) : NULL;
	if (bytes != NULL && n > 0) {
		(void)fprintf(f, "the end of its %s:\n",
		    hypervisor ? "hypervisor's log" : "console");
		text_put(f, (const char *)bytes, n, 1);
		if (bytes[n - 1] != '\n')
			(void)putc('\n', f);
	} else if (bytes != NULL) {
		(void)fprintf(f, "its %s is empty\n",
		    hypervisor ? "hypervisor's log" : "console");
	}
	json_decref(answer);
}

/* Reasons of ctld's, by their beginning: where to look, and what helps. */
static const struct hint {
	const char *reason, *next;
	int hypervisor;
} hints[] = {
	{ "panic", "postern logs %s for all of it, postern start %s to try "
	    "again", 0 },
	{ "oom", "postern rm %s, and start it with more --memory", 0 },
	{ "vmm exited", "postern logs --hypervisor %s, postern start %s to try "
	    "again", 1 },
	{ "killed by signal", "postern logs --hypervisor %s, postern start %s "
	    "to try again", 1 },
	{ "host restarted", "postern start %s", 0 },
	{ "its supervisor was killed", "postern start %s", 0 },
	{ "", "postern logs %s, postern start %s to try again", 0 },
};

void
tail_failed(struct cli *c, const char *what, const char *reason, FILE *f)
{
	const struct hint *h = hints;
	const char *p, *at;

	while (strncmp(reason, h->reason, strlen(h->reason)) != 0)
		h++;
	tail_show(c, what, FAILED_LINES, h->hypervisor, f);
	(void)fputs("next: ", f);
	for (p = h->next; (at = strstr(p, "%s")) != NULL; p = at + 2) {
		(void)fwrite(p, 1, (size_t)(at - p), f);
		text_str(f, what);
	}
	(void)fprintf(f, "%s\n", p);
}
