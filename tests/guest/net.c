/* SPDX-License-Identifier: ISC */
/*
 * Ethernet, ARP, IPv4, ICMP and UDP, just enough to answer and to misbehave
 * on request. Runs in the VM. Frames come from whoever the rules under test
 * let through, so each length is checked before a field is read. Invariant:
 * only frames for our own address are answered, and none is answered twice.
 */
#include "guest.h"

#define ETH 14
#define IP 20
#define UDP 8
#define ARP_FRAME 42
#define ICMP_ECHO 8
#define ICMP_UNREACHABLE 3
#define PORT_ECHO 7
#define PORT_CONTROL 9999
#define PORT_PROBE 40000
#define REPORT_MAX 1400

struct net net;

/* The address in the kernel's ip= parameter, or what Postern's guests have. */
static uint32_t
own_address(const char *cmdline)
{
	const char *p;
	uint32_t ip;

	for (p = cmdline; *p != '\0'; p++) {
		if (p != cmdline && p[-1] != ' ')
			continue;
		if (!starts(p, "ip="))
			continue;
		ip = parse_ip(p + 3, &p);
		if (ip != 0)
			return ip;
	}
	return 0xac100002;	/* 172.16.0.2 */
}

void
net_init(const char *cmdline)
{
	static const uint8_t none[6], mac[6] = { 6, 0, 0xac, 0x10, 0, 2 };

	memset(net.gateway, 0xff, 6);
	net.ip = own_address(cmdline);
	net.up = virtio_net_init(cmdline, net.mac);
	if (memcmp(net.mac, none, 6) == 0)
		memcpy(net.mac, mac, 6);
}

int
net_send(const uint8_t *frame, size_t len)
{
	if (!net.up || virtio_send(frame, len) == -1)
		return -1;
	net.tx++;
	return 0;
}

uint16_t
net_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (; n > 1; n -= 2, p += 2)
		sum += be16(p);
	if (n == 1)
		sum += (uint32_t)(*p << 8);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
ethernet(uint8_t *frame, const uint8_t dst[6], uint16_t type)
{
	memcpy(frame, dst, 6);
	memcpy(frame + 6, net.mac, 6);
	put16(frame + 12, type);
}

void
net_ip(uint8_t *frame, uint32_t dst, uint8_t proto, size_t len)
{
	static uint16_t id;
	uint8_t *ip = frame + ETH;

	ethernet(frame, net.gateway, 0x0800);
	put16(ip, 0x4500);
	put16(ip + 2, (uint16_t)(IP + len));
	put16(ip + 4, ++id);
	put16(ip + 6, 0x4000);	/* don't fragment */
	ip[8] = 64;
	ip[9] = proto;
	put16(ip + 10, 0);
	put32(ip + 12, net.ip);
	put32(ip + 16, dst);
	put16(ip + 10, net_sum(ip, IP, 0));
}

static void
arp_send(uint16_t op, const uint8_t mac[6], uint32_t target)
{
	static const uint8_t any[6];
	uint8_t frame[ARP_FRAME];

	ethernet(frame, mac, 0x0806);
	put32(frame + 14, 0x00010800);
	put16(frame + 18, 0x0604);
	put16(frame + 20, op);
	memcpy(frame + 22, net.mac, 6);
	put32(frame + 28, net.ip);
	memcpy(frame + 32, op == 1 ? any : mac, 6);
	put32(frame + 38, target);
	net_send(frame, sizeof(frame));
}

void
net_arp(uint32_t dst)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

	arp_send(1, all, dst);
}

void
net_ping(uint32_t dst)
{
	uint8_t frame[ETH + IP + 16] = { 0 };
	uint8_t *icmp = frame + ETH + IP;

	net_ip(frame, dst, 1, 16);
	put16(icmp, ICMP_ECHO << 8);
	put32(icmp + 4, 0x504f0001);
	put16(icmp + 2, net_sum(icmp, 16, 0));
	net_send(frame, sizeof(frame));
}

void
net_udp(uint32_t dst, uint16_t port)
{
	uint8_t frame[ETH + IP + UDP + 8] = { 0 };
	uint8_t *udp = frame + ETH + IP;

	net_ip(frame, dst, 17, UDP + 8);
	put16(udp, PORT_PROBE);
	put16(udp + 2, port);
	put16(udp + 4, UDP + 8);
	memcpy(udp + UDP, "postern\n", 8);
	net_send(frame, sizeof(frame));
}

void
net_syn(uint32_t dst, uint16_t port)
{
	uint8_t frame[ETH + IP + 20], ports[4];

	put16(ports, PORT_PROBE);
	put16(ports + 2, port);
	tcp_send(frame, dst, ports, 1, 0, 0x02, 0);
}

static void
arp_input(const uint8_t *frame, size_t len)
{
	net.arp++;
	if (len < ARP_FRAME)
		return;
	memcpy(net.gateway, frame + 22, 6);
	if (be16(frame + 20) == 1 && be32(frame + 38) == net.ip)
		arp_send(2, frame + 22, be32(frame + 28));
}

static void
icmp_input(uint8_t *frame, size_t len)
{
	uint8_t *icmp = frame + ETH + IP;
	uint32_t from = be32(frame + ETH + 12);

	net.icmp++;
	if (len < 8)
		return;
	if (icmp[0] == 0)
		net.pong++;
	else if (icmp[0] == ICMP_UNREACHABLE)
		net.unreach++;
	if (icmp[0] != ICMP_ECHO)
		return;
	net_ip(frame, from, 1, len);
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, net_sum(icmp, len, 0));
	net_send(frame, ETH + IP + len);
}

/* Answer with the payload that stands behind the headers already. */
static void
udp_reply(uint8_t *frame, uint32_t to, const uint8_t *asked, size_t len)
{
	uint8_t *udp = frame + ETH + IP;
	uint8_t ports[4];

	memcpy(ports, asked + 2, 2);
	memcpy(ports + 2, asked, 2);
	net_ip(frame, to, 17, UDP + len);
	memcpy(udp, ports, 4);
	put16(udp + 4, (uint16_t)(UDP + len));
	put16(udp + 6, 0);	/* no checksum */
	net_send(frame, ETH + IP + UDP + len);
}

static void
control(uint8_t *frame, uint32_t from, size_t len)
{
	static char words[REPORT_MAX + 1];
	static uint8_t answer[ETH + IP + UDP + REPORT_MAX];
	struct text out = { (char *)answer + ETH + IP + UDP, 0, REPORT_MAX };
	uint8_t *udp = frame + ETH + IP;

	if (len > REPORT_MAX)
		return;
	memcpy(words, udp + UDP, len);
	words[len] = '\0';
	cmd_datagram(words, &out);
	udp_reply(answer, from, udp, out.len);
}

static void
udp_input(uint8_t *frame, size_t len)
{
	uint8_t *udp = frame + ETH + IP;
	uint32_t from = be32(frame + ETH + 12);

	net.udp++;
	if (len < UDP || be16(udp + 4) < UDP || be16(udp + 4) > len)
		return;
	len = (size_t)be16(udp + 4) - UDP;
	switch (be16(udp + 2)) {
	case PORT_ECHO:
		udp_reply(frame, from, udp, len);
		break;
	case PORT_CONTROL:
		control(frame, from, len);
		break;
	case PORT_PROBE:
		net.answers++;
		break;
	default:
		break;
	}
}

static void
ip_input(uint8_t *frame, size_t len)
{
	uint8_t *ip = frame + ETH;
	size_t total;

	if (len < ETH + IP || ip[0] != 0x45 || be32(ip + 16) != net.ip) {
		net.other++;
		return;
	}
	total = be16(ip + 2);
	if (total < IP || total > len - ETH)
		return;
	memcpy(net.gateway, frame + 6, 6);
	switch (ip[9]) {
	case 1:
		icmp_input(frame, total - IP);
		break;
	case 6:
		net.tcp++;
		tcp_input(frame, total - IP);
		break;
	case 17:
		udp_input(frame, total - IP);
		break;
	default:
		net.other++;
	}
}

int
net_poll(void)
{
	uint8_t *frame;
	size_t len;
	int n;

	for (n = 0; net.up && (frame = virtio_receive(&len)) != NULL; n++) {
		net.rx++;
		if (len >= ETH && be16(frame + 12) == 0x0806)
			arp_input(frame, len);
		else if (len >= ETH && be16(frame + 12) == 0x0800)
			ip_input(frame, len);
		else
			net.other++;
		virtio_done();
	}
	return n;
}
