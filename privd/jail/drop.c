/* SPDX-License-Identifier: ISC */
/*
 * Runs in S and V. Order matters: the bounding set needs SETPCAP, so it goes
 * first; going from one uid that is not 0 to another keeps all capabilities,
 * so they are cleared explicitly, last.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privd/jail/drop.h"

static int
drop_bounding(void)
{
	int cap, k;

	for (cap = 0;; cap++) {
		k = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (k < 0)
			return 0; /* beyond the kernel's last one */
		if (k > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -1;
	}
}

static int
drop_caps(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2];

	memset(d, 0, sizeof(d));
	if (syscall(SYS_capset, &h, d) < 0 || syscall(SYS_capget, &h, d) < 0)
		return -1;
	if ((d[0].permitted | d[0].effective | d[0].inheritable |
	    d[1].permitted | d[1].effective | d[1].inheritable) == 0)
		return 0;
	errno = EPERM;
	return -1;
}

int
drop_all(uint32_t uid, uint32_t gid)
{
	uid_t r, s, f;

	if (drop_bounding() < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    drop_caps() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    getresuid(&r, &f, &s) < 0)
		return -1;
	if (r == uid && f == uid && s == uid &&
	    prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0)
		return 0;
	errno = EPERM;
	return -1;
}

int
drop_limit(int resource, uint64_t n)
{
	struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	return setrlimit((__rlimit_resource_t)resource, &r);
}
