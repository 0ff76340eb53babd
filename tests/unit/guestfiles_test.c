/* SPDX-License-Identifier: ISC */
/*
 * Config and secret files of a Start call: what is refused, with its member
 * named, and what the drives are like that come of the rest: judged by
 * e2fsprogs, which did not write them. Runs as anybody.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "ctld/client/startspec.h"

static struct spec sp;
static struct serve sv;
static struct rep_cl e;
static json_t *config;	/* contents point into it until the next one */

static int
take(const char *text, const struct clreq_start *def)
{
	json_error_t je;

	if (sp.s != NULL)
		guestfiles_free(&sp);
	json_decref(config);
	config = json_loads(text, 0, &je);
	ATF_REQUIRE_MSG(config != NULL, "%s: %s", text, je.text);
	memset(&sp, 0, sizeof(sp));
	memset(&e, 0, sizeof(e));
	sp.s = &sv;
	sp.e = &e;
	sp.own[0] = sp.own[1] = -1;
	sp.config = config;
	return guestfiles_take(&sp, def);
}

static void
refused(const char *text, const char *field, const char *word)
{
	ATF_CHECK_EQ_MSG(-1, take(text, NULL), "%s passed", text);
	ATF_CHECK_EQ_MSG(CLE_INVALID, e.error, "%s", text);
	ATF_CHECK_STREQ(field, e.field);
	ATF_CHECK_MSG(strstr(e.reason, word) != NULL, "%s: %s", text,
	    e.reason);
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	static const char *const wrong[] = { "", ".", "..", "a/b", "/", "a b",
		"\\u00e4", "a*", "a\\\\b",
		"123456789012345678901234567890123456789012345678" };
	char text[256];
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"secret_files\":"
		    "[{\"name\":\"%s\",\"content\":\"x\"}]}", wrong[i]);
		ATF_CHECK_EQ_MSG(-1, take(text, NULL), "%s", wrong[i]);
		ATF_CHECK_STREQ("secret_files[0].name", e.field);
	}
	refused("{\"config_files\":[{\"name\":\"config.json\","
		"\"content\":\"\"}]}", "config_files[0].name", "daemon");
	refused("{\"config_files\":[{\"name\":\"fstab\",\"content\":\"\"}]}",
	    "config_files[0].name", "daemon");
	refused("{\"config_files\":[{\"name\":\"a\",\"content\":\"\"},"
		"{\"name\":\"a\",\"content\":\"\"}]}",
	    "config_files[1].name", "twice");
	/* one of each kind may be called the same */
	ATF_CHECK_EQ(0, take("{\"config_files\":[{\"name\":\".env\","
	    "\"content\":\"\"}],\"secret_files\":[{\"name\":\".env\","
	    "\"content\":\"\"}]}", NULL));
	ATF_CHECK_EQ(0444, sp.q.files[0].mode);
	ATF_CHECK_EQ(0400, sp.q.files[1].mode);
	ATF_CHECK_EQ(1, sp.q.files[1].secret);
}

ATF_TC_WITHOUT_HEAD(shape);
ATF_TC_BODY(shape, tc)
{
	(void)tc;
	refused("{\"config_files\":[1]}", "config_files[0].name", "object");
	refused("{\"config_files\":[{\"name\":\"a\"}]}",
	    "config_files[0].fd", "either");
	refused("{\"config_files\":[{\"name\":\"a\",\"content\":1}]}",
	    "config_files[0].content", "string");
	refused("{\"config_files\":[{\"name\":\"a\",\"content\":\"\","
		"\"mode\":512}]}", "config_files[0].mode", "");
	refused("{\"config_files\":[{\"name\":\"a\",\"content\":\"\","
		"\"owner\":0}]}", "config_files[0].owner", "");
	refused("{\"config_files\":[{\"name\":\"a\",\"fd\":0}]}",
	    "config_files[0].fd", "0 descriptors came");
	refused("{\"config_files\":{}}", "config_files", "");
}

static int
memfd(size_t n)
{
	static char buf[CL_FILE_BYTES + 1];
	int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	memset(buf, 'y', sizeof(buf));
	ATF_REQUIRE(fd >= 0 && write(fd, buf, n) == (ssize_t)n);
	return fd;
}

ATF_TC_WITHOUT_HEAD(sizes);
ATF_TC_BODY(sizes, tc)
{
	char text[2048] = "{\"secret_files\":[", one[64];
	unsigned i;

	(void)tc;
	sv.c.nfds = 1;
	sv.c.fds[0] = memfd(CL_FILE_BYTES + 1);
	refused("{\"config_files\":[{\"name\":\"a\",\"fd\":0}]}",
	    "config_files[0].content", "256 KiB");
	sv.c.fds[0] = open(".", O_RDONLY);
	refused("{\"config_files\":[{\"name\":\"a\",\"fd\":0}]}",
	    "config_files[0].fd", "cannot be read");
	for (i = 0; i < 5; i++) {
		sv.c.fds[i] = memfd(CL_FILE_BYTES);
		(void)snprintf(one, sizeof(one),
		    "%s{\"name\":\"f%u\",\"fd\":%u}", i > 0 ? "," : "", i, i);
		(void)strlcat(text, one, sizeof(text));
	}
	sv.c.nfds = 5;
	(void)strlcat(text, "]}", sizeof(text));
	refused(text, "secret_files[4].content", "1024 KiB");
	(void)strlcpy(text, "{\"config_files\":[", sizeof(text));
	for (i = 0; i <= CL_FILES_MAX; i++) {
		(void)snprintf(one, sizeof(one), "%s{\"name\":\"f%u\","
		    "\"content\":\"\"}", i % 7 > 0 ? "," : "", i);
		(void)strlcat(text, one, sizeof(text));
		if (i == 6)
			(void)strlcat(text, "],\"secret_files\":[",
			    sizeof(text));
	}
	(void)strlcat(text, "]}", sizeof(text));
	refused(text, "secret_files[5].name", "more than 12");
}

/* Of a defined VM come contents alone, in its order. */
ATF_TC_WITHOUT_HEAD(defined);
ATF_TC_BODY(defined, tc)
{
	static struct clreq_start def = { .nfiles = 2, .files = {
		{ "app", "/p", 0400, 0 }, { "key", "/k", 0440, 1 } } };

	(void)tc;
	ATF_REQUIRE_EQ(0, take("{\"config_files\":[{\"content\":\"1\"}],"
	    "\"secret_files\":[{\"content\":\"2\"}]}", &def));
	ATF_CHECK_STREQ("key", sp.file[1].name);
	ATF_CHECK_EQ(0440, sp.file[1].mode);
	ATF_CHECK_EQ(-1, take("{\"config_files\":[{\"content\":\"1\"}]}",
	    &def));
	ATF_CHECK_STREQ("secret_files", e.field);
	ATF_CHECK_EQ(-1, take("{\"config_files\":[{\"content\":\"1\"},"
	    "{\"content\":\"2\"}]}", &def));
	ATF_CHECK_STREQ("config_files[1].fd", e.field);
	ATF_CHECK_EQ(-1, take("{}", &def));
}

/* Run a program; its exit status is wanted, and its output in out. */
static void
tool(const char *a0, const char *a1, const char *a2, const char *a3)
{
	pid_t pid = atf_utils_fork();

	if (pid == 0) {
		(void)execlp(a0, a0, a1, a2, a3, (char *)NULL);
		_exit(99);
	}
	atf_utils_wait(pid, 0, "save:out", "save:err");
}

static void
keep(int fd, const char *name)
{
	int out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	off_t at = 0;

	ATF_REQUIRE(fd_sealed_size(fd, FSIMAGE_SIZE) == FSIMAGE_SIZE);
	while (at < (off_t)FSIMAGE_SIZE)
		ATF_REQUIRE(sendfile(out, fd, &at,
		    FSIMAGE_SIZE - (size_t)at) > 0);
	(void)close(out);
}

ATF_TC(drives);
ATF_TC_HEAD(drives, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "e2fsck debugfs blkid");
}
ATF_TC_BODY(drives, tc)
{
	struct stat st;

	(void)tc;
	sv.c.nfds = 1;
	sv.c.fds[0] = memfd(CL_FILE_BYTES);
	sv.dns = 0x01020304;
	ATF_REQUIRE_EQ(0, take("{\"config_files\":[{\"name\":\"big\","
	    "\"fd\":0},{\"name\":\"empty\",\"content\":\"\"}],"
	    "\"secret_files\":[{\"name\":\"key\",\"content\":\"s3cret\","
	    "\"mode\":288}]}", NULL));
	sp.q.flags = CL_HAS_ROOTFS;
	sp.q.net = NET_NAT;
	sp.q.nvolumes = 2;
	(void)strlcpy(sp.q.name, "web", sizeof(sp.q.name));
	(void)strlcpy(sp.q.volumes[0].guest, "/data", 64);
	(void)strlcpy(sp.q.volumes[1].guest, "/ro", 64);
	sp.q.volumes[1].readonly = 1;
	ATF_REQUIRE_EQ_MSG(0, guestfiles_drives(&sp, &sp.q), "%s", e.reason);
	ATF_REQUIRE_EQ(2, sp.nfds);
	/* sealed, and no larger than what is in it */
	ATF_CHECK_EQ(-1, write(sp.fds[1], "x", 1));
	ATF_CHECK_EQ(0, fstat(sp.fds[0], &st));
	ATF_CHECK(st.st_blocks * 512 < (off_t)CL_FILE_BYTES + (64 << 10));
	keep(sp.fds[0], "config");
	keep(sp.fds[1], "secrets");
	guestfiles_free(&sp);
	tool("e2fsck", "-fn", "config", NULL);
	tool("e2fsck", "-fn", "secrets", NULL);
	tool("blkid", "-p", "config", NULL);
	ATF_CHECK(atf_utils_grep_file("LABEL=\"mvm-config\".*ext4", "out"));
	tool("blkid", "-p", "secrets", NULL);
	ATF_CHECK(atf_utils_grep_file("LABEL=\"mvm-secrets\"", "out"));
	tool("debugfs", "-R", "cat /key", "secrets");
	ATF_CHECK(atf_utils_compare_file("out", "s3cret"));
	tool("debugfs", "-R", "stat /key", "secrets");
	ATF_CHECK(atf_utils_grep_file("Mode: *0440", "out"));
	tool("debugfs", "-R", "cat /fstab", "config");
	ATF_CHECK(atf_utils_compare_file("out", "/dev/vdb /data auto rw 0 0\n"
	    "/dev/vdc /ro auto ro 0 0\n"));
	tool("debugfs", "-R", "cat /config.json", "config");
	ATF_CHECK(atf_utils_grep_file("\"instance_id\": \"web\"", "out"));
	ATF_CHECK(atf_utils_grep_file("\"dns\": \"1.2.3.4\"", "out"));
	ATF_CHECK(atf_utils_grep_file("\"device\": \"/dev/vdc\"", "out"));
	tool("debugfs", "-R", "dump /big big", "config");
	ATF_CHECK_EQ(0, stat("big", &st));
	ATF_CHECK_EQ(CL_FILE_BYTES, st.st_size);
}

/* What does not fit is an error, and no memfd comes of it. */
ATF_TC_WITHOUT_HEAD(too_much);
ATF_TC_BODY(too_much, tc)
{
	static char data[FSIMAGE_SIZE];
	struct fsfile f = { "f", data, sizeof(data), 0444 };
	char name[CL_FILES_MAX * 9][16];
	struct fsfile many[CL_FILES_MAX * 9];
	unsigned i;

	(void)tc;
	memset(data, 'z', sizeof(data));
	ATF_CHECK_EQ(-1, fsimage_make("x", &f, 1));
	f.n = CL_FILES_BYTES;
	ATF_CHECK(fsimage_make("x", &f, 1) >= 0);
	for (i = 0; i < CL_FILES_MAX * 9; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "n%u", i);
		many[i] = (struct fsfile){ name[i], data, 1, 0444 };
	}
	ATF_CHECK_EQ(-1, fsimage_make("x", many, CL_FILES_MAX * 9));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, shape);
	ATF_TP_ADD_TC(tp, sizes);
	ATF_TP_ADD_TC(tp, defined);
	ATF_TP_ADD_TC(tp, drives);
	ATF_TP_ADD_TC(tp, too_much);
	return atf_no_error();
}
