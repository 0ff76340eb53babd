/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights): one connection, a List, and
 * a Stats for each VM that runs. Packets come from the kernel of the network
 * namespace that the command runs in: where that is not the daemon's, there
 * are none to tell.
 */
#include <string.h>

#include "ctld/cli/client.h"
#include "ctld/cli/links.h"
#include "ctld/cli/usage.h"

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static int
list(struct cli *c, struct vl *v, json_t **vms)
{
	json_t *answer, *out;
	int r;

	(void)vl_send(v, "List", json_pack("{s:b}", "all", 1), 0, NULL, 0);
	answer = vl_recv(v);
	r = vl_answer(c, "", answer, &out);
	json_decref(answer);
	*vms = json_incref(json_object_get(out, "vms"));
	json_decref(out);
	return r;
}

static void
packets(json_t *vm, const char *link, const struct links *l)
{
	const struct link_count *k = links_find(l, link);

	if (k == NULL)
		return;
	(void)json_object_set_new(vm, "packets",
	    json_pack("{s:I,s:I,s:I,s:I,s:I}",
		"from_vm", (json_int_t)k->rx_packets,
		"to_vm", (json_int_t)k->tx_packets,
		"bytes_from_vm", (json_int_t)k->rx_bytes,
		"bytes_to_vm", (json_int_t)k->tx_bytes,
		"dropped", (json_int_t)k->dropped));
}

/* One that has ended since the list was made answers with an error: then it
 * has no numbers. */
static int
one(struct vl *v, json_t *vm, const struct links *l)
{
	json_t *answer, *stats;

	(void)vl_send(v, "Stats", json_pack("{s:s}", "name", str(vm, "id")),
	    0, NULL, 0);
	answer = vl_recv(v);
	if (answer == NULL)
		return -1;
	stats = json_object_get(json_object_get(answer, "parameters"),
	    "stats");
	if (json_is_object(stats)) {
		(void)json_object_set(vm, "stats", stats);
		packets(vm, str(stats, "link"), l);
	}
	json_decref(answer);
	return 0;
}

int
usage_collect(struct cli *c, json_t **vms)
{
	struct links l;
	struct vl v;
	json_t *vm;
	const char *state;
	size_t i;
	int r = vl_open(c, &v);

	*vms = NULL;
	if (r != EX_DONE)
		return r;
	r = list(c, &v, vms);
	if (r != EX_DONE) {
		vl_close(&v);
		return r;
	}
	if (links_read(&l) < 0)
		memset(&l, 0, sizeof(l));
	json_array_foreach(*vms, i, vm) {
		state = str(vm, "state");
		if (strcmp(state, "Stopped") == 0 ||
		    strcmp(state, "Failed") == 0)
			continue;
		if (one(&v, vm, &l) < 0) {
			r = vl_answer(c, "", NULL, &vm);
			break;
		}
	}
	links_free(&l);
	vl_close(&v);
	return r;
}

long long
usage_number(const json_t *vm, const char *group, const char *key)
{
	return json_integer_value(
	    json_object_get(json_object_get(vm, group), key));
}

const json_t *
usage_find(const json_t *vms, const char *id)
{
	size_t i;

	for (i = 0; i < json_array_size(vms); i++)
		if (strcmp(str(json_array_get(vms, i), "id"), id) == 0)
			return json_array_get(vms, i);
	return NULL;
}

double
usage_percent(const json_t *before, const json_t *now, int64_t ms)
{
	long long a = usage_number(before, "stats", "cpu_usec");
	long long b = usage_number(now, "stats", "cpu_usec");

	if (json_object_get(before, "stats") == NULL ||
	    json_object_get(now, "stats") == NULL || b < a || ms <= 0)
		return -1;
	return (double)(b - a) / (double)ms / 10;
}
