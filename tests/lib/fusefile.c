/* SPDX-License-Identifier: ISC */
/* Test code, runs as root; see fusefile.h. */
#include <atf-c.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fusefile.h"

#define FILE_NODE 2

static void
answer(int dev, uint64_t unique, const void *body, size_t n)
{
	char buf[512];
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n),
		.unique = unique };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, n);
	if (write(dev, buf, h.len) != (ssize_t)h.len)
		warn("fuse answer");
}

static void
attributes(struct fuse_attr *a, uint64_t node)
{
	a->ino = node;
	a->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	a->nlink = 1;
	a->size = 4096;
}

/* Answers what it takes to open the file, and then nothing more of it. */
static void
serve_fuse(int dev)
{
	_Alignas(8) static char buf[1 << 20];
	const struct fuse_in_header *in = (const void *)buf;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE };
	struct fuse_attr_out attr = { .attr_valid = 60 };
	struct fuse_open_out opened = { .fh = 1 };

	attributes(&entry.attr, FILE_NODE);
	attributes(&attr.attr, FUSE_ROOT_ID);
	while (read(dev, buf, sizeof(buf)) > 0) {
		if (in->opcode == FUSE_INIT)
			answer(dev, in->unique, &init, sizeof(init));
		else if (in->opcode == FUSE_LOOKUP)
			answer(dev, in->unique, &entry, sizeof(entry));
		else if (in->opcode == FUSE_GETATTR &&
		    in->nodeid == FUSE_ROOT_ID)
			answer(dev, in->unique, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			answer(dev, in->unique, &opened, sizeof(opened));
	}
}

int
fusefile_open(pid_t *server)
{
	char options[128];
	int dev, fd;

	ATF_REQUIRE_EQ(0, mkdir("mnt", 0755));
	ATF_REQUIRE_EQ(0, unshare(CLONE_NEWNS));
	ATF_REQUIRE_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		atf_tc_skip("no /dev/fuse: %s", strerror(errno));
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,"
	    "user_id=0,group_id=0,allow_other", dev);
	ATF_REQUIRE_EQ_MSG(0, mount("x", "mnt", "fuse",
	    MS_NOSUID | MS_NODEV, options), "%s", strerror(errno));
	*server = fork();
	if (*server == 0) {
		/* a test that failed waits for this end, too */
		(void)alarm(30);
		serve_fuse(dev);
		_exit(0);
	}
	(void)close(dev);
	fd = open("mnt/file", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE_MSG(fd >= 0, "%s", strerror(errno));
	return fd;
}

int
fusefile_returns(int (*fn)(int), int fd)
{
	pid_t pid = fork();
	int i, st;

	if (pid == 0)
		_exit(fn(fd) == 0 ? 0 : 1);
	for (i = 0; i < 20; i++) {
		if (waitpid(pid, &st, WNOHANG) == pid)
			return 1;
		(void)poll(NULL, 0, 50);
	}
	return 0;
}

void
fusefile_end(pid_t server)
{
	ATF_REQUIRE_EQ(0, kill(server, SIGKILL));
	ATF_REQUIRE_EQ(server, waitpid(server, NULL, 0));
}
