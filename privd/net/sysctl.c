/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. The directories come as O_PATH descriptors that jail
 * opened inside the namespace: a write goes there, not to the host. That they
 * are what jail says is distrusted and looked at: a directory of the host's
 * would make the host itself a router without reverse path checks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/net/sysctl.h"
#include "privd/net/vmrules.h"

struct setting {
	const char *path, *value;
};

/* "all" is inherited from the host. Here is what could loosen a link's own
 * value (link.c sets those): rp_filter, whose 2 is weaker than 1 but wins,
 * and what is on for a link when it is on for all. */
static const struct setting ip4[] = {
	{ "ip_forward", "1" }, /* first: it changes others */
	{ "conf/all/rp_filter", "1" },
	{ "conf/all/send_redirects", "0" },
	{ "conf/all/route_localnet", "0" },
	{ "conf/all/proxy_arp", "0" },
};
static const struct setting ip6[] = {
	{ "conf/all/disable_ipv6", "1" },
	{ "conf/default/disable_ipv6", "1" },
};

static int
put_all(int dir, const struct setting *s, unsigned n, struct err *e)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (fd_put(dir, s[i].path, s[i].value) < 0)
			return err_step(e, STEP_SYSCTL, errno,
			    "cannot set %s to %s", s[i].path, s[i].value);
	return 0;
}

int
sysctl_ns(int sys4, int sys6, struct err *e)
{
	if (put_all(sys4, ip4, sizeof(ip4) / sizeof(ip4[0]), e) < 0)
		return -1;
	return put_all(sys6, ip6, sizeof(ip6) / sizeof(ip6[0]), e);
}

int
sysctl_forward(int sys4, struct err *e)
{
	return put_all(sys4, ip4, 1, e);
}

int
sysctl_no_ip6(int sys6, const char *ifname, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "conf/%s/disable_ipv6", ifname);
	if (fd_put(sys6, path, "1") < 0)
		return err_step(e, STEP_SYSCTL, errno, "cannot set %s", path);
	return 0;
}

/* 1: there, 0: not there, -1: this is no such directory. */
static int
has_link(int dir, const char *ifname)
{
	int fd CLEANUP_FD = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "conf/%s", ifname);
	fd = openat(dir, path, O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
	if (fd >= 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

int
sysctl_is_fresh(int sys4, int sys6, struct err *e)
{
	if (has_link(sys4, "lo") != 1 || has_link(sys6, "lo") != 1 ||
	    has_link(sys4, VETH_NAME) != 0 || has_link(sys6, VETH_NAME) != 0 ||
	    has_link(sys4, TAP_NAME) != 0 || has_link(sys6, TAP_NAME) != 0)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "sysctl directories are not a fresh namespace's");
	return 0;
}

int
sysctl_is_vms(int sys4, int sys6, const char *host_ifname, struct err *e)
{
	if (has_link(sys4, VETH_NAME) != 1 || has_link(sys6, VETH_NAME) != 1 ||
	    has_link(sys4, host_ifname) != 0 ||
	    has_link(sys6, host_ifname) != 0)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "sysctl directories are not the VM's");
	return 0;
}
