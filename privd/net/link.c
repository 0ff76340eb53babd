/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net: through the host's NETLINK_ROUTE socket, and through the
 * socket and the tun descriptor that were opened inside the VM's namespace.
 * Distrusts those: what was made is read back. Names, addresses and owners
 * are computed from the slot, none comes from a peer.
 */
#include <arpa/inet.h>
#include <bsd/string.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "policy/steps.h"
#include "privd/net/link.h"

#define BATCH_SIZE 12288
#define EEXIST_TRIES 20		/* an old namespace is gone within 33 ms */
#define EEXIST_WAIT_NS 5000000L

static const unsigned char gateway_mac[6] = { 0x06, 0x00, 0xac, 0x10, 0x00,
	0x01 };

struct devconf {
	uint16_t id;
	uint32_t value;
};

/* Of tap0 and v0. The namespace's "all" values are written by sysctl.c. */
static const struct devconf inside[] = {
	{ IPV4_DEVCONF_FORWARDING, 1 },
	{ IPV4_DEVCONF_RP_FILTER, 1 },
	{ IPV4_DEVCONF_ARP_IGNORE, 2 },
	{ IPV4_DEVCONF_ARP_ANNOUNCE, 2 },
	{ IPV4_DEVCONF_ARPFILTER, 1 },
	{ IPV4_DEVCONF_PROXY_ARP, 0 },
	{ IPV4_DEVCONF_ACCEPT_REDIRECTS, 0 },
	{ IPV4_DEVCONF_SEND_REDIRECTS, 0 },
	{ IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0 },
	{ IPV4_DEVCONF_ROUTE_LOCALNET, 0 },
	{ IPV4_DEVCONF_DROP_GRATUITOUS_ARP, 1 },
	{ 0, 0 }
};

static int
same_ns(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int
link_tap(int tun, int ns, uint32_t uid, uint32_t gid, struct err *e)
{
	struct ifreq r;
	unsigned index = TAP_INDEX;
	int where CLEANUP_FD = -1;

	memset(&r, 0, sizeof(r));
	(void)strlcpy(r.ifr_name, TAP_NAME, sizeof(r.ifr_name));
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(tun, TUNSETIFINDEX, &index) < 0 ||
	    ioctl(tun, TUNSETIFF, &r) < 0 || ioctl(tun, TUNSETOWNER, uid) < 0 ||
	    ioctl(tun, TUNSETGROUP, gid) < 0 || ioctl(tun, TUNSETPERSIST, 1) < 0)
		return err_step(e, STEP_TAP, errno, "making %s failed",
		    TAP_NAME);
	memset(&r, 0, sizeof(r));
	if (ioctl(tun, TUNGETIFF, &r) < 0 ||
	    strncmp(r.ifr_name, TAP_NAME, sizeof(r.ifr_name)) != 0)
		return err_step(e, STEP_TAP, EBADMSG,
		    "the TAP is not called %s", TAP_NAME);
	where = ioctl(tun, TUNGETDEVNETNS);
	if (where < 0 || !same_ns(where, ns))
		return err_step(e, STEP_TAP, EBADMSG,
		    "the TAP is in another namespace");
	return 0;
}

/* ---- rtnetlink messages */

static void
msg_link(struct nlbatch *b, uint16_t type, uint16_t flags, int index, int up)
{
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC, .ifi_index = index };

	if (up)
		i.ifi_flags = i.ifi_change = IFF_UP;
	nl_msg(b, type, (uint16_t)(NLM_F_ACK | flags), &i, sizeof(i));
}

static void
msg_settings(struct nlbatch *b, int index, const unsigned char *mac,
    const struct devconf *conf)
{
	struct nlattr *spec, *inet, *list;

	msg_link(b, RTM_NEWLINK, 0, index, 0);
	if (mac != NULL)
		nlm_put(b->h, IFLA_ADDRESS, sizeof(gateway_mac), mac);
	spec = nlm_nest(b->h, IFLA_AF_SPEC);
	inet = nlm_nest(b->h, AF_INET);
	list = nlm_nest(b->h, IFLA_INET_CONF);
	for (; conf->id != 0; conf++)
		nlm_put_u32(b->h, conf->id, conf->value);
	nlm_nest_end(b->h, list);
	nlm_nest_end(b->h, inet);
	nlm_nest_end(b->h, spec);
	nl_end(b);
}

static void
msg_addr(struct nlbatch *b, uint32_t index, uint32_t addr, uint8_t prefix)
{
	struct ifaddrmsg a = { .ifa_family = AF_INET, .ifa_prefixlen = prefix,
		.ifa_index = index };

	nl_msg(b, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &a,
	    sizeof(a));
	nlm_put_u32(b->h, IFA_LOCAL, htonl(addr));
	nlm_put_u32(b->h, IFA_ADDRESS, htonl(addr));
	nl_end(b);
}

static void
msg_guest_neighbour(struct nlbatch *b)
{
	struct ndmsg d = { .ndm_family = AF_INET, .ndm_ifindex = TAP_INDEX,
		.ndm_state = NUD_PERMANENT };

	nl_msg(b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &d,
	    sizeof(d));
	nlm_put_u32(b->h, NDA_DST, htonl(GUEST_ADDR));
	nlm_put(b->h, NDA_LLADDR, sizeof(guest_mac), guest_mac);
	nl_end(b);
}

static void
msg_default_route(struct nlbatch *b, uint32_t gateway, uint32_t index)
{
	struct rtmsg r = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST };

	nl_msg(b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &r,
	    sizeof(r));
	nlm_put_u32(b->h, RTA_GATEWAY, htonl(gateway));
	nlm_put_u32(b->h, RTA_OIF, index);
	nl_end(b);
}

/* ---- the steps */

static int
veth_try(struct net *n, const char *name, int ns)
{
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	struct ifinfomsg peer = { .ifi_index = 0 };
	struct nlattr *info, *data, *p;
	struct nlbatch b;

	nl_begin(&b, &n->route, buf, sizeof(buf));
	msg_link(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	nlm_put_strz(b.h, IFLA_IFNAME, name);
	info = nlm_nest(b.h, IFLA_LINKINFO);
	nlm_put_strz(b.h, IFLA_INFO_KIND, "veth");
	data = nlm_nest(b.h, IFLA_INFO_DATA);
	p = nlm_nest(b.h, VETH_INFO_PEER);
	memcpy(nlm_extra(b.h, sizeof(peer)), &peer,
	    sizeof(peer));
	nlm_put_strz(b.h, IFLA_IFNAME, VETH_NAME);
	nlm_put_u32(b.h, IFLA_NET_NS_FD, (uint32_t)ns);
	nlm_nest_end(b.h, p);
	nlm_nest_end(b.h, data);
	nlm_nest_end(b.h, info);
	nl_end(&b);
	return nl_send(&b, NULL);
}

static int
take_pair(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *i = nlm_payload(h, sizeof(*i));
	const struct nlattr *a;
	struct veth *v = arg;
	size_t left;

	if (h->nlmsg_type != RTM_NEWLINK || i == NULL)
		return 0;
	v->host = (uint32_t)i->ifi_index;
	a = nlm_attrs(h, sizeof(*i), &left);
	v->peer = nlm_u32(nlm_find(a, left, IFLA_LINK));
	return 0;
}

/* The kernel tells the other end's number with this end's. */
static int
veth_pair(struct net *n, const char *name, struct veth *v)
{
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	struct nlbatch b;

	memset(v, 0, sizeof(*v));
	nl_begin(&b, &n->route, buf, sizeof(buf));
	msg_link(&b, RTM_GETLINK, 0, 0, 0);
	nlm_put_strz(b.h, IFLA_IFNAME, name);
	nlm_put_u32(b.h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	nl_end(&b);
	if (nl_dump(&b, take_pair, v) < 0)
		return -1;
	if (v->host == 0 || v->peer == 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

int
link_veth(struct net *n, uint32_t slot, int ns, struct veth *v,
    struct err *e)
{
	const struct timespec ts = { .tv_nsec = EEXIST_WAIT_NS };
	char name[IFNAMSIZ];
	int i, rc = -1;

	slot_ifname(n->c, slot, name);
	for (i = 0; i < EEXIST_TRIES; i++) {
		rc = veth_try(n, name, ns);
		if (rc == 0 || errno != EEXIST)
			break;
		(void)nanosleep(&ts, NULL);
	}
	if (rc < 0)
		return err_step(e, STEP_VETH, errno, "making %s failed", name);
	if (veth_pair(n, name, v) < 0)
		return err_step(e, STEP_VETH, errno, "%s is not there", name);
	return 0;
}

static int
configure_host(struct net *n, uint32_t slot, uint32_t index, int localnet)
{
	const struct devconf conf[] = {
		{ IPV4_DEVCONF_FORWARDING, 1 },
		{ IPV4_DEVCONF_RP_FILTER, 1 },
		{ IPV4_DEVCONF_ARP_IGNORE, 2 },
		{ IPV4_DEVCONF_ARP_ANNOUNCE, 2 },
		{ IPV4_DEVCONF_ARPFILTER, 1 },
		{ IPV4_DEVCONF_PROXY_ARP, 0 },
		{ IPV4_DEVCONF_ACCEPT_REDIRECTS, 0 },
		{ IPV4_DEVCONF_SEND_REDIRECTS, 0 },
		{ IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0 },
		{ IPV4_DEVCONF_ROUTE_LOCALNET, localnet ? 1 : 0 },
		{ IPV4_DEVCONF_DROP_GRATUITOUS_ARP, 1 },
		{ 0, 0 }
	};
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	struct nlbatch b;

	nl_begin(&b, &n->route, buf, sizeof(buf));
	msg_settings(&b, (int)index, NULL, conf);
	msg_addr(&b, index, slot_addr_host(n->c, slot), 31);
	return nl_send(&b, NULL);
}

int
link_localnet(struct net *n, uint32_t slot, int on, struct err *e)
{
	const struct devconf conf[] = {
		{ IPV4_DEVCONF_ROUTE_LOCALNET, on ? 1 : 0 }, { 0, 0 }
	};
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	char name[IFNAMSIZ];
	struct nlbatch b;
	struct veth v;

	slot_ifname(n->c, slot, name);
	if (veth_pair(n, name, &v) == 0) {
		nl_begin(&b, &n->route, buf, sizeof(buf));
		msg_settings(&b, (int)v.host, NULL, conf);
		if (nl_send(&b, NULL) == 0)
			return 0;
	}
	return err_step(e, STEP_ADDRESS, errno,
	    "cannot set route_localnet of %s", name);
}

int
link_configure(struct net *n, struct nlsock *route, uint32_t slot,
    const struct veth *v, int localnet, struct err *e)
{
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	struct nlbatch b;
	unsigned bad = 0;

	nl_begin(&b, route, buf, sizeof(buf));
	/* the MAC first: changing it flushes neighbours */
	msg_settings(&b, TAP_INDEX, gateway_mac, inside);
	msg_settings(&b, (int)v->peer, NULL, inside);
	msg_addr(&b, TAP_INDEX, GUEST_GATEWAY, 30);
	msg_addr(&b, v->peer, slot_addr_vm(n->c, slot), 31);
	msg_guest_neighbour(&b);
	if (nl_send(&b, &bad) < 0)
		return err_step(e, STEP_ADDRESS, errno,
		    "setting %u inside the namespace was refused", bad);
	if (configure_host(n, slot, v->host, localnet) < 0)
		return err_step(e, STEP_ADDRESS, errno,
		    "settings of the host's end were refused");
	return 0;
}

int
link_up(struct net *n, struct nlsock *route, uint32_t slot,
    const struct veth *v, struct err *e)
{
	_Alignas(8) unsigned char buf[BATCH_SIZE];
	struct nlbatch b;

	nl_begin(&b, &n->route, buf, sizeof(buf));
	msg_link(&b, RTM_NEWLINK, 0, (int)v->host, 1);
	nl_end(&b);
	if (nl_send(&b, NULL) < 0)
		return err_step(e, STEP_LINK_UP, errno, "host's end");
	nl_begin(&b, route, buf, sizeof(buf));
	msg_link(&b, RTM_NEWLINK, 0, (int)v->peer, 1);
	nl_end(&b);
	msg_default_route(&b, slot_addr_host(n->c, slot), v->peer);
	msg_link(&b, RTM_NEWLINK, 0, TAP_INDEX, 1);
	nl_end(&b);
	if (nl_send(&b, NULL) < 0)
		return err_step(e, STEP_LINK_UP, errno, "inside");
	return 0;
}
