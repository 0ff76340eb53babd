/* SPDX-License-Identifier: ISC */
/*
 * Runs in S, a child of privd-jail with its capabilities, inside a mount
 * namespace of the VM's own: no mount of a VM ever exists on the host. The
 * tree is one small tmpfs, read-only at the end, with the device nodes and
 * images of this VM, one bounded writable /run, and /usr where the VMM needs
 * its libraries. Nothing here is named by a request.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "policy/steps.h"
#include "privd/jail/helper.h"
#include "privd/jail/tree.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static int
set_attr(int fd, const char *path, unsigned flags, uint64_t set,
    uint64_t propagation)
{
	struct mount_attr a = { .attr_set = set, .propagation = propagation };

	return mount_setattr(fd, path, flags, &a, sizeof(a));
}

static int
move_to(int mount, int dir, const char *path)
{
	return move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH);
}

/* A detached tmpfs. */
static int
new_tmpfs(const char *mode, uint64_t size, uint32_t gid, unsigned attr)
{
	int fs CLEANUP_FD = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char num[24], group[16];

	(void)snprintf(num, sizeof(num), "%" PRIu64, size);
	(void)snprintf(group, sizeof(group), "%" PRIu32, gid);
	if (fs < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", num, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "256", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "gid", group, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, attr);
}

/* Put the detached file system over "/" and make it the root alone. */
static int
pivot(int root)
{
	if (fchdir(root) < 0 || sysx_pivot_root(".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -1;
	return chdir("/");
}

static int
node(int root, const char *path, mode_t mode, dev_t dev,
    const struct spawn *sp)
{
	if (mknodat(root, path, S_IFCHR | mode, dev) < 0)
		return -1;
	if (sp == NULL)
		return 0;
	return fchownat(root, path, sp->uid_vmm, sp->gid, AT_SYMLINK_NOFOLLOW);
}

static int
make_nodes(int root, const struct spawn *sp)
{
	if (mkdirat(root, "dev", 0755) < 0 ||
	    node(root, "dev/null", 0666, makedev(1, 3), NULL) < 0)
		return -1;
	if ((sp->flags & SPAWN_KVM) != 0 &&
	    node(root, "dev/kvm", 0600, makedev(10, 232), sp) < 0)
		return -1;
	if ((sp->flags & SPAWN_TUN) == 0)
		return 0;
	if (mkdirat(root, "dev/net", 0755) < 0)
		return -1;
	return node(root, "dev/net/tun", 0600, makedev(10, 200), sp);
}

/* Where the file system of an image cannot be idmapped: its first size
 * bytes, as a file of the VM's. */
static int
copy_image(int root, const char *path, int from, uint64_t size,
    const struct spawn *sp)
{
	int to CLEANUP_FD = openat(root, path,
	    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0400);
	off_t at = 0;
	ssize_t n;

	if (to < 0)
		return -1;
	while (size > 0) {
		n = sendfile(to, from, &at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break; /* it shrank: the VMM reads what is there */
		size -= (uint64_t)n;
	}
	return fchown(to, sp->uid_vmm, sp->gid);
}

static int
put_image(int root, const char *path, int fd, uint64_t copy,
    const struct spawn *sp)
{
	int f;

	if (fd < 0)
		return 0;
	if (copy > 0)
		return copy_image(root, path, fd, copy, sp);
	f = openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0400);
	if (f < 0)
		return -1;
	fd_close(&f);
	return move_to(fd, root, path);
}

static int
make_images(int root, const struct spawn *sp)
{
	if (mkdirat(root, "img", 0755) < 0 ||
	    put_image(root, "img/kernel", sp->fd[SP_KERNEL], sp->copy_kernel,
		sp) < 0)
		return -1;
	return put_image(root, "img/initrd", sp->fd[SP_INITRD],
	    sp->copy_initrd, sp);
}

/* One directory that VMM and vmsup share by their gid; sticky, so that
 * neither removes the other's sockets. */
static int
make_run(int root, const struct spawn *sp)
{
	int run CLEANUP_FD = new_tmpfs("1770", 1 << 20, sp->gid,
	    SAFE | MOUNT_ATTR_NODEV);

	if (run < 0 || mkdirat(root, "run", 0755) < 0)
		return -1;
	return move_to(run, root, "run");
}

static int
make_usr(int root)
{
	int usr CLEANUP_FD = open_tree(AT_FDCWD, "/usr",
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (usr < 0 || mkdirat(root, "usr", 0755) < 0 ||
	    symlinkat("usr/lib", root, "lib") < 0 ||
	    symlinkat("usr/lib64", root, "lib64") < 0 ||
	    symlinkat("usr/bin", root, "bin") < 0)
		return -1;
	return move_to(usr, root, "usr");
}

/* The tree once more, over the tree. Who has its root beneath counts as
 * chrooted: the kernel then makes no user namespace, also without a filter. */
static int
cover(void)
{
	int top CLEANUP_FD = open_tree(AT_FDCWD, "/",
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return top < 0 ? -1 : move_to(top, AT_FDCWD, "/");
}

int
tree_build(struct spawn *sp, struct err *e)
{
	int root CLEANUP_FD = -1;

	(void)umask(0);
	if (setns(sp->fd[SP_TEMPLATE], CLONE_NEWNS) < 0 ||
	    unshare(CLONE_NEWNS) < 0 ||
	    set_attr(AT_FDCWD, "/", AT_RECURSIVE, 0, MS_PRIVATE) < 0)
		return err_step(e, STEP_TREE, errno, "mount namespace");
	root = new_tmpfs("0755", (64u << 10) + sp->copy_kernel +
	    sp->copy_initrd, 0, SAFE);
	/* a directory of another namespace is no mount target, "." is */
	if (root < 0 || move_to(root, AT_FDCWD, ".") < 0)
		return err_step(e, STEP_TREE, errno, "root");
	if (make_nodes(root, sp) < 0)
		return err_step(e, STEP_DEVICE, errno, "device nodes");
	if (make_images(root, sp) < 0)
		return err_step(e, STEP_IMAGE, errno, "images");
	if (make_run(root, sp) < 0 || (sp->needs_usr && make_usr(root) < 0))
		return err_step(e, STEP_TREE, errno, "run, usr");
	if (pivot(root) < 0 ||
	    set_attr(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY, 0) < 0 ||
	    cover() < 0)
		return err_step(e, STEP_PIVOT, errno, "pivot");
	return 0;
}

/* In the helper of tree_template(). */
static int
become_template(void)
{
	int root CLEANUP_FD = -1;

	if (helper_enter_empty() < 0 || unshare(CLONE_NEWNS) < 0 ||
	    set_attr(AT_FDCWD, "/", AT_RECURSIVE, 0, MS_PRIVATE) < 0)
		return -1;
	root = new_tmpfs("0755", 4096, 0, SAFE | MOUNT_ATTR_NODEV);
	if (root < 0 || move_to(root, AT_FDCWD, ".") < 0 ||
	    mkdirat(root, "usr", 0755) < 0 ||
	    set_attr(JAIL_FD_USR, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY |
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE) < 0 ||
	    move_to(JAIL_FD_USR, root, "usr") < 0 || pivot(root) < 0)
		return -1;
	return set_attr(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY, 0);
}

int
tree_template(struct err *e)
{
	static const struct helper_file file = { "ns/mnt", O_RDONLY };
	int fd;

	if (helper_files(become_template, &file, 1, &fd, STEP_TREE, e) < 0)
		return -1;
	return fd;
}
