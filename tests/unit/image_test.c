/* SPDX-License-Identifier: ISC */
/*
 * image_check() and images_take(): each kind of file that is no image is
 * refused by its field; what is right passes. Runs as anybody.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "ctld/image.h"

static int
file(const char *name, const void *head, size_t n, size_t off, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ((ssize_t)n, pwrite(fd, head, n, (off_t)off));
	ATF_REQUIRE_EQ(0, ftruncate(fd, size));
	(void)close(fd);
	fd = open(name, O_RDONLY);
	ATF_REQUIRE(fd >= 0);
	return fd;
}

static struct image
image(uint32_t kind, int ro, int rw)
{
	struct image i = { .req.kind = kind, .field = "rootfs_path",
		.nfds = rw >= 0 ? 2 : 1, .fds = { ro, rw } };

	return i;
}

static void
check(int want, uint32_t kind, int ro, int rw, const char *says)
{
	struct image i = image(kind, ro, rw);
	uint32_t me = geteuid();
	struct err e;

	memset(&e, 0, sizeof(e));
	ATF_CHECK_EQ_MSG(want, image_check(&i, "a file", me, me, &e), "%s: %s",
	    says, e.msg);
	if (want < 0) {
		ATF_CHECK_STREQ("rootfs_path", e.field);
		ATF_CHECK_MSG(strstr(e.msg, says) != NULL, "%s not in: %s",
		    says, e.msg);
	}
}

ATF_TC_WITHOUT_HEAD(formats);
ATF_TC_BODY(formats, tc)
{
	check(0, IMG_DRIVE, file("d", "x", 1, 0, 4096), -1, "");
	check(-1, IMG_DRIVE, file("d", "QFI\xfb", 4, 0, 4096), -1,
	    "qemu-img convert -O raw");
	check(-1, IMG_DRIVE, file("d", "KDMV", 4, 0, 4096), -1, "vmdk");
	check(-1, IMG_DRIVE, file("d", "\x7f\x10\xda\xbe", 4, 0x40, 4096), -1,
	    "vdi");
	check(-1, IMG_DRIVE, file("d", "vhdxfile", 8, 0, 4096), -1, "vhdx");
	check(-1, IMG_DRIVE, file("d", "x", 1, 0, 4097), -1, "whole sectors");
	check(-1, IMG_DRIVE, file("d", "", 0, 0, 0), -1, "is empty");
	/* the same bytes elsewhere mean nothing */
	check(0, IMG_DRIVE, file("d", "QFI\xfb", 4, 512, 4096), -1, "");
}

ATF_TC_WITHOUT_HEAD(kernels);
ATF_TC_BODY(kernels, tc)
{
	check(0, IMG_KERNEL, file("k", "\177ELF", 4, 0, 4097), -1, "");
	check(0, IMG_KERNEL, file("k", "HdrS", 4, 0x202, 4096), -1, "");
	check(-1, IMG_KERNEL, file("k", "#!/bin/sh", 9, 0, 4096), -1,
	    "no kernel");
	check(-1, IMG_KERNEL, file("k", "\177EL", 3, 0, 3), -1, "no kernel");
	check(0, IMG_INITRD, file("i", "x", 1, 0, 1), -1, "");
}

ATF_TC_WITHOUT_HEAD(kinds);
ATF_TC_BODY(kinds, tc)
{
	int p[2], fd;

	check(-1, IMG_DRIVE, open(".", O_RDONLY), -1, "is a directory");
	ATF_REQUIRE_EQ(0, pipe(p));
	check(-1, IMG_DRIVE, p[0], -1, "not a regular file");
	check(-1, IMG_DRIVE, open("/dev/null", O_RDONLY), -1,
	    "not a regular file");
	(void)file("d", "x", 1, 0, 4096);
	check(-1, IMG_DRIVE, open("d", O_PATH), -1, "not opened");
	check(-1, IMG_DRIVE, open("d", O_WRONLY), -1, "not opened");
	check(-1, IMG_DRIVE, open("d", O_RDWR), -1, "not opened");
	fd = open("d", O_RDONLY);
	check(0, IMG_DRIVE, fd, open("d", O_RDWR), "");
	check(-1, IMG_DRIVE, fd, open("d", O_RDONLY), "not opened");
	(void)file("e", "x", 1, 0, 4096);
	check(-1, IMG_DRIVE, fd, open("e", O_RDWR), "two files");
	ATF_REQUIRE_EQ(0, unlink("d"));
	check(-1, IMG_DRIVE, fd, -1, "was deleted");
}

ATF_TC_WITHOUT_HEAD(owners);
ATF_TC_BODY(owners, tc)
{
	struct image i = image(IMG_DRIVE, file("d", "x", 1, 0, 4096), -1);
	uint32_t me = geteuid();
	struct err e;

	/* somebody else's, unless it is root's and read-only */
	ATF_CHECK_EQ(me == 0 ? 0 : -1,
	    image_check(&i, "d", me + 1, me + 2, &e));
	ATF_CHECK_EQ(0, image_check(&i, "d", me + 1, me, &e));
	i = image(IMG_DRIVE, i.fds[0], open("d", O_RDWR));
	ATF_CHECK_EQ(-1, image_check(&i, "d", me + 1, me + 2, &e));
	ATF_CHECK_EQ(0, image_check(&i, "d", me, me + 2, &e));
}

ATF_TC_WITHOUT_HEAD(take);
ATF_TC_BODY(take, tc)
{
	struct clreq_start s = { .flags = CL_HAS_INITRD | CL_HAS_ROOTFS,
		.nvolumes = 1, .volumes[0].readonly = 1 };
	struct wire_msg m = { .nfds = 5 };
	uint32_t me = geteuid();
	struct images im;
	struct err e;

	m.fds[0] = file("k", "\177ELF", 4, 0, 100);
	m.fds[1] = file("i", "x", 1, 0, 100);
	m.fds[2] = file("r", "x", 1, 0, 4096);
	m.fds[3] = open("r", O_RDWR);
	m.fds[4] = file("v", "x", 1, 0, 512);
	m.nfds = 4;
	ATF_CHECK_EQ(-1, images_take(&s, &m, me, me, &im, &e));
	m.nfds = 5;
	ATF_REQUIRE_EQ_MSG(0, images_take(&s, &m, me, me, &im, &e), "%s",
	    e.msg);
	ATF_CHECK_EQ(4, im.n);
	ATF_CHECK_EQ(IMG_KERNEL, im.img[0].req.kind);
	ATF_CHECK_EQ(IMG_INITRD, im.img[1].req.kind);
	ATF_CHECK_EQ(2, im.img[2].nfds);
	ATF_CHECK_EQ(0, im.img[2].req.index);
	ATF_CHECK_EQ(1, im.img[3].req.index);
	ATF_CHECK_STREQ("volumes", im.img[3].field);
	ATF_CHECK_EQ(-1, m.fds[0]);
	images_close(&im);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, formats);
	ATF_TP_ADD_TC(tp, kernels);
	ATF_TP_ADD_TC(tp, kinds);
	ATF_TP_ADD_TC(tp, owners);
	ATF_TP_ADD_TC(tp, take);
	return atf_no_error();
}
