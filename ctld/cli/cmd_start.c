/* SPDX-License-Identifier: ISC */
/*
 * postern start (caller's rights): flags and --spec into one StartConfig,
 * files opened here and passed as descriptors. Values are judged by the
 * daemon; only their syntax is judged here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/files.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/text.h"

#define READY_MS 60000
#define TRY_MS 100

struct start {
	json_t *config;
	long long timeout_ms;	/* -1: not said */
	int rootfs_ro;
	long tcp;		/* --ready tcp:PORT; 0: none */
};

enum { KERNEL = OPT_FIRST, INITRD, ROOTFS, ROOTFS_RO, CPUS, MEMORY, ALLOW,
	VOLUME, CONFIG_FILE, SECRET_FILE, BACKEND, NET, PROFILE, REVISION,
	FLAKE_REF, RUNNER_DIR, BOOT_ARGS, SPEC, RM, READY, TIMEOUT, GRACE };

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
append(struct cli *c, struct start *s, const char *key, json_t *entry,
    const char *option, const char *form)
{
	json_t *list = json_object_get(s->config, key);

	if (entry == NULL)
		return cli_usage(c, "%s %s: write %s", option, optarg, form);
	if (!json_is_array(list)) {
		list = json_array();
		(void)json_object_set_new(s->config, key, list);
	}
	(void)json_array_append_new(list, entry);
	return EX_DONE;
}

/* NAME=FILE */
static int
add_file(struct cli *c, struct start *s, const char *key, const char *option,
    int mode)
{
	const char *eq = strchr(optarg, '=');
	json_t *text;

	if (eq == NULL || eq == optarg || eq[1] == '\0')
		return cli_usage(c, "%s %s: write NAME=FILE", option, optarg);
	text = files_text(c, "", option, eq + 1);
	if (text == NULL)
		return EX_FAILED;
	return append(c, s, key,
	    json_pack("{s:s%,s:o,s:i}", "name", optarg,
		(size_t)(eq - optarg), "content", text, "mode", mode),
	    option, "NAME=FILE");
}

/* The spec's members are the ground that flags change. */
static int
load_spec(struct cli *c, struct start *s)
{
	json_error_t je;
	json_t *j = json_load_file(optarg, JSON_REJECT_DUPLICATES, &je);

	if (!json_is_object(j)) {
		json_decref(j);
		return vl_fail(c, "", EX_FAILED,
		    "io.postern.Vm.InvalidArgument", "--spec",
		    "%s: line %d: %s", optarg, j == NULL ? je.line : 1,
		    j == NULL ? je.text : "not a JSON object");
	}
	(void)json_object_update_missing(s->config, j);
	json_decref(j);
	return EX_DONE;
}

static int
ready(struct cli *c, struct start *s)
{
	const char *bad;

	if (strncmp(optarg, "tcp:", 4) != 0) {
		(void)json_object_set_new(s->config, "ready",
		    json_string(optarg));
		return EX_DONE;
	}
	s->tcp = (long)strtonum(optarg + 4, 1, 65535, &bad);
	return bad == NULL ? EX_DONE :
		cli_usage(c, "--ready %s: write tcp:GUESTPORT", optarg);
}

static int
number(struct cli *c, struct start *s, int opt)
{
	long long v = -1;
	const char *bad;

	if (opt == CPUS) {
		v = strtonum(optarg, INT32_MIN, INT32_MAX, &bad);
		if (bad != NULL)
			return cli_usage(c, "--cpus %s: say a number",
			    optarg);
		(void)json_object_set_new(s->config, "cpus",
		    json_integer(v));
		return EX_DONE;
	}
	if (parse_seconds(optarg, &v) < 0)
		return cli_usage(c, "--%s %s: say seconds, 0 to 3600",
		    opt == GRACE ? "grace" : "timeout", optarg);
	if (opt == GRACE)
		(void)json_object_set_new(s->config, "grace_ms",
		    json_integer(v));
	else
		s->timeout_ms = v;
	return EX_DONE;
}

static int
option(struct cli *c, struct start *s, int opt)
{
	const char *member = text_member(opt);

	if (member != NULL) {
		(void)json_object_set_new(s->config, member,
		    json_string(optarg));
		return json_object_get(s->config, member) != NULL ? EX_DONE :
			cli_usage(c, "%s: not UTF-8", member);
	}
	switch (opt) {
	case 'p':
		return append(c, s, "ports", parse_port(optarg), "-p",
		    "[ADDR:]HOST:GUEST[/udp]");
	case ALLOW:
		return append(c, s, "allow", parse_allow(optarg), "--allow",
		    "PROTO:CIDR[:PORT[-PORT]]");
	case VOLUME:
		return append(c, s, "volumes", parse_volume(optarg),
		    "--volume", "HOST:GUEST[:SIZE], GUEST beginning with /");
	case CONFIG_FILE:
		return add_file(c, s, "config_files", "--config-file", 0444);
	case SECRET_FILE:
		return add_file(c, s, "secret_files", "--secret-file", 0400);
	case ROOTFS_RO:
		s->rootfs_ro = 1;
		return EX_DONE;
	case RM:
		(void)json_object_set_new(s->config, "rm", json_true());
		return EX_DONE;
	case SPEC:
		return load_spec(c, s);
	case READY:
		return ready(c, s);
	case CPUS:
	case GRACE:
	case TIMEOUT:
		return number(c, s, opt);
	default:
		return EX_USE;
	}
}

/* "NAME" or "OWNER/NAME" into members name and owner. */
static int
set_name(struct cli *c, struct start *s, const char *typed)
{
	json_t *j = vl_name(c, typed);
	const char *name, *slash;

	if (j == NULL)
		return EX_FAILED;
	name = json_string_value(j);
	slash = strchr(name, '/');
	if (slash != NULL && strspn(name, "0123456789") ==
		(size_t)(slash - name)) {
		(void)json_object_set_new(s->config, "owner",
		    json_integer(strtoll(name, NULL, 10)));
		(void)json_object_set_new(s->config, "name",
		    json_string(slash + 1));
	} else
		(void)json_object_set(s->config, "name", j);
	json_decref(j);
	return EX_DONE;
}

/* One attempt to connect; 1 when somebody accepted. */
static int
knock(const struct sockaddr_in *sin)
{
	int fd CLEANUP_FD = socket(AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int e = 0;

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == 0)
		return 1;
	if (errno != EINPROGRESS || poll(&p, 1, 1000) != 1)
		return 0;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0;
}

/* Where guest port s->tcp is published on this host. 0 or -1. */
static int
published(const struct start *s, struct sockaddr_in *sin)
{
	const json_t *ports = json_object_get(s->config, "ports"), *p;
	const char *addr;
	size_t i;

	for (i = 0; i < json_array_size(ports); i++) {
		p = json_array_get(ports, i);
		if (json_integer_value(json_object_get(p, "guest")) != s->tcp)
			continue;
		addr = json_string_value(json_object_get(p, "address"));
		if (addr == NULL || strcmp(addr, "0.0.0.0") == 0)
			addr = "127.0.0.1";
		memset(sin, 0, sizeof(*sin));
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)json_integer_value(
		    json_object_get(p, "host")));
		return inet_pton(AF_INET, addr, &sin->sin_addr) == 1 ? 0 : -1;
	}
	return -1;
}

static int
wait_tcp(struct cli *c, const struct start *s, const char *what,
    const struct sockaddr_in *sin, int64_t deadline)
{
	while (!knock(sin)) {
		if (now_ms() >= deadline)
			return vl_fail(c, what, EX_TIMED_OUT,
			    "io.postern.Vm.TimedOut", "",
			    "it runs, but nobody answers on guest port %ld; "
			    "see postern logs %s", s->tcp, what);
		(void)poll(NULL, 0, TRY_MS);
	}
	return EX_DONE;
}

static void
print_notes(const json_t *notes)
{
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(notes); i++) {
		s = json_string_value(json_array_get(notes, i));
		(void)fputs("note: ", stderr);
		text_str(stderr, s != NULL ? s : "?");
		(void)putc('\n', stderr);
	}
}

static int
call(struct cli *c, struct start *s, const char *what)
{
	int64_t deadline = now_ms() +
	    (s->timeout_ms >= 0 ? s->timeout_ms : READY_MS);
	json_t *params, *out, *vm;
	struct sockaddr_in sin;
	struct files f;
	int r;

	if (s->tcp != 0 && published(s, &sin) < 0)
		return cli_usage(c, "--ready tcp:%ld: no -p publishes that "
		    "guest port", s->tcp);
	r = files_open(c, what, s->config, s->rootfs_ro, &f);
	if (r != EX_DONE)
		return r;
	params = json_pack("{s:O}", "config", s->config);
	if (s->timeout_ms > 0)
		(void)json_object_set_new(params, "timeout_ms",
		    json_integer(s->timeout_ms));
	r = vl_call(c, what, "Start", params, f.fd, f.n, &out);
	files_close(&f);
	if (r == EX_DONE && s->tcp != 0)
		r = wait_tcp(c, s, what, &sin, deadline);
	vm = json_object_get(out, "vm");
	if (r == EX_DONE && c->json) {
		(void)json_dumpf(vm, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (r == EX_DONE) {
		text_str(stdout, what);
		(void)puts(" is running");
		print_notes(json_object_get(out, "notes"));
	}
	json_decref(out);
	return r;
}

int
cmd_start(struct cli *c, int argc, char *argv[])
{
	struct start s = { .config = json_object(), .timeout_ms = -1 };
	const char *name;
	int opt, r = EX_DONE;

	while (r == EX_DONE &&
	    (opt = cli_getopt(c, argc, argv, ":p:", longs)) != -1)
		r = option(c, &s, opt);
	if (r == EX_DONE && optind + 1 < argc)
		r = cli_usage(c, "one name, please; not also %s",
		    argv[optind + 1]);
	if (r == EX_DONE && optind < argc)
		r = set_name(c, &s, argv[optind]);
	name = json_string_value(json_object_get(s.config, "name"));
	if (r == EX_DONE && name == NULL)
		r = cli_usage(c, "which NAME?");
	if (r == EX_DONE)
		r = call(c, &s, optind < argc ? argv[optind] : name);
	json_decref(s.config);
	return r;
}
