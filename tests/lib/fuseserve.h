/* SPDX-License-Identifier: ISC */
/*
 * A FUSE mount with one file, "file", that can be opened; nothing else that is
 * asked about it is ever answered. Test code, as root.
 */
#ifndef TESTS_FUSESERVE_H
#define TESTS_FUSESERVE_H

/* Mounts on dir. The device, which the caller owns, or -1: ENOENT where the
 * kernel has no FUSE. */
int fuse_mount(const char *dir);
/* Until the device ends. */
void fuse_serve(int dev);

#endif
