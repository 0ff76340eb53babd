/* SPDX-License-Identifier: ISC */
/*
 * A network to try packets in: this process's own namespace plays the host,
 * another the world outside; a guest is this process with a TAP open, which
 * writes and reads whole Ethernet frames. As root, in private namespaces
 * only. Failures of the lab itself end the test.
 */
#ifndef TESTS_NETLAB_H
#define TESTS_NETLAB_H

#include <stddef.h>
#include <stdint.h>

#define LAB_HOST 0x05060701u	/* 5.6.7.1: the host's address */
#define LAB_WORLD 0x05060709u	/* 5.6.7.9: the world's, its router */
#define LAB_ALLOWED 0x01020304u	/* addresses of the world */
#define LAB_OTHER 0x01020305u
#define LAB_METADATA 0xa9fea9feu
#define LAB_PRIVATE10 0x0a630001u
#define LAB_PRIVATE192 0xc0a80707u
#define LAB_CGNAT 0x64400009u

struct lab {
	int host, world;	/* namespaces */
};

/* Run a shell command in a namespace (-1: where we are); its exit status. */
int lab_run(int ns, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* As lab_run; its output in buf. */
int lab_output(int ns, char *buf, size_t size, const char *cmd);

void lab_open(struct lab *l);
/* A namespace, entered and left again; the caller owns the descriptor. */
int lab_ns(void);
void lab_enter(int ns);

/* A UDP socket in ns, bound to addr:port (0: any). Non-blocking. */
int lab_udp(int ns, uint32_t addr, uint16_t port);
void lab_send(int fd, uint32_t addr, uint16_t port, const char *text);
/* Does text arrive within ms? from/port, if not NULL, get the sender. */
int lab_heard(int fd, const char *text, int ms, uint32_t *from,
    uint16_t *port);

/* ---- a guest */
struct frame {
	unsigned char b[2048];
	size_t n;
};
extern const unsigned char lab_guest_mac[6], lab_gateway_mac[6];

/* Open the TAP of a VM's namespace as its uid and gid, with no capability. */
int lab_tap(int ns, uint32_t uid, uint32_t gid);
/* An Ethernet frame from the guest to its gateway around an IPv4 packet. */
struct frame lab_udp_frame(uint32_t src, uint32_t dst, uint16_t sport,
    uint16_t dport, const char *text);
struct frame lab_ping_frame(uint32_t dst);
struct frame lab_tcp_frame(uint32_t src, uint32_t dst, uint16_t sport,
    uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack);
struct frame lab_arp_frame(uint32_t sender, uint32_t target);
void lab_tap_send(int tap, const struct frame *f);
/* The next frame from the gateway that carries this protocol (0x0806: ARP;
 * 1, 6, 17: IPv4) within ms; 0 if none comes. */
int lab_tap_recv(int tap, unsigned proto, int ms, struct frame *f);
/* Does a UDP packet of the guest arrive at this socket within ms? */
int lab_reaches(int tap, uint32_t dst, uint16_t port, int sock, int ms);
/* IPv4 fields of a received frame. */
uint32_t frame_src(const struct frame *f);
uint32_t frame_dst(const struct frame *f);
uint16_t frame_sport(const struct frame *f);
uint16_t frame_dport(const struct frame *f);
uint32_t frame_tcp_seq(const struct frame *f);
uint8_t frame_tcp_flags(const struct frame *f);

#endif
