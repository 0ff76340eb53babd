/* SPDX-License-Identifier: ISC */
/*
 * privd-front: the narrow door. Runs without any right as its own uid; holds
 * three wires and the ledger, and can open nothing. Believes SO_PEERCRED of a
 * client's socket and nobody else: ctld's records are checked against
 * policy/privops.def, the op-servers' answers too.
 * Invariant: no request reaches an op-server that its row does not allow in
 * the state that the ledger has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "privd/front.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 16 bytes; the kernel writes 8-4-4-4-12 hex digits. */
static void
boot_id(unsigned char id[16])
{
	char text[64];
	unsigned i, n = 0;
	int v;

	if (fd_slurp(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text,
		sizeof(text)) < 0)
		fatal("/proc/sys/kernel/random/boot_id");
	memset(id, 0, 16);
	for (i = 0; text[i] != '\0' && n < 32; i++) {
		v = hex(text[i]);
		if (v < 0)
			continue;
		id[n / 2] = (unsigned char)(id[n / 2] << 4 | v);
		n++;
	}
	if (n != 32)
		fatalx("boot_id is not a uuid");
}

int
main(void)
{
	unsigned char boot[16];
	struct front *f = calloc(1, sizeof(*f));
	struct err e;

	log_init("privd: front", 0);
	if (f == NULL)
		fatalx("out of memory");
	if (sysconf_load(RFD_CONF, &f->conf, &e) < 0)
		fatalx("%s", e.msg);
	log_init("privd: front", f->conf.debug != 0);
	role_prove(ROLE_FRONT);
	f->slots = calloc(f->conf.slots, sizeof(*f->slots));
	if (f->slots == NULL)
		fatalx("out of memory for %u slots", f->conf.slots);
	/* before anything is opened that could get its number */
	f->notify = fcntl(FRONT_FD_NOTIFY, F_GETFD) < 0 ? -1 : FRONT_FD_NOTIFY;
	f->ctld = FRONT_FD_CTLD;
	f->net = (struct server){ .fd = FRONT_FD_NET, .name = "net" };
	f->jail = (struct server){ .fd = FRONT_FD_JAIL, .name = "jail" };
	f->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (f->mounts < 0)
		fatal("/proc/self/mountinfo");
	f->meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	if (f->meminfo < 0)
		fatal("/proc/meminfo");
	boot_id(boot);
	if (ledger_open(&f->ledger, FRONT_FD_LEDGER, f->conf.slots, boot,
		&e) < 0)
		fatalx("%s: %s", e.msg, strerror(e.code));
	role_confine(ROLE_FRONT, NULL);
	role_seal(RFD_FILTER);
	resync(f);
	log_info("ready");
	notify(f, "READY=1");
	loop_run(f);
}
