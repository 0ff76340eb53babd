/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld, the client listener and front before their seccomp filter.
 * The rights are our own numbers: Debian 12's headers know fewer than the
 * kernels this runs on, and the kernel's ABI says which of them it takes.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/fdutil.h"
#include "common/sandbox.h"
#include "common/sysx.h"

#define FS_REFER (1ull << 13)	  /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define FS_ABI1 ((1ull << 13) - 1)
#define NET_ALL 3ull		  /* ABI 4: bind and connect of TCP */
#define SCOPE_ALL 3ull		  /* ABI 6: abstract sockets, signals */

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE |                             \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
	    FS_REFER | FS_TRUNCATE)

struct attr {			/* of every ABI; the size says how much */
	uint64_t fs, net, scoped;
};

static uint64_t
fs_of_abi(int abi)
{
	uint64_t fs = FS_ABI1;

	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= 3)
		fs |= FS_TRUNCATE;
	if (abi >= 5)
		fs |= FS_IOCTL_DEV;
	return fs;
}

static int
allow(int set, const struct ll_rule *rule, uint64_t handled)
{
	struct landlock_path_beneath_attr p;

	memset(&p, 0, sizeof(p));
	p.parent_fd = rule->dirfd;
	if ((rule->access & LL_READ) != 0)
		p.allowed_access |= RIGHTS_READ;
	if ((rule->access & LL_WRITE) != 0)
		p.allowed_access |= RIGHTS_WRITE;
	if ((rule->access & LL_SOCK) != 0)
		p.allowed_access |= LANDLOCK_ACCESS_FS_MAKE_SOCK;
	p.allowed_access &= handled;
	return sysx_landlock_add_path(set, &p);
}

int
sandbox_landlock(const struct ll_rule *rules, unsigned n)
{
	struct attr a = { 0, 0, 0 };
	size_t size = sizeof(a.fs);
	int set CLEANUP_FD = -1;
	int abi = sysx_landlock_abi();
	unsigned i;

	if (abi < 1) {
		errno = EOPNOTSUPP;
		return -1;
	}
	a.fs = fs_of_abi(abi);
	if (abi >= 4) {
		a.net = NET_ALL;
		size = sizeof(a.fs) + sizeof(a.net);
	}
	if (abi >= 6) {
		a.scoped = SCOPE_ALL;
		size = sizeof(a);
	}
	set = sysx_landlock_create(&a, size);
	if (set < 0)
		return -1;
	for (i = 0; i < n; i++)
		if (allow(set, &rules[i], a.fs) < 0)
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return sysx_landlock_restrict(set);
}
