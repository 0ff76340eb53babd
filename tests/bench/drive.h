/* SPDX-License-Identifier: ISC */
/*
 * Running the postern command as a tenant, for the programs of `make bench`;
 * as root in the bench's namespaces. Failures end the program.
 */
#ifndef TESTS_BENCH_DRIVE_H
#define TESTS_BENCH_DRIVE_H

#include <stddef.h>
#include <sys/types.h>

#define BENCH_TENANT 61050u
#define BENCH_GROUP 61010u

/* argv[0] with these arguments, as the tenant (tenant 1) or as we are; its
 * standard output goes to out (-1: nowhere). The child's pid. */
pid_t drive_run(char *const argv[], int tenant, int out);
/* Its exit status; 128 + n for a signal. */
int drive_wait(pid_t pid);
/* `postern ARGUMENT...` as the tenant, ended by NULL. -1: begin only, and its
 * pid is returned; else it must end well, and text (may be NULL) gets the
 * first size - 1 bytes that it printed. */
pid_t drive_postern_begin(const char *const args[]);
void drive_postern(const char *const args[], char *text, size_t size);

/* `postern start NAME` of the guest GUEST, and ports from port up if it is
 * not 0; how the other two name it. */
pid_t drive_start(const char *name, unsigned port);
/* When its VMM was executed: ms, as sleepvmm says on the VM's console. */
double drive_executed(const char *name);
/* It stops at once and is forgotten. */
void drive_remove(const char *name);

/* The bare program (bare.c) in that slot, until in ends. Returns when its VMM
 * was executed; text is what that said. */
pid_t drive_bare(unsigned slot, int in, char *text, size_t size);

/* A variable that must be set, for an argument. */
char *drive_env(const char *name);
/* The number after "executed " in what a sleepvmm printed; ms. */
double drive_parse(const char *text);

#endif
