/* SPDX-License-Identifier: ISC */
/* postern doctor: the daemon, its supervisor, what the operator chose. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/cli/doctor.h"

static void
probe_there(const struct doctor *d, struct doc_found *f)
{
	if (d->policy != NULL)
		doc_say(f, DOC_OK, "instance %.16s", json_string_value(
			json_object_get(d->policy, "instance")));
	else
		doc_say(f, DOC_WARN, "not reached at %s", d->socket);
}

static void
probe_compose(const struct doctor *d, struct doc_found *f)
{
	const json_t *all = json_object_get(d->policy, "compose");
	static const char *const names[] = { "network", "vsock", "firewall",
		"jailer", "console", "graceful_shutdown" };
	char off[100] = "";
	unsigned i;

	if (all == NULL) {
		doc_say(f, DOC_UNSEEN, "no daemon to ask");
		return;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (json_is_true(json_object_get(all, names[i])))
			continue;
		(void)strlcat(off, off[0] != '\0' ? ", " : "", sizeof(off));
		(void)strlcat(off, names[i], sizeof(off));
	}
	if (json_is_false(json_object_get(all, "jailer")) ||
	    json_is_false(json_object_get(all, "firewall")))
		doc_say(f, DOC_REFUSE, "off: %s: not fit for several tenants",
		    off);
	else
		doc_say(f, off[0] != '\0' ? DOC_WARN : DOC_OK, "%s%s",
		    off[0] != '\0' ? "off: " : "all on", off);
}

/* The unit that holds the VMs' cgroup, wherever units are. */
static ssize_t
unit(const struct doctor *d, const char *name, char *text, size_t size)
{
	static const char *const dirs[] = { "etc/systemd/system",
		"usr/local/lib/systemd/system", "usr/lib/systemd/system",
		"lib/systemd/system" };
	char path[128];
	ssize_t n = -1;
	unsigned i;

	for (i = 0; n < 0 && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		n = fd_slurp(d->root, path, text, size);
	}
	return n;
}

static void
probe_units(const struct doctor *d, struct doc_found *f)
{
	char text[8192];

	if (faccessat(d->root, "run/systemd/system", F_OK, 0) < 0)
		doc_say(f, DOC_OK, "no systemd here");
	else if (unit(d, "postern.service", text, sizeof(text)) < 0)
		doc_say(f, DOC_WARN, "no postern.service");
	else if (strstr(text, "PrivateTmp=yes") != NULL ||
	    strstr(text, "ProtectSystem=") != NULL)
		doc_say(f, DOC_REFUSE, "postern.service has a mount namespace "
		    "of its own: no image can be bound");
	else if (unit(d, "postern-vms.service", text, sizeof(text)) < 0)
		doc_say(f, DOC_REFUSE, "no postern-vms.service");
	else if (strstr(text, "Delegate=") == NULL)
		doc_say(f, DOC_REFUSE, "postern-vms.service lacks Delegate=");
	else
		doc_say(f, DOC_OK, "both there");
}

static void
probe_accel(const struct doctor *d, struct doc_found *f)
{
	const char *a = json_string_value(
	    json_object_get(d->policy, "accel"));

	if (a == NULL)
		doc_say(f, DOC_UNSEEN, "no daemon to ask");
	else
		doc_say(f, strcmp(a, "kvm") == 0 ? DOC_OK : DOC_WARN, "%.8s",
		    a);
}

static void
probe_bounded(const struct doctor *d, struct doc_found *f)
{
	(void)d;
	doc_say(f, DOC_OK, "rings of a sealed size; a seccomp list; one uid "
	    "a VM");
}

static const struct doc_check checks[] = {
	{ .name = "daemon", .probe = probe_there, .wanted = "it answers",
	    .why = "without it nothing is started or stopped; VMs run on",
	    .fix = "systemctl start postern, or ./quickstart" },
	{ .name = "compose", .probe = probe_compose, .wanted = "all on",
	    .why = "each is a wall that the operator may take down",
	    .fix = "[compose] in postern.conf, MICROVM_COMPOSE_* in its "
		   "environment" },
	{ .name = "accel", .probe = probe_accel, .wanted = "kvm",
	    .why = "emulation is slow, and no wall against hostile guests",
	    .fix = "see check kvm; [vms] accel in postern.conf" },
	{ .name = "units", .probe = probe_units,
	    .wanted = "postern.service, and postern-vms.service with Delegate=",
	    .why = "a restart of the daemon must not touch a VM",
	    .fix = "make install, systemctl daemon-reload" },
	{ .name = "vmm", .probe = probe_bounded,
	    .wanted = "console and log bounded, no filter left out",
	    .why = "a guest could fill the host's disk, or try its calls",
	    .fix = "nothing: it is built so; postern doctor --verify looks" },
};
const struct doc_group doc_daemon = { "daemon", checks,
	sizeof(checks) / sizeof(checks[0]) };
