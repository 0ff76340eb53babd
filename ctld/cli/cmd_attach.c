/* SPDX-License-Identifier: ISC */
/*
 * postern console, connect, channel (caller's rights). The daemon hands over
 * a stream to the VM's supervisor; what goes through it is between the
 * caller and the guest.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/stdlib.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/out.h"
#include "ctld/cli/parse.h"
#include "ctld/cli/relay.h"
#include "ctld/cli/stream.h"
#include "ctld/cli/text.h"

#define LINGER_MS 1000

/* One call whose good answer brings a stream. */
static int
call_stream(struct cli *c, const char *what, const char *method,
    json_t *params, int *stream)
{
	json_t *answer, *out;
	struct vl v;
	int r = vl_open(c, &v);

	*stream = -1;
	if (r != EX_DONE) {
		json_decref(params);
		return r;
	}
	(void)vl_send(&v, method, params, 0, NULL, 0);
	answer = stream_recv(&v, stream);
	r = vl_answer(c, what, answer, &out);
	json_decref(answer);
	json_decref(out);
	vl_close(&v);
	if (r == EX_DONE && *stream < 0)
		r = vl_fail(c, what, EX_FAILED, "io.postern.Vm.HostFailure",
		    "", "the daemon's answer brought no stream");
	if (r != EX_DONE)
		fd_close(stream);
	return r;
}

/* Relay, then say how it ended where that is news. */
static int
run(struct cli *c, const char *what, struct relay *rl)
{
	int talk = rl->console && isatty(STDERR_FILENO) && !c->json;

	switch (relay_run(rl)) {
	case RELAY_GUEST:
		if (talk)
			out_note(what, "the VM has ended; see postern "
			    "status");
		return EX_DONE;
	case RELAY_LEFT:
		if (talk)
			out_note(what, "left; the VM runs on");
		return EX_DONE;
	case RELAY_INPUT:
		return EX_DONE;
	case RELAY_SIGNAL:
		relay_die(rl->signal);
		return EX_FAILED;
	case RELAY_OUTPUT:
	case RELAY_LOST:
	default:
		return EX_FAILED;
	}
}

static const struct option longs[] = {
	{ "raw", no_argument, NULL, 'r' },
	{ "linger", required_argument, NULL, 'l' },
	{ NULL, 0, NULL, 0 },
};

int
cmd_console(struct cli *c, int argc, char *argv[])
{
	struct relay rl = { .console = 1, .escape = 1,
		.linger_ms = LINGER_MS };
	const char *what;
	json_t *name;
	int opt, r;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt != 'r')
			return opt == 'l' ? cli_usage(c, "--linger: only with "
			    "connect") : EX_USE;
		rl.escape = 0;
	}
	if (optind + 1 != argc)
		return cli_usage(c, "say one name");
	what = argv[optind];
	if ((name = vl_name(c, what)) == NULL)
		return EX_FAILED;
	r = call_stream(c, what, "Console", json_pack("{s:o}", "name", name),
	    &rl.fd);
	if (r != EX_DONE)
		return r;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		text_str(stderr, what);
		(void)fputs(": attached; ^] leaves\n", stderr);
	}
	r = run(c, what, &rl);
	fd_close(&rl.fd);
	return r;
}

int
cmd_connect(struct cli *c, int argc, char *argv[])
{
	struct relay rl = { .linger_ms = LINGER_MS };
	long long ms;
	const char *what, *bad;
	json_int_t port;
	json_t *name;
	int opt, r, raw = 0;

	while ((opt = cli_getopt(c, argc, argv, ":", longs)) != -1) {
		if (opt == 'r') {
			raw = 1;
		} else if (opt == 'l') {
			if (parse_seconds(optarg, &ms) < 0)
				return cli_usage(c, "--linger %s: say "
				    "seconds, 0 to 3600", optarg);
			rl.linger_ms = (int)ms;
		} else
			return EX_USE;
	}
	if (optind + 2 != argc)
		return cli_usage(c, "say a name and a port");
	what = argv[optind];
	port = strtonum(argv[optind + 1], 1, 65535, &bad);
	if (bad != NULL)
		return cli_usage(c, "port %s: say 1 to 65535",
		    argv[optind + 1]);
	if ((name = vl_name(c, what)) == NULL)
		return EX_FAILED;
	r = call_stream(c, what, "Connect", json_pack("{s:o,s:I}", "name",
	    name, "port", port), &rl.fd);
	if (r != EX_DONE)
		return r;
	/* a program's bytes are its own business; a terminal's are not */
	rl.escape = !raw && isatty(STDOUT_FILENO);
	r = run(c, what, &rl);
	fd_close(&rl.fd);
	return r;
}

int
cmd_channel(struct cli *c, int argc, char *argv[])
{
	const char *what, *path;
	json_t *name, *out, *port;
	size_t i;
	int r;

	if (cli_getopt(c, argc, argv, ":", NULL) != -1)
		return EX_USE;
	if (optind + 1 != argc)
		return cli_usage(c, "say one name");
	what = argv[optind];
	if ((name = vl_name(c, what)) == NULL)
		return EX_FAILED;
	r = vl_call(c, what, "Channel", json_pack("{s:o}", "name", name),
	    NULL, 0, &out);
	if (r == EX_DONE && c->json) {
		(void)json_dumpf(json_object_get(out, "channel"), stdout,
		    JSON_COMPACT);
		(void)putchar('\n');
	} else if (r == EX_DONE) {
		path = json_string_value(json_object_get(json_object_get(
		    json_object_get(out, "channel"), "UnixSocket"), "path"));
		(void)fputs("socket  ", stdout);
		text_str(stdout, path != NULL ? path : "-");
		(void)fputs("\nports  ", stdout);
		json_array_foreach(json_object_get(out, "ports"), i, port)
			(void)printf(" %lld",
			    (long long)json_integer_value(port));
		(void)putchar('\n');
	}
	json_decref(out);
	return r;
}
