/* SPDX-License-Identifier: ISC */
/* ctld's structs as the JSON that callers read (design section 7). */
#ifndef CTLD_CLIENT_SHAPE_H
#define CTLD_CLIENT_SHAPE_H

#include <jansson.h>
#include <stdint.h>

#include "policy/clientops.h"

/* Every string of it terminated and every number in its range? 1 or 0. */
int shape_vm_ok(const struct cl_vm *vm);

/* New references, NULL when memory is out. */
json_t *shape_status(const struct cl_vm *vm);
json_t *shape_vm(const struct cl_vm *vm);
/* {"host","guest"} alone for a usual port; the rest where it says more. */
json_t *shape_port_one(const struct net_port *p);
json_t *shape_allow_one(const struct net_allow *a);
json_t *shape_network(const struct cl_vm *vm, const struct req_net_up *up);

json_t *shape_event(const struct cl_event *v);
json_t *shape_text(const char *s);	/* "" is null */

/* A definition as StartConfig, without descriptors. */
int shape_spec_ok(const struct clreq_start *q);
json_t *shape_spec(const struct clreq_start *q);

/* 2026-01-02T03:04:05Z of wall-clock milliseconds into buf[32]. No time zone
 * file is opened, as gmtime(3) would. */
void shape_time(int64_t ms, char buf[32]);

json_t *shape_channels(const uint16_t *ports, unsigned n);

const char *backend_kind_name(uint32_t kind);	/* "qemu"; "?" beyond */

#endif
