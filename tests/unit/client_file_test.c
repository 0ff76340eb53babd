/* SPDX-License-Identifier: ISC */
/*
 * The files that a client passes, as its connection's own process judges
 * them: types of mounts first, then the images themselves. Runs as anybody.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdlook.h"
#include "ctld/client/image.h"

static void
feed(const char *text, struct fdlook *l, unsigned n)
{
	struct fdlook_scan whole = { .l = l, .n = n }, bytes = whole;
	struct fdlook was[4];
	const char *p;

	memcpy(was, l, n * sizeof(*l));
	fdlook_feed(&whole, text, strlen(text));
	memcpy(was, l, n * sizeof(*l));
	for (p = text; *p != '\0'; p++) /* in pieces: the same */
		fdlook_feed(&bytes, p, 1);
	ATF_CHECK_EQ(0, memcmp(was, l, n * sizeof(*l)));
}

ATF_TC_WITHOUT_HEAD(mount_types);
ATF_TC_BODY(mount_types, tc)
{
	static const char info[] =
	    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	    "40 27 0:50 / /mnt/a\\040b rw shared:5 master:2 - fuse.sshfs "
	    "x rw,user_id=0\n"
	    "41 27 0:51 /sub /btrfs rw - btrfs /dev/vdb rw,subvol=/sub\n"
	    "42 27 0:52 / /longlonglonglonglonglonglonglonglonglong rw - "
	    "averyveryverylongfilesystemtypename x rw\n"
	    "43 27 0:53 / /x rw - fuse /dev/ext4 rw,ext4 - ext4\n";
	struct fdlook l[] = {
		{ .major = 254, .minor = 0, .mount = 999 },
		{ .major = 0, .minor = 50, .mount = 40 },
		{ .major = 0, .minor = 77, .mount = 41 }, /* subvolume's */
		{ .major = 0, .minor = 99, .mount = 98 }, /* not ours */
	};
	struct fdlook more[] = {
		{ .major = 0, .minor = 52, .mount = 42 },
		{ .major = 0, .minor = 53, .mount = 43 },
		{ .major = 0, .minor = 50, .mount = 27 },
	};
	const char *type;

	(void)tc;
	feed(info, l, 4);
	ATF_CHECK(fdlook_ok(&l[0], &type));
	ATF_CHECK_STREQ("ext4", type);
	ATF_CHECK(!fdlook_ok(&l[1], &type));
	ATF_CHECK_STREQ("fuse.sshfs", type);
	ATF_CHECK(fdlook_ok(&l[2], &type));
	ATF_CHECK_STREQ("btrfs", type);
	ATF_CHECK(!fdlook_ok(&l[3], &type));
	ATF_CHECK_STREQ("", type);
	feed(info, more, 3);
	ATF_CHECK(!fdlook_ok(&more[0], &type));
	ATF_CHECK(!fdlook_ok(&more[1], &type));
	ATF_CHECK_STREQ("fuse", type);
	/* the mount itself says more than the device */
	ATF_CHECK(fdlook_ok(&more[2], &type));
}

static int
judge(int fd, int mounts)
{
	struct fdlook l;
	const char *type;

	ATF_REQUIRE_EQ(0, fdlook_ask(fd, &l));
	ATF_REQUIRE_EQ(0, fdlook_mounts(mounts, &l, 1));
	return fdlook_ok(&l, &type);
}

ATF_TC_WITHOUT_HEAD(real_files);
ATF_TC_BODY(real_files, tc)
{
	int mounts = open("/proc/self/mountinfo", O_RDONLY), p[2], fd;

	(void)tc;
	fd = open("file", O_CREAT | O_RDWR, 0600);
	ATF_CHECK(judge(fd, mounts));
	ATF_CHECK(judge(open("file", O_PATH), mounts));
	ATF_REQUIRE_EQ(0, pipe(p));
	ATF_CHECK(!judge(p[0], mounts));
	ATF_CHECK(!judge(open("/proc/self/status", O_RDONLY), mounts));
	ATF_CHECK(!judge(memfd_create("m", 0), mounts));
	ATF_CHECK(!judge(socket(AF_UNIX, SOCK_STREAM, 0), mounts));
	ATF_CHECK(!judge(open("/dev/null", O_RDONLY), mounts) ||
	    access("/dev/shm", F_OK) == 0);
}

/* Connections' processes have the descriptor in common. */
ATF_TC_WITHOUT_HEAD(position);
ATF_TC_BODY(position, tc)
{
	int mounts = open("/proc/self/mountinfo", O_RDONLY), fd;
	char c;

	(void)tc;
	fd = open("file", O_CREAT | O_RDWR, 0600);
	ATF_REQUIRE_EQ(1, read(mounts, &c, 1)); /* another one is at work */
	ATF_CHECK(judge(fd, mounts));
	ATF_CHECK_EQ(1, lseek(mounts, 0, SEEK_CUR));
}

static void
image(int fd, int rw, uint32_t peer, const char *word)
{
	struct rep_cl e = { 0 };
	int r = image_check(fd, "kernel_fd", rw, peer, peer, &e);

	ATF_CHECK_EQ_MSG(word == NULL ? 0 : -1, r, "%s", e.reason);
	if (word != NULL)
		ATF_CHECK_MSG(strstr(e.reason, word) != NULL, "%s: no %s",
		    e.reason, word);
}

ATF_TC_WITHOUT_HEAD(images);
ATF_TC_BODY(images, tc)
{
	uint32_t me = getuid();
	struct rep_cl e;
	int p[2], fd, rw;

	(void)tc;
	atf_utils_create_file("img", "%s", "0123456789");
	atf_utils_create_file("empty", "%s", "");
	atf_utils_create_file("qcow2", "%s", "QFI\xfb....");
	fd = open("img", O_RDONLY);
	rw = open("img", O_RDWR);
	image(fd, 0, me, NULL);
	image(rw, 1, me, NULL);
	image(rw, 0, me, "reading only");
	image(fd, 1, me, "and writing");
	image(open("img", O_PATH), 0, me, "O_PATH");
	image(open(".", O_RDONLY), 0, me, "directory");
	image(open("/dev/null", O_RDONLY), 0, me, "device");
	image(open("empty", O_RDONLY), 0, me, "empty");
	ATF_REQUIRE_EQ(0, pipe(p));
	image(p[0], 0, me, "FIFO");
	if (me != 0)
		image(fd, 0, me + 1, "belongs to");
	else
		image(rw, 1, me + 1, "belongs to");
	ATF_CHECK_EQ(0, image_check_pair(fd, rw, "x", &e));
	ATF_CHECK_EQ(-1, image_check_pair(fd, open("empty", O_RDWR), "x",
	    &e));
	ATF_CHECK_EQ(0, image_check_raw(fd, "x", &e));
	ATF_CHECK_EQ(-1, image_check_raw(open("qcow2", O_RDONLY), "x", &e));
	ATF_CHECK(strstr(e.reason, "qemu-img") != NULL);
	ATF_REQUIRE_EQ(0, unlink("img"));
	image(fd, 0, me, "deleted");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, mount_types);
	ATF_TP_ADD_TC(tp, real_files);
	ATF_TP_ADD_TC(tp, position);
	ATF_TP_ADD_TC(tp, images);
	return atf_no_error();
}
