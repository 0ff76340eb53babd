/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Runs the tables; believes
 * the kernel's files, not their size.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "ctld/cli/doctor.h"

#define TEXT_MAX (256u << 10)

static const struct doc_group *const groups[] = { &doc_kernel, &doc_sysctl,
	&doc_cpu, &doc_files, &doc_net, &doc_daemon, &doc_vmm };

const char *
doc_level_name(enum doc_level l)
{
	static const char *const names[] = { "ok", "unseen", "warn",
		"refuse" };

	return names[l];
}

void
doc_say(struct doc_found *f, enum doc_level level, const char *fmt, ...)
{
	va_list ap;

	f->level = level;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->text[strcspn(f->text, "\n")] = '\0';
}

int
doc_has_word(const char *list, const char *word)
{
	static const char sep[] = " ,\t\n";
	size_t n = strlen(word), k;

	for (; *list != '\0'; list += k) {
		list += strspn(list, sep);
		k = strcspn(list, sep);
		if (k == n && strncmp(list, word, n) == 0)
			return 1;
	}
	return 0;
}

static void
number(const struct doc_check *c, const char *text, struct doc_found *f)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (end == text)
		doc_say(f, c->bad, "no number: %.60s", text);
	else
		doc_say(f, v >= c->lo && v <= c->hi ? DOC_OK : c->bad,
		    "%lld", v);
}

void
doc_run(const struct doctor *d, const struct doc_check *c,
    struct doc_found *f)
{
	char *text CLEANUP_FREE = NULL;

	memset(f, 0, sizeof(*f));
	if (c->probe != NULL) {
		c->probe(d, f);
		return;
	}
	text = malloc(TEXT_MAX);
	if (text == NULL) {
		doc_say(f, DOC_UNSEEN, "out of memory");
	} else if (fd_slurp(d->root, c->path, text, TEXT_MAX) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			doc_say(f, c->absent, "not there");
		else
			doc_say(f, DOC_UNSEEN, "%s", strerror(errno));
	} else if (c->judge != NULL) {
		c->judge(text, f);
	} else {
		number(c, text, f);
	}
}

static json_t *
row(const struct doc_group *g, const struct doc_check *c,
    const struct doc_found *f)
{
	return json_pack("{s:s,s:s,s:s,s:s%,s:s,s:s,s:s}", "group", g->name,
	    "check", c->name, "level", doc_level_name(f->level),
	    "found", f->text, strlen(f->text), "wanted", c->wanted,
	    "why", c->why, "fix", c->fix);
}

json_t *
doc_all(const struct doctor *d, enum doc_level *worst)
{
	json_t *list = json_array();
	const struct doc_group *g;
	struct doc_found f;
	unsigned i, k;

	*worst = DOC_OK;
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		g = groups[i];
		for (k = 0; k < g->n; k++) {
			doc_run(d, &g->checks[k], &f);
			(void)json_array_append_new(list,
			    row(g, &g->checks[k], &f));
			if (f.level > *worst)
				*worst = f.level;
		}
	}
	return list;
}
