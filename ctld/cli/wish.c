/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights): the options of start, create
 * and run, and --spec, into one StartConfig. Values are judged by the daemon;
 * only their syntax is judged here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bsd/stdlib.h>

#include "ctld/cli/client.h"
#include "ctld/cli/wish.h"
#include "ctld/cli/files.h"
#include "ctld/cli/parse.h"

enum { KERNEL = OPT_FIRST, INITRD, ROOTFS, ROOTFS_RO, CPUS, MEMORY, ALLOW,
	VOLUME, CONFIG_FILE, SECRET_FILE, BACKEND, NET, PROFILE, REVISION,
	FLAKE_REF, RUNNER_DIR, BOOT_ARGS, SPEC, RM, READY, TIMEOUT, GRACE, RAW,
	CHANNEL };

static const struct option longs[] = {
	{ "kernel", required_argument, NULL, KERNEL },
	{ "initrd", required_argument, NULL, INITRD },
	{ "rootfs", required_argument, NULL, ROOTFS },
	{ "rootfs-ro", no_argument, NULL, ROOTFS_RO },
	{ "cpus", required_argument, NULL, CPUS },
	{ "memory", required_argument, NULL, MEMORY },
	{ "publish", required_argument, NULL, 'p' },
	{ "allow", required_argument, NULL, ALLOW },
	{ "volume", required_argument, NULL, VOLUME },
	{ "config-file", required_argument, NULL, CONFIG_FILE },
	{ "secret-file", required_argument, NULL, SECRET_FILE },
	{ "backend", required_argument, NULL, BACKEND },
	{ "net", required_argument, NULL, NET },
	{ "profile", required_argument, NULL, PROFILE },
	{ "revision", required_argument, NULL, REVISION },
	{ "flake-ref", required_argument, NULL, FLAKE_REF },
	{ "runner-dir", required_argument, NULL, RUNNER_DIR },
	{ "boot-args", required_argument, NULL, BOOT_ARGS },
	{ "spec", required_argument, NULL, SPEC },
	{ "rm", no_argument, NULL, RM },
	{ "ready", required_argument, NULL, READY },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "grace", required_argument, NULL, GRACE },
	{ "raw", no_argument, NULL, RAW },
	{ "input", no_argument, NULL, 'i' },
	{ "channel", required_argument, NULL, CHANNEL },
	{ NULL, 0, NULL, 0 },
};

/* Options that are a member of StartConfig and nothing else. */
static const char *
text_member(int opt)
{
	switch (opt) {
	case KERNEL: return "kernel_path";
	case INITRD: return "initrd_path";
	case ROOTFS: return "rootfs_path";
	case MEMORY: return "memory_mib";
	case BACKEND: return "backend";
	case NET: return "network";
	case PROFILE: return "profile";
	case REVISION: return "revision_hash";
	case FLAKE_REF: return "flake_ref";
	case RUNNER_DIR: return "runner_dir";
	case BOOT_ARGS: return "boot_args";
	default: return NULL;
	}
}

static int
append(struct cli *c, struct wish *w, const char *key, json_t *entry,
    const char *option, const char *form)
{
	json_t *list = json_object_get(w->config, key);

	if (entry == NULL)
		return cli_usage(c, "%s %s: write %s", option, optarg, form);
	if (!json_is_array(list)) {
		list = json_array();
		(void)json_object_set_new(w->config, key, list);
	}
	(void)json_array_append_new(list, entry);
	return EX_DONE;
}

/* NAME=FILE, which is opened with the others */
static int
add_file(struct cli *c, struct wish *w, const char *key, const char *option)
{
	const char *eq = strchr(optarg, '=');

	if (eq == NULL || eq == optarg || eq[1] == '\0')
		return cli_usage(c, "%s %s: write NAME=FILE", option, optarg);
	return append(c, w, key,
	    json_pack("{s:s%,s:s}", "name", optarg, (size_t)(eq - optarg),
		"path", eq + 1),
	    option, "NAME=FILE in UTF-8");
}

/* The spec's members are the ground that flags change. */
static int
load_spec(struct cli *c, struct wish *w)
{
	json_error_t je;
	json_t *j = json_load_file(optarg, JSON_REJECT_DUPLICATES, &je);
	const char *why = j == NULL ? je.text : "not a JSON object";
	int line = j == NULL && je.line > 0 ? je.line : 1;

	if (access(optarg, R_OK) < 0)
		return vl_fail(c, "", EX_FAILED,
		    "io.postern.Vm.InvalidArgument", "--spec", "%s: %s",
		    optarg, strerror(errno));
	if (!json_is_object(j)) {
		json_decref(j);
		return vl_fail(c, "", EX_FAILED,
		    "io.postern.Vm.InvalidArgument", "--spec",
		    "%s: line %d: %s; write a StartConfig of io.postern.Vm",
		    optarg, line, why);
	}
	(void)json_object_update_missing(w->config, j);
	json_decref(j);
	return EX_DONE;
}

static int
ready(struct cli *c, struct wish *w)
{
	const char *bad;

	if (strncmp(optarg, "tcp:", 4) != 0) {
		(void)json_object_set_new(w->config, "ready",
		    json_string(optarg));
		return EX_DONE;
	}
	w->tcp = (long)strtonum(optarg + 4, 1, 65535, &bad);
	return bad == NULL ? EX_DONE :
		cli_usage(c, "--ready %s: write tcp:GUESTPORT", optarg);
}

static int
number(struct cli *c, struct wish *w, int opt)
{
	long long v = -1;
	const char *bad;

	if (opt == CPUS) {
		v = strtonum(optarg, INT32_MIN, INT32_MAX, &bad);
		if (bad != NULL)
			return cli_usage(c, "--cpus %s: say a number",
			    optarg);
		(void)json_object_set_new(w->config, "cpus",
		    json_integer(v));
		return EX_DONE;
	}
	if (parse_seconds(optarg, &v) < 0)
		return cli_usage(c, "--%s %s: say seconds, 0 to 3600",
		    opt == GRACE ? "grace" : "timeout", optarg);
	if (opt == GRACE)
		(void)json_object_set_new(w->config, "grace_ms",
		    json_integer(v));
	else
		w->timeout_ms = v;
	return EX_DONE;
}

static int
option(struct cli *c, struct wish *w, int opt)
{
	const char *member = text_member(opt);

	if (member != NULL) {
		(void)json_object_set_new(w->config, member,
		    json_string(optarg));
		return json_object_get(w->config, member) != NULL ? EX_DONE :
			cli_usage(c, "%s: not UTF-8", member);
	}
	switch (opt) {
	case 'p':
		return append(c, w, "ports", parse_port(optarg), "-p",
		    "[ADDR:]HOST:GUEST[/udp], ports 1 to 65535");
	case ALLOW:
		return append(c, w, "allow", parse_allow(optarg), "--allow",
		    "PROTO:CIDR[:PORT[-PORT]]");
	case VOLUME:
		return append(c, w, "volumes", parse_volume(optarg),
		    "--volume", "HOST:GUEST[:SIZE], GUEST beginning with /");
	case CHANNEL:
		return append(c, w, "channel_ports", parse_channel(optarg),
		    "--channel", "a port, 1 to 65535");
	case CONFIG_FILE:
		return add_file(c, w, "config_files", "--config-file");
	case SECRET_FILE:
		return add_file(c, w, "secret_files", "--secret-file");
	case ROOTFS_RO:
		(void)json_object_set_new(w->config, "rootfs_read_only",
		    json_true());
		return EX_DONE;
	case RM:
		(void)json_object_set_new(w->config, "rm", json_true());
		return EX_DONE;
	case RAW:
		w->raw = 1;
		return EX_DONE;
	case 'i':
		w->input = 1;
		return EX_DONE;
	case SPEC:
		return load_spec(c, w);
	case READY:
		return ready(c, w);
	case CPUS:
	case GRACE:
	case TIMEOUT:
		return number(c, w, opt);
	default:
		return EX_USE;
	}
}

/* "NAME" or "OWNER/NAME" into members name and owner. */
static int
set_name(struct cli *c, struct wish *w, const char *typed)
{
	json_t *j = vl_name(c, typed);
	const char *name, *slash;

	if (j == NULL)
		return EX_FAILED;
	name = json_string_value(j);
	slash = strchr(name, '/');
	if (slash != NULL && strspn(name, "0123456789") ==
		(size_t)(slash - name)) {
		(void)json_object_set_new(w->config, "owner",
		    json_integer(strtoll(name, NULL, 10)));
		(void)json_object_set_new(w->config, "name",
		    json_string(slash + 1));
	} else
		(void)json_object_set(w->config, "name", j);
	json_decref(j);
	return EX_DONE;
}

/* Was anything said that a definition says? */
static int
defines(const struct wish *w)
{
	const char *key;
	json_t *v;

	json_object_foreach(w->config, key, v)
		if (strcmp(key, "name") != 0 && strcmp(key, "owner") != 0 &&
		    strcmp(key, "ready") != 0)
			return 1;
	return 0;
}

int
wish_parse(struct cli *c, int argc, char *argv[], struct wish *w)
{
	int opt, r = EX_DONE;

	memset(w, 0, sizeof(*w));
	w->config = json_object();
	w->timeout_ms = -1;
	while (r == EX_DONE &&
	    (opt = cli_getopt(c, argc, argv, ":p:i", longs)) != -1)
		r = option(c, w, opt);
	if (r == EX_DONE && optind + 1 < argc)
		r = cli_usage(c, "one name, please; not also %s",
		    argv[optind + 1]);
	if (r == EX_DONE && optind < argc)
		r = set_name(c, w, argv[optind]);
	w->what = optind < argc ? argv[optind] :
		json_string_value(json_object_get(w->config, "name"));
	if (r == EX_DONE && w->what == NULL)
		r = cli_usage(c, "which NAME?");
	w->by_name = !defines(w);
	return r;
}

void
wish_free(struct wish *w)
{
	json_decref(w->config);
}
