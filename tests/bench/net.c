/* SPDX-License-Identifier: ISC */
/*
 * Measures the real privd-net between a fake front and a fake jail, and the
 * rules of one VM alone, each beside the command that an operator would type;
 * with an empty host's table and with that of many VMs, in turn. As root, in
 * namespaces of its own.
 *
 * bench-net PRIVD-NET N VMS SAVED (of iptables-save); series net.rules,
 * net.restore, net.up, net.up.bare, net.set, net.set.nft, net.port,
 * net.port.iptables, net.gone, and those of ours with ".full" when VMS are
 * there.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "privd/net/link.h"
#include "privd/net/readback.h"
#include "privd/net/vmrules.h"
#include "tests/bench/barenet.h"
#include "tests/bench/measure.h"
#include "tests/integration/netharness.h"

#define PORT_BASE 10000u /* of the VMs that are there */
#define PORT_OURS 9000u
#define LIST 10u

static struct nh h;
static int owner;	   /* a socket of the VMs' owner */
static uint32_t slot;	   /* of the next VM */
static const char *suffix; /* "" or ".full" */
static const char *restore; /* what iptables-restore reads */

static void
sample(const char *name, double t)
{
	char series[64];

	(void)snprintf(series, sizeof(series), "%s%s", name, suffix);
	measure_sample(series, t);
}

/* A shell command of the reference: its time. */
static void
shell(const char *series, int ns, const char *cmd)
{
	double t = measure_now();

	if (lab_run(ns, "%s", cmd) != 0)
		errx(1, "failed: %s", cmd);
	measure_sample(series, measure_now() - t);
}

static void
list(struct nh_vm *v, unsigned from)
{
	unsigned i;

	memset(v->req.allow, 0, sizeof(v->req.allow));
	v->req.nallow = 0;
	for (i = 0; i < LIST; i++)
		nh_allow(v, IPPROTO_TCP, LAB_ALLOWED + from + i, 32, 443);
}

/* The state of a host with so many VMs, and an empty net when 0. */
static void
begin(unsigned n)
{
	struct nh_vm v;
	unsigned i;

	nh_run(&h);
	for (i = 0; i < n; i++) {
		memset(&v, 0, sizeof(v));
		v.slot = i;
		v.generation = i + 1;
		v.req.mode = NET_NAT;
		nh_port(&v, INADDR_LOOPBACK, (uint16_t)(PORT_BASE + i), 80,
		    IPPROTO_TCP);
		if (nh_restore(&h, &v) != 0)
			errx(1, "NET_RESTORE of VM %u was refused", i);
	}
	nh_commit(&h);
	suffix = n == 0 ? "" : ".full";
}

/* The rules alone: written, committed and read back as op_net_up.c does. */
static void
rules(void)
{
	static unsigned char buf[256 << 10];
	struct vmrules in = {.c = &h.conf};
	struct nlsock s;
	struct nh_vm v;
	struct nft t;
	struct err e;
	char cmd[512];
	double begun;
	unsigned bad;

	nh_vm(&v, slot, 1);
	list(&v, 0);
	in.rq = &v.req;
	in.o = sysconf_owner(&h.conf, RH_TENANT);
	in.slot = slot;
	in.vm = slot_addr_vm(&h.conf, slot);
	in.host = slot_addr_host(&h.conf, slot);
	if (link_tap(v.fds[NSFD_TUN], v.fds[NSFD_NS], 0, 0, &e) < 0)
		errx(1, "%s", e.msg);
	begun = measure_now();
	if (nlsock_init(&s, v.fds[NSFD_NFT]) < 0)
		err(1, "socket");
	nft_begin(&t, &s, buf, sizeof(buf));
	vmrules(&t, &in);
	if (nft_commit(&t, &bad) < 0)
		err(1, "object %u", bad);
	sample("net.batch", measure_now() - begun);
	if (readback(&s, &t, 1, &e) < 0)
		errx(1, "%s", e.msg);
	sample("net.rules", measure_now() - begun);
	nh_vm_close(&v);
	nh_vm(&v, slot, 1);
	(void)snprintf(cmd, sizeof(cmd), "iptables-restore < %s", restore);
	shell("net.restore", v.fds[NSFD_NS], cmd);
	nh_vm_close(&v);
}

/* All of a VM's network; then its list and its ports, while it "runs". */
static void
one(void)
{
	int bare = barenet(slot, 0); /* once more below, timed */
	struct nh_vm v;
	double t;
	int ns;

	(void)close(bare);
	t = measure_now();
	bare = barenet(slot + 16384, 0);
	measure_sample("net.up.bare", measure_now() - t);
	(void)close(bare);
	nh_vm(&v, slot, 1);
	list(&v, 0);
	nh_fds(&h, &v);
	t = measure_now();
	if (nh_up(&h, &v) != 0)
		errx(1, "NET_UP was refused: step %u", h.step);
	sample("net.up", measure_now() - t);
	ns = v.fds[NSFD_NS];
	list(&v, 20);
	nh_live(&h, &v, ns);
	t = measure_now();
	if (nh_set(&h, &v, -1, owner) != 0)
		errx(1, "NET_SET of a list was refused: step %u", h.step);
	sample("net.set", measure_now() - t);
	shell("net.set.nft", ns, "nft -f list.nft");
	nh_port(&v, INADDR_LOOPBACK, PORT_OURS, 80, IPPROTO_TCP);
	nh_live(&h, &v, ns);
	t = measure_now();
	if (nh_set(&h, &v, -1, owner) != 0)
		errx(1, "NET_SET of a port was refused: step %u", h.step);
	sample("net.port", measure_now() - t);
	shell("net.port.iptables", h.lab.world,
	    "iptables -t nat -A PREROUTING "
	    "-d 127.0.0.1 -p tcp --dport 9000 -j DNAT "
	    "--to-destination 10.200.0.1:80");
	t = measure_now();
	if (nh_net_down(&h, &v) != 0)
		errx(1, "NET_DOWN was refused: step %u", h.step);
	sample("net.down", measure_now() - t);
	nh_vm_close(&v);
}

/* What `nft -f` reads in the reference: the same list, replaced as a whole. */
static void
write_list(void)
{
	FILE *f = fopen("list.nft", "we");
	unsigned i;

	if (f == NULL)
		err(1, "list.nft");
	(void)fputs("table ip bench\ndelete table ip bench\n"
		    "table ip bench {\n\tchain allow {\n",
	    f);
	for (i = 0; i < LIST; i++)
		(void)fprintf(f,
		    "\t\tip daddr 1.2.3.%u tcp dport 443 counter "
		    "accept\n",
		    i + 1);
	(void)fputs("\t}\n}\n", f);
	if (fclose(f) != 0)
		err(1, "list.nft");
}

int
main(int argc, char *argv[])
{
	unsigned n, many, i, k;

	if (argc != 5)
		errx(2, "PRIVD-NET N VMS SAVED");
	restore = argv[4];
	n = measure_number(argv[2], 10000);
	many = measure_number(argv[3], 5000);
	nh_open(&h, argv[1]);
	h.conf.slots = 8192;
	h.conf.max_vms = 4096;
	h.conf.fallback.vms = 8192;
	h.conf.fallback.ports = 8192;
	measure_sample("net.vms", many);
	write_list();
	rh_run_dir(&h.conf);
	owner = rh_client(&h.conf, RH_TENANT);
	slot = many;
	for (i = 0; i < 4; i++) {
		begin(i % 2 == 0 ? 0 : many);
		for (k = 0; k < 1 + n / 2; k++) {
			rules();
			one();
			if (++slot == h.conf.slots)
				slot = many;
		}
		nh_kill(&h);
	}
	rh_run_clean(&h.conf);
	return 0;
}
