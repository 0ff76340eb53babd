/* SPDX-License-Identifier: ISC */
/* What a VM printed last, and what to do about its state: for people. */
#ifndef CTLD_CLI_TAIL_H
#define CTLD_CLI_TAIL_H

#include <stdio.h>

#include "ctld/cli/cli.h"

/* The last lines of its console (hypervisor: of what the VMM said). Says
 * nothing when the daemon does not. */
void tail_show(struct cli *c, const char *what, int lines, int hypervisor,
    FILE *f);
/* Of one that has failed for that reason: the same, and the next command. */
void tail_failed(struct cli *c, const char *what, const char *reason, FILE *f);

#endif
