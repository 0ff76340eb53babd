/* SPDX-License-Identifier: ISC */
/*
 * spec_check(): a right request passes; each member, made wrong alone, is
 * named. Runs as anybody.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "ctld/spec.h"

static struct sysconf conf;

static void
right(struct clreq_start *s)
{
	sysconf_default(&conf);
	memset(s, 0, sizeof(*s));
	(void)strlcpy(s->name, "web-1", sizeof(s->name));
	s->flags = CL_HAS_ROOTFS | CL_HAS_INITRD;
	s->cpus = 1;
	s->memory_mib = 16;
	s->net = s->net_up.mode = NET_NAT;
	s->grace_ms = UINT32_MAX;
	s->net_up.nports = 2;
	s->net_up.ports[0] = (struct net_port){ 0, 8080, 80, 6, { 0 } };
	s->net_up.ports[1] = (struct net_port){ 0, 8080, 53, 17, { 0 } };
	s->net_up.nallow = 2;
	s->net_up.allow[0] = (struct net_allow){ 0x0a000000, 53, 53, 17, 8,
		{ 0 } };
	s->net_up.allow[1] = (struct net_allow){ 0, 0, 0, 0, 0, { 0 } };
	s->nvolumes = 1;
	(void)strlcpy(s->volumes[0].guest, "/data", 64);
}

static void
bad(const struct clreq_start *s, const char *field)
{
	struct err e;

	memset(&e, 0, sizeof(e));
	ATF_CHECK_EQ_MSG(-1, spec_check(&conf, s, &e), "%s passed", field);
	ATF_CHECK_STREQ(field, e.field);
	ATF_CHECK(strlen(e.msg) > 0);
}

static void
file(struct clreq_start *s, unsigned i, const char *name, uint32_t secret)
{
	s->nfiles = i + 1;
	(void)strlcpy(s->files[i].name, name, sizeof(s->files[i].name));
	s->files[i].secret = secret;
	s->files[i].mode = 0444;
}

#define BAD(field, change)                       \
	do {                                     \
		struct clreq_start s_;           \
		struct clreq_start *s = &s_;     \
		right(s);                        \
		change;                          \
		bad(s, field);                   \
	} while (0)

ATF_TC_WITHOUT_HEAD(passes);
ATF_TC_BODY(passes, tc)
{
	struct clreq_start s;
	struct err e;

	right(&s);
	ATF_CHECK_EQ_MSG(0, spec_check(&conf, &s, &e), "%s", e.msg);
	ATF_CHECK_EQ(0, spec_wellformed(&s));
	/* the last: a drive that tells the volume's place */
	ATF_CHECK_EQ(1 + 1 + 2 + 2 + 1, spec_nfds(&s));
	s.flags |= CL_ROOTFS_RO;
	s.volumes[0].readonly = 1;
	ATF_CHECK_EQ(1 + 1 + 1 + 1 + 1, spec_nfds(&s));
	file(&s, 0, "app.toml", 0);
	ATF_CHECK_EQ(1 + 1 + 1 + 1 + 1, spec_nfds(&s));
	file(&s, 1, "app.toml", 1);
	ATF_CHECK_EQ(1 + 1 + 1 + 1 + 2, spec_nfds(&s));
	ATF_CHECK_EQ(0, spec_check(&conf, &s, &e));
	s.cpus = 32;
	s.memory_mib = conf.max_memory_mib;
	ATF_CHECK_EQ(0, spec_check(&conf, &s, &e));
}

ATF_TC_WITHOUT_HEAD(sizes);
ATF_TC_BODY(sizes, tc)
{
	BAD("cpus", s->cpus = 0);
	BAD("cpus", s->cpus = 33);
	BAD("memory_mib", s->memory_mib = 15);
	BAD("memory_mib", s->memory_mib = 0);
	BAD("memory_mib", s->memory_mib = conf.max_memory_mib + 1);
	BAD("memory_mib", s->memory_mib = UINT32_MAX);
	BAD("backend", s->backend = BACKEND_RUNNER + 1);
	BAD("grace_ms", s->grace_ms = UINT32_MAX - 1);
	BAD("timeout_ms", s->ready_timeout_ms = UINT32_MAX);
	BAD("ready", s->ready = READY_CONSOLE);
	BAD("ready", s->ready = READY_AGENT + 1);
	BAD("ready", s->ready = READY_AGENT); /* its port is not declared */
	BAD("channel_ports", s->nchannels = 1);
	BAD("channel_ports", s->nchannels = 2; s->channels[0] = 7;
	    s->channels[1] = 7);
	BAD("channel_ports", s->nchannels = 1; s->channels[0] = 7;
	    conf.compose &= ~COMPOSE_VSOCK);
	BAD("ready", (void)strlcpy(s->ready_text, "x", 64));
	BAD("rootfs_path", s->flags = CL_ROOTFS_RO);
	BAD("config_files", file(s, 0, "a/b", 0));
	BAD("config_files", file(s, 0, "..", 0));
	BAD("config_files", s->nfiles = 1);
	BAD("secret_files", file(s, 0, "a", 1); s->files[0].mode = 04755);
	BAD("secret_files", file(s, 0, "a", 1); file(s, 1, "a", 1));
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	static const char *const wrong[] = { "", "-a", "A", "a_b", "../x",
		"a/b", "a b", "a\n", "a.b", "\xc3\xa4", "a\x7f",
		"vm-0123456789abcdef" };
	static const char *const fine[] = { "a", "0", "a-", "web-1",
		"vm-0123456789abcde", "vm-0123456789abcdeg" };
	char longest[65];
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		BAD("name", (memset(s->name, 0, 64),
			(void)strlcpy(s->name, wrong[i], 64)));
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		ATF_CHECK_EQ_MSG(0, spec_name(fine[i], &e), "%s", fine[i]);
	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	ATF_CHECK_EQ(-1, spec_name(longest, &e));
	longest[63] = '\0';
	ATF_CHECK_EQ(0, spec_name(longest, &e));
}

ATF_TC_WITHOUT_HEAD(texts);
ATF_TC_BODY(texts, tc)
{
	BAD("boot_args", (void)strlcpy(s->boot_args, "a\nb", 1024));
	BAD("boot_args", (void)strlcpy(s->boot_args, "caf\xc3\xa9", 1024));
	BAD("profile", (void)strlcpy(s->profile, "\033[2J", 64));
	BAD("revision_hash", (void)strlcpy(s->revision, "\t", 64));
	BAD("flake_ref", (void)strlcpy(s->flake_ref, "\x80", 64));
}

ATF_TC_WITHOUT_HEAD(network);
ATF_TC_BODY(network, tc)
{
	BAD("network", s->net = 0);
	BAD("network", s->net = s->net_up.mode = NET_NONE + 1);
	BAD("network", s->net_up.mode = NET_BRIDGE);
	BAD("network", s->net = s->net_up.mode = NET_NONE);
	BAD("network", conf.compose &= ~COMPOSE_NETWORK);
	BAD("ports", s->net_up.ports[0].host = 0);
	BAD("ports", s->net_up.ports[0].guest = 0);
	BAD("ports", s->net_up.ports[0].proto = 1);
	BAD("ports", s->net_up.ports[1].proto = 6);
	BAD("allow", s->net_up.allow[0].prefix = 33);
	BAD("allow", s->net_up.allow[0].addr = 0x0a000001);
	BAD("allow", s->net_up.allow[1].addr = 1);
	BAD("allow", s->net_up.allow[0].proto = 47);
	BAD("allow", s->net_up.allow[0].port_lo = 54);
	BAD("allow", s->net_up.allow[0].port_lo = 0);
	BAD("allow", s->net_up.allow[0].proto = 0);
}

ATF_TC_WITHOUT_HEAD(volumes);
ATF_TC_BODY(volumes, tc)
{
	BAD("volumes", s->volumes[0].guest[0] = 'd');
	BAD("volumes", s->volumes[0].guest[2] = '\n');
	BAD("volumes", (s->nvolumes = 2, s->volumes[1] = s->volumes[0]));
}

#define ILL(change)                                          \
	do {                                                 \
		struct clreq_start s_;                       \
		struct clreq_start *s = &s_;                 \
		right(s);                                    \
		change;                                      \
		ATF_CHECK_EQ_MSG(-1, spec_wellformed(s), #change); \
	} while (0)

ATF_TC_WITHOUT_HEAD(wellformed);
ATF_TC_BODY(wellformed, tc)
{
	ILL(memset(s->name, 'a', sizeof(s->name)));
	ILL(s->name[10] = 'x');
	ILL(memset(s->boot_args, 'a', sizeof(s->boot_args)));
	ILL(s->nfiles = CL_FILES_MAX + 1);
	ILL(s->files[CL_FILES_MAX - 1].secret = 2);
	ILL(memset(s->files[3].name, 'a', sizeof(s->files[3].name)));
	ILL(memset(s->files[3].host, 'a', sizeof(s->files[3].host)));
	ILL(memset(s->flake_ref, 'a', sizeof(s->flake_ref)));
	ILL(s->kernel_path[5] = 'x');
	ILL(s->flags |= 64);
	ILL(s->nvolumes = CL_VOLUMES_MAX + 1);
	ILL(s->volumes[7].zero = 1);
	ILL(s->volumes[0].readonly = 2);
	ILL(memset(s->volumes[3].host, 'a', 256));
	ILL(s->net_up.nports = NET_PORTS_MAX + 1);
	ILL(s->net_up.nallow = NET_ALLOW_MAX + 1);
	ILL(s->net_up.ports[31].zero[2] = 1);
	ILL(s->net_up.allow[127].zero[1] = 1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, passes);
	ATF_TP_ADD_TC(tp, sizes);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, texts);
	ATF_TP_ADD_TC(tp, network);
	ATF_TP_ADD_TC(tp, volumes);
	ATF_TP_ADD_TC(tp, wellformed);
	return atf_no_error();
}
