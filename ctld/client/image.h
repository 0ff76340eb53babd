/* SPDX-License-Identifier: ISC */
/* The files of a Start call: a tenant's descriptors, judged before use. */
#ifndef CTLD_CLIENT_IMAGE_H
#define CTLD_CLIENT_IMAGE_H

#include <stdint.h>

#include "policy/clientops.h"

/* Is fd (on a file system that fdlook_ok() took) a plain file that peer may
 * give to a VM of owner: regular, linked, not empty, opened for reading (rw:
 * and writing), owned by one of them, or by root and only for reading? 0, or
 * -1 with InvalidArgument for field. */
int image_check(int fd, const char *field, int rw, uint32_t peer,
    uint32_t owner, struct rep_cl *e);

/* Is it a disk image in raw format (not qcow2, vmdk or vdi)? */
int image_check_raw(int fd, const char *field, struct rep_cl *e);

/* Are both descriptors of the same file? */
int image_check_pair(int ro, int rw, const char *field, struct rep_cl *e);

#endif
