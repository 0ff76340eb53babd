/* SPDX-License-Identifier: ISC */
/* Answers that bring a stream to the guest. */
#ifndef CTLD_CLI_STREAM_H
#define CTLD_CLI_STREAM_H

#include "ctld/cli/client.h"

/* The first answer on a connection, as vl_recv() gives it. *stream: the
 * descriptor that came with it, the caller's, or -1. */
json_t *stream_recv(struct vl *v, int *stream);

#endif
