/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process, which holds nobody else's data: the
 * files are a tenant's, and libext2fs, which lays them out, is a large
 * library. It writes only and reads back nothing but its own blocks. Distrusts
 * content (copied, never looked at); names were judged by files.c.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "ctld/client/fsimage.h"

#define BLOCK 1024u
#define INODES 64u
#define INODE_SIZE 256u		/* has times beyond 2038 */

static struct struct_io_manager manager;

/*
 * libext2fs writes into memory, so that it needs no system call. Its "name" of
 * the device is that memory's address, where an empty string still stands.
 */
static errcode_t
mem_open(const char *name, int flags, io_channel *out)
{
	io_channel io;
	errcode_t r;

	(void)flags;
	if ((r = ext2fs_get_memzero(sizeof(*io), &io)) != 0)
		return r;
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &manager;
	io->block_size = BLOCK;
	io->refcount = 1;
	io->private_data = (void *)(uintptr_t)name;
	*out = io;
	return 0;
}

static errcode_t
mem_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	return ext2fs_free_mem(&io);
}

static errcode_t
mem_blksize(io_channel io, int size)
{
	if (size <= 0)
		return EXT2_ET_INVALID_ARGUMENT;
	io->block_size = size;
	return 0;
}

/* Where `count` blocks (or, below 0, bytes) from block on are; NULL: beyond
 * the end. *n: bytes. */
static char *
mem_at(io_channel io, unsigned long long block, int count, size_t *n)
{
	size_t size = (size_t)io->block_size;

	if (count < 0)
		*n = (size_t)-(long)count;
	else if ((size_t)count > FSIMAGE_SIZE / size)
		return NULL;
	else
		*n = (size_t)count * size;
	if (*n > FSIMAGE_SIZE || block > (FSIMAGE_SIZE - *n) / size)
		return NULL;
	return (char *)io->private_data + block * size;
}

static errcode_t
mem_read64(io_channel io, unsigned long long block, int count, void *data)
{
	size_t n;
	const char *at = mem_at(io, block, count, &n);

	if (at == NULL)
		return EXT2_ET_SHORT_READ;
	memcpy(data, at, n);
	return 0;
}

static errcode_t
mem_write64(io_channel io, unsigned long long block, int count,
    const void *data)
{
	size_t n;
	char *at = mem_at(io, block, count, &n);

	if (at == NULL)
		return EXT2_ET_SHORT_WRITE;
	memcpy(at, data, n);
	return 0;
}

static errcode_t
mem_read(io_channel io, unsigned long block, int count, void *data)
{
	return mem_read64(io, block, count, data);
}

static errcode_t
mem_write(io_channel io, unsigned long block, int count, const void *data)
{
	return mem_write64(io, block, count, data);
}

static errcode_t
mem_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "memory",
	.open = mem_open,
	.close = mem_close,
	.set_blksize = mem_blksize,
	.read_blk = mem_read,
	.write_blk = mem_write,
	.flush = mem_flush,
	.read_blk64 = mem_read64,
	.write_blk64 = mem_write64,
};

/* No journal, no reserve: it is written once, here. */
static errcode_t
begin(const char *mem, const char *label, ext2_filsys *fs)
{
	struct ext2_super_block p;
	errcode_t r;
	ext2_ino_t i;

	memset(&p, 0, sizeof(p));
	ext2fs_blocks_count_set(&p, FSIMAGE_SIZE / BLOCK);
	p.s_rev_level = EXT2_DYNAMIC_REV;
	p.s_inode_size = INODE_SIZE;
	p.s_inodes_count = INODES;
	p.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
	    EXT3_FEATURE_INCOMPAT_EXTENTS;
	p.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER |
	    EXT2_FEATURE_RO_COMPAT_LARGE_FILE;
	r = ext2fs_initialize(mem, EXT2_FLAG_64BITS, &p, &manager, fs);
	if (r != 0)
		return r;
	memcpy((*fs)->super->s_volume_name, label,
	    strnlen(label, sizeof((*fs)->super->s_volume_name)));
	(*fs)->super->s_max_mnt_count = -1;
	(*fs)->umask = 022;
	if ((r = ext2fs_allocate_tables(*fs)) != 0 ||
	    (r = ext2fs_mkdir(*fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL)) != 0)
		return r;
	for (i = EXT2_BAD_INO; i < EXT2_FIRST_INODE((*fs)->super); i++)
		if (i != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(*fs, i, 1, 0);
	return 0;
}

static errcode_t
fill(ext2_filsys fs, ext2_ino_t ino, const struct fsfile *f)
{
	unsigned done;
	ext2_file_t file;
	errcode_t r, end;

	if ((r = ext2fs_file_open(fs, ino, EXT2_FILE_WRITE, &file)) != 0)
		return r;
	if (f->n > 0) /* all of it, or an error */
		r = ext2fs_file_write(file, f->data, (unsigned)f->n, &done);
	end = ext2fs_file_close(file);
	return r != 0 ? r : end;
}

static errcode_t
add(ext2_filsys fs, const struct fsfile *f)
{
	ext2_extent_handle_t extents;
	struct ext2_inode inode;
	ext2_ino_t ino;
	errcode_t r;

	memset(&inode, 0, sizeof(inode));
	inode.i_mode = (uint16_t)(LINUX_S_IFREG | (f->mode & 0777));
	inode.i_links_count = 1;
	inode.i_flags = EXT4_EXTENTS_FL;
	if ((r = ext2fs_new_inode(fs, EXT2_ROOT_INO, inode.i_mode, NULL,
		 &ino)) != 0)
		return r;
	ext2fs_inode_alloc_stats2(fs, ino, 1, 0);
	/* this puts the head of an empty tree into the inode */
	if ((r = ext2fs_extent_open2(fs, ino, &inode, &extents)) != 0)
		return r;
	ext2fs_extent_free(extents);
	if ((r = ext2fs_write_new_inode(fs, ino, &inode)) != 0 ||
	    (r = fill(fs, ino, f)) != 0)
		return r;
	return ext2fs_link(fs, EXT2_ROOT_INO, f->name, ino, EXT2_FT_REG_FILE);
}

static errcode_t
lay_out(const char *mem, const char *label, const struct fsfile *f,
    unsigned n)
{
	ext2_filsys fs = NULL;
	errcode_t r;
	unsigned i;

	r = begin(mem, label, &fs);
	for (i = 0; r == 0 && i < n; i++)
		r = add(fs, &f[i]);
	if (r == 0)
		return ext2fs_close_free(&fs);
	if (fs != NULL)
		ext2fs_free(fs);
	return r;
}

int
fsimage_make(const char *label, const struct fsfile *f, unsigned n)
{
	int fd CLEANUP_FD = memfd_create(label,
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);
	errcode_t r;
	void *mem;

	if (fd < 0 || ftruncate(fd, FSIMAGE_SIZE) < 0)
		return -1;
	mem = mmap(NULL, FSIMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (mem == MAP_FAILED)
		return -1;
	r = lay_out(mem, label, f, n);
	(void)munmap(mem, FSIMAGE_SIZE);
	if (r != 0) {
		errno = r < 256 ? (int)r : EIO; /* beyond: the library's own */
		return -1;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW |
		F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -1;
	return fd_steal(&fd);
}
