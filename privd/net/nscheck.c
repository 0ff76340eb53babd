/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Distrusts jail: with another namespace in a VM's place,
 * what is meant for this VM would be done to that one. What a descriptor is,
 * and which namespace a VM's link leads to, only the kernel is asked.
 */
#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/fdutil.h"
#include "policy/steps.h"
#include "privd/net/nscheck.h"

int
ns_check(const struct net *n, int ns, struct stat *st, struct err *e)
{
	if (ioctl(ns, NS_GET_NSTYPE) != CLONE_NEWNET || fstat(ns, st) < 0)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "not a network namespace");
	if (n->host_ns[0] == st->st_dev && n->host_ns[1] == st->st_ino)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "the namespace is the host's");
	return 0;
}

int
ns_check_socket(int fd, int proto, const struct stat *ns, struct err *e)
{
	int where CLEANUP_FD = -1;
	int domain = -1, is = -1;
	socklen_t len = sizeof(int);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &is, &len) < 0 ||
	    domain != AF_NETLINK || is != proto)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "not a netlink socket of family %d", proto);
	where = ioctl(fd, SIOCGSKNS);
	if (where < 0 || fstat(where, &st) < 0 || st.st_dev != ns->st_dev ||
	    st.st_ino != ns->st_ino)
		return err_step(e, STEP_NET_FDS, EBADMSG,
		    "the socket of family %d is of another namespace", proto);
	return 0;
}

/* The host's number for a namespace, in an answer of either question. */
struct nsid {
	size_t hdr;		/* bytes before the attributes */
	uint16_t type;
	int id;			/* negative: none was told */
};

static int
take_id(const struct nlmsghdr *h, void *arg)
{
	struct nsid *want = arg;
	const struct nlattr *a;
	size_t left;

	a = nlm_attrs(h, want->hdr, &left);
	a = nlm_find(a, left, want->type);
	if (a != NULL)
		want->id = (int)nlm_u32(a);
	return 0;
}

static int
id_of_link(struct net *n, uint32_t slot)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nsid want = { sizeof(struct ifinfomsg), IFLA_LINK_NETNSID,
		-1 };
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
	char name[IFNAMSIZ];
	struct nlbatch b;

	slot_ifname(n->c, slot, name);
	nl_begin(&b, &n->route, buf, sizeof(buf));
	nl_msg(&b, RTM_GETLINK, NLM_F_ACK, &i, sizeof(i));
	nlm_put_strz(b.h, IFLA_IFNAME, name);
	nlm_put_u32(b.h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	nl_end(&b);
	return nl_dump(&b, take_id, &want) < 0 ? -1 : want.id;
}

static int
id_of_ns(struct net *n, int ns)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nsid want = { sizeof(struct rtgenmsg), NETNSA_NSID, -1 };
	struct rtgenmsg g = { .rtgen_family = AF_UNSPEC };
	struct nlbatch b;

	nl_begin(&b, &n->route, buf, sizeof(buf));
	nl_msg(&b, RTM_GETNSID, NLM_F_ACK, &g, sizeof(g));
	nlm_put_u32(b.h, NETNSA_FD, (uint32_t)ns);
	nl_end(&b);
	return nl_dump(&b, take_id, &want) < 0 ? -1 : want.id;
}

int
ns_check_slot(struct net *n, uint32_t slot, int ns, struct err *e)
{
	/* in this order: asking for the link gives its namespace a number */
	int link = id_of_link(n, slot), is = id_of_ns(n, ns);

	if (link >= 0 && link == is)
		return 0;
	return err_step(e, STEP_NET_FDS, EBADMSG,
	    "the namespace is not the one that the VM's link leads to");
}
