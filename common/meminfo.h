/* SPDX-License-Identifier: ISC */
/* What the kernel says of the host's memory. */
#ifndef COMMON_MEMINFO_H
#define COMMON_MEMINFO_H

#include <stddef.h>
#include <stdint.h>

/* MiB of a field of /proc/meminfo ("MemAvailable"), which fd is and may be
 * asked again and again; 0 when the kernel does not tell. */
uint32_t meminfo_mib(int fd, const char *field);
/* The same of its text; pure. */
uint32_t meminfo_find(const char *text, const char *field);

#endif
