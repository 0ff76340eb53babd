/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld, which has no right to any of these files but the open
 * descriptors. fstat(2) and a read are safe here: api.c took no file of a
 * file system that could make them hang. Distrusts type,
 * mode, owner and content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/image.h"
#include "ctld/spec.h"

#define SECTOR 512
#define HEAD 1024
#define FILES_DRIVE_MAX (8u << 20)
#define DIRECT_ALIGN 4096

struct magic { size_t off; const char *bytes; size_t n; const char *name; };

/* Disk formats that a VMM must never be left to guess. */
static const struct magic formats[] = {
	{ 0, "QFI\xfb", 4, "qcow2" },
	{ 0, "KDMV", 4, "vmdk" },
	{ 0, "COWD", 4, "vmdk" },
	{ 0, "# Disk DescriptorFile", 21, "vmdk" },
	{ 0x40, "\x7f\x10\xda\xbe", 4, "vdi" },
	{ 0, "vhdxfile", 8, "vhdx" },
	{ 0, "conectix", 8, "vpc" },
	{ 0, "QED\0", 4, "qed" },
};

static const struct magic kernels[] = {
	{ 0, "\x7f" "ELF", 4, "ELF" },
	{ 0x202, "HdrS", 4, "bzImage" },
};

static const char *
magic_find(const struct magic *t, size_t nt, const unsigned char *buf,
    size_t n)
{
	size_t i;

	for (i = 0; i < nt; i++)
		if (t[i].off + t[i].n <= n &&
		    memcmp(buf + t[i].off, t[i].bytes, t[i].n) == 0)
			return t[i].name;
	return NULL;
}

static int
descriptor(int fd, int mode, const char *field, const char *vis,
    struct stat *st, struct err *e)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0 || fstat(fd, st) < 0)
		return err_field(e, field, errno, "%s: %s", vis,
		    strerror(errno));
	if ((fl & O_PATH) != 0 || (fl & O_ACCMODE) != mode)
		return err_field(e, field, EBADF, "%s: not opened for %s", vis,
		    mode == O_RDWR ? "reading and writing" : "reading only");
	if (S_ISDIR(st->st_mode))
		return err_field(e, field, EISDIR,
		    "%s is a directory; name a file", vis);
	if (!S_ISREG(st->st_mode))
		return err_field(e, field, EINVAL,
		    "%s is not a regular file; copy it into one", vis);
	if (st->st_nlink == 0)
		return err_field(e, field, ENOENT,
		    "%s was deleted; name a file that exists", vis);
	return 0;
}

static int
content(const struct image *im, const struct stat *st, const char *vis,
    struct err *e)
{
	unsigned char head[HEAD];
	const char *name;
	ssize_t n;

	if (st->st_size == 0)
		return err_field(e, im->field, EINVAL, "%s is empty", vis);
	if ((n = pread(im->fds[0], head, sizeof(head), 0)) < 0)
		return err_field(e, im->field, errno, "%s: %s", vis,
		    strerror(errno));
	if (im->req.kind == IMG_KERNEL &&
	    magic_find(kernels, sizeof(kernels) / sizeof(kernels[0]), head,
		(size_t)n) == NULL)
		return err_field(e, im->field, EINVAL,
		    "%s is no kernel: give a vmlinux (ELF) or a bzImage", vis);
	if (im->req.kind != IMG_DRIVE)
		return 0;
	name = magic_find(formats, sizeof(formats) / sizeof(formats[0]), head,
	    (size_t)n);
	if (name != NULL)
		return err_field(e, im->field, EINVAL, "%s is %s, raw is "
		    "needed: qemu-img convert -O raw %.40s disk.raw", vis, name,
		    vis);
	if (st->st_size % SECTOR != 0)
		return err_field(e, im->field, EINVAL, "%s has %lld bytes, "
		    "not whole sectors: truncate -s %%512 %.40s", vis,
		    (long long)st->st_size, vis);
	return 0;
}

int
image_check(const struct image *im, const char *path, uint32_t uid,
    uint32_t owner, struct err *e)
{
	struct stat st, rw;
	char vis[80];

	if (log_vis(vis, sizeof(vis), path)[0] == '\0')
		(void)strlcpy(vis, "the file", sizeof(vis));
	if (descriptor(im->fds[0], O_RDONLY, im->field, vis, &st, e) < 0)
		return -1;
	if (im->nfds > 1) {
		if (descriptor(im->fds[1], O_RDWR, im->field, vis, &rw, e) < 0)
			return -1;
		if (rw.st_dev != st.st_dev || rw.st_ino != st.st_ino)
			return err_field(e, im->field, EINVAL,
			    "%s: the two descriptors are two files", vis);
	}
	if (st.st_uid != uid && st.st_uid != owner &&
	    (st.st_uid != 0 || im->nfds > 1))
		return err_field(e, im->field, EPERM, "%s belongs to uid %u; "
		    "use a file of your own%s", vis, st.st_uid,
		    st.st_uid == 0 ? ", or root's read-only" : "");
	return content(im, &st, vis, e);
}

/*
 * Limits of a VM's disk traffic hold for direct writes only, but not every
 * file system has them: a read tells. What is only read may as well come from
 * the page cache, which all VMs of one image share.
 */
static uint32_t
direct(const struct image *im)
{
	_Alignas(DIRECT_ALIGN) unsigned char buf[DIRECT_ALIGN];
	int fl;
	ssize_t n = -1;

	if (im->req.kind != IMG_DRIVE || im->nfds < 2)
		return 0;
	fl = fcntl(im->fds[1], F_GETFL);
	if (fl < 0 || fcntl(im->fds[1], F_SETFL, fl | O_DIRECT) < 0)
		return 0;
	n = pread(im->fds[1], buf, sizeof(buf), 0);
	(void)fcntl(im->fds[1], F_SETFL, fl);
	return n > 0;
}

void
images_close(struct images *im)
{
	unsigned i;

	for (i = 0; i < im->n; i++) {
		fd_close(&im->img[i].fds[0]);
		fd_close(&im->img[i].fds[1]);
	}
	im->n = 0;
}

static void
take(struct images *im, struct wire_msg *m, unsigned *at, uint32_t kind,
    uint32_t index, int writable, const char *field)
{
	struct image *i = &im->img[im->n++];

	i->req.kind = kind;
	i->req.index = index;
	(void)strlcpy(i->field, field, sizeof(i->field));
	i->nfds = writable ? 2 : 1;
	i->fds[0] = fd_steal(&m->fds[(*at)++]);
	i->fds[1] = writable ? fd_steal(&m->fds[(*at)++]) : -1;
}

static const char *
image_path(const struct clreq_start *s, const struct image *i)
{
	if (i->req.kind == IMG_KERNEL)
		return s->kernel_path;
	if (i->req.kind == IMG_INITRD)
		return s->initrd_path;
	if (strcmp(i->field, "rootfs_path") == 0)
		return s->rootfs_path;
	return s->volumes[i->req.index -
	    ((s->flags & CL_HAS_ROOTFS) != 0 ? 1 : 0)].host;
}

/*
 * A memfd is open for writing, whatever its seals, and a VMM wants a read-only
 * drive opened for reading only: it is opened anew. (Only /proc can do that,
 * which its maker does not see.)
 */
static int
take_files(struct images *out, struct wire_msg *m, unsigned *at,
    uint32_t drive, const char *field, int self_fd, struct err *e)
{
	struct image *i = &out->img[out->n];
	char name[16];

	take(out, m, at, IMG_DRIVE, drive, 0, field);
	if (fd_sealed_size(i->fds[0], FILES_DRIVE_MAX) <= 0)
		return err_field(e, field, EBADMSG, "no sealed file system");
	(void)snprintf(name, sizeof(name), "%d", i->fds[0]);
	i->fds[1] = openat(self_fd, name, O_RDONLY | O_CLOEXEC);
	if (i->fds[1] < 0)
		return err_field(e, field, errno, "cannot be opened anew: %s",
		    strerror(errno));
	fd_close(&i->fds[0]);
	i->fds[0] = fd_steal(&i->fds[1]);
	return 0;
}

/* What needs no look: nobody can change it, and its maker only copied. */
static int
take_all_files(const struct clreq_start *s, struct images *out,
    struct wire_msg *m, unsigned *at, uint32_t drive, int self_fd,
    struct err *e)
{
	if (cl_drive_of(s, 0) && take_files(out, m, at, drive++,
		"config_files", self_fd, e) < 0)
		return -1;
	if (cl_drive_of(s, 1) && take_files(out, m, at, drive,
		"secret_files", self_fd, e) < 0)
		return -1;
	return 0;
}

int
images_take(const struct clreq_start *s, struct wire_msg *m, int self_fd,
    uint32_t uid, uint32_t owner, struct images *out, struct err *e)
{
	unsigned i, at = 0, looked;
	uint32_t drive = 0;

	memset(out, 0, sizeof(*out));
	if (m->nfds != spec_nfds(s))
		return err_field(e, "kernel_path", EINVAL, "%u files came "
		    "with the request, %u are needed", m->nfds, spec_nfds(s));
	take(out, m, &at, IMG_KERNEL, 0, 0, "kernel_path");
	if ((s->flags & CL_HAS_INITRD) != 0)
		take(out, m, &at, IMG_INITRD, 0, 0, "initrd_path");
	if ((s->flags & CL_HAS_ROOTFS) != 0)
		take(out, m, &at, IMG_DRIVE, drive++,
		    (s->flags & CL_ROOTFS_RO) == 0, "rootfs_path");
	for (i = 0; i < s->nvolumes; i++)
		take(out, m, &at, IMG_DRIVE, drive++,
		    !s->volumes[i].readonly, "volumes");
	looked = out->n;
	if (take_all_files(s, out, m, &at, drive, self_fd, e) < 0) {
		images_close(out);
		return -1;
	}
	for (i = 0; i < looked; i++) {
		if (image_check(&out->img[i], image_path(s, &out->img[i]),
			uid, owner, e) < 0) {
			images_close(out);
			return -1;
		}
		out->img[i].direct = direct(&out->img[i]);
	}
	return 0;
}
