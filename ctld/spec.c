/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. Distrusts every byte: the client's process is a parser that a
 * tenant may have taken over. Allow-lists only; an unknown flag, family or
 * value is refused.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <bsd/string.h>

#include "common/log.h"
#include "ctld/spec.h"
#include "ctld/vm.h"

#define CPUS_MAX 32u
#define MEMORY_MIN 16u
#define GRACE_MAX_MS (60u * 60 * 1000)
#define READY_MAX_MS (24u * 60 * 60 * 1000)
#define FLAGS_ALL (CL_HAS_INITRD | CL_HAS_ROOTFS | CL_ROOTFS_RO | CL_RM | \
    CL_DEFINED | CL_PATHS)

static int
zeros(const uint8_t *p, size_t n)
{
	while (n-- > 0)
		if (*p++ != 0)
			return 0;
	return 1;
}

static int
net_wellformed(const struct req_net_up *u)
{
	unsigned i;

	if (u->nports > NET_PORTS_MAX || u->nallow > NET_ALLOW_MAX)
		return 0;
	for (i = 0; i < NET_PORTS_MAX; i++)
		if (!zeros(u->ports[i].zero, sizeof(u->ports[i].zero)))
			return 0;
	for (i = 0; i < NET_ALLOW_MAX; i++)
		if (!zeros(u->allow[i].zero, sizeof(u->allow[i].zero)))
			return 0;
	return 1;
}

int
spec_wellformed(const struct clreq_start *s)
{
	unsigned i;
	int ok;

	ok = wire_str_ok(s->name, sizeof(s->name)) &&
	    wire_str_ok(s->ready_text, sizeof(s->ready_text)) &&
	    wire_str_ok(s->boot_args, sizeof(s->boot_args)) &&
	    wire_str_ok(s->profile, sizeof(s->profile)) &&
	    wire_str_ok(s->revision, sizeof(s->revision)) &&
	    wire_str_ok(s->flake_ref, sizeof(s->flake_ref)) &&
	    wire_str_ok(s->kernel_path, sizeof(s->kernel_path)) &&
	    wire_str_ok(s->rootfs_path, sizeof(s->rootfs_path)) &&
	    wire_str_ok(s->initrd_path, sizeof(s->initrd_path)) &&
	    (s->flags & ~FLAGS_ALL) == 0 && s->nvolumes <= CL_VOLUMES_MAX &&
	    s->nchannels <= CHANNELS_MAX && s->nfiles <= CL_FILES_MAX &&
	    net_wellformed(&s->net_up);
	for (i = 0; ok && i < CL_VOLUMES_MAX; i++)
		ok = wire_str_ok(s->volumes[i].guest,
			 sizeof(s->volumes[i].guest)) &&
		    wire_str_ok(s->volumes[i].host,
			sizeof(s->volumes[i].host)) &&
		    s->volumes[i].readonly <= 1 && s->volumes[i].zero == 0;
	for (i = 0; ok && i < CL_FILES_MAX; i++)
		ok = wire_str_ok(s->files[i].name, sizeof(s->files[i].name)) &&
		    wire_str_ok(s->files[i].host, sizeof(s->files[i].host)) &&
		    s->files[i].secret <= 1;
	if (!ok)
		errno = EBADMSG;
	return ok ? 0 : -1;
}

int
spec_name(const char *name, struct err *e)
{
	char vis[160];
	size_t n = strlen(name);

	if (n == 0)
		return err_field(e, "name", EINVAL,
		    "name is missing; say what the VM is to be called");
	if (n > VM_NAME_MAX || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return err_field(e, "name", EINVAL, "name %.100s: use 1 to 63 "
		    "of a-z, 0-9 and -, not beginning with -",
		    log_vis(vis, sizeof(vis), name));
	if (vm_is_id(name))
		return err_field(e, "name", EINVAL,
		    "name %s looks like an id; choose another", name);
	return 0;
}

/* Printable ASCII: what a kernel command line and a terminal can take. */
static int
text(const char *field, const char *s, struct err *e)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return err_field(e, field, EINVAL, "%s: byte 0x%02x; "
			    "use printable ASCII only", field,
			    (unsigned)(unsigned char)*s);
	return 0;
}

static int
sizes(const struct sysconf *c, const struct clreq_start *s, struct err *e)
{
	if (s->cpus < 1 || s->cpus > CPUS_MAX)
		return err_field(e, "cpus", EINVAL,
		    "cpus is %u; use 1 to %u", s->cpus, CPUS_MAX);
	if (s->memory_mib < MEMORY_MIN || s->memory_mib > c->max_memory_mib)
		return err_field(e, "memory_mib", EINVAL,
		    "memory_mib is %u; use %u to %u", s->memory_mib,
		    MEMORY_MIN, c->max_memory_mib);
	if (s->backend > BACKEND_RUNNER)
		return err_field(e, "backend", EINVAL,
		    "backend %u is not known; see postern backends",
		    s->backend);
	if (s->grace_ms != UINT32_MAX && s->grace_ms > GRACE_MAX_MS)
		return err_field(e, "grace_ms", EINVAL,
		    "grace_ms is %u; use at most %u", s->grace_ms,
		    GRACE_MAX_MS);
	return 0;
}

static int
has_channel(const struct clreq_start *s, uint32_t port, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (s->channels[i] == port)
			return 1;
	return 0;
}

void
spec_agent(struct clreq_start *s)
{
	if (s->ready == READY_AGENT && s->nchannels < CHANNELS_MAX &&
	    !has_channel(s, CHANNEL_AGENT, s->nchannels))
		s->channels[s->nchannels++] = CHANNEL_AGENT;
}

static int
channels(const struct sysconf *c, const struct clreq_start *s, struct err *e)
{
	unsigned i;

	if (s->nchannels > 0 && (c->compose & COMPOSE_VSOCK) == 0)
		return err_field(e, "channel_ports", ENOTSUP, "the operator "
		    "turned guest channels off; leave channel_ports out");
	for (i = 0; i < s->nchannels; i++) {
		if (s->channels[i] == 0)
			return err_field(e, "channel_ports", EINVAL,
			    "channel port 0: use 1 to 65535");
		if (has_channel(s, s->channels[i], i))
			return err_field(e, "channel_ports", EINVAL,
			    "channel port %u is declared twice; say it once",
			    (unsigned)s->channels[i]);
	}
	if (s->ready == READY_AGENT &&
	    !has_channel(s, CHANNEL_AGENT, s->nchannels))
		return err_field(e, "ready", EINVAL, "ready: agent opens "
		    "channel port %u; declare it", CHANNEL_AGENT);
	return 0;
}

static int
ready(const struct clreq_start *s, struct err *e)
{
	if (s->ready > READY_AGENT ||
	    (s->ready == READY_CONSOLE) != (s->ready_text[0] != '\0'))
		return err_field(e, "ready", EINVAL,
		    "ready: use agent, or console:TEXT with 1 to 63 bytes of "
		    "text");
	if (s->ready_timeout_ms > READY_MAX_MS)
		return err_field(e, "timeout_ms", EINVAL,
		    "timeout_ms is %u; use at most %u", s->ready_timeout_ms,
		    READY_MAX_MS);
	return text("ready", s->ready_text, e);
}

static int
ports(const struct req_net_up *u, struct err *e)
{
	const struct net_port *p, *q;
	unsigned i, j;

	for (i = 0; i < u->nports; i++) {
		p = &u->ports[i];
		if (p->host == 0 || p->guest == 0)
			return err_field(e, "ports", EINVAL,
			    "port %u:%u: use 1 to 65535", (unsigned)p->host,
			    (unsigned)p->guest);
		if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
			return err_field(e, "ports", EINVAL,
			    "port %u: protocol %u; use tcp or udp",
			    (unsigned)p->host, (unsigned)p->proto);
		for (j = 0; j < i; j++) {
			q = &u->ports[j];
			/* net compares what 0, the default, stands for */
			if (q->host == p->host && q->proto == p->proto &&
			    q->addr == p->addr)
				return err_field(e, "ports", EINVAL,
				    "port %u is published twice; say it once",
				    (unsigned)p->host);
		}
	}
	return 0;
}

static int
allow(const struct req_net_up *u, struct err *e)
{
	const struct net_allow *a;
	unsigned i;

	for (i = 0; i < u->nallow; i++) {
		a = &u->allow[i];
		if (a->prefix > 32)
			return err_field(e, "allow", EINVAL,
			    "allow: prefix /%u; use /0 to /32",
			    (unsigned)a->prefix);
		if (a->prefix < 32 && (a->addr & (~0U >> a->prefix)) != 0)
			return err_field(e, "allow", EINVAL,
			    "allow: %u.%u.%u.%u/%u has host bits; clear them",
			    a->addr >> 24, a->addr >> 16 & 255,
			    a->addr >> 8 & 255, a->addr & 255,
			    (unsigned)a->prefix);
		if (a->proto != 0 && a->proto != IPPROTO_TCP &&
		    a->proto != IPPROTO_UDP && a->proto != IPPROTO_ICMP)
			return err_field(e, "allow", EINVAL,
			    "allow: protocol %u; use tcp, udp, icmp or any",
			    (unsigned)a->proto);
		if (a->port_lo > a->port_hi ||
		    (a->port_hi != 0 && a->port_lo == 0) ||
		    (a->port_hi != 0 && a->proto != IPPROTO_TCP &&
			a->proto != IPPROTO_UDP))
			return err_field(e, "allow", EINVAL,
			    "allow: ports %u-%u; use N-M of 1 to 65535, with "
			    "tcp or udp", (unsigned)a->port_lo,
			    (unsigned)a->port_hi);
	}
	return 0;
}

int
spec_net(const struct sysconf *c, const struct clreq_start *s,
    struct err *e)
{
	if (s->net < NET_NAT || s->net > NET_NONE || s->net_up.mode != s->net)
		return err_field(e, "network", EINVAL,
		    "network: use nat, bridge or none");
	if (s->net == NET_NONE && (s->net_up.nports | s->net_up.nallow) != 0)
		return err_field(e, "network", EINVAL, "network none has no "
		    "ports and no allow list; leave them out");
	if (s->net != NET_NONE && (c->compose & COMPOSE_NETWORK) == 0)
		return err_field(e, "network", ENOTSUP, "the operator turned "
		    "the network off; use network none");
	if (ports(&s->net_up, e) < 0)
		return -1;
	return allow(&s->net_up, e);
}

static int
volumes(const struct clreq_start *s, struct err *e)
{
	unsigned i, j;

	for (i = 0; i < s->nvolumes; i++) {
		const char *g = s->volumes[i].guest;

		if (g[0] != '/' || text("volumes", g, e) < 0)
			return err_field(e, "volumes", EINVAL, "volume %u: "
			    "its place in the guest must be an absolute path "
			    "of printable ASCII", i);
		for (j = 0; j < i; j++)
			if (strcmp(g, s->volumes[j].guest) == 0)
				return err_field(e, "volumes", EINVAL,
				    "volume %u: %s is used twice", i, g);
	}
	return 0;
}

static int
files(const struct clreq_start *s, struct err *e)
{
	const struct cl_file *f, *g;
	const char *field;
	char vis[80];
	unsigned i;

	for (i = 0; i < s->nfiles; i++) {
		f = &s->files[i];
		field = f->secret ? "secret_files" : "config_files";
		if (!cl_file_name_ok(f->name))
			return err_field(e, field, EINVAL, "name %s: use 1 to "
			    "47 of A-Z, a-z, 0-9 and ._+@-",
			    log_vis(vis, sizeof(vis), f->name));
		if ((f->mode & ~0777u) != 0)
			return err_field(e, field, EINVAL,
			    "%s: mode 0%o; use 0 to 0777", f->name, f->mode);
		for (g = s->files; g < f; g++)
			if (g->secret == f->secret &&
			    strcmp(g->name, f->name) == 0)
				return err_field(e, field, EINVAL,
				    "%s is there twice; say it once", f->name);
	}
	return 0;
}

int
spec_check(const struct sysconf *c, const struct clreq_start *s,
    struct err *e)
{
	if (spec_name(s->name, e) < 0 || sizes(c, s, e) < 0 ||
	    text("boot_args", s->boot_args, e) < 0 ||
	    text("profile", s->profile, e) < 0 ||
	    text("revision_hash", s->revision, e) < 0 ||
	    text("flake_ref", s->flake_ref, e) < 0 || ready(s, e) < 0 ||
	    spec_net(c, s, e) < 0 || volumes(s, e) < 0 ||
	    files(s, e) < 0 || channels(c, s, e) < 0)
		return -1;
	if ((s->flags & (CL_HAS_ROOTFS | CL_ROOTFS_RO)) == CL_ROOTFS_RO)
		return err_field(e, "rootfs_path", EINVAL,
		    "rootfs_path is missing, yet it is to be read-only");
	return 0;
}

unsigned
spec_nfds(const struct clreq_start *s)
{
	unsigned i, n = 1;

	n += (s->flags & CL_HAS_INITRD) != 0;
	if ((s->flags & CL_HAS_ROOTFS) != 0)
		n += (s->flags & CL_ROOTFS_RO) != 0 ? 1 : 2;
	for (i = 0; i < s->nvolumes && i < CL_VOLUMES_MAX; i++)
		n += s->volumes[i].readonly ? 1 : 2;
	return n + cl_drive_of(s, 0) + cl_drive_of(s, 1);
}

void
spec_copy(struct clreq_start *to, const struct clreq_start *from)
{
	const struct req_net_up *u = &from->net_up;
	size_t entry = sizeof(u->allow[0]);
	unsigned was = to->net_up.nallow;

	memcpy(to, from, offsetof(struct clreq_start, net_up.allow) +
	    u->nallow * entry);
	if (was > u->nallow)
		memset(&to->net_up.allow[u->nallow], 0,
		    (was - u->nallow) * entry);
}
