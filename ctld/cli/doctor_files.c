/* SPDX-License-Identifier: ISC */
/* postern doctor: whose are the files, and the ids. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/sysconf.h"
#include "ctld/cli/doctor.h"

#define FREE_MIB 256

static const char *
str(const struct doctor *d, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(d->policy, key));

	return s != NULL ? s : otherwise;
}

/* Each directory on the way must be root's, and nobody else may write to it
 * unless it is sticky. 1: fine, 0: told. */
static int
trusted(const struct doctor *d, const char *path, struct doc_found *f)
{
	char part[256] = "";
	size_t n = 0, k;
	struct stat st;

	for (;;) {
		if (fstatat(d->root, n > 0 ? part : ".", &st, 0) < 0) {
			doc_say(f, errno == ENOENT ? DOC_WARN : DOC_UNSEEN,
			    "%s: %s", path, strerror(errno));
			return 0;
		}
		if (st.st_uid != 0 || ((st.st_mode & 022) != 0 &&
		    !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0))) {
			doc_say(f, DOC_REFUSE, "/%s: owner %u, mode %o", part,
			    st.st_uid, st.st_mode & 07777);
			return 0;
		}
		path += strspn(path, "/");
		k = strcspn(path, "/");
		if (k == 0)
			return 1;
		if (n + k + 2 > sizeof(part))
			return 1;
		if (n > 0)
			part[n++] = '/';
		memcpy(part + n, path, k);
		n += k;
		part[n] = '\0';
		path += k;
	}
}

static void
probe_paths(const struct doctor *d, struct doc_found *f)
{
	const char *const paths[] = { LIBEXECDIR "/privd",
		LIBEXECDIR "/vmsup", "/usr/bin",
		str(d, "run_dir", "/run/postern"),
		str(d, "state_dir", "/var/lib/postern") };
	unsigned i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!trusted(d, paths[i], f))
			return;
	doc_say(f, DOC_OK, "%u paths", i);
}

static void
probe_space(const struct doctor *d, struct doc_found *f)
{
	const char *path = str(d, "state_dir", "/var/lib/postern");
	struct statvfs v;
	unsigned long long mib;

	if (statvfs(path, &v) < 0) {
		doc_say(f, errno == ENOENT ? DOC_OK : DOC_UNSEEN, "%s: %s",
		    path, strerror(errno));
		return;
	}
	mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20;
	doc_say(f, mib < FREE_MIB || (v.f_files > 0 && v.f_favail < 1024) ?
		DOC_WARN : DOC_OK, "%llu MiB and %llu inodes free", mib,
	    (unsigned long long)v.f_favail);
}

/* Field k of a line of passwd as a number; -1. */
static long long
id_field(const char *line, size_t n, unsigned k)
{
	const char *p = line;
	char *end;
	long long v;

	while (k-- > 0) {
		p = memchr(p, ':', n - (size_t)(p - line));
		if (p == NULL)
			return -1;
		p++;
	}
	v = strtoll(p, &end, 10);
	return end > p ? v : -1;
}

void
judge_passwd(const char *text, uint32_t base, uint32_t count,
    struct doc_found *f)
{
	long long id;
	unsigned k;
	size_t n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		for (k = 2; k < 4; k++) {
			id = id_field(text, n, k);
			if (id < base || id >= (long long)base + count)
				continue;
			doc_say(f, DOC_REFUSE, "%.*s has id %lld",
			    (int)strcspn(text, ":\n"), text, id);
			return;
		}
	}
	doc_say(f, DOC_OK, "nobody has");
}

void
judge_subuid(const char *text, uint32_t base, uint32_t count,
    struct doc_found *f)
{
	long long first, n;
	size_t len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		first = id_field(text, len, 1);
		n = id_field(text, len, 2);
		if (first < 0 || n <= 0 || first >= (long long)base + count ||
		    first + n <= base)
			continue;
		doc_say(f, DOC_REFUSE, "%.*s has %lld ids from %lld",
		    (int)strcspn(text, ":\n"), text, n, first);
		return;
	}
	doc_say(f, DOC_OK, "nobody has");
}

static void
probe_ids(const struct doctor *d, struct doc_found *f)
{
	static const struct {
		const char *path;
		void (*judge)(const char *, uint32_t, uint32_t,
		    struct doc_found *);
	} t[] = { { "etc/passwd", judge_passwd },
		{ "etc/group", judge_passwd }, { "etc/subuid", judge_subuid },
		{ "etc/subgid", judge_subuid } };
	const json_t *ids = json_object_get(d->policy, "vm_ids");
	char *text CLEANUP_FREE = malloc(1u << 20);
	struct sysconf c;
	unsigned i;

	sysconf_default(&c);
	if (ids != NULL) {
		c.vm_id_base = (uint32_t)json_integer_value(
		    json_object_get(ids, "base"));
		c.vm_id_count = (uint32_t)json_integer_value(
		    json_object_get(ids, "count"));
	}
	doc_say(f, DOC_OK, "none");
	for (i = 0; text != NULL && i < 4 && f->level == DOC_OK; i++)
		if (fd_slurp(d->root, t[i].path, text, 1u << 20) >= 0)
			t[i].judge(text, c.vm_id_base, c.vm_id_count, f);
	if (f->level == DOC_OK)
		doc_say(f, DOC_OK, "%u to %u: nobody's", c.vm_id_base,
		    c.vm_id_base + c.vm_id_count - 1);
}

static void
probe_socket(const struct doctor *d, struct doc_found *f)
{
	struct stat st;

	if (stat(d->socket, &st) < 0)
		doc_say(f, errno == ENOENT ? DOC_WARN : DOC_UNSEEN, "%s: %s",
		    d->socket, strerror(errno));
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & 07777) != 0660)
		doc_say(f, DOC_REFUSE, "owner %u, mode %o", st.st_uid,
		    st.st_mode & 07777);
	else
		doc_say(f, DOC_OK, "group %u", st.st_gid);
}

static void
probe_qemu(const struct doctor *d, struct doc_found *f)
{
	static const char qemu[] = "usr/bin/qemu-system-x86_64";
	struct stat st;

	if (fstatat(d->root, qemu, &st, 0) < 0)
		doc_say(f, DOC_WARN, "/%s: %s", qemu, strerror(errno));
	else if (trusted(d, qemu, f))
		doc_say(f, DOC_OK, "/%s", qemu);
}

static const struct doc_check checks[] = {
	{ .name = "paths", .probe = probe_paths,
	    .wanted = "programs and directories that root alone can change",
	    .why = "whoever writes there runs programs with our rights",
	    .fix = "chown root and chmod go-w what is named" },
	{ .name = "vm ids", .probe = probe_ids,
	    .wanted = "a range that no user, group or subuid is in",
	    .why = "a VMM would own somebody's files and processes",
	    .fix = "[vms] id_base in postern.conf" },
	{ .name = "control socket", .probe = probe_socket,
	    .wanted = "root's, mode 0660",
	    .why = "its group is who may use VMs",
	    .fix = "start the daemon anew" },
	{ .name = "space", .probe = probe_space,
	    .wanted = "256 MiB and 1024 inodes",
	    .why = "a VM that cannot be recorded is not started",
	    .fix = "make room on the state directory's file system" },
	{ .name = "qemu", .probe = probe_qemu,
	    .wanted = "qemu-system-x86_64, root's",
	    .why = "the VMM of backend qemu",
	    .fix = "install qemu-system-x86" },
};
const struct doc_group doc_files = { "files", checks,
	sizeof(checks) / sizeof(checks[0]) };
