/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-jail. The program's place comes from the operator's sealed
 * configuration, never from a request; the file itself is still checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "policy/privops.h"
#include "policy/steps.h"
#include "privd/jail/vmm.h"

static const struct vmm vmms[] = {
	[VMM_QEMU] = { .name = "qemu", .dir = JAIL_FD_USR,
	    .filter = JAIL_FD_FILTER_QEMU, .in_usr = 1, .needs_usr = 1,
	    .flags = SPAWN_KVM | SPAWN_TAP_FD },
	[VMM_FIRECRACKER] = { .name = "firecracker", .dir = JAIL_FD_VMMDIR,
	    .filter = JAIL_FD_FILTER_FC, .flags = SPAWN_KVM | SPAWN_TUN },
};

const struct vmm *
vmm_get(uint32_t kind)
{
	if (kind >= sizeof(vmms) / sizeof(vmms[0]) ||
	    vmms[kind].name == NULL)
		return NULL;
	return &vmms[kind];
}

/* Where the program is, relative to the held directory. */
static const char *
relative(const struct sysconf *c, const struct vmm *v)
{
	const char *p;

	if (v->in_usr) {
		p = c->qemu_path;
		return strncmp(p, "/usr/", 5) == 0 ? p + 5 : p;
	}
	p = strrchr(c->firecracker_path, '/');
	return p != NULL ? p + 1 : c->firecracker_path;
}

int
vmm_pin(const struct sysconf *c, const struct vmm *v, struct err *e)
{
	const char *path = relative(c, v);
	int fd CLEANUP_FD = -1;
	struct stat st;

	fd = sysx_openat2(v->dir, path, O_PATH, 0,
	    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return err_step(e, STEP_EXEC_VMM, errno,
		    "cannot open VMM %s: install %s", path, v->name);
	if (fstat(fd, &st) < 0)
		return err_step(e, STEP_EXEC_VMM, errno, "fstat of VMM");
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & (S_IWGRP | S_IWOTH | S_ISUID | S_ISGID)) != 0)
		return err_step(e, STEP_EXEC_VMM, EPERM,
		    "VMM %s must be root's, not writable by others, not "
		    "setuid", path);
	return fd_steal(&fd);
}
