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
#include <sys/mman.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "ctld/image.h"

#define ALL_SEALS \
    (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

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

static int
memfd(size_t size, int seals)
{
	int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ATF_REQUIRE(fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

ATF_TC_WITHOUT_HEAD(take);
ATF_TC_BODY(take, tc)
{
	struct clreq_start s = { .flags = CL_HAS_INITRD | CL_HAS_ROOTFS,
		.nvolumes = 1, .volumes[0].readonly = 1 };
	int self = open("/proc/self/fd", O_PATH | O_DIRECTORY);
	struct wire_msg m = { .nfds = 5 };
	uint32_t me = geteuid();
	struct images im;
	struct err e;

	(void)tc;
	m.fds[0] = file("k", "\177ELF", 4, 0, 100);
	m.fds[1] = file("i", "x", 1, 0, 100);
	m.fds[2] = file("r", "x", 1, 0, 4096);
	m.fds[3] = open("r", O_RDWR);
	m.fds[4] = file("v", "x", 1, 0, 512);
	m.fds[5] = memfd(4096, ALL_SEALS); /* tells the volume's place */
	ATF_CHECK_EQ(-1, images_take(&s, &m, self, me, me, &im, &e));
	m.nfds = 6;
	ATF_REQUIRE_EQ_MSG(0, images_take(&s, &m, self, me, me, &im, &e),
	    "%s", e.msg);
	ATF_CHECK_EQ(5, im.n);
	ATF_CHECK_EQ(IMG_KERNEL, im.img[0].req.kind);
	ATF_CHECK_EQ(IMG_INITRD, im.img[1].req.kind);
	ATF_CHECK_EQ(2, im.img[2].nfds);
	ATF_CHECK_EQ(0, im.img[2].req.index);
	ATF_CHECK_EQ(1, im.img[3].req.index);
	ATF_CHECK_STREQ("volumes", im.img[3].field);
	ATF_CHECK_EQ(2, im.img[4].req.index);
	ATF_CHECK_STREQ("config_files", im.img[4].field);
	/* opened anew, as a read-only drive's must be */
	ATF_CHECK_EQ(1, im.img[4].nfds);
	ATF_CHECK_EQ(O_RDONLY, fcntl(im.img[4].fds[0], F_GETFL) & O_ACCMODE);
	ATF_CHECK_EQ(-1, m.fds[0]);
	images_close(&im);
}

/* Only what nobody can change is a drive of files. */
ATF_TC_WITHOUT_HEAD(take_files);
ATF_TC_BODY(take_files, tc)
{
	int self = open("/proc/self/fd", O_PATH | O_DIRECTORY);
	struct clreq_start s = { .nfiles = 2, .files[1].secret = 1 };
	int k = file("k", "\177ELF", 4, 0, 100);
	struct wire_msg m = { .nfds = 3 };
	struct images im;
	struct err e;
	int bad[5];
	unsigned i;

	(void)tc;
	bad[0] = memfd(4096, 0);
	bad[1] = memfd(4096, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	bad[2] = memfd(0, ALL_SEALS);
	bad[3] = memfd(64 << 20, ALL_SEALS);
	bad[4] = file("f", "x", 1, 0, 4096);
	for (i = 0; i < 6; i++) {
		m.fds[0] = dup(k);
		m.fds[1] = memfd(4096, ALL_SEALS);
		m.fds[2] = i < 5 ? bad[i] : memfd(4096, ALL_SEALS);
		ATF_CHECK_EQ_MSG(i < 5 ? -1 : 0, images_take(&s, &m, self,
		    geteuid(), geteuid(), &im, &e), "%u", i);
		if (i < 5)
			ATF_CHECK_STREQ("secret_files", e.field);
	}
	ATF_CHECK_EQ(3, im.n);
	images_close(&im);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, formats);
	ATF_TP_ADD_TC(tp, kernels);
	ATF_TP_ADD_TC(tp, kinds);
	ATF_TP_ADD_TC(tp, owners);
	ATF_TP_ADD_TC(tp, take);
	ATF_TP_ADD_TC(tp, take_files);
	return atf_no_error();
}
