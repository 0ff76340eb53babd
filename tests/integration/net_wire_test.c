/* SPDX-License-Identifier: ISC */
/*
 * Hostile records to the real privd-net: foreign descriptors in
 * PRIVOP_NS_FDS, records that fit no row. As root, in private namespaces.
 */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/netharness.h"

static struct nh h;

#define SETTINGS "cd /proc/sys/net; grep . ipv4/ip_forward ipv4/conf/all/* " \
	"ipv4/conf/eth0/* ipv6/conf/all/disable_ipv6 " \
	"ipv6/conf/default/disable_ipv6; nft list set ip pnt vm"

NH_CASE(wrong_fds, "descriptors of the host or of another VM are refused")
{
	struct nh_vm good, other, v;
	char before[8192], after[8192];
	int i, save;

	nh_setup_run(&h, tc);
	ATF_REQUIRE_EQ(0, lab_output(-1, before, sizeof(before), SETTINGS));
	nh_vm(&other, 4, 78);
	(void)nh_start(&h, &other);
	ATF_REQUIRE_EQ(0, nh_net_down(&h, &other));
	nh_vm(&good, 3, 77);
	v = good;
	v.fds[NSFD_NS] = h.lab.host;
	v.fds[NSFD_ROUTE] = RH(socket(AF_NETLINK, SOCK_RAW, 0));
	v.fds[NSFD_NFT] = RH(socket(AF_NETLINK, SOCK_RAW, 12));
	v.fds[NSFD_TUN] = RH(open("/dev/null", O_RDWR));
	v.fds[NSFD_SYS4] = RH(open("/proc/sys/net/ipv4", O_PATH));
	v.fds[NSFD_SYS6] = RH(open("/proc/sys/net/ipv6", O_PATH));
	/* all the host's, then one of the host's among the right ones */
	nh_fds(&h, &v);
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &v));
	for (i = 0; i < NSFD_N; i++) {
		save = good.fds[i];
		good.fds[i] = v.fds[i];
		nh_fds(&h, &good);
		ATF_CHECK_MSG(nh_up(&h, &good) != 0, "the host's fd %d", i);
		good.fds[i] = i == NSFD_TUN ? save : other.fds[i];
		nh_fds(&h, &good);
		ATF_CHECK_MSG(i == NSFD_TUN || nh_up(&h, &good) != 0,
		    "the other VM's fd %d", i);
		good.fds[i] = save;
	}
	/* the other VM's namespace as a whole */
	other.slot = 3;
	other.fds[NSFD_TUN] = good.fds[NSFD_TUN];
	nh_fds(&h, &other);
	ATF_CHECK_EQ(ENOENT, nh_up(&h, &other));
	ATF_REQUIRE_EQ(0, lab_output(-1, after, sizeof(after), SETTINGS));
	ATF_CHECK_STREQ(before, after);
}

static void
malformed(uint16_t type, int on_jail, size_t len, uint32_t slot, uint64_t gen,
    const char *why)
{
	struct wire_hdr w = { .type = type, .seq = 1, .slot = slot,
		.generation = gen };
	static char body[WIRE_BODY_MAX];

	nh_run(&h);
	RH(wire_send(on_jail ? h.jail : h.front, &w, body, len, NULL, 0));
	ATF_CHECK_EQ_MSG(1, nh_exit(&h), "%s", why);
}

NH_CASE(malformed_records, "what fits no row ends the process")
{
	nh_setup(&h, tc);
	malformed(PRIVOP_NET_UP, 1, sizeof(struct req_net_up), 3, 1,
	    "front's request on jail's wire");
	malformed(PRIVOP_NS_FDS, 0, sizeof(struct req_ns_fds), 3, 1,
	    "jail's request on front's wire");
	malformed(PRIVOP_SPAWN, 0, sizeof(struct req_spawn), 3, 1,
	    "another server's request");
	malformed(9999, 0, 8, 3, 1, "no such request");
	malformed(PRIVOP_NET_DOWN, 0, 16, 3, 1, "wrong length");
	malformed(PRIVOP_NET_DOWN, 0, sizeof(struct req_net_down), 1 << 20, 1,
	    "no such slot");
	malformed(PRIVOP_NET_DOWN, 0, sizeof(struct req_net_down), 3, 0,
	    "no generation");
	malformed(PRIVOP_NS_FDS, 1, sizeof(struct req_ns_fds), 3, 1,
	    "no descriptors");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, wrong_fds);
	ATF_TP_ADD_TC(tp, malformed_records);
	return atf_no_error();
}
