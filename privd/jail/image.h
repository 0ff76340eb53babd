/* SPDX-License-Identifier: ISC */
#ifndef JAIL_IMAGE_H
#define JAIL_IMAGE_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/err.h"

#define IMAGE_KERNEL_MAX (128ull << 20)
#define IMAGE_INITRD_MAX (512ull << 20)
#define IMAGE_SEALED_MAX (8ull << 20)
#define IMAGE_BOOT_MIN (1ull << 10)	/* of a kernel or initrd */

/* May files of this file system (f_type of statfs(2)) be images? */
int image_fs_ok(uint64_t type);

/* Pure: a file for a VM of owner, opened with flags (of F_GETFL) to be read,
 * or with writable to be read and written. 0, or -1 with *e. */
int image_judge(const struct stat *st, int flags, int writable,
    uint32_t owner, struct err *e);

/* All checks of one descriptor, cheap ones that cannot hang first; *st is
 * filled. 0, or -1 with *e. */
int image_look(int fd, int writable, uint32_t owner, struct stat *st,
    struct err *e);

#endif
