/* SPDX-License-Identifier: ISC */
/* The pure parts of privd-jail: no root, no effect. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "privd/jail/args.h"
#include "privd/jail/cgroup.h"
#include "privd/jail/image.h"
#include "privd/jail/op_check.h"
#include "privd/jail/slot.h"
#include "privd/jail/vmm.h"

#define OWNER 1000u

ATF_TC_WITHOUT_HEAD(cg_names);
ATF_TC_BODY(cg_names, tc)
{
	static const char *const bad[] = { "", "v", "v1", "v1-", "v1-2",
		"v1-2-", "1-2-3", "v1-2-3-", "v1-2-3-4", "v1-2-3 ", " v1-2-3",
		"v01-2-3", "v1-02-3", "v1-2-03", "v-1-2-3", "v1--2-3",
		"v+1-2-3", "v1-0-3", "v16-2-3", "v4294967296-2-3",
		"v1-18446744073709551616-3", "v1-2-4294967295",
		"v1-2-4294967296", "v1-2-3\n", "v1-2-3/", "v1-2-../x", "priv",
		"V1-2-3", "v1-2-3x", "vx-2-3", "v0x1-2-3", "v1\t-2-3" };
	struct cg_name n = { 15, 4294967294u, UINT64_MAX }, got;
	char buf[CG_NAME_MAX];
	unsigned i;

	(void)tc;
	cg_format(buf, &n);
	ATF_CHECK_STREQ("v15-18446744073709551615-4294967294", buf);
	ATF_REQUIRE_EQ(0, cg_parse(buf, 16, &got));
	ATF_CHECK_EQ(15, got.slot);
	ATF_CHECK_EQ(4294967294u, got.owner);
	ATF_CHECK_EQ(UINT64_MAX, got.generation);
	ATF_CHECK_EQ(0, cg_parse("v0-1-0", 16, &got));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(cg_parse(bad[i], 16, &got) < 0, "%s", bad[i]);
	ATF_CHECK(cg_parse("v0-1-0", 0, &got) < 0);
}

static int
split(struct args *a, const char *text, size_t n)
{
	memcpy(a->text, text, n);
	return args_split(a, n);
}

ATF_TC_WITHOUT_HEAD(args);
ATF_TC_BODY(args, tc)
{
	static struct args a;

	(void)tc;
	ATF_REQUIRE_EQ(0, split(&a, "qemu\0-m\0" "32", 11));
	ATF_CHECK_EQ(3, a.n);
	ATF_CHECK_STREQ("qemu", a.v[0]);
	ATF_CHECK_STREQ("32", a.v[2]);
	ATF_CHECK(a.v[3] == NULL);
	ATF_CHECK_EQ(0, split(&a, "q\0\0", 3)); /* an empty argument */
	ATF_CHECK_EQ(2, a.n);
	ATF_CHECK(split(&a, "", 0) < 0);	 /* nothing */
	ATF_CHECK(split(&a, "\0x", 3) < 0);	 /* empty name */
	ATF_CHECK(split(&a, "q\0x", 3) < 0);	 /* no NUL at the end */
	memset(a.text, 'x', sizeof(a.text));
	ATF_CHECK(args_split(&a, sizeof(a.text)) < 0);
	memset(a.text, 0, sizeof(a.text));
	a.text[0] = 'x';
	ATF_CHECK_EQ(0, args_split(&a, 1 + ARGS_MAX));
	ATF_CHECK_EQ(ARGS_MAX, a.n);
	ATF_CHECK(args_split(&a, 2 + ARGS_MAX) < 0); /* one too many */
}

ATF_TC_WITHOUT_HEAD(args_memfd);
ATF_TC_BODY(args_memfd, tc)
{
	static char big[SPAWN_ARGV_MAX + 1];
	static struct args a;
	int fd;

	(void)tc;
	fd = fd_sealed("a", "q\0-x", 5);
	ATF_CHECK_EQ(0, args_read(&a, fd));
	ATF_CHECK_EQ(2, a.n);
	fd_close(&fd);
	fd = memfd_create("a", MFD_ALLOW_SEALING);
	ATF_REQUIRE_EQ(2, write(fd, "q", 2));
	ATF_CHECK(args_read(&a, fd) < 0); /* could still change */
	ATF_REQUIRE_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW));
	ATF_CHECK(args_read(&a, fd) < 0); /* could shrink */
	fd_close(&fd);
	memset(big, 'x', sizeof(big) - 1);
	fd = fd_sealed("a", big, sizeof(big));
	ATF_CHECK(args_read(&a, fd) < 0);
	fd_close(&fd);
	fd = open("/dev/zero", O_RDONLY);
	ATF_CHECK(args_read(&a, fd) < 0);
	fd_close(&fd);
	ATF_CHECK(args_read(&a, -1) < 0);
}

ATF_TC_WITHOUT_HEAD(image_fs);
ATF_TC_BODY(image_fs, tc)
{
	(void)tc;
	ATF_CHECK(image_fs_ok(EXT4_SUPER_MAGIC));
	ATF_CHECK(image_fs_ok(TMPFS_MAGIC));
	ATF_CHECK(image_fs_ok(BTRFS_SUPER_MAGIC));
	ATF_CHECK(image_fs_ok(OVERLAYFS_SUPER_MAGIC));
	ATF_CHECK(!image_fs_ok(FUSE_SUPER_MAGIC));
	ATF_CHECK(!image_fs_ok(NFS_SUPER_MAGIC));
	ATF_CHECK(!image_fs_ok(PROC_SUPER_MAGIC));
	ATF_CHECK(!image_fs_ok(SYSFS_MAGIC));
	ATF_CHECK(!image_fs_ok(PIPEFS_MAGIC));
	ATF_CHECK(!image_fs_ok(0));
	ATF_CHECK(!image_fs_ok(UINT64_MAX));
}

static struct stat
file(mode_t mode, uint32_t uid)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	st.st_mode = mode;
	st.st_uid = uid;
	st.st_nlink = 1;
	st.st_size = 4096;
	return st;
}

ATF_TC_WITHOUT_HEAD(image_owner);
ATF_TC_BODY(image_owner, tc)
{
	struct stat mine = file(S_IFREG | 0600, OWNER);
	struct stat roots = file(S_IFREG | 0644, 0);
	struct stat others = file(S_IFREG | 0666, OWNER + 1);
	struct err e;

	(void)tc;
	ATF_CHECK_EQ(0, image_judge(&mine, O_RDONLY, 0, OWNER, &e));
	ATF_CHECK_EQ(0, image_judge(&mine, O_RDWR, 1, OWNER, &e));
	ATF_CHECK_EQ(0, image_judge(&roots, O_RDONLY, 0, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&roots, O_RDWR, 1, OWNER, &e));
	ATF_CHECK_EQ(EPERM, e.code);
	ATF_CHECK_EQ(0, image_judge(&roots, O_RDWR, 1, 0, &e));
	ATF_CHECK_EQ(-1, image_judge(&others, O_RDONLY, 0, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&others, O_RDWR, 1, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&others, O_RDONLY, 0, 0, &e));
}

ATF_TC_WITHOUT_HEAD(image_kind);
ATF_TC_BODY(image_kind, tc)
{
	static const mode_t kinds[] = { S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK,
		S_IFSOCK, S_IFLNK, 0 };
	struct stat st;
	struct err e;
	unsigned i;

	(void)tc;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		st = file(kinds[i] | 0666, OWNER);
		ATF_CHECK_EQ(-1, image_judge(&st, O_RDONLY, 0, OWNER, &e));
	}
	st = file(S_IFREG | 0600, OWNER);
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDWR, 0, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_WRONLY, 0, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDONLY, 1, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_WRONLY, 1, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_PATH, 0, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDWR | O_PATH, 1, OWNER, &e));
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDWR | O_APPEND, 1, OWNER, &e));
	st.st_nlink = 0;
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDONLY, 0, OWNER, &e));
	ATF_CHECK_EQ(ENOENT, e.code);
	st.st_nlink = 1;
	st.st_size = 0;
	ATF_CHECK_EQ(-1, image_judge(&st, O_RDONLY, 0, OWNER, &e));
}

/* A memfd with these seals, opened so. */
static int
memfd(int seals, int flags)
{
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;
	char path[40];

	ATF_REQUIRE(fd >= 0 && ftruncate(fd, 65536) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, flags | O_CLOEXEC);
	(void)close(fd);
	ATF_REQUIRE(r >= 0);
	return r;
}

/* Nobody's files: good for reading once nobody can change them. */
ATF_TC_WITHOUT_HEAD(image_sealed);
ATF_TC_BODY(image_sealed, tc)
{
	const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
	    F_SEAL_SEAL;
	uint32_t other = getuid() + 1;
	struct stat st;
	struct err e;

	(void)tc;
	ATF_CHECK_EQ(0, image_look(memfd(all, O_RDONLY), 0, other, &st, &e));
	ATF_CHECK_EQ(65536, st.st_size);
	ATF_CHECK_EQ(-1, image_look(memfd(all, O_RDWR), 0, other, &st, &e));
	ATF_CHECK_EQ(-1, image_look(memfd(all, O_RDWR), 1, other, &st, &e));
	ATF_CHECK_EQ(-1, image_look(memfd(all, O_PATH), 0, other, &st, &e));
	ATF_CHECK_EQ(-1, image_look(memfd(all & ~F_SEAL_WRITE, O_RDONLY), 0,
	    other, &st, &e));
	ATF_CHECK_EQ(-1, image_look(memfd(all & ~F_SEAL_SEAL, O_RDONLY), 0,
	    other, &st, &e));
}

ATF_TC_WITHOUT_HEAD(requests);
ATF_TC_BODY(requests, tc)
{
	struct req_limits l = { 1000, 100, 128, 64 }, x;
	struct req_image q = { IMG_DRIVE, IMAGE_DRIVES_MAX - 1 };
	struct req_spawn s = { .vmm = VMM_QEMU,
		.flags = SPAWN_KVM | SPAWN_TAP_FD };
	struct sysconf c;
	struct err e;

	(void)tc;
	sysconf_default(&c);
	ATF_CHECK_EQ(0, limits_check(&c, &l, &e));
#define BAD(member, value) \
	x = l; x.member = (value); ATF_CHECK_EQ(-1, limits_check(&c, &x, &e))
	BAD(cpu_permille, 0);
	BAD(cpu_permille, UINT32_MAX);
	BAD(cpu_weight, 0);
	BAD(cpu_weight, 10001);
	BAD(memory_mib, 0);
	BAD(memory_mib, UINT32_MAX);
	BAD(pids, 0);
	BAD(pids, 4097);
	ATF_CHECK_EQ(0, image_check(&q, 2, &e));
	q.index++;
	ATF_CHECK_EQ(-1, image_check(&q, 1, &e));
	q = (struct req_image){ IMG_KERNEL, 0 };
	ATF_CHECK_EQ(0, image_check(&q, 1, &e));
	ATF_CHECK_EQ(-1, image_check(&q, 2, &e));
	q.index = 1;
	ATF_CHECK_EQ(-1, image_check(&q, 1, &e));
	q = (struct req_image){ 0, 0 };
	ATF_CHECK_EQ(-1, image_check(&q, 1, &e));
	q.kind = IMG_DRIVE + 1;
	ATF_CHECK_EQ(-1, image_check(&q, 1, &e));
	ATF_CHECK_EQ(0, spawn_check(&s, &e));
	s.flags |= 1u << 31;
	ATF_CHECK_EQ(-1, spawn_check(&s, &e));
	s.flags = SPAWN_TUN; /* qemu gets its TAP open */
	ATF_CHECK_EQ(-1, spawn_check(&s, &e));
	s.flags = SPAWN_KVM;
	s.channels = CHANNELS_MAX;
	ATF_CHECK_EQ(0, spawn_check(&s, &e));
	s.channels++;
	ATF_CHECK_EQ(-1, spawn_check(&s, &e));
	s = (struct req_spawn){ 0 };
	ATF_CHECK_EQ(-1, spawn_check(&s, &e));
	s.vmm = UINT32_MAX;
	ATF_CHECK_EQ(-1, spawn_check(&s, &e));
}

ATF_TC_WITHOUT_HEAD(slots);
ATF_TC_BODY(slots, tc)
{
	struct wire_hdr h = { .slot = 3, .generation = 7 };
	struct slots t;
	struct slot *s;
	struct err e;

	(void)tc;
	ATF_REQUIRE_EQ(0, slots_init(&t, 16, &e));
	ATF_CHECK(slot_find(&t, &h, &e) == NULL);
	s = slot_take(&t, 3, 7, OWNER, &e);
	ATF_REQUIRE(s != NULL);
	ATF_CHECK(slot_find(&t, &h, &e) == s);
	ATF_CHECK(slot_take(&t, 3, 8, OWNER, &e) == NULL);
	ATF_CHECK_EQ(EBUSY, e.code);
	h.generation = 6;
	ATF_CHECK(slot_find(&t, &h, &e) == NULL);
	h.generation = 0;
	ATF_CHECK(slot_find(&t, &h, &e) == NULL);
	h = (struct wire_hdr){ .slot = 16, .generation = 7 };
	ATF_CHECK(slot_find(&t, &h, &e) == NULL);
	ATF_CHECK(slot_take(&t, 16, 7, OWNER, &e) == NULL);
	slot_drop(s);
	ATF_CHECK(slot_take(&t, 3, 7, OWNER, &e) == NULL); /* used once */
	ATF_CHECK_EQ(ESTALE, e.code);
	ATF_CHECK(slot_take(&t, 3, 0, OWNER, &e) == NULL);
	ATF_CHECK(slot_take(&t, 3, 8, OWNER, &e) == s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, cg_names);
	ATF_TP_ADD_TC(tp, args);
	ATF_TP_ADD_TC(tp, args_memfd);
	ATF_TP_ADD_TC(tp, image_fs);
	ATF_TP_ADD_TC(tp, image_owner);
	ATF_TP_ADD_TC(tp, image_kind);
	ATF_TP_ADD_TC(tp, image_sealed);
	ATF_TP_ADD_TC(tp, requests);
	ATF_TP_ADD_TC(tp, slots);
	return atf_no_error();
}
