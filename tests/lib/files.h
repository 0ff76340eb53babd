/* SPDX-License-Identifier: ISC */
/*
 * Small trees of files, and programs that are run, without a shell. Test
 * code; paths are relative to the working directory of the test, failures end
 * it with a message (roleharness.h).
 */
#ifndef TESTS_LIB_FILES_H
#define TESTS_LIB_FILES_H

#include <stddef.h>
#include <sys/types.h>

/* A new directory, with exactly this mode; its parent is there. */
void tf_dir(const char *path, mode_t mode);
/* A new file with these bytes. */
void tf_file(const char *path, const char *text, mode_t mode);
/* A new file with the bytes of another. */
void tf_copy(const char *from, const char *to, mode_t mode);
/* Everything below path, and path; mounts are left alone. Nothing there is
 * fine. */
void tf_remove(const char *path);

/* Run argv[0] (a path) and wait: what it wrote to standard output, NUL
 * terminated, at most size - 1 bytes. Its wait status. */
int tf_output(char *const argv[], char *buf, size_t size);

#endif
