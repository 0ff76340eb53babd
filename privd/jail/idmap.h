/* SPDX-License-Identifier: ISC */
/*
 * Detached mounts of single files for a VM: read-only, nosuid, nodev, noexec
 * and idmapped, so that the VM's uid acts as owner of exactly that file.
 */
#ifndef JAIL_IDMAP_H
#define JAIL_IDMAP_H

#include <stdint.h>

#include "common/err.h"
#include "privd/jail/slot.h"

/* A detached read-only mount of the image, seen by uid and gid as their own;
 * the caller owns it. -1 with *e; *copy is set when this file's file
 * system or mount cannot be mapped and S must copy it instead. */
int idmap_image(const struct image *img, uint32_t uid, uint32_t gid,
    int *copy, struct err *e);

#endif
