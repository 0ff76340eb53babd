/* SPDX-License-Identifier: ISC */
/*
 * A bare-metal guest for tests: entered by the PVH protocol in 32-bit mode
 * without paging, alone on one CPU, ready some milliseconds after its VMM's
 * exec. Runs inside a VM and is trusted by nobody; it plays the tenant's
 * part, the hostile one included. Nothing of the host's C library exists
 * here. Invariant: all memory is static, so it can never run out.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_MTU_FRAME 1514

/* lib.c: what a C library would give. */
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int starts(const char *s, const char *prefix);
/* Read a number up to the first other character; *end is set to that. */
uint32_t parse_dec(const char *s, const char **end);
uint32_t parse_hex(const char *s, const char **end);
/* A.B.C.D in host order; 0 when it is none. */
uint32_t parse_ip(const char *s, const char **end);

/* A bounded text under construction; what does not fit is left out. */
struct text {
	char *buf;
	size_t len, size;
};
void text_str(struct text *t, const char *s);
void text_dec(struct text *t, uint32_t v);
void text_hex(struct text *t, const uint8_t *p, size_t n);

/* Big-endian fields of frames, at any alignment. */
uint16_t be16(const uint8_t *p);
uint32_t be32(const uint8_t *p);
void put16(uint8_t *p, uint16_t v);
void put32(uint8_t *p, uint32_t v);

/* machine.c: ports, clock, power. */
void outb(uint16_t port, uint8_t v);
uint8_t inb(uint16_t port);
volatile uint32_t *reg32(uint32_t addr);
/* Set up clock and interrupts; qemu: the machine is qemu's microvm. */
void machine_init(int qemu);
uint32_t clock_ms(void);
/* Sleep until an interrupt, ten milliseconds at most. */
void machine_idle(void);
/* Look at the time seldom, so that many guests cost a slow host little; what
 * devices bring is heard as soon as ever. */
void machine_doze(void);
/* Whether the host pressed the power button, or Ctrl-Alt-Del, since. */
int machine_button(void);
void machine_poweroff(void) __attribute__((noreturn));
void machine_reboot(void) __attribute__((noreturn));
void machine_fault(void) __attribute__((noreturn));
void machine_panic(void) __attribute__((noreturn));
void machine_halt(void) __attribute__((noreturn));

/* start.S */
void irq_entry(void);
/* Enable interrupts, halt, and come back with them disabled. */
void irq_wait(void);
/* Load the interrupt table: limit and base as lidt wants them. */
struct idtr {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
void irq_load(const struct idtr *idt);

/* serial.c: COM1. */
void serial_init(void);
void serial_putc(char c);
void serial_puts(const char *s);
/* Answer each line that comes in, as a channel does; else none is read. */
void serial_echo(void);
int serial_poll(void);		/* bytes that came */

/* channel.c: virtio-serial ports io.postern.N. */
void channel_init(const char *cmdline);
int channel_poll(void);		/* things that came */
/* Open or close this port; one not known yet stays shut if it comes. */
void channel_open(uint32_t number, int open);

/* virtio.c: one virtio-mmio network device, legacy or modern. */
/* Find and start it. 1 with its MAC, or 0 when there is none. */
int virtio_net_init(const char *cmdline, uint8_t mac[6]);
/* Is this qemu's microvm, whose devices stand in fixed places? */
int virtio_is_qemu(void);
/* Queue a copy of the frame. 0, or -1 when the ring stays full. */
int virtio_send(const uint8_t *frame, size_t len);
/* The next received frame or NULL; it is valid until virtio_done(). */
uint8_t *virtio_receive(size_t *len);
void virtio_done(void);

/* net.c: ARP, ping, UDP and the frames that a test asks for. */
struct net {
	int up;
	uint8_t mac[6], gateway[6];	/* gateway: learnt from its frames */
	uint32_t ip;
	/* Counted since the start or since `clear`. */
	uint32_t rx, tx, arp, icmp, tcp, udp, other;
	uint32_t pong, synack, rst, unreach, answers, pages;
};
extern struct net net;
void net_init(const char *cmdline);
/* Handle everything that has come; returns the number of frames. */
int net_poll(void);
int net_send(const uint8_t *frame, size_t len);
uint16_t net_sum(const uint8_t *p, size_t n, uint32_t sum);
/* Fill Ethernet and IPv4 headers in front of len bytes of payload. */
void net_ip(uint8_t *frame, uint32_t dst, uint8_t proto, size_t len);
void net_ping(uint32_t dst);
void net_syn(uint32_t dst, uint16_t port);
void net_udp(uint32_t dst, uint16_t port);
void net_arp(uint32_t dst);

/* tcp.c: a one-page HTTP server on port 80 without state. */
void tcp_input(const uint8_t *frame, size_t len);
void tcp_send(uint8_t *frame, uint32_t dst, const uint8_t ports[4],
    uint32_t seq, uint32_t ack, uint8_t flags, size_t len);

/* cmd.c: words of the command line and of control datagrams. */
void cmd_start(const char *cmdline);
void cmd_poll(void);
/* Perform the words in s now; what they report is put into *out. */
void cmd_datagram(const char *s, struct text *out);
const char *cmd_line(void);

void guest_main(const uint32_t *start_info);

#endif
