/* SPDX-License-Identifier: ISC */
/*
 * conf's parser: every kind of value, every complaint, the environment's
 * rule. Runs as anybody, in a directory of its own.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/conf/compose.h"
#include "ctld/conf/host.h"
#include "ctld/conf/names.h"
#include "ctld/conf/parse.h"
#include "ctld/conf/value.h"

static void
parse(const char *text, int want, struct sysconf *c, struct conf_extra *x,
    struct err *e)
{
	struct conf_texts t = { .n = 1 };

	(void)strlcpy(t.file[0].name, "postern.conf", sizeof(t.file[0].name));
	t.file[0].text = strdup(text);
	t.file[0].len = strlen(text);
	sysconf_default(c);
	memset(x, 0, sizeof(*x));
	ATF_CHECK_EQ_MSG(want, conf_parse(&t, c, x, e), "%s: %s", text,
	    e->msg);
	free(t.file[0].text);
}

static void
good(const char *text, struct sysconf *c)
{
	struct conf_extra x;
	struct err e;

	parse(text, 0, c, &x, &e);
}

/* The complaint names the place, and contains the words. */
static void
bad(const char *text, const char *place, const char *words)
{
	struct conf_extra x;
	struct sysconf c;
	struct err e;

	parse(text, -1, &c, &x, &e);
	ATF_CHECK_MSG(strncmp(e.msg, place, strlen(place)) == 0,
	    "\"%s\" does not begin with %s", e.msg, place);
	ATF_CHECK_MSG(strstr(e.msg, words) != NULL, "\"%s\" lacks \"%s\"",
	    e.msg, words);
	ATF_CHECK(strchr(e.msg, '\n') == NULL);
}

ATF_TC_WITHOUT_HEAD(numbers);
ATF_TC_BODY(numbers, tc)
{
	uint32_t v = 7;

	(void)tc;
	ATF_CHECK_EQ(0, value_number("0", 0, 10, &v));
	ATF_CHECK_EQ(0, v);
	ATF_CHECK_EQ(0, value_number("4294967295", 0, UINT32_MAX, &v));
	ATF_CHECK_EQ(UINT32_MAX, v);
	ATF_CHECK_EQ(-1, value_number("4294967296", 0, UINT32_MAX, &v));
	ATF_CHECK_EQ(-1, value_number("11", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("-1", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("+1", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("1 ", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("0x1", 0, 10, &v));
	ATF_CHECK_EQ(-1, value_number("99999999999999999999", 0, 10, &v));
	ATF_CHECK_EQ(0, value_mib("512M", &v));
	ATF_CHECK_EQ(512, v);
	ATF_CHECK_EQ(0, value_mib("2G", &v));
	ATF_CHECK_EQ(2048, v);
	ATF_CHECK_EQ(0, value_mib("2048K", &v));
	ATF_CHECK_EQ(2, v);
	ATF_CHECK_EQ(0, value_mib("1T", &v));
	ATF_CHECK_EQ(1048576, v);
	ATF_CHECK_EQ(-1, value_mib("0", &v));
	ATF_CHECK_EQ(-1, value_mib("1023K", &v));
	ATF_CHECK_EQ(-1, value_mib("512MB", &v));
	ATF_CHECK_EQ(-1, value_mib("512m", &v));
	ATF_CHECK_EQ(-1, value_mib("5000T", &v));
	ATF_CHECK_EQ(-1, value_mib("999999999999T", &v));
	ATF_CHECK_EQ(0, value_bytes("64K", &v));
	ATF_CHECK_EQ(65536, v);
	ATF_CHECK_EQ(-1, value_bytes("4096M", &v));
	ATF_CHECK_EQ(0, value_msec("2", &v));
	ATF_CHECK_EQ(2000, v);
	ATF_CHECK_EQ(0, value_msec("2s", &v));
	ATF_CHECK_EQ(0, value_msec("250ms", &v));
	ATF_CHECK_EQ(250, v);
	ATF_CHECK_EQ(-1, value_msec("2m", &v));
	ATF_CHECK_EQ(-1, value_msec("3601", &v));
}

ATF_TC_WITHOUT_HEAD(addresses);
ATF_TC_BODY(addresses, tc)
{
	uint32_t a, n;
	uint16_t lo, hi;

	(void)tc;
	ATF_CHECK_EQ(0, value_ipv4("10.0.0.1", &a));
	ATF_CHECK_EQ(0x0a000001u, a);
	ATF_CHECK_EQ(-1, value_ipv4("10.1", &a));
	ATF_CHECK_EQ(-1, value_ipv4("010.0.0.1", &a));
	ATF_CHECK_EQ(-1, value_ipv4("10.0.0.1 ", &a));
	ATF_CHECK_EQ(-1, value_ipv4("::1", &a));
	ATF_CHECK_EQ(0, value_cidr("10.200.0.0/16", &a, &n));
	ATF_CHECK_EQ(16, n);
	ATF_CHECK_EQ(-1, value_cidr("10.200.0.1/16", &a, &n));
	ATF_CHECK_EQ(-1, value_cidr("10.200.0.0", &a, &n));
	ATF_CHECK_EQ(-1, value_cidr("10.200.0.0/33", &a, &n));
	ATF_CHECK_EQ(-1, value_cidr("/8", &a, &n));
	ATF_CHECK_EQ(0, value_ports("80-443", &lo, &hi));
	ATF_CHECK(lo == 80 && hi == 443);
	ATF_CHECK_EQ(0, value_ports("8080", &lo, &hi));
	ATF_CHECK(lo == 8080 && hi == 8080);
	ATF_CHECK_EQ(-1, value_ports("443-80", &lo, &hi));
	ATF_CHECK_EQ(-1, value_ports("0-80", &lo, &hi));
	ATF_CHECK_EQ(-1, value_ports("1-65536", &lo, &hi));
	ATF_CHECK_EQ(-1, value_ports("80-", &lo, &hi));
	ATF_CHECK_EQ(-1, value_ports("80 - 90", &lo, &hi));
}

ATF_TC_WITHOUT_HEAD(whole_file);
ATF_TC_BODY(whole_file, tc)
{
	struct conf_extra x;
	struct sysconf c;
	struct err e;

	(void)tc;
	parse("# comment\n[daemon]\ninstance = t1\nrun_dir=/run/t1 ; why\n"
	      "debug = yes\n[users]\nfront = 61001\ngroup = 61010\n"
	      "members = 61050 61051\nadmins = 61052\n[vms]\nslots = 64\n"
	      "max_memory = 4G\ngrace = 500ms\naccel = tcg\n[network]\n"
	      "pool = 10.9.0.0/24\ndns = 9.9.9.9\n"
	      "[owner 61050]\nvms = 3\nbind = 127.0.0.1, 0.0.0.0\n"
	      "allow_private = tcp:10.0.0.5:5432-5433 any:10.1.0.0/16\n"
	      "port_range = 2000-2999\nrunner = yes\n"
	      "[owner default]\nvms = 5\ncpus = 9\n"
	      "[compose]\nfirewall = no\n", 0, &c, &x, &e);
	ATF_CHECK_STREQ("t1", c.instance);
	ATF_CHECK_STREQ("/run/t1", c.run_dir);
	ATF_CHECK_EQ(1, c.debug);
	ATF_CHECK_EQ(61001, c.uid.front);
	ATF_CHECK_EQ(0, c.uid.net);
	ATF_CHECK_EQ(61010, c.group);
	ATF_CHECK(x.nmembers == 2 && x.members[1] == 61051);
	ATF_CHECK(x.nadmins == 1 && x.admins[0] == 61052);
	ATF_CHECK_EQ(64, c.slots);
	ATF_CHECK_EQ(4096, c.max_memory_mib);
	ATF_CHECK_EQ(500, c.grace_ms);
	ATF_CHECK_EQ(ACCEL_TCG, x.accel);
	ATF_CHECK(c.pool_addr == 0x0a090000u && c.pool_prefix == 24);
	ATF_CHECK_EQ(0x09090909u, c.dns);
	ATF_CHECK_EQ(COMPOSE_ALL & ~COMPOSE_FIREWALL, c.compose);
	/* an owner starts from [owner default], which stood after it */
	ATF_REQUIRE_EQ(1, c.nowners);
	ATF_CHECK_EQ(61050, c.owners[0].uid);
	ATF_CHECK_EQ(3, c.owners[0].vms);
	ATF_CHECK_EQ(9, c.owners[0].cpus);
	ATF_CHECK_EQ(2, c.owners[0].nbinds);
	ATF_CHECK_EQ(0, c.owners[0].binds[1]);
	ATF_CHECK_EQ(2, c.owners[0].nprivate);
	ATF_CHECK_EQ(5433, c.owners[0].private[0].port_hi);
	ATF_CHECK_EQ(32, c.owners[0].private[0].prefix);
	ATF_CHECK_EQ(0x0a010000, c.owners[0].private[1].addr);
	ATF_CHECK_EQ(0, c.owners[0].private[1].port_lo);
	ATF_CHECK_EQ(2999, c.owners[0].port_hi);
	ATF_CHECK_EQ(OWNER_RUNNER, c.owners[0].flags);
	ATF_CHECK_EQ(5, c.fallback.vms);
	ATF_CHECK_EQ(UINT32_MAX, c.fallback.uid);
	good("", &c);
	good("[owner root]\nvms = 1\n", &c);
	ATF_CHECK_EQ(0, c.owners[0].uid);
}

ATF_TC_WITHOUT_HEAD(complaints);
ATF_TC_BODY(complaints, tc)
{
	char line[1400];

	(void)tc;
	bad("[vms]\n\nmax_vms = abc\n", "postern.conf:3: [vms] max_vms = "
	    "\"abc\"", "number from 1");
	bad("[vms]\nmax_vms = 0\n", "postern.conf:2:", "number from 1");
	bad("[vms]\nspeed = 1\n", "postern.conf:2: key \"speed\"", "unknown");
	bad("[vmz]\nslots = 64\n", "postern.conf:2: section \"vmz\"",
	    "unknown");
	bad("slots = 64\n", "postern.conf:1: section", "unknown");
	bad("[owner]\nvms = 1\n", "postern.conf:2: section", "unknown");
	bad("[users]\nfront = no-such-user\n", "postern.conf:2: [users] "
	    "front = \"no-such-user\"", "adduser");
	bad("[users]\nfront = root\n", "postern.conf:2:", "not root");
	bad("[users]\nfront = 0\n", "postern.conf:2:", "not root");
	bad("[users]\ngroup = no-such-group\n", "postern.conf:2:",
	    "addgroup");
	bad("[users]\nmembers = 1 2 no-such-user\n", "postern.conf:2:",
	    "users that exist");
	bad("[owner no-such-user]\nvms = 1\n", "postern.conf:2: [owner]",
	    "no such user");
	bad("[vms]\nslots = 64\nslots = 128\n", "postern.conf:3:",
	    "given twice");
	bad("[owner default]\nvms = 1\nvms = 2\n", "postern.conf:3:",
	    "given twice");
	bad("[vms]\nslots\n", "postern.conf:2:", "KEY = VALUE");
	bad("[vms\nslots = 64\n", "postern.conf:1:", "[section]");
	bad("[daemon]\ninstance = abcdefghijklmnop\n", "postern.conf:2:",
	    "a-z");
	bad("[daemon]\nrun_dir =\n", "postern.conf:2:", "absolute");
	bad("[daemon]\ndebug = maybe\n", "postern.conf:2:", "yes or no");
	bad("[vms]\nmax_memory = 1023K\n", "postern.conf:2:", "512M");
	bad("[vms]\ngrace = 2 weeks\n", "postern.conf:2:", "seconds");
	bad("[vms]\naccel = xen\n", "postern.conf:2:", "auto, kvm or tcg");
	bad("[network]\npool = 10.0.0.1/8\n", "postern.conf:2:", "network");
	bad("[network]\ndns = example.org\n", "postern.conf:2:", "IPv4");
	bad("[owner default]\nbind = here\n", "postern.conf:2:", "IPv4");
	bad("[owner default]\nallow_private = tcp:db.example:5432\n",
	    "postern.conf:2:", "PROTO:CIDR");
	bad("[owner default]\nallow_private = icmp:10.0.0.1:80\n",
	    "postern.conf:2:", "PROTO:CIDR");
	bad("[owner default]\nbind = 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
	    "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1\n", "postern.conf:2:", "up to 8");
	bad("[owner default]\nport_range = 10-1\n", "postern.conf:2:",
	    "LOW-HIGH");
	bad("[compose]\nfirewall = perhaps\n", "postern.conf:2:", "yes or no");
	bad("[vms]\nqemu = a\x1b[31mb\n c = \n", "postern.conf:3:",
	    "unknown");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	bad(line, "postern.conf:1:", "longer than");
}

ATF_TC_WITHOUT_HEAD(files);
ATF_TC_BODY(files, tc)
{
	struct conf_texts t;
	struct conf_extra x = { 0 };
	struct sysconf c;
	struct err e = { 0 };
	uint32_t me = getuid();
	int fd, dir;

	(void)tc;
	dir = open(".", O_RDONLY | O_DIRECTORY);
	ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 0, me, &t, &e));
	ATF_CHECK(strstr(e.msg, "postern.conf") != NULL);
	ATF_CHECK_EQ(0, conf_read(dir, "postern.conf", 1, me, &t, &e));
	ATF_CHECK_EQ(0, t.n);
	ATF_CHECK_EQ(0, conf_read(-1, "postern.conf", 1, me, &t, &e));
	ATF_CHECK_EQ(-1, conf_read(-1, "postern.conf", 0, me, &t, &e));
	atf_utils_create_file("postern.conf", "[vms]\nslots = 64\n");
	ATF_REQUIRE_EQ(0, mkdir("postern.conf.d", 0755));
	atf_utils_create_file("postern.conf.d/20-b.conf", "[vms]\nslots=256\n");
	atf_utils_create_file("postern.conf.d/10-a.conf", "[vms]\nslots=128\n");
	atf_utils_create_file("postern.conf.d/30-c.conf~", "nonsense");
	ATF_REQUIRE_EQ(0, conf_read(dir, "postern.conf", 0, me, &t, &e));
	ATF_REQUIRE_EQ(3, t.n);
	ATF_CHECK_STREQ("postern.conf.d/10-a.conf", t.file[1].name);
	sysconf_default(&c);
	ATF_CHECK_EQ(0, conf_parse(&t, &c, &x, &e));
	ATF_CHECK_EQ(256, c.slots);
	conf_free(&t);
	if (me != 0) {
		ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 1, 0, &t,
		    &e));
		ATF_CHECK(strstr(e.msg, "chown it to root") != NULL);
		conf_free(&t);
	}
	ATF_REQUIRE_EQ(0, chmod("postern.conf", 0666));
	ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 1, me, &t, &e));
	ATF_CHECK(strstr(e.msg, "chmod go-w") != NULL);
	conf_free(&t);
	ATF_REQUIRE_EQ(0, unlink("postern.conf"));
	ATF_REQUIRE_EQ(0, mkfifo("postern.conf", 0644));
	ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 1, me, &t, &e));
	ATF_CHECK(strstr(e.msg, "regular") != NULL);
	conf_free(&t);
	ATF_REQUIRE_EQ(0, unlink("postern.conf"));
	fd = open("postern.conf", O_CREAT | O_WRONLY, 0644);
	ATF_REQUIRE_EQ(3, write(fd, "a\0b", 3));
	(void)close(fd);
	ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 1, me, &t, &e));
	ATF_CHECK(strstr(e.msg, "NUL") != NULL);
	conf_free(&t);
	ATF_REQUIRE_EQ(0, truncate("postern.conf", CONF_FILE_MAX + 1));
	ATF_CHECK_EQ(-1, conf_read(dir, "postern.conf", 1, me, &t, &e));
	conf_free(&t);
}

static char *
env_none(const char *name)
{
	(void)name;
	return NULL;
}

static char *
env_mixed(const char *name)
{
	static char zero[] = " 0 ", off[] = "off", no[] = "NO", yes[] = "yes";

	if (strcmp(name, "MICROVM_COMPOSE_NETWORK") == 0)
		return zero;
	if (strcmp(name, "MICROVM_COMPOSE_VSOCK") == 0)
		return off;
	if (strcmp(name, "MICROVM_COMPOSE_GRACEFUL_SHUTDOWN") == 0)
		return no;
	if (strcmp(name, "MICROVM_COMPOSE_JAILER") == 0)
		return yes;
	return NULL;
}

/* The rule of the system replaced, and its own tests: absent is on; "0" off;
 * false and FALSE off; "1", "yes" and "" on. */
ATF_TC_WITHOUT_HEAD(compose_rule);
ATF_TC_BODY(compose_rule, tc)
{
	static const char *const off[] = { "0", "false", "FALSE", "False",
		"no", "NO", " 0", "no\n", "\tfalse " };
	static const char *const on[] = { "", " ", "1", "yes", "true", "on",
		"2", "enabled", "nope" };
	static const char *const near[] = { "off", "OFF", "Off", "No", "nO",
		"fAlse", "n", "disabled", "none", "\"0\"" };
	size_t i;

	(void)tc;
	ATF_CHECK_EQ(COMPOSE_WORD_ON, compose_word(NULL));
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		ATF_CHECK_EQ_MSG(COMPOSE_WORD_OFF, compose_word(off[i]),
		    "%s", off[i]);
	for (i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		ATF_CHECK_EQ_MSG(COMPOSE_WORD_ON, compose_word(on[i]), "%s",
		    on[i]);
	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		ATF_CHECK_EQ_MSG(COMPOSE_WORD_NEAR, compose_word(near[i]),
		    "%s", near[i]);
	ATF_CHECK_EQ(0, compose_env_off(env_none));
	ATF_CHECK_EQ(COMPOSE_NETWORK | COMPOSE_SHUTDOWN,
	    compose_env_off(env_mixed));
}

ATF_TC_WITHOUT_HEAD(cpu);
ATF_TC_BODY(cpu, tc)
{
	static char intel[] = "processor\t: 0\ncpu MHz\t\t: 2899.998\n"
			      "flags\t\t: fpu vmx ss\n\nprocessor: 1\n";
	static char none[] = "processor\t: 0\ncpu MHz\t\t: 2100\n"
			     "flags\t\t: fpu vmxnet xsvm\n\n"
			     "flags\t\t: svm\n";
	struct host_cpu h;
	FILE *f = fmemopen(intel, sizeof(intel) - 1, "r");

	(void)tc;
	host_cpu(f, &h);
	(void)fclose(f);
	ATF_CHECK_EQ(1, h.virt);
	ATF_CHECK_EQ(2899998, h.khz);
	f = fmemopen(none, sizeof(none) - 1, "r");
	host_cpu(f, &h);
	(void)fclose(f);
	ATF_CHECK_EQ(0, h.virt);
	ATF_CHECK_EQ(2100000, h.khz);
}

ATF_TC_WITHOUT_HEAD(uid_sets);
ATF_TC_BODY(uid_sets, tc)
{
	uint32_t room[3];
	struct uid_set s = { .uid = room, .max = 3 };

	(void)tc;
	ATF_CHECK_EQ(0, uid_set_add(&s, 7));
	ATF_CHECK_EQ(0, uid_set_add(&s, 5));
	ATF_CHECK_EQ(0, uid_set_add(&s, 7));
	ATF_CHECK_EQ(0, uid_set_add(&s, 6));
	ATF_CHECK_EQ(3, s.n);
	ATF_CHECK(room[0] == 5 && room[1] == 6 && room[2] == 7);
	ATF_CHECK_EQ(-1, uid_set_add(&s, 8));
	ATF_CHECK(uid_set_has(&s, 6) && !uid_set_has(&s, 8));
}

/* contrib/postern.conf shows the defaults: with every line taken in, nothing
 * changes. (Not its users, which this host may not have.) */
ATF_TC_WITHOUT_HEAD(example);
ATF_TC_BODY(example, tc)
{
	static struct sysconf c, was;
	char path[512], line[256], name[64], text[8192] = "";
	int users = 0;
	FILE *f;

	if (!atf_tc_has_config_var(tc, "top_srcdir"))
		atf_tc_skip("top_srcdir is not set");
	(void)snprintf(path, sizeof(path), "%s/contrib/postern.conf",
	    atf_tc_get_config_var(tc, "top_srcdir"));
	f = fopen(path, "r");
	ATF_REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '[')
			users = strncmp(line, "[users]", 7) == 0;
		if (sscanf(line, "#%63[a-z_] =", name) == 1 &&
		    strchr(line, '=') != NULL && !users &&
		    strstr(line, "alice") == NULL &&
		    strcmp(line, "#vms = 100\n") != 0 &&
		    strcmp(line, "#bind = 0.0.0.0\n") != 0)
			(void)strlcat(text, line + 1, sizeof(text));
		else if (line[0] != '#')
			(void)strlcat(text, line, sizeof(text));
	}
	(void)fclose(f);
	ATF_CHECK(strstr(text, "max_vms = 1000") != NULL);
	sysconf_default(&was);
	good(text, &c);
	ATF_CHECK_EQ(0, memcmp(&was, &c, sizeof(c)));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, numbers);
	ATF_TP_ADD_TC(tp, addresses);
	ATF_TP_ADD_TC(tp, whole_file);
	ATF_TP_ADD_TC(tp, complaints);
	ATF_TP_ADD_TC(tp, files);
	ATF_TP_ADD_TC(tp, compose_rule);
	ATF_TP_ADD_TC(tp, cpu);
	ATF_TP_ADD_TC(tp, uid_sets);
	ATF_TP_ADD_TC(tp, example);
	return atf_no_error();
}
