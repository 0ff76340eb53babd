/* SPDX-License-Identifier: ISC */
/*
 * ctld-conf: runs once at the daemon's start, as a uid of its own, before any
 * client is heard. The only parser of configuration files and the only
 * process that asks NSS; it distrusts neither, but both are large, so it holds
 * nothing (no capability, no wire but the one it answers on, the file system
 * read-only) and ends at once. Invariant: what it sends has passed
 * sysconf_check(), or nothing is sent and it exits 1 with one line of reason.
 *
 *	ctld-conf FILE 0|1	(1: a missing FILE is fine)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/meminfo.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "common/sysconf.h"
#include "common/wire.h"
#include "common/wire.h"
#include "ctld/conf/compose.h"
#include "ctld/conf/host.h"
#include "ctld/conf/names.h"
#include "ctld/conf/parse.h"

#define DEFAULT_GROUP "postern"
#define DEFAULT_ADMIN_GROUP "postern-admin"

/* The users that installation makes, for every role the files do not name. */
static int
default_users(struct sysconf *c, struct err *e)
{
	const struct { const char *key, *name; uint32_t *uid; } u[] = {
		{ "front", "_privd", &c->uid.front },
		{ "net", "_privd-net", &c->uid.net },
		{ "jail", "_privd-jail", &c->uid.jail },
		{ "ctld", "_ctld", &c->uid.ctld },
		{ "client", "_ctld-client", &c->uid.client },
		{ "conf", "_ctld-conf", &c->uid.conf },
		{ "fetch", "_ctld-fetch", &c->uid.fetch },
	};
	size_t i;

	for (i = 0; i < sizeof(u) / sizeof(u[0]); i++) {
		if (*u[i].uid == 0 && names_uid(u[i].name, u[i].uid) < 0)
			return err_field(e, u[i].key, ENOENT,
			    "[users] %s: there is no user %s; run adduser "
			    "--system %s, or name another", u[i].key,
			    u[i].name, u[i].name);
	}
	if (c->group == 0 && names_gid(DEFAULT_GROUP, &c->group) < 0)
		return err_field(e, "group", ENOENT,
		    "[users] group: there is no group " DEFAULT_GROUP
		    "; run addgroup --system " DEFAULT_GROUP
		    ", or name another");
	return 0;
}

/* A role's files and process get its own group, never one that happens to
 * have the uid's number. */
static void
role_groups(struct sysconf *c)
{
	c->gid.front = names_primary(c->uid.front);
	c->gid.net = names_primary(c->uid.net);
	c->gid.jail = names_primary(c->uid.jail);
	c->gid.ctld = names_primary(c->uid.ctld);
	c->gid.client = names_primary(c->uid.client);
	c->gid.conf = names_primary(c->uid.conf);
	c->gid.fetch = names_primary(c->uid.fetch);
}

/* Who is served at all, and who sees everybody's VMs. */
static int
members(struct sysconf *c, struct conf_extra *x, struct err *e)
{
	struct uid_set all = { .uid = c->members, .max = CONF_MEMBERS_MAX };
	struct uid_set adm = { .uid = c->admins, .max = CONF_MEMBERS_MAX };
	uint32_t list[CONF_MEMBERS_MAX], i;
	struct uid_set both = { .uid = list, .max = CONF_MEMBERS_MAX };

	if (names_members(c->group, &all, e) < 0)
		return -1;
	for (i = 0; i < x->nmembers; i++) {
		if (uid_set_add(&all, x->members[i]) < 0)
			return err_set(e, ENOSPC, "[users] members: too many");
	}
	if ((x->admin_group != 0 ||
		names_gid(DEFAULT_ADMIN_GROUP, &x->admin_group) == 0) &&
	    names_members(x->admin_group, &both, e) < 0)
		return -1;
	for (i = 0; i < both.n; i++) {
		if (uid_set_has(&all, both.uid[i]))
			(void)uid_set_add(&adm, both.uid[i]);
	}
	for (i = 0; i < x->nadmins; i++) {
		if (uid_set_add(&all, x->admins[i]) < 0 ||
		    uid_set_add(&adm, x->admins[i]) < 0)
			return err_set(e, ENOSPC, "[users] admins: too many");
	}
	c->nmembers = all.n;
	c->nadmins = adm.n;
	return 0;
}

static void
host(struct sysconf *c, enum accel_mode mode)
{
	struct host_cpu h = { 0, 0 };
	int kvm = access("/dev/kvm", F_OK) == 0;
	FILE *f = fopen("/proc/cpuinfo", "re");

	if (f != NULL) {
		host_cpu(f, &h);
		(void)fclose(f);
	}
	/* what sysconf_check() calls plausible; else the guest finds out */
	c->tsc_khz = h.khz >= 100000 && h.khz <= 10000000 ? h.khz : 0;
	switch (mode) {
	case ACCEL_KVM:
		c->accel = 1;
		if (!kvm || !h.virt)
			log_warn("accel = kvm, but %s: guests may not run",
			    kvm ? "the processor shows neither vmx nor svm" :
				  "there is no /dev/kvm");
		break;
	case ACCEL_TCG:
		c->accel = 0;
		break;
	case ACCEL_AUTO:
	default:
		c->accel = kvm && h.virt;
		break;
	}
}

/* What all VMs together may have, unless the operator says another figure. */
static void
host_memory(struct sysconf *c)
{
	int fd CLEANUP_FD = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	uint32_t mib = fd < 0 ? 0 : meminfo_mib(fd, "MemTotal");

	if (mib > 0)
		c->max_memory_mib = mib;
	else
		log_warn("/proc/meminfo does not tell the host's memory: "
		    "max_memory is %u MiB", c->max_memory_mib);
}

/* One record without a body; the descriptor is the answer. */
static void
answer(int sock, const struct sysconf *c)
{
	struct wire_hdr h = { .type = 0 };
	int fd CLEANUP_FD = fd_sealed("sysconf", c, sizeof(*c));

	if (fd < 0)
		fatal("sealed memfd");
	if (wire_send(sock, &h, NULL, 0, &fd, 1) < 0)
		fatal("answer to the starter");
}

/* Nothing of the file system may be written; reading stays open, since NSS
 * modules keep their files where they like. */
static void
confine(void)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int dirs[ROLE_DIRS] = { root, -1 };

	if (root < 0)
		fatal("/");
	role_confine(ROLE_CONF, dirs);
	fd_close(&root);
	role_seal(RFD_FILTER);
}

int
main(int argc, char *argv[])
{
	struct conf_texts texts;
	struct conf_extra extra;
	struct sysconf c;
	struct err e = { 0 };
	uint32_t off;
	int etc = fcntl(CONF_FD_ETC, F_GETFD) < 0 ? -1 : CONF_FD_ETC;

	log_init("ctld-conf", 0);
	if (argc != 3 || strchr(argv[1], '/') != NULL)
		fatalx("started by hand; it is run by privd");
	off = compose_env_off(getenv); /* before the environment is cleared */
	role_prove(ROLE_CONF);
	confine();
	sysconf_default(&c);
	host_memory(&c);
	memset(&extra, 0, sizeof(extra));
	if (conf_read(etc, argv[1], strcmp(argv[2], "1") == 0, 0, &texts,
		&e) < 0 ||
	    conf_parse(&texts, &c, &extra, &e) < 0 ||
	    default_users(&c, &e) < 0 || members(&c, &extra, &e) < 0)
		fatalx("%s", e.msg);
	role_groups(&c);
	c.compose &= ~off;
	host(&c, extra.accel);
	if (sysconf_check(&c, &e) < 0)
		fatalx("%s: %s", argv[1], e.msg);
	answer(CONF_FD_OUT, &c);
	conf_free(&texts);
	return 0;
}
