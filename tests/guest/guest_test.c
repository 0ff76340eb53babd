/* SPDX-License-Identifier: ISC */
/*
 * The test guest itself, under a plain qemu: its ends, its console, and its
 * network with this test as the other end of the cable (frames in datagrams
 * of a unix socket). Runs as anybody; distrusts nothing. Invariant: each qemu
 * is ended by its own pid.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QEMU "/usr/bin/qemu-system-x86_64"
#define SELF 0xac100001u	/* 172.16.0.1 */
#define GUEST 0xac100002u
#define ETH 14
#define IP 20

static const uint8_t guest_mac[6] = { 6, 0, 0xac, 0x10, 0, 2 };
static const uint8_t self_mac[6] = { 2, 0, 0, 0, 0, 1 };

struct vm {
	pid_t pid;
	int cable;	/* frames, or -1 */
};

static void
vm_start(const struct atf_tc *tc, struct vm *vm, const char *words)
{
	char kernel[512], net[] = "dgram,id=n,local.type=unix,local.path=g.s,"
				  "remote.type=unix,remote.path=t.s";
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "t.s" };

	if (access(QEMU, X_OK) == -1)
		atf_tc_skip("no %s (package qemu-system-x86)", QEMU);
	snprintf(kernel, sizeof(kernel), "%s/guest.elf",
	    atf_tc_get_config_var(tc, "srcdir"));
	vm->cable = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(vm->cable != -1);
	ATF_REQUIRE_EQ(0, bind(vm->cable, (void *)&sun, sizeof(sun)));
	vm->pid = fork();
	ATF_REQUIRE(vm->pid != -1);
	if (vm->pid == 0) {
		execl(QEMU, QEMU, "-M", "microvm", "-accel", "tcg", "-m", "16",
		    "-nodefaults", "-no-user-config", "-display", "none",
		    "-no-reboot", "-serial", "file:console", "-device",
		    "pvpanic", "-kernel", kernel, "-append", words, "-netdev",
		    net, "-device",
		    "virtio-net-device,netdev=n,mac=06:00:ac:10:00:02", NULL);
		_exit(127);
	}
}

/* Read the console until it has the text. 1, or 0 after ten seconds. */
static int
console_has(const char *text)
{
	static char buf[65536];
	size_t n;
	FILE *f;
	int i;

	for (i = 0; i < 1000; i++) {
		if ((f = fopen("console", "r")) != NULL) {
			n = fread(buf, 1, sizeof(buf) - 1, f);
			buf[n] = '\0';
			fclose(f);
			if (strstr(buf, text) != NULL)
				return 1;
		}
		usleep(10000);
	}
	return 0;
}

/* Wait for qemu to end by itself; its exit status, or -1. */
static int
vm_end(const struct vm *vm)
{
	int i, status;

	for (i = 0; i < 1000; i++) {
		if (waitpid(vm->pid, &status, WNOHANG) == vm->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		usleep(10000);
	}
	return -1;
}

static void
vm_kill(const struct vm *vm)
{
	kill(vm->pid, SIGKILL);
	waitpid(vm->pid, NULL, 0);
}

static void
put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* One's complement sum of a whole segment: 0 when its checksum is right. */
static unsigned int
sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (; n > 1; n -= 2, p += 2)
		s += get16(p);
	if (n == 1)
		s += (uint32_t)*p << 8;
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static size_t
ip_frame(uint8_t *f, uint8_t proto, const void *data, size_t len)
{
	memcpy(f, guest_mac, 6);
	memcpy(f + 6, self_mac, 6);
	put16(f + 12, 0x0800);
	memset(f + ETH, 0, IP);
	put16(f + ETH, 0x4500);
	put16(f + ETH + 2, (unsigned int)(IP + len));
	f[ETH + 8] = 64;
	f[ETH + 9] = proto;
	put32(f + ETH + 12, SELF);
	put32(f + ETH + 16, GUEST);
	put16(f + ETH + 10, sum(f + ETH, IP, 0));
	memcpy(f + ETH + IP, data, len);
	return ETH + IP + len;
}

static void
cable_send(const struct vm *vm, const uint8_t *f, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "g.s" };

	ATF_REQUIRE_EQ((ssize_t)len,
	    sendto(vm->cable, f, len, 0, (void *)&sun, sizeof(sun)));
}

/* The next frame within five seconds: its length, or 0. */
static size_t
cable_receive(const struct vm *vm, uint8_t *f, size_t size)
{
	struct pollfd p = { .fd = vm->cable, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, 5000) != 1)
		return 0;
	n = recv(vm->cable, f, size, 0);
	return n < 0 ? 0 : (size_t)n;
}

static size_t
udp_frame(uint8_t *f, unsigned int port, const char *text)
{
	uint8_t seg[1000];
	size_t len = strlen(text);

	put16(seg, 1234);
	put16(seg + 2, port);
	put16(seg + 4, (unsigned int)(8 + len));
	put16(seg + 6, 0);
	memcpy(seg + 8, text, len);
	return ip_frame(f, 17, seg, 8 + len);
}

static size_t
tcp_frame(uint8_t *f, unsigned int port, uint32_t seq, uint32_t ack,
    unsigned int flags, const char *text)
{
	uint8_t seg[1000] = { 0 };
	size_t len = 20 + strlen(text);
	uint32_t pseudo = 6 + (uint32_t)len + (SELF >> 16) + (SELF & 0xffff) +
	    (GUEST >> 16) + (GUEST & 0xffff);

	put16(seg, 4321);
	put16(seg + 2, port);
	put32(seg + 4, seq);
	put32(seg + 8, ack);
	put16(seg + 12, 0x5000 | flags);
	put16(seg + 14, 8192);
	memcpy(seg + 20, text, len - 20);
	put16(seg + 16, sum(seg, len, pseudo));
	return ip_frame(f, 6, seg, len);
}

/* Send, receive an answer of this protocol and check both checksums. */
static size_t
ask(const struct vm *vm, uint8_t *f, size_t len, int proto)
{
	uint8_t *ip = f + ETH;
	uint32_t s;
	size_t n;

	cable_send(vm, f, len);
	n = cable_receive(vm, f, 2048);
	ATF_REQUIRE(n >= ETH + IP + 8);
	ATF_REQUIRE_EQ(0, memcmp(f, self_mac, 6));
	ATF_REQUIRE_EQ(0x0800, get16(f + 12));
	ATF_REQUIRE_EQ(proto, ip[9]);
	ATF_REQUIRE_EQ(SELF, get32(ip + 16));
	ATF_REQUIRE_EQ(0, sum(ip, IP, 0));
	n = get16(ip + 2);
	if (proto == 6) {
		s = 6 + (uint32_t)n - IP + get16(ip + 12) + get16(ip + 14) +
		    get16(ip + 16) + get16(ip + 18);
		ATF_REQUIRE_EQ(0, sum(ip + IP, n - IP, s));
	}
	f[ETH + n] = '\0';
	return n - IP;
}

ATF_TC_WITHOUT_HEAD(ends);
ATF_TC_BODY(ends, tc)
{
	static const char *const words[] = { "poweroff", "reboot", "fault" };
	struct vm vm;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		unlink("t.s");
		unlink("g.s");
		vm_start(tc, &vm, words[i]);
		ATF_CHECK_EQ_MSG(0, vm_end(&vm), "%s", words[i]);
		ATF_CHECK(console_has("POSTERN-TEST-GUEST "));
		ATF_CHECK(console_has(words[i]));
		close(vm.cable);
	}
}

ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	struct vm vm;

	vm_start(tc, &vm, "panic=1 say,one sleep,50 say,two count panic");
	ATF_CHECK(console_has("\none\ntwo\nrx 0 "));
	ATF_CHECK(console_has("POSTERN-TEST-GUEST panic\n"));
	vm_kill(&vm);
}

ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct vm vm;

	vm_start(tc, &vm, "flood");
	ATF_CHECK(console_has("flood flood\nPOSTERN-TEST-GUEST flood"));
	vm_kill(&vm);
}

ATF_TC_WITHOUT_HEAD(arp_and_ping);
ATF_TC_BODY(arp_and_ping, tc)
{
	uint8_t f[2048], icmp[12] = { 8, 0, 0, 0, 1, 2, 3, 4, 'p', 'i', 'n' };
	struct vm vm;

	vm_start(tc, &vm, "");
	ATF_REQUIRE(console_has("POSTERN-TEST-GUEST"));
	memset(f, 0xff, 6);
	memcpy(f + 6, self_mac, 6);
	put32(f + 12, 0x08060001);
	put32(f + 16, 0x08000604);
	put16(f + 20, 1);
	memcpy(f + 22, self_mac, 6);
	put32(f + 28, SELF);
	memset(f + 32, 0, 6);
	put32(f + 38, GUEST);
	cable_send(&vm, f, 42);
	ATF_REQUIRE_EQ(42, cable_receive(&vm, f, sizeof(f)));
	ATF_CHECK_EQ(2, get16(f + 20));
	ATF_CHECK_EQ(0, memcmp(f + 22, guest_mac, 6));
	ATF_CHECK_EQ(GUEST, get32(f + 28));

	put16(icmp + 2, sum(icmp, sizeof(icmp), 0));
	ATF_REQUIRE_EQ(sizeof(icmp),
	    ask(&vm, f, ip_frame(f, 1, icmp, sizeof(icmp)), 1));
	ATF_CHECK_EQ(0, f[ETH + IP]);
	ATF_CHECK_EQ(0, sum(f + ETH + IP, sizeof(icmp), 0));
	ATF_CHECK_EQ(0, memcmp(f + ETH + IP + 4, icmp + 4, 8));
	vm_kill(&vm);
}

ATF_TC_WITHOUT_HEAD(udp);
ATF_TC_BODY(udp, tc)
{
	uint8_t f[2048];
	struct vm vm;

	vm_start(tc, &vm, "");
	ATF_REQUIRE(console_has("POSTERN-TEST-GUEST"));
	ATF_REQUIRE_EQ(8 + 5, ask(&vm, f, udp_frame(f, 7, "hello"), 17));
	ATF_CHECK_STREQ("hello", (char *)f + ETH + IP + 8);
	ask(&vm, f, udp_frame(f, 9999, "count"), 17);
	ATF_CHECK_MSG(strstr((char *)f + ETH + IP + 8, "rx 2 tx 1") != NULL,
	    "%s", (char *)f + ETH + IP + 8);

	/* Any frame at all, twice, then the answer to the datagram. */
	cable_send(&vm, f, udp_frame(f, 9999,
	    "send,2,0102030405060708090a0b0c88b5deadbeef"));
	ATF_REQUIRE_EQ(18, cable_receive(&vm, f, sizeof(f)));
	ATF_CHECK_EQ(0, memcmp(f, "\1\2\3\4\5\6\7\10\11\12\13\14", 12));
	ATF_CHECK_EQ(0xdeadbeef, get32(f + 14));
	ATF_REQUIRE_EQ(18, cable_receive(&vm, f, sizeof(f)));
	ATF_REQUIRE(cable_receive(&vm, f, sizeof(f)) > 18);

	/* It can take another address and MAC. */
	cable_send(&vm, f,
	    udp_frame(f, 9999, "ip,10.1.2.3 mac,020304050607 ping,8.8.8.8"));
	ATF_REQUIRE_EQ(ETH + IP + 16, cable_receive(&vm, f, sizeof(f)));
	ATF_CHECK_EQ(0, memcmp(f + 6, "\2\3\4\5\6\7", 6));
	ATF_CHECK_EQ(0x0a010203, get32(f + ETH + 12));
	ATF_CHECK_EQ(0x08080808, get32(f + ETH + 16));
	vm_kill(&vm);
}

ATF_TC_WITHOUT_HEAD(http);
ATF_TC_BODY(http, tc)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	uint8_t f[2048], *tcp = f + ETH + IP;
	uint32_t iss, end;
	struct vm vm;
	int again;

	vm_start(tc, &vm, "some words");
	ATF_REQUIRE(console_has("POSTERN-TEST-GUEST"));
	ask(&vm, f, tcp_frame(f, 80, 1000, 0, 0x02, ""), 6);
	ATF_REQUIRE_EQ(0x12, tcp[13]);
	ATF_REQUIRE_EQ(1001, get32(tcp + 8));
	iss = get32(tcp + 4);
	/* A request in two pieces; the end of it twice, as after a loss. */
	ask(&vm, f, tcp_frame(f, 80, 1001, iss + 1, 0x18, "GET "), 6);
	ATF_REQUIRE_EQ(1005, get32(tcp + 8));
	for (again = 0; again < 2; again++) {
		end = (uint32_t)ask(&vm, f,
		    tcp_frame(f, 80, 1005, iss + 1, 0x18, get + 4), 6);
		ATF_CHECK_EQ(0x19, tcp[13]);
		ATF_CHECK_EQ(iss + 1, get32(tcp + 4));
		ATF_CHECK_EQ(1001 + strlen(get), get32(tcp + 8));
		ATF_CHECK(strstr((char *)tcp + 20, "test guest\nrequest 1\n"));
		ATF_CHECK(strstr((char *)tcp + 20, "some words") != NULL);
	}
	end = iss + 1 + end - 20 + 1;
	ask(&vm, f,
	    tcp_frame(f, 80, 1001 + sizeof(get) - 1, end, 0x11, ""), 6);
	ATF_CHECK_EQ(0x10, tcp[13]);
	ATF_CHECK_EQ(1001 + sizeof(get), get32(tcp + 8));

	ask(&vm, f, tcp_frame(f, 81, 1, 0, 0x02, ""), 6);
	ATF_CHECK_EQ(0x14, tcp[13]);
	vm_kill(&vm);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ends);
	ATF_TP_ADD_TC(tp, words);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, arp_and_ping);
	ATF_TP_ADD_TC(tp, udp);
	ATF_TP_ADD_TC(tp, http);
	return atf_no_error();
}
