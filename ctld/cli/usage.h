/* SPDX-License-Identifier: ISC */
/* What VMs use, for postern top and postern metrics. */
#ifndef CTLD_CLI_USAGE_H
#define CTLD_CLI_USAGE_H

#include <jansson.h>
#include <stdint.h>

#include "ctld/cli/cli.h"

/* One sample: the VMs that the caller sees, each as List tells it; those
 * that run have "stats" (as Stats tells), and besides, where their link is
 * seen, "packets" {from_vm, to_vm, bytes_from_vm, bytes_to_vm, dropped}.
 * *vms is a new reference. An exit status. */
int usage_collect(struct cli *c, json_t **vms);

/* Per cent of one CPU between two samples of a VM ms apart; -1: unknown. */
double usage_percent(const json_t *before, const json_t *now, int64_t ms);

/* The VM of that id in a sample, or NULL (borrowed). */
const json_t *usage_find(const json_t *vms, const char *id);

/* A number in a VM's "stats" or "packets"; 0 where there is none. */
long long usage_number(const json_t *vm, const char *group, const char *key);

#endif
