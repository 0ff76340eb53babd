/* SPDX-License-Identifier: ISC */
/* Test code, runs as root in namespaces of its own; see netlab.h. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>
#include <linux/if_tun.h>

#include "common/fdutil.h"
#include "common/vmfd.h"
#include "tests/lib/netlab.h"
#include "tests/lib/roleharness.h"

#define VNET_HDR 10	/* virtio_net_hdr before each frame */
#define ETH 14
#define IP 20

const unsigned char lab_guest_mac[6] = { 0x06, 0, 0xac, 0x10, 0, 0x02 };
const unsigned char lab_gateway_mac[6] = { 0x06, 0, 0xac, 0x10, 0, 0x01 };

void
lab_enter(int ns)
{
	RH(setns(ns, CLONE_NEWNET));
}

static int
own_ns(void)
{
	return RH(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

int
lab_ns(void)
{
	int back = own_ns(), ns;

	RH(unshare(CLONE_NEWNET));
	ns = own_ns();
	(void)lab_run(-1, "ip link set lo up");
	lab_enter(back);
	(void)close(back);
	return ns;
}

static pid_t
shell(int ns, const char *cmd, int out)
{
	pid_t pid = RH(fork());

	if (pid != 0)
		return pid;
	if (ns >= 0)
		lab_enter(ns);
	if (out >= 0)
		RH(dup2(out, STDOUT_FILENO));
	(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
	_exit(127);
}

int
lab_run(int ns, const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;
	int st;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	RH(waitpid(shell(ns, cmd, -1), &st, 0));
	return WIFEXITED(st) ? WEXITSTATUS(st) : 255;
}

int
lab_output(int ns, char *buf, size_t size, const char *cmd)
{
	int p[2], st;
	size_t n = 0;
	ssize_t k;
	pid_t pid;

	RH(pipe2(p, O_CLOEXEC));
	pid = shell(ns, cmd, p[1]);
	(void)close(p[1]);
	while (n < size - 1 && (k = read(p[0], buf + n, size - 1 - n)) > 0)
		n += (size_t)k;
	buf[n] = '\0';
	(void)close(p[0]);
	RH(waitpid(pid, &st, 0));
	return WIFEXITED(st) ? WEXITSTATUS(st) : 255;
}

void
lab_open(struct lab *l)
{
	RH(unshare(CLONE_NEWNET | CLONE_NEWNS));
	RH(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	l->host = own_ns();
	l->world = lab_ns();
	if (lab_run(-1,
		"set -e; ip link set lo up;"
		"echo 1 >/proc/sys/net/ipv4/ip_forward;"
		"ip link add eth0 type veth peer name e0 netns /proc/%d/fd/%d;"
		"ip addr add 5.6.7.1/24 dev eth0; ip link set eth0 up;"
		"ip route add default via 5.6.7.9",
		getpid(), l->world) != 0 ||
	    lab_run(l->world,
		"set -e; ip addr add 5.6.7.9/24 dev e0; ip link set e0 up;"
		"for a in 1.2.3.4 1.2.3.5 169.254.169.254 10.99.0.1"
		" 192.168.7.7 100.64.0.9; do ip addr add $a/32 dev lo; done;"
		"ip route add 10.200.0.0/16 via 5.6.7.1") != 0)
		rh_die("the lab's network");
}

/* ---- sockets */

int
lab_udp(int ns, uint32_t addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };
	int back = own_ns(), fd;

	lab_enter(ns);
	fd = RH(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	RH(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)));
	lab_enter(back);
	(void)close(back);
	return fd;
}

void
lab_send(int fd, uint32_t addr, uint16_t port, const char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };

	/* a refusal by a rule (EPERM) is what some tests want to see */
	(void)sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&sin,
	    sizeof(sin));
}

int
lab_heard(int fd, const char *text, int ms, uint32_t *from, uint16_t *port)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t end = now_ms() + ms;
	struct sockaddr_in sin;
	socklen_t len;
	char buf[2048];
	ssize_t n;

	while (now_ms() <= end) {
		if (poll(&p, 1, (int)(end - now_ms()) + 1) <= 0)
			continue;
		len = sizeof(sin);
		n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&sin,
		    &len);
		if (n < 0 || (size_t)n != strlen(text) ||
		    memcmp(buf, text, (size_t)n) != 0)
			continue;
		if (from != NULL)
			*from = ntohl(sin.sin_addr.s_addr);
		if (port != NULL)
			*port = ntohs(sin.sin_port);
		return 1;
	}
	return 0;
}

/* ---- the guest */

int
lab_tap(int ns, uint32_t uid, uint32_t gid)
{
	struct ifreq r;
	int back = own_ns(), fd;

	memset(&r, 0, sizeof(r));
	(void)strlcpy(r.ifr_name, "tap0", sizeof(r.ifr_name));
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	lab_enter(ns);
	fd = RH(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
	/* effective ids other than 0 take the effective capabilities away */
	RH(setegid(gid));
	RH(seteuid(uid));
	RH(ioctl(fd, TUNSETIFF, &r));
	RH(seteuid(0));
	RH(setegid(0));
	lab_enter(back);
	(void)close(back);
	return fd;
}

static void
put16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

static void
put32(unsigned char *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static uint16_t
sum(const unsigned char *p, size_t n, uint32_t s)
{
	for (; n > 1; p += 2, n -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (n == 1)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static struct frame
ip_frame(uint32_t src, uint32_t dst, uint8_t proto, size_t len)
{
	struct frame f = { .n = ETH + IP + len };
	unsigned char *ip = f.b + ETH;

	memcpy(f.b, lab_gateway_mac, 6);
	memcpy(f.b + 6, lab_guest_mac, 6);
	put16(f.b + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP + len));
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	put16(ip + 10, sum(ip, IP, 0));
	return f;
}

struct frame
lab_udp_frame(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport,
    const char *text)
{
	size_t len = strlen(text);
	struct frame f = ip_frame(src, dst, IPPROTO_UDP, 8 + len);
	unsigned char *u = f.b + ETH + IP;

	put16(u, sport);
	put16(u + 2, dport);
	put16(u + 4, (unsigned)(8 + len));
	memcpy(u + 8, text, len);
	return f;
}

struct frame
lab_ping_frame(uint32_t dst)
{
	struct frame f = ip_frame(GUEST_ADDR, dst, IPPROTO_ICMP, 16);
	unsigned char *i = f.b + ETH + IP;

	i[0] = 8;
	put16(i + 4, 7);
	put16(i + 2, sum(i, 16, 0));
	return f;
}

struct frame
lab_tcp_frame(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport,
    uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct frame f = ip_frame(src, dst, IPPROTO_TCP, 20);
	unsigned char *t = f.b + ETH + IP;
	uint32_t pseudo = (src >> 16) + (src & 0xffff) + (dst >> 16) +
	    (dst & 0xffff) + IPPROTO_TCP + 20;

	put16(t, sport);
	put16(t + 2, dport);
	put32(t + 4, seq);
	put32(t + 8, ack);
	t[12] = 0x50;
	t[13] = flags;
	put16(t + 14, 65535);
	put16(t + 16, sum(t, 20, pseudo));
	return f;
}

struct frame
lab_arp_frame(uint32_t sender, uint32_t target)
{
	static const unsigned char head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	struct frame f = { .n = ETH + 28 };

	memset(f.b, 0xff, 6);
	memcpy(f.b + 6, lab_guest_mac, 6);
	put16(f.b + 12, 0x0806);
	memcpy(f.b + ETH, head, sizeof(head));
	memcpy(f.b + ETH + 8, lab_guest_mac, 6);
	put32(f.b + ETH + 14, sender);
	put32(f.b + ETH + 24, target);
	return f;
}

void
lab_tap_send(int tap, const struct frame *f)
{
	unsigned char buf[VNET_HDR + sizeof(f->b)] = { 0 };

	memcpy(buf + VNET_HDR, f->b, f->n);
	RH(write(tap, buf, VNET_HDR + f->n));
}

static int
is_proto(const struct frame *f, unsigned proto)
{
	if (proto == 0x0806)
		return f->b[12] == 0x08 && f->b[13] == 0x06;
	return f->b[12] == 0x08 && f->b[13] == 0x00 && f->b[ETH + 9] == proto;
}

int
lab_tap_recv(int tap, unsigned proto, int ms, struct frame *f)
{
	struct pollfd p = { .fd = tap, .events = POLLIN };
	unsigned char buf[VNET_HDR + sizeof(f->b)];
	int64_t end = now_ms() + ms;
	ssize_t n;

	while (now_ms() <= end) {
		if (poll(&p, 1, (int)(end - now_ms()) + 1) <= 0)
			continue;
		n = read(tap, buf, sizeof(buf));
		if (n < VNET_HDR + ETH + IP)
			continue;
		f->n = (size_t)n - VNET_HDR;
		memcpy(f->b, buf + VNET_HDR, f->n);
		if (is_proto(f, proto))
			return 1;
	}
	return 0;
}

uint32_t
frame_src(const struct frame *f)
{
	return get32(f->b + ETH + 12);
}

uint32_t
frame_dst(const struct frame *f)
{
	return get32(f->b + ETH + 16);
}

uint16_t
frame_sport(const struct frame *f)
{
	return (uint16_t)(f->b[ETH + IP] << 8 | f->b[ETH + IP + 1]);
}

uint16_t
frame_dport(const struct frame *f)
{
	return (uint16_t)(f->b[ETH + IP + 2] << 8 | f->b[ETH + IP + 3]);
}

uint32_t
frame_tcp_seq(const struct frame *f)
{
	return get32(f->b + ETH + IP + 4);
}

uint8_t
frame_tcp_flags(const struct frame *f)
{
	return f->b[ETH + IP + 13];
}

int
lab_reaches(int tap, uint32_t dst, uint16_t port, int sock, int ms)
{
	static unsigned nth;
	char text[32];
	struct frame f;

	(void)snprintf(text, sizeof(text), "probe %u", ++nth);
	f = lab_udp_frame(GUEST_ADDR, dst, 4000, port, text);
	lab_tap_send(tap, &f);
	return lab_heard(sock, text, ms, NULL, NULL);
}
