/* SPDX-License-Identifier: ISC */
/* postern doctor: every judge, fed with texts of good and of bad hosts. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atf-c.h>

#include "ctld/cli/doctor.h"

#define BASE 0x70000000u
#define COUNT 16384u

static void
expect(void (*judge)(const char *, struct doc_found *), const char *text,
    enum doc_level want)
{
	struct doc_found f;

	memset(&f, 0, sizeof(f));
	judge(text, &f);
	ATF_CHECK_EQ_MSG(want, f.level, "%s: %s (%s)", text,
	    doc_level_name(f.level), f.text);
	ATF_CHECK_EQ(NULL, strchr(f.text, '\n'));
}

ATF_TC_WITHOUT_HEAD(kernel);
ATF_TC_BODY(kernel, tc)
{
	(void)tc;
	expect(judge_release, "6.1.0-18-amd64\n", DOC_OK);
	expect(judge_release, "6.18.44\n", DOC_OK);
	expect(judge_release, "7.0.0\n", DOC_OK);
	expect(judge_release, "6.0.9\n", DOC_REFUSE);
	expect(judge_release, "5.15.0\n", DOC_REFUSE);
	expect(judge_release, "what\n", DOC_WARN);
	expect(judge_seccomp, "kill_process kill_thread trap errno log\n",
	    DOC_OK);
	expect(judge_seccomp, "kill_thread trap errno log\n", DOC_REFUSE);
	expect(judge_seccomp, "", DOC_REFUSE);
}

ATF_TC_WITHOUT_HEAD(cgroups);
ATF_TC_BODY(cgroups, tc)
{
	static const char v2[] = "25 23 0:24 / /sys/fs/cgroup rw - cgroup2 "
	    "cgroup2 rw,nsdelegate\n";
	static const char v1[] = "28 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup "
	    "cgroup rw,cpu\n";
	char both[400];
	struct doc_found f;

	(void)tc;
	(void)snprintf(both, sizeof(both), "%s%s", v2, v1);
	expect(judge_cgroups, v2, DOC_OK);
	expect(judge_cgroups, v1, DOC_REFUSE);
	expect(judge_cgroups, both, DOC_REFUSE);
	expect(judge_cgroups, "", DOC_REFUSE);
	judge_cgroups(both, &f);
	ATF_CHECK(strstr(f.text, "hybrid") != NULL &&
	    strstr(f.text, "not fit for several tenants") != NULL);
	expect(judge_controllers, "cpuset cpu io memory hugetlb pids\n",
	    DOC_OK);
	expect(judge_controllers, "cpu memory pids\n", DOC_WARN);
	expect(judge_controllers, "cpuset cpu io pids\n", DOC_REFUSE);
	/* no word is found inside another */
	expect(judge_controllers, "cpuset io memory pids\n", DOC_REFUSE);
	expect(judge_controllers, "\n", DOC_REFUSE);
}

ATF_TC_WITHOUT_HEAD(settings);
ATF_TC_BODY(settings, tc)
{
	static const char head[] = "Filename\tType\tSize\tUsed\tPriority\n";
	char swaps[200];
	struct doc_found f;

	(void)tc;
	expect(judge_swaps, head, DOC_OK);
	expect(judge_swaps, "", DOC_OK);
	(void)snprintf(swaps, sizeof(swaps), "%s/dev/sda2 partition 1 0 -2\n",
	    head);
	expect(judge_swaps, swaps, DOC_WARN);
	(void)snprintf(swaps, sizeof(swaps), "%s/dev/zram0 partition 1 0\n",
	    head);
	expect(judge_swaps, swaps, DOC_OK);
	expect(judge_core_pattern, "core\n", DOC_WARN);
	expect(judge_core_pattern, "|/usr/lib/systemd/systemd-coredump %P\n",
	    DOC_OK);
	expect(judge_core_pattern, "/var/crash/core.%p\n", DOC_OK);
	expect(judge_core_pattern, "/tmp/core.%p\n", DOC_WARN);
	expect(judge_printk, "1\t4\t1\t7\n", DOC_OK);
	expect(judge_printk, "7\t4\t1\t7\n", DOC_WARN);
	expect(judge_printk, "", DOC_WARN);
	memset(&f, 0, sizeof(f));
	judge_vulnerability("mds", "Mitigation: Clear CPU buffers\n", &f);
	ATF_CHECK_EQ(DOC_OK, f.level);
	judge_vulnerability("mds", "Vulnerable: no microcode\n", &f);
	ATF_CHECK_EQ(DOC_WARN, f.level);
}

static enum doc_level
ids(void (*judge)(const char *, uint32_t, uint32_t, struct doc_found *),
    const char *text)
{
	struct doc_found f;

	memset(&f, 0, sizeof(f));
	judge(text, BASE, COUNT, &f);
	return f.level;
}

ATF_TC_WITHOUT_HEAD(vmm);
ATF_TC_BODY(vmm, tc)
{
	(void)tc;
	expect(judge_firecracker, "Firecracker v1.14.4\n", DOC_OK);
	expect(judge_firecracker, "Firecracker v1.15.1\n", DOC_OK);
	expect(judge_firecracker, "Firecracker v1.16.0\n\nx", DOC_OK);
	expect(judge_firecracker, "Firecracker v2.0.0\n", DOC_OK);
	expect(judge_firecracker, "Firecracker v1.13.0\n", DOC_REFUSE);
	expect(judge_firecracker, "Firecracker v1.14.3\n", DOC_REFUSE);
	expect(judge_firecracker, "Firecracker v1.15.0\n", DOC_REFUSE);
	expect(judge_firecracker, "Firecracker v1.12.9\n", DOC_REFUSE);
	expect(judge_firecracker, "Firecracker v0.25.0\n", DOC_REFUSE);
	expect(judge_firecracker, "Firecracker vX\n", DOC_WARN);
	expect(judge_firecracker, "", DOC_WARN);
	expect(judge_lsm, "lockdown,capability,landlock,yama,apparmor", DOC_OK);
	expect(judge_lsm, "capability,selinux\n", DOC_OK);
	expect(judge_lsm, "capability,landlock,yama\n", DOC_WARN);
}

/* A Firecracker is only asked when it is root's alone. */
ATF_TC(vmm_asked);
ATF_TC_HEAD(vmm_asked, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(vmm_asked, tc)
{
	static const char path[] = "usr/local/bin/firecracker";
	struct doctor d = { .root = open(".", O_PATH | O_DIRECTORY) };
	struct doc_found f;

	(void)tc;
	doc_run(&d, &doc_vmm.checks[0], &f);
	ATF_CHECK_STREQ("not installed", f.text);
	ATF_REQUIRE(mkdir("usr", 0755) == 0 && mkdir("usr/local", 0755) == 0 &&
	    mkdir("usr/local/bin", 0755) == 0);
	/* it says who asked, and that it has another version */
	atf_utils_copy_file("/usr/bin/env", path);
	ATF_REQUIRE_EQ(0, chmod(path, 0755));
	doc_run(&d, &doc_vmm.checks[0], &f);
	ATF_CHECK_EQ_MSG(DOC_WARN, f.level, "%s", f.text);
	ATF_CHECK_MSG(strstr(f.text, "says no version: env") != NULL, "%s",
	    f.text);
	ATF_REQUIRE_EQ(0, chmod(path, 0775));
	doc_run(&d, &doc_vmm.checks[0], &f);
	ATF_CHECK_EQ_MSG(DOC_REFUSE, f.level, "%s", f.text);
}

ATF_TC_WITHOUT_HEAD(id_ranges);
ATF_TC_BODY(id_ranges, tc)
{
	(void)tc;
	ATF_CHECK_EQ(DOC_OK, ids(judge_passwd,
	    "root:x:0:0:root:/root:/bin/sh\na:x:1000:1000::/:/bin/sh\n"));
	ATF_CHECK_EQ(DOC_REFUSE, ids(judge_passwd,
	    "root:x:0:0:root:/root:/bin/sh\na:x:1879048192:5::/:/bin/sh\n"));
	ATF_CHECK_EQ(DOC_REFUSE, ids(judge_passwd,
	    "a:x:5:1879064575::/:/bin/sh"));
	ATF_CHECK_EQ(DOC_OK, ids(judge_passwd, "a:x:5:1879064576::/:/x\n"));
	ATF_CHECK_EQ(DOC_OK, ids(judge_passwd, "\n\nnonsense\n::::\n"));
	ATF_CHECK_EQ(DOC_OK, ids(judge_subuid, "a:100000:65536\n"));
	ATF_CHECK_EQ(DOC_REFUSE, ids(judge_subuid,
	    "a:100000:65536\nb:1879000000:65536\n"));
	ATF_CHECK_EQ(DOC_REFUSE, ids(judge_subuid, "b:1:2000000000\n"));
	ATF_CHECK_EQ(DOC_OK, ids(judge_subuid, "b:1879064576:65536\n"));
	ATF_CHECK_EQ(DOC_OK, ids(judge_subuid, "b\nc:\nd:x:y\n"));
}

static enum doc_level
route(const char *line)
{
	char text[512];
	struct doc_found f;

	(void)snprintf(text, sizeof(text), "Iface\tDestination\tGateway\t"
	    "Flags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n%s", line);
	judge_routes(text, 0x0ac80000u, 16, "pst", &f);
	return f.level;
}

ATF_TC_WITHOUT_HEAD(routes);
ATF_TC_BODY(routes, tc)
{
	(void)tc;
	ATF_CHECK_EQ(DOC_OK, route(""));
	/* the default route, a VM's own /31, somebody else's network */
	ATF_CHECK_EQ(DOC_OK, route("eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t"
	    "00000000\t0\t0\t0\n"));
	ATF_CHECK_EQ(DOC_OK, route("pst1\t0200C80A\t00000000\t0001\t0\t0\t0\t"
	    "FEFFFFFF\t0\t0\t0\n"));
	ATF_CHECK_EQ(DOC_OK, route("eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t"
	    "0000FFFF\t0\t0\t0\n"));
	/* within the pool, and around it */
	ATF_CHECK_EQ(DOC_REFUSE, route("wg0\t0080C80A\t00000000\t0001\t0\t0\t"
	    "0\t00FFFFFF\t0\t0\t0\n"));
	ATF_CHECK_EQ(DOC_REFUSE, route("wg0\t0000000A\t00000000\t0001\t0\t0\t"
	    "0\t000000FF\t0\t0\t0\n"));
}

/* The whole of the tables on an empty root: nothing is made up. */
ATF_TC_WITHOUT_HEAD(empty_root);
ATF_TC_BODY(empty_root, tc)
{
	struct doctor d = { .socket = "/nonexistent" };
	const struct doc_check *c;
	struct doc_found f;
	enum doc_level worst;
	json_t *rows, *r;
	unsigned k;
	size_t i;
	FILE *out;

	(void)tc;
	ATF_REQUIRE(mkdir("root", 0755) == 0 && mkdir("root/proc", 0755) == 0);
	d.root = open("root", O_PATH | O_DIRECTORY);
	rows = doc_all(&d, &worst);
	ATF_CHECK_EQ(DOC_REFUSE, worst);
	json_array_foreach(rows, i, r)
		ATF_CHECK(json_string_length(json_object_get(r, "found")) > 0);
	ATF_CHECK(i > 40);
	json_decref(rows);
	/* a number's bounds, and what is no number */
	ATF_REQUIRE(mkdir("root/proc/sys", 0755) == 0 &&
	    mkdir("root/proc/sys/fs", 0755) == 0);
	for (k = 0; k < doc_sysctl.n; k++) {
		c = &doc_sysctl.checks[k];
		if (strcmp(c->name, "fs.protected_hardlinks") != 0)
			continue;
		doc_run(&d, c, &f);
		ATF_CHECK_EQ(DOC_REFUSE, f.level);
		for (i = 0; i < 3; i++) {
			out = fopen("root/proc/sys/fs/protected_hardlinks",
			    "w");
			ATF_REQUIRE(out != NULL);
			(void)fputs(i == 0 ? "1\n" : i == 1 ? "0\n" : "x\n",
			    out);
			(void)fclose(out);
			doc_run(&d, c, &f);
			ATF_CHECK_EQ(i == 0 ? DOC_OK : DOC_REFUSE, f.level);
		}
	}
	(void)close(d.root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kernel);
	ATF_TP_ADD_TC(tp, cgroups);
	ATF_TP_ADD_TC(tp, settings);
	ATF_TP_ADD_TC(tp, vmm);
	ATF_TP_ADD_TC(tp, vmm_asked);
	ATF_TP_ADD_TC(tp, id_ranges);
	ATF_TP_ADD_TC(tp, routes);
	ATF_TP_ADD_TC(tp, empty_root);
	return atf_no_error();
}
