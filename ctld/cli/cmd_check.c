/* SPDX-License-Identifier: ISC */
/*
 * postern check (caller's rights): the way of a connection to a published
 * port, step by step, until somebody refuses. What the caller may not see
 * is passed by, and said to be so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/stdlib.h>

#include "common/fdutil.h"
#include "ctld/cli/check.h"
#include "ctld/cli/client.h"
#include "ctld/cli/links.h"
#include "ctld/cli/text.h"

#define CONNECT_MS 3000

struct way {
	struct cli *c;
	const char *name;
	json_t *steps;		/* {step, ok, found, fix} */
	int bad;
};

/* ok: 1 fine, 0 here it ends, -1 not to be seen. */
static void __attribute__((format(printf, 5, 6)))
step(struct way *w, const char *what, int ok, const char *fix,
    const char *fmt, ...)
{
	char found[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	w->bad |= ok == 0;
	(void)json_array_append_new(w->steps,
	    json_pack("{s:s,s:o,s:s,s:o}", "step", what, "ok",
		ok < 0 ? json_null() : json_boolean(ok), "found", found,
		"fix", ok == 0 ? json_string(fix) : json_null()));
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static int
number(const json_t *o, const char *key)
{
	return (int)json_integer_value(json_object_get(o, key));
}

/* The method's answer about the VM, member `key`; NULL after a complaint. */
static json_t *
ask(struct way *w, const char *method, const char *key, int *r)
{
	json_t *name = vl_name(w->c, w->name), *out, *got;

	*r = EX_FAILED;
	if (name == NULL)
		return NULL;
	*r = vl_call(w->c, w->name, method, json_pack("{s:o}", "name", name),
	    NULL, 0, &out);
	got = json_incref(json_object_get(out, key));
	json_decref(out);
	return got;
}

static void
host_rules(struct way *w, const json_t *policy)
{
	char text[16], what[160];
	int k;

	if (fd_slurp(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text,
		sizeof(text)) > 0)
		step(w, "forwarding", text[0] == '1',
		    "sysctl -w net.ipv4.ip_forward=1, or start the daemon "
		    "anew; look who switched it off", "%s",
		    text[0] == '1' ? "on" : "off");
	k = check_foreign(str(policy, "instance"), what, sizeof(what));
	if (k < 0)
		step(w, "foreign rules", -1, "", "not yours to see: ask as "
		    "root");
	else if (k == 0)
		step(w, "foreign rules", 1, "", "no chain of others drops");
	else
		step(w, "foreign rules", -1, "", "chain %s drops what it does "
		    "not know: it must let this host's VMs pass", what);
}

static uint64_t
sent(const char *link, int *there)
{
	const struct link_count *k;
	uint64_t n = 0;
	struct links l;

	*there = 0;
	if (links_read(&l) < 0)
		return 0;
	k = links_find(&l, link);
	if (k != NULL) {
		*there = 1;
		n = k->tx_packets;
	}
	links_free(&l);
	return n;
}

static void
one_port(struct way *w, const json_t *p, const char *link)
{
	const char *addr = str(p, "address");
	int udp = strcmp(str(p, "proto"), "udp") == 0, there;
	int host = number(p, "host"), guest = number(p, "guest");
	uint64_t before = sent(link, &there), after;
	char what[64];
	int k;

	if (addr[0] == '\0' || strcmp(addr, "0.0.0.0") == 0)
		addr = "127.0.0.1";
	k = check_connect(addr, host, udp, CONNECT_MS);
	after = sent(link, &there);
	(void)snprintf(what, sizeof(what), "%.40s:%d%s to guest port %d",
	    addr, host, udp ? "/udp" : "", guest);
	if (k == 0)
		step(w, what, 1, "", udp ? "nobody refused the datagram" :
					   "the guest answers");
	else if (k == ECONNREFUSED && (after > before || !there))
		step(w, what, 0, "start the program in the guest, and let it "
		    "listen on 0.0.0.0, not on 127.0.0.1",
		    "the guest refuses: nothing listens there");
	else if (k == ECONNREFUSED)
		step(w, what, 0, "postern doctor --verify, as root; the daemon "
		    "started anew writes its table anew",
		    "this host refuses: the port leads nowhere");
	else if (k == ETIMEDOUT && after > before)
		step(w, what, 0, "look at its console: postern logs; is its "
		    "network up, with the address of its kernel line?",
		    "packets reach the VM, which is silent");
	else
		step(w, what, 0, "postern doctor --verify, as root; look for "
		    "rules of others (nft list ruleset)",
		    "no packet reaches the VM: %s", strerror(k));
}

/* Those that the caller means, by either number. */
static void
ports(struct way *w, const json_t *list, int port, const char *link)
{
	const json_t *p;
	unsigned n = 0;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		p = json_array_get(list, i);
		if (port != 0 && number(p, "host") != port &&
		    number(p, "guest") != port)
			continue;
		n++;
		one_port(w, p, link);
	}
	if (n == 0)
		step(w, "publication", 0, "postern port add NAME HOST:GUEST",
		    port != 0 ? "port %d is not published" :
				"no port is published%.0d", port);
}

static void
tell(const struct way *w)
{
	const json_t *s, *ok;
	size_t i;

	if (w->c->json) {
		(void)json_dumpf(w->steps, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return;
	}
	json_array_foreach(w->steps, i, s) {
		ok = json_object_get(s, "ok");
		text_pad(stdout, json_is_null(ok) ? "?" :
		    json_is_true(ok) ? "ok" : "NO", 4);
		(void)printf("%s: ", str(s, "step"));
		text_str(stdout, str(s, "found"));
		(void)putchar('\n');
		if (json_is_false(ok))
			(void)printf("    fix: %s\n", str(s, "fix"));
	}
}

static int
walk(struct way *w, int port)
{
	json_t *vm, *net = NULL, *use = NULL, *policy = NULL;
	const char *state, *link;
	int r, there;

	vm = ask(w, "Info", "vm", &r);
	if (vm == NULL)
		return r;
	state = str(vm, "state");
	step(w, "VM", strcmp(state, "Running") == 0,
	    strcmp(state, "Paused") == 0 ? "postern resume it" :
	    "postern start it; postern status says why it ended", "%s", state);
	if (!w->bad)
		net = ask(w, "Network", "network", &r);
	if (net != NULL)
		use = ask(w, "Stats", "stats", &r);
	if (use != NULL) {
		policy = vl_policy(w->c);
		link = str(use, "link");
		(void)sent(link, &there);
		step(w, "link", there ? 1 : -1, "", there ? "%s" :
		    "%s is not in this network namespace", link);
		host_rules(w, policy);
		ports(w, json_object_get(net, "ports"), port, link);
	}
	json_decref(policy);
	json_decref(use);
	json_decref(net);
	json_decref(vm);
	if (r == EX_DONE) {
		tell(w);
		r = w->bad ? EX_FAILED : EX_DONE;
	}
	return r;
}

int
cmd_check(struct cli *c, int argc, char *argv[])
{
	struct way w = { .c = c };
	const char *bad = NULL;
	int port = 0, r;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind >= argc || optind + 2 < argc)
		return cli_usage(c, "say one name, and perhaps a port");
	w.name = argv[optind];
	if (optind + 1 < argc)
		port = (int)strtonum(argv[optind + 1], 1, 65535, &bad);
	if (bad != NULL)
		return cli_usage(c, "port %s: say 1 to 65535",
		    argv[optind + 1]);
	w.steps = json_array();
	r = walk(&w, port);
	json_decref(w.steps);
	return r;
}
