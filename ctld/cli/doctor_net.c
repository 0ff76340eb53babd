/* SPDX-License-Identifier: ISC */
/* postern doctor: the host's network, as far as it meets the VMs'. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/sysconf.h"
#include "ctld/cli/doctor.h"

#define DISCARD 9	/* a port that hardly anybody publishes */
#define ANSWER_MS 300
#define TRIED_MAX 8

/* Lines are "iface destination gateway flags ... mask ...", in hex, as the
 * kernel holds them. */
void
judge_routes(const char *text, uint32_t addr, unsigned prefix,
    const char *ifprefix, struct doc_found *f)
{
	uint32_t pool_mask, net, mask;
	unsigned dest, m;
	char ifname[20];

	pool_mask = prefix > 0 && prefix < 32 ? UINT32_MAX << (32 - prefix) :
						UINT32_MAX;
	doc_say(f, DOC_OK, "none");
	while ((text = strchr(text, '\n')) != NULL) {
		text++;
		if (sscanf(text, "%19s %x %*x %*x %*d %*d %*d %x", ifname,
			&dest, &m) != 3)
			continue;
		net = ntohl(dest);
		mask = ntohl(m);
		/* the default route leads everywhere */
		if (mask == 0 || strncmp(ifname, ifprefix,
			strlen(ifprefix)) == 0)
			continue;
		mask &= pool_mask;
		if (((net ^ addr) & mask) != 0)
			continue;
		doc_say(f, DOC_REFUSE, "%u.%u.%u.%u by %s", net >> 24,
		    net >> 16 & 255, net >> 8 & 255, net & 255, ifname);
		return;
	}
}

static void
probe_pool(const struct doctor *d, struct doc_found *f)
{
	const char *pool = json_string_value(
	    json_object_get(d->policy, "pool"));
	const char *name = json_string_value(
	    json_object_get(d->policy, "interface_prefix"));
	char *text CLEANUP_FREE = malloc(1u << 20);
	unsigned a[4], prefix = 0;
	struct sysconf c;

	sysconf_default(&c);
	prefix = c.pool_prefix;
	if (pool != NULL && sscanf(pool, "%u.%u.%u.%u/%u", &a[0], &a[1],
		&a[2], &a[3], &prefix) == 5 && prefix > 0 && prefix < 32)
		c.pool_addr = a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3];
	if (text == NULL ||
	    fd_slurp(d->root, "proc/net/route", text, 1u << 20) < 0)
		doc_say(f, DOC_UNSEEN, "/proc/net/route");
	else
		judge_routes(text, c.pool_addr, prefix,
		    name != NULL ? name : c.ifprefix, f);
}

static void
judge_legacy(const char *text, struct doc_found *f)
{
	if (text[0] == '\0')
		doc_say(f, DOC_OK, "none");
	else
		doc_say(f, DOC_WARN, "tables: %.100s", text);
}

static void
judge_count(const struct doctor *d, struct doc_found *f)
{
	char now[32], most[32];
	long n, max;

	if (fd_slurp(d->root, "proc/sys/net/netfilter/nf_conntrack_count",
		now, sizeof(now)) < 0 ||
	    fd_slurp(d->root, "proc/sys/net/netfilter/nf_conntrack_max",
		most, sizeof(most)) < 0) {
		doc_say(f, DOC_OK, "not loaded yet");
		return;
	}
	n = strtol(now, NULL, 10);
	max = strtol(most, NULL, 10);
	doc_say(f, max >= 65536 && n < max / 5 * 4 ? DOC_OK : DOC_WARN,
	    "%ld of %ld flows", n, max);
}

/* Does anything come back from a port of this VM that nobody published? A
 * rule that is there and matches nothing would let it. */
static int
answers(const char *address)
{
	int fd CLEANUP_FD = socket(AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(DISCARD) };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int e = 0;

	if (fd < 0 || inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		return 0;
	if (connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) < 0 &&
	    (errno != EINPROGRESS || poll(&p, 1, ANSWER_MS) != 1 ||
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0))
		return errno == ECONNREFUSED;
	return e == 0 || e == ECONNREFUSED;
}

static void
probe_packets(const struct doctor *d, struct doc_found *f)
{
	unsigned tried = 0;
	const char *name, *address;
	const json_t *v;
	size_t i;

	for (i = 0; i < json_array_size(d->vms) && tried < TRIED_MAX; i++) {
		v = json_array_get(d->vms, i);
		name = json_string_value(json_object_get(v, "name"));
		address = json_string_value(json_object_get(v, "address"));
		if (name == NULL || address == NULL)
			continue;
		tried++;
		if (answers(address)) {
			doc_say(f, DOC_REFUSE, "%.63s answers at %.16s, port "
			    "%u, which is not published", name, address,
			    DISCARD);
			return;
		}
	}
	if (tried > 0)
		doc_say(f, DOC_OK, "%u VMs are silent", tried);
	else
		doc_say(f, DOC_UNSEEN, "no VM of the caller's runs");
}

static const struct doc_check checks[] = {
	{ .name = "packets", .probe = probe_packets,
	    .wanted = "what is not published does not answer",
	    .why = "a rule that matches nothing looks like one that does",
	    .fix = "postern doctor --verify; postern stop it" },
	{ .name = "pool", .probe = probe_pool,
	    .wanted = "no route of the host's into it",
	    .why = "what is behind that route could not be reached",
	    .fix = "[network] pool in postern.conf" },
	{ .name = "flows", .probe = judge_count,
	    .wanted = "65536 or more, a fifth of them free",
	    .why = "a full table drops everybody's packets",
	    .fix = "sysctl -w net.netfilter.nf_conntrack_max=262144" },
	{ .name = "legacy iptables", .path = "proc/net/ip_tables_names",
	    .judge = judge_legacy, .absent = DOC_OK, .wanted = "none",
	    .why = "rules of two kinds judge every packet, and a DROP in "
		   "either wins",
	    .fix = "update-alternatives --set iptables /usr/sbin/iptables-nft"
	},
	{ .name = "bridged packets",
	    .path = "proc/sys/net/bridge/bridge-nf-call-iptables", .lo = 0,
	    .hi = 0, .bad = DOC_WARN, .absent = DOC_OK, .wanted = "0",
	    .why = "other programs' bridged packets would meet our rules",
	    .fix = "sysctl -w net.bridge.bridge-nf-call-iptables=0" },
	{ .name = "rp_filter", .path = "proc/sys/net/ipv4/conf/all/rp_filter",
	    .lo = 0, .hi = 1, .bad = DOC_WARN, .absent = DOC_OK,
	    .wanted = "0 or 1",
	    .why = "2 is weaker than 1 but wins over a VM's own link",
	    .fix = "sysctl -w net.ipv4.conf.all.rp_filter=1" },
	{ .name = "route_localnet",
	    .path = "proc/sys/net/ipv4/conf/all/route_localnet", .lo = 0,
	    .hi = 0, .bad = DOC_WARN, .absent = DOC_OK, .wanted = "0",
	    .why = "neighbours could reach what listens on 127.0.0.1",
	    .fix = "sysctl -w net.ipv4.conf.all.route_localnet=0" },
	{ .name = "redirects",
	    .path = "proc/sys/net/ipv4/conf/all/send_redirects", .lo = 0,
	    .hi = 0, .bad = DOC_WARN, .absent = DOC_OK, .wanted = "0",
	    .why = "a router tells nobody of shorter ways",
	    .fix = "sysctl -w net.ipv4.conf.all.send_redirects=0" },
};
const struct doc_group doc_net = { "network", checks,
	sizeof(checks) / sizeof(checks[0]) };
