/* SPDX-License-Identifier: ISC */
/* Runs in the bare program, as root; see barenet.h. */
#include <err.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "privd/net/nl.h"
#include "tests/bench/barenet.h"

#define POOL 0x0ac90000u /* 10.201.0.0: beside the daemon's pool */
#define TAP_INDEX 1000u

static _Alignas(8) unsigned char buf[16384];

static int
must(long r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
	return (int)r;
}

static struct nlsock
netlink(void)
{
	struct nlsock s;

	s.fd = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
	    "netlink");
	must(nlsock_init(&s, s.fd), "netlink");
	return s;
}

static void
link_msg(struct nlbatch *b, uint16_t flags, unsigned index, unsigned up)
{
	struct ifinfomsg i = {
	    .ifi_index = (int)index, .ifi_flags = up, .ifi_change = up};

	nl_msg(b, RTM_NEWLINK, (uint16_t)(NLM_F_ACK | flags), &i, sizeof(i));
}

static void
address(struct nlbatch *b, unsigned index, uint32_t addr, uint8_t prefix)
{
	struct ifaddrmsg a = {
	    .ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_index = index};

	nl_msg(b, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &a, sizeof(a));
	nlm_put_u32(b->h, IFA_LOCAL, htonl(addr));
	nlm_put_u32(b->h, IFA_ADDRESS, htonl(addr));
	nl_end(b);
	link_msg(b, 0, index, IFF_UP);
	nl_end(b);
}

/* v0 where the socket is, its other end in ns. */
static void
veth(struct nlsock *s, const char *name, int ns)
{
	struct ifinfomsg peer = {.ifi_index = 0};
	struct nlattr *info, *data, *p;
	struct nlbatch b;

	nl_begin(&b, s, buf, sizeof(buf));
	link_msg(&b, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	nlm_put_strz(b.h, IFLA_IFNAME, "v0");
	info = nlm_nest(b.h, IFLA_LINKINFO);
	nlm_put_strz(b.h, IFLA_INFO_KIND, "veth");
	data = nlm_nest(b.h, IFLA_INFO_DATA);
	p = nlm_nest(b.h, VETH_INFO_PEER);
	memcpy(nlm_extra(b.h, sizeof(peer)), &peer, sizeof(peer));
	nlm_put_strz(b.h, IFLA_IFNAME, name);
	nlm_put_u32(b.h, IFLA_NET_NS_FD, (uint32_t)ns);
	nlm_nest_end(b.h, p);
	nlm_nest_end(b.h, data);
	nlm_nest_end(b.h, info);
	nl_end(&b);
	must(nl_send(&b, NULL), name);
}

static void
tap(unsigned uid)
{
	int fd = must(open("/dev/net/tun", O_RDWR | O_CLOEXEC), "tun");
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned index = TAP_INDEX;

	memcpy(r.ifr_name, "tap0", 5);
	must(ioctl(fd, TUNSETIFINDEX, &index), "TUNSETIFINDEX");
	must(ioctl(fd, TUNSETIFF, &r), "TUNSETIFF");
	must(ioctl(fd, TUNSETOWNER, uid), "TUNSETOWNER");
	must(ioctl(fd, TUNSETPERSIST, 1), "TUNSETPERSIST");
	(void)close(fd);
}

int
barenet(unsigned slot, unsigned uid)
{
	int host = must(
		open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "namespace"),
	    ns;
	struct nlsock outer = netlink(), inner;
	struct nlbatch b;
	char name[IFNAMSIZ];
	unsigned v0;

	(void)snprintf(name, sizeof(name), "bb%u", slot);
	must(unshare(CLONE_NEWNET), "unshare");
	ns = must(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "namespace");
	inner = netlink();
	tap(uid);
	veth(&inner, name, host);
	v0 = if_nametoindex("v0");
	must(setns(host, CLONE_NEWNET), "setns");
	nl_begin(&b, &inner, buf, sizeof(buf));
	address(&b, TAP_INDEX, GUEST_GATEWAY, 30);
	address(&b, v0, POOL + 2 * slot + 1, 31);
	must(nl_send(&b, NULL), "addresses");
	nl_begin(&b, &outer, buf, sizeof(buf));
	address(&b, if_nametoindex(name), POOL + 2 * slot, 31);
	must(nl_send(&b, NULL), "the host's address");
	(void)close(inner.fd);
	(void)close(outer.fd);
	(void)close(host);
	return ns;
}
