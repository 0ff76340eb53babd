/* SPDX-License-Identifier: ISC */
/*
 * Part of postern doctor --verify (root). VMs come and go while it looks, so
 * only what is wrong in each of several looks is told.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <bsd/string.h>

#include "ctld/cli/client.h"
#include "ctld/cli/text.h"
#include "ctld/cli/verify.h"
#include "policy/clientops.h"

#define LOOKS 3
#define PAUSE_MS 400

void
v_problem(struct world *w, const char *invariant, const char *fix,
    const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)json_array_append_new(w->problems,
	    json_pack("{s:s,s:s,s:s}", "invariant", invariant, "what", what,
		"fix", fix));
}

static uint32_t
num(const json_t *o, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(o, key));
}

static void
text(const json_t *o, const char *key, char *to, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	(void)strlcpy(to, s != NULL ? s : "", size);
}

static uint32_t
address(const json_t *o, const char *key, uint32_t *prefix)
{
	const char *s = json_string_value(json_object_get(o, key));
	unsigned a[4], p = 0;

	if (s == NULL || sscanf(s, "%u.%u.%u.%u/%u", &a[0], &a[1], &a[2],
		&a[3], &p) < 4)
		return 0;
	if (prefix != NULL)
		*prefix = p;
	return a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3];
}

static int
on(const json_t *p, const char *name)
{
	return !json_is_false(json_object_get(
	    json_object_get(p, "compose"), name));
}

/* As much of the configuration as names, addresses and rules come from. */
static int
conf(struct world *w, const json_t *p)
{
	struct sysconf *c = &w->conf;
	const json_t *ids = json_object_get(p, "vm_ids");

	sysconf_default(c);
	text(p, "instance", c->instance, sizeof(c->instance));
	text(p, "interface_prefix", c->ifprefix, sizeof(c->ifprefix));
	text(p, "run_dir", c->run_dir, sizeof(c->run_dir));
	text(p, "state_dir", c->state_dir, sizeof(c->state_dir));
	c->vm_id_base = num(ids, "base");
	c->vm_id_count = num(ids, "count");
	c->slots = num(p, "slots");
	c->flows = num(p, "flows");
	c->pool_addr = address(p, "pool", &c->pool_prefix);
	c->dns = address(p, "dns", NULL);
	if (!on(p, "network"))
		c->compose &= ~COMPOSE_NETWORK;
	if (!on(p, "firewall"))
		c->compose &= ~COMPOSE_FIREWALL;
	return c->slots >= 16 && c->slots <= 8192 && c->instance[0] != '\0' &&
	    c->ifprefix[0] != '\0' && c->pool_prefix > 0 &&
	    c->pool_prefix < 32 ? 0 : -1;
}

/* What front says must be there, beside what is. */
static void
judge(struct world *w, uint32_t i)
{
	const struct v_slot *s = &w->slot[i];
	uint32_t st = s->recorded == 1 ? s->led.state : ST_FREE;
	int runs = s->id[0] != '\0' && (s->file_status == VM_RUNNING ||
	    s->file_status == VM_PAUSED);

	if (st == ST_RUNNING && s->cgroups != w->ncgroups)
		v_problem(w, "I1", "postern stop it, or kill and rm -f",
		    "slot %u runs, but has a cgroup in %u of %u hierarchies",
		    i, s->cgroups, w->ncgroups);
	if (st == ST_RUNNING && s->sup == 0)
		v_problem(w, "I5", "postern kill it", "slot %u is recorded as "
		    "running, but no supervisor lives", i);
	if (runs && (st != ST_RUNNING || s->vmm == 0))
		v_problem(w, "I1", "start the daemon anew", "%s is said to "
		    "run, but %s", s->id, st != ST_RUNNING ?
		    "front has it in another state" : "no VMM lives");
	if (s->id[0] != '\0' && st != ST_FREE &&
	    s->file_generation != s->led.generation)
		v_problem(w, "I4", "start the daemon anew", "%s names slot "
		    "%u, which is another's by now", s->id, i);
	if ((st & (ST_RUNNING | ST_DYING)) != 0 && s->id[0] == '\0')
		v_problem(w, "I2", "start the daemon anew: it takes apart "
		    "what it does not know", "slot %u is held, but no record "
		    "of ctld's names it", i);
}

static void
namespaces(struct world *w)
{
	char path[64];
	struct stat st;
	uint32_t i, k;

	if (stat("/proc/self/ns/net", &st) == 0)
		w->host_netns = st.st_ino;
	for (i = 0; i < w->conf.slots; i++) {
		if (w->slot[i].sup == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net",
		    w->slot[i].sup);
		if (stat(path, &st) < 0)
			continue;
		w->slot[i].netns = st.st_ino;
		for (k = 0; k < i; k++)
			if (w->slot[k].netns == st.st_ino)
				v_problem(w, "I4", "stop both", "slots %u and "
				    "%u share a network namespace", k, i);
	}
}

/* One look; a new reference, NULL without memory or an answer of sense. */
static json_t *
look(const json_t *policy)
{
	struct world w;
	uint32_t i;

	memset(&w, 0, sizeof(w));
	if (conf(&w, policy) < 0 ||
	    (w.slot = calloc(w.conf.slots, sizeof(*w.slot))) == NULL)
		return NULL;
	w.problems = json_array();
	w.ids = json_object();
	w.names = json_object();
	if (v_ledger(&w) == 0 && v_cgroups(&w) == 0 && v_files(&w) == 0 &&
	    v_links(&w) == 0) {
		v_live(&w);
		namespaces(&w);
		v_processes(&w);
		for (i = 0; i < w.conf.slots; i++)
			judge(&w, i);
		if (v_elements(&w) == 0)
			v_rules(&w);
	}
	links_free(&w.links);
	free(w.slot);
	free(w.ports);
	json_decref(w.ids);
	json_decref(w.names);
	return w.problems;
}

/* Those of a that are in b too. */
static json_t *
both(const json_t *a, const json_t *b)
{
	json_t *out = json_array(), *p;
	size_t i, k;

	for (i = 0; i < json_array_size(a); i++) {
		p = json_array_get(a, i);
		for (k = 0; k < json_array_size(b); k++)
			if (json_equal(p, json_array_get(b, k))) {
				(void)json_array_append(out, p);
				break;
			}
	}
	return out;
}

static void
tell(const struct cli *c, const json_t *problems)
{
	const json_t *p;
	size_t i;

	if (c->json) {
		(void)json_dumpf(problems, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return;
	}
	for (i = 0; i < json_array_size(problems); i++) {
		p = json_array_get(problems, i);
		text_pad(stdout, json_string_value(
		    json_object_get(p, "invariant")), 4);
		text_str(stdout, json_string_value(
		    json_object_get(p, "what")));
		(void)printf("\n    fix: %s\n", json_string_value(
		    json_object_get(p, "fix")));
	}
	if (i == 0)
		(void)puts("all that exists is accounted for, and all that is "
			   "accounted for exists");
}

int
verify(struct cli *c, const json_t *policy)
{
	struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	json_t *found, *again, *rest;
	unsigned i;
	int r;

	if (policy == NULL)
		return vl_fail(c, "", EX_NO_DAEMON, "io.postern.NotReached",
		    "", "the daemon at %s is not reached; it says what should "
		    "be there", c->socket);
	found = look(policy);
	for (i = 1; i < LOOKS && json_array_size(found) > 0; i++) {
		(void)nanosleep(&pause, NULL);
		again = look(policy);
		rest = both(found, again);
		json_decref(found);
		json_decref(again);
		found = rest;
	}
	if (found == NULL)
		return vl_fail(c, "", EX_FAILED, "io.postern.Malformed", "",
		    "the daemon's answer makes no sense");
	v_audit(c, found);
	tell(c, found);
	r = json_array_size(found) > 0 ? EX_FAILED : EX_DONE;
	json_decref(found);
	return r;
}
