/* SPDX-License-Identifier: ISC */
/*
 * Runs in a connection's own process. What comes from ctld is believed only
 * after shape_vm_ok(). Members without a value are null, never left out, so
 * that strict readers find them.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/vmfd.h"
#include "ctld/client/shape.h"

const char *
backend_kind_name(uint32_t kind)
{
	static const char *const names[] = { "auto", "qemu", "firecracker",
		"runner" };

	return kind <= BACKEND_RUNNER ? names[kind] : "?";
}

int
shape_vm_ok(const struct cl_vm *vm)
{
	return wire_str_ok(vm->id, sizeof(vm->id)) &&
	    wire_str_ok(vm->name, sizeof(vm->name)) &&
	    wire_str_ok(vm->profile, sizeof(vm->profile)) &&
	    wire_str_ok(vm->revision, sizeof(vm->revision)) &&
	    wire_str_ok(vm->flake_ref, sizeof(vm->flake_ref)) &&
	    wire_str_ok(vm->reason, sizeof(vm->reason)) &&
	    vm->nports <= NET_PORTS_MAX && vm->nallow <= NET_ALLOW_MAX &&
	    vm->status >= VM_STOPPED && vm->status <= VM_FAILED;
}

/* Days since 1970-01-01 to a date, by eras of 400 years beginning in March. */
static void
civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

void
shape_time(int64_t ms, char buf[32])
{
	int64_t s = ms / 1000, year;
	unsigned month, day, left;

	if (s < 0 || s > 253402300799) /* the year 9999 ends */
		s = 0;
	civil(s / 86400, &year, &month, &day);
	left = (unsigned)(s % 86400);
	(void)snprintf(buf, 32, "%04d-%02u-%02uT%02u:%02u:%02uZ", (int)year,
	    month % 100, day % 100, left / 3600, left / 60 % 60, left % 60);
}

json_t *
shape_text(const char *s)
{
	return s[0] != '\0' ? json_string(s) : json_null();
}

static json_t *
time_or_null(int64_t ms)
{
	char buf[32];

	if (ms == 0)
		return json_null();
	shape_time(ms, buf);
	return json_string(buf);
}

static json_t *
addr_or_null(uint32_t a)
{
	if (a == 0)
		return json_null();
	return json_sprintf("%u.%u.%u.%u", a >> 24, a >> 16 & 255,
	    a >> 8 & 255, a & 255);
}

json_t *
shape_status(const struct cl_vm *vm)
{
	if (vm->status == VM_FAILED)
		return json_pack("{s:{s:s}}", "Failed", "reason",
		    vm->reason[0] != '\0' ? vm->reason : "unknown");
	/* readers of this type know five states; `state` has all of them */
	if (vm->status == VM_STOPPING)
		return json_string(vm_status_name(VM_RUNNING));
	return json_string(vm_status_name(vm->status));
}

json_t *
shape_port_one(const struct net_port *p)
{
	json_t *o = json_pack("{s:i,s:i}", "host", (int)p->host, "guest",
	    (int)p->guest);

	if (p->proto == IPPROTO_UDP)
		(void)json_object_set_new(o, "proto", json_string("udp"));
	if (p->addr != 0)
		(void)json_object_set_new(o, "address",
		    p->addr == NET_ADDR_ANY ? json_string("0.0.0.0") :
					      addr_or_null(p->addr));
	return o;
}

static json_t *
shape_ports(const struct net_port *p, unsigned n)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(list, shape_port_one(&p[i]));
	return list;
}

json_t *
shape_vm(const struct cl_vm *vm)
{
	return json_pack("{s:s,s:s,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,"
			 "s:I,s:s,s:s,s:o,s:o,s:o,s:o,s:o}",
	    "id", vm->id, "name", vm->name, "status", shape_status(vm),
	    "guest_ip", addr_or_null(vm->vm_addr),
	    "cpus", (json_int_t)vm->cpus,
	    "memory_mib", (json_int_t)vm->memory_mib,
	    "profile", shape_text(vm->profile),
	    "revision", shape_text(vm->revision),
	    "flake_ref", shape_text(vm->flake_ref),
	    "ports", shape_ports(vm->ports, vm->nports),
	    "owner", (json_int_t)vm->owner,
	    "backend", backend_kind_name(vm->backend),
	    "state", vm_status_name(vm->status),
	    "reason", shape_text(vm->reason),
	    "created", time_or_null(vm->created_ms),
	    "started", time_or_null(vm->started_ms),
	    "ended", time_or_null(vm->ended_ms),
	    "address", addr_or_null(vm->vm_addr));
}

json_t *
shape_allow_one(const struct net_allow *a)
{
	const char *proto = a->proto == IPPROTO_TCP ? "tcp" :
	    a->proto == IPPROTO_UDP		     ? "udp" :
	    a->proto == IPPROTO_ICMP		     ? "icmp" :
						       "any";
	json_t *ports = json_null();

	if (a->port_lo != 0 && a->port_lo == a->port_hi)
		ports = json_sprintf("%u", a->port_lo);
	else if (a->port_lo != 0)
		ports = json_sprintf("%u-%u", a->port_lo, a->port_hi);
	return json_pack("{s:s,s:o,s:o}", "proto", proto, "cidr",
	    json_sprintf("%u.%u.%u.%u/%u", a->addr >> 24, a->addr >> 16 & 255,
		a->addr >> 8 & 255, a->addr & 255, a->prefix),
	    "ports", ports);
}

static json_t *
shape_allow(const struct net_allow *a, unsigned n)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(list, shape_allow_one(&a[i]));
	return list;
}

json_t *
shape_network(const struct cl_vm *vm, const struct req_net_up *up)
{
	return json_pack("{s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o}",
	    "guest_ip", addr_or_null(GUEST_ADDR),
	    "gateway_ip", addr_or_null(GUEST_GATEWAY),
	    "subnet_cidr", "172.16.0.0/30",
	    "mode", up->mode == NET_BRIDGE ? "bridge" : "nat",
	    "address", addr_or_null(vm->vm_addr),
	    "host_address", addr_or_null(vm->host_addr),
	    "ports", shape_ports(up->ports, up->nports),
	    "allow", shape_allow(up->allow, up->nallow));
}

json_t *
shape_event(const struct cl_event *v)
{
	return json_pack("{s:I,s:o,s:s,s:I,s:s,s:o,s:o}",
	    "seq", (json_int_t)v->seq, "time", time_or_null(v->ms),
	    "event", event_name(v->kind), "owner", (json_int_t)v->owner,
	    "name", v->name, "id", shape_text(v->id),
	    "reason", shape_text(v->reason));
}

int
shape_spec_ok(const struct clreq_start *q)
{
	unsigned i;
	int ok = wire_str_ok(q->name, sizeof(q->name)) &&
	    wire_str_ok(q->ready_text, sizeof(q->ready_text)) &&
	    wire_str_ok(q->boot_args, sizeof(q->boot_args)) &&
	    wire_str_ok(q->profile, sizeof(q->profile)) &&
	    wire_str_ok(q->revision, sizeof(q->revision)) &&
	    wire_str_ok(q->flake_ref, sizeof(q->flake_ref)) &&
	    wire_str_ok(q->kernel_path, sizeof(q->kernel_path)) &&
	    wire_str_ok(q->rootfs_path, sizeof(q->rootfs_path)) &&
	    wire_str_ok(q->initrd_path, sizeof(q->initrd_path)) &&
	    q->nvolumes <= CL_VOLUMES_MAX &&
	    q->net_up.nports <= NET_PORTS_MAX &&
	    q->net_up.nallow <= NET_ALLOW_MAX &&
	    q->nchannels <= CHANNELS_MAX && q->nfiles <= CL_FILES_MAX;

	for (i = 0; ok && i < q->nvolumes; i++)
		ok = wire_str_ok(q->volumes[i].guest,
			 sizeof(q->volumes[i].guest)) &&
		    wire_str_ok(q->volumes[i].host,
			sizeof(q->volumes[i].host));
	for (i = 0; ok && i < q->nfiles; i++)
		ok = wire_str_ok(q->files[i].name, sizeof(q->files[i].name)) &&
		    wire_str_ok(q->files[i].host, sizeof(q->files[i].host)) &&
		    q->files[i].secret <= 1;
	return ok;
}

static json_t *
shape_volumes(const struct clreq_start *q)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < q->nvolumes; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:s,s:s,s:b}", "host", q->volumes[i].host,
			"guest", q->volumes[i].guest, "read_only",
			q->volumes[i].readonly != 0));
	return list;
}

/* Names and where they were read; never a content. */
static json_t *
shape_files(const struct clreq_start *q, uint32_t secret)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < q->nfiles; i++)
		if (q->files[i].secret == secret)
			(void)json_array_append_new(list,
			    json_pack("{s:s,s:I,s:o}", "name",
				q->files[i].name, "mode",
				(json_int_t)q->files[i].mode, "path",
				shape_text(q->files[i].host)));
	return list;
}

json_t *
shape_channels(const uint16_t *ports, unsigned n)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(list, json_integer(ports[i]));
	return list;
}

static json_t *
shape_ready(const struct clreq_start *q)
{
	switch (q->ready) {
	case READY_CONSOLE:
		return json_sprintf("console:%s", q->ready_text);
	case READY_AGENT:
		return json_string("agent");
	default:
		return json_null();
	}
}

json_t *
shape_spec(const struct clreq_start *q)
{
	static const char *const nets[] = { "?", "nat", "bridge", "none" };
	json_t *grace = q->grace_ms == UINT32_MAX ? json_null() :
		json_integer(q->grace_ms);

	return json_pack("{s:s,s:I,s:o,s:o,s:o,s:b,s:o,s:I,s:I,"
			 "s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:b,s:o,"
			 "s:o}",
	    "name", q->name, "owner", (json_int_t)q->owner,
	    "kernel_path", shape_text(q->kernel_path),
	    "initrd_path", shape_text(q->initrd_path),
	    "rootfs_path", shape_text(q->rootfs_path),
	    "rootfs_read_only", (q->flags & CL_ROOTFS_RO) != 0,
	    "boot_args", shape_text(q->boot_args),
	    "cpus", (json_int_t)q->cpus,
	    "memory_mib", (json_int_t)q->memory_mib,
	    "ports", shape_ports(q->net_up.ports, q->net_up.nports),
	    "volumes", shape_volumes(q),
	    "allow", shape_allow(q->net_up.allow, q->net_up.nallow),
	    "config_files", shape_files(q, 0),
	    "secret_files", shape_files(q, 1),
	    "revision_hash", shape_text(q->revision),
	    "flake_ref", shape_text(q->flake_ref),
	    "profile", shape_text(q->profile),
	    "backend", backend_kind_name(q->backend),
	    "network", nets[q->net <= NET_NONE ? q->net : 0],
	    "grace_ms", grace, "rm", (q->flags & CL_RM) != 0,
	    "ready", shape_ready(q),
	    "channel_ports", shape_channels(q->channels, q->nchannels));
}
