/* SPDX-License-Identifier: ISC */
/*
 * System calls that Debian 12's libc does not wrap, and pidfds. Each is the
 * bare call: result >= 0, or -1 with errno. Descriptors are close-on-exec.
 */
#ifndef COMMON_SYSX_H
#define COMMON_SYSX_H

#include <linux/openat2.h>
#include <stdint.h>
#include <sys/types.h>

int sysx_close_range(unsigned first, unsigned last, unsigned flags);
int sysx_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
    uint64_t resolve);
/* clone3(2) with these CLONE_ flags and SIGCHLD; *pidfd gets a pidfd;
 * cgroup >= 0 puts the child there (CLONE_INTO_CGROUP, v2 only). */
pid_t sysx_clone3(uint64_t flags, int cgroup, int *pidfd);
/* fork(2), but parent and child have one table of descriptors. */
pid_t sysx_fork_files(void);
int sysx_pidfd_open(pid_t pid);
int sysx_pidfd_send_signal(int pidfd, int sig);
int sysx_pivot_root(const char *new_root, const char *put_old);
int sysx_execveat(int fd, char *const argv[], char *const envp[]);
int sysx_seccomp_filter(const void *prog, unsigned short len);

/* Landlock (ABI 1 is in 6.1's floor; newer rights are masked by ABI). */
int sysx_landlock_abi(void);
int sysx_landlock_create(const void *attr, size_t size);
int sysx_landlock_add_path(int ruleset, const void *path_beneath);
int sysx_landlock_restrict(int ruleset);

#endif
