/* SPDX-License-Identifier: ISC */
/*
 * Descriptors that close themselves on every path, and explicit hand-over:
 *
 *	int fd CLEANUP_FD = open(...);
 *	...
 *	return fd_steal(&fd);
 */
#ifndef COMMON_FDUTIL_H
#define COMMON_FDUTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLEANUP_FD __attribute__((cleanup(fd_cleanup)))
#define CLEANUP_FREE __attribute__((cleanup(free_cleanup)))

void fd_cleanup(int *fd);   /* close unless negative; keeps errno */
void free_cleanup(void *p); /* free(*(void **)p); keeps errno */
int fd_steal(int *fd);	    /* returns *fd and sets it to -1 */
void fd_close(int *fd);	    /* close unless negative, set to -1; keeps errno */

/* Read or write exactly n bytes; -1 with errno, EPIPE at early end. */
int fd_readn(int fd, void *buf, size_t n);
int fd_writen(int fd, const void *buf, size_t n);

/* Whole small file (at most size - 1 bytes, EFBIG beyond) into buf, NUL
 * terminated; returns its length or -1. dirfd/path as in openat(2). */
ssize_t fd_slurp(int dirfd, const char *path, char *buf, size_t size);

/* Write text into an existing file (no create, no truncate). 0 or -1. */
int fd_put(int dirfd, const char *path, const char *text);

/* A memfd named name with these bytes, sealed against every change.
 * The caller owns the descriptor. */
int fd_sealed(const char *name, const void *buf, size_t n);

/* Read a sealed memfd of exactly n bytes into buf, checking seals (WRITE,
 * GROW, SHRINK, SEAL) and size first: EBADMSG when it is anything else. */
int fd_unseal(int fd, void *buf, size_t n);

/* Size of a sealed memfd at most max bytes long, or -1 (EBADMSG). */
ssize_t fd_sealed_size(int fd, size_t max);

/* Move the nkeep descriptors in keep[] to base, base+1, ... (inheritable),
 * close every other descriptor from 3 up. keep[i] < 0 leaves a hole.
 * Call only before exec: it overwrites whatever was at those numbers. */
int fd_arrange(const int *keep, unsigned nkeep, int base);

/* Point descriptors 0-2 at /dev/null where they are closed. */
int fd_std(void);

/* Monotonic milliseconds (CLOCK_BOOTTIME: suspended time counts). */
int64_t now_ms(void);

#endif
