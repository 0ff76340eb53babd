/* SPDX-License-Identifier: ISC */
/* The files of a start: opened here, with the caller's rights. */
#ifndef CTLD_CLI_FILES_H
#define CTLD_CLI_FILES_H

#include <jansson.h>

#include "ctld/cli/cli.h"

#define FILES_MAX 28

struct files {
	int fd[FILES_MAX];
	unsigned n;
};

/* Open what the config names (kernel_path, initrd_path, rootfs_path, volumes,
 * config_files, secret_files), put the indexes beside the paths, and make the
 * paths absolute. EX_DONE, or an exit status after a complaint that names the
 * option. */
int files_open(struct cli *c, const char *what, json_t *config,
    struct files *f);
void files_close(struct files *f);

#endif
