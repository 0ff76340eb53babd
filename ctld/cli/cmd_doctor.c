/* SPDX-License-Identifier: ISC */
/*
 * postern doctor (caller's rights): is this host fit, and with --verify is
 * what the daemon says true? Changes nothing. Exit status: 0, 1 with
 * warnings or, of --verify, leaks and lies, 2 when the host is to be refused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/cli/client.h"
#include "ctld/cli/doctor.h"
#include "ctld/cli/text.h"
#include "ctld/cli/verify.h"

enum { OPT_VERIFY = OPT_FIRST, OPT_ALL };

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
put_row(const json_t *r, int all)
{
	int ok = strcmp(str(r, "level"), "ok") == 0;

	if (ok && !all)
		return;
	text_pad(stdout, str(r, "level"), 7);
	(void)printf("%s: ", str(r, "group"));
	text_str(stdout, str(r, "check"));
	(void)fputs(": ", stdout);
	text_str(stdout, str(r, "found"));
	(void)putchar('\n');
	if (!ok)
		(void)printf("       wanted: %s\n       why:    %s\n"
			     "       fix:    %s\n",
		    str(r, "wanted"), str(r, "why"), str(r, "fix"));
}

static int
host(struct cli *c, const json_t *policy, int all)
{
	struct doctor d = { .policy = policy, .socket = c->socket };
	unsigned count[DOC_REFUSE + 1] = { 0 };
	enum doc_level worst, l;
	json_t *rows, *r, *vms;
	size_t i;

	vms = vl_try(c, "List", json_object());
	d.vms = json_object_get(json_object_get(vms, "parameters"), "vms");
	d.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	rows = doc_all(&d, &worst);
	fd_close(&d.root);
	if (c->json) {
		(void)json_dumpf(rows, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		json_array_foreach(rows, i, r) {
			put_row(r, all);
			for (l = DOC_OK; l <= DOC_REFUSE; l++)
				count[l] += strcmp(str(r, "level"),
				    doc_level_name(l)) == 0;
		}
		(void)printf("%u ok, %u unseen, %u warnings, %u refusals\n",
		    count[DOC_OK], count[DOC_UNSEEN], count[DOC_WARN],
		    count[DOC_REFUSE]);
	}
	json_decref(rows);
	json_decref(vms);
	return worst == DOC_REFUSE ? 2 : worst == DOC_WARN ? 1 : 0;
}

int
cmd_doctor(struct cli *c, int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "verify", no_argument, NULL, OPT_VERIFY },
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, look = 0, all = 0, r;
	json_t *policy;

	while ((opt = cli_getopt(c, argc, argv, ":a", longs)) != -1) {
		if (opt == OPT_VERIFY)
			look = 1;
		else if (opt == 'a')
			all = 1;
		else
			return EX_USE;
	}
	if (optind < argc)
		return cli_usage(c, "%s: takes no name", argv[optind]);
	if (look && geteuid() != 0)
		return vl_fail(c, "", EX_DENIED, "io.postern.Vm.Denied", "",
		    "--verify looks into every VM; run it as root");
	policy = vl_policy(c);
	r = look ? verify(c, policy) : host(c, policy, all);
	json_decref(policy);
	return r;
}
