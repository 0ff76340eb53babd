/* SPDX-License-Identifier: ISC */
/*
 * What a test can ask of its guest: words on the kernel's command line, done
 * in order, and the same words in datagrams to UDP port 9999, which answers
 * with a report. Arguments follow after commas; unknown words are the
 * kernel's and mean nothing here. Runs in the VM. Invariant: a word that
 * waits (sleep) never stops the network.
 */
#include "guest.h"

#define EAT_FROM 0x1000000u	/* far behind the guest's own pages */

static struct {
	const char *line;	/* the whole command line */
	const char *next;	/* what is left of it */
	uint32_t until;		/* sleep ends */
	int sleeping;
	int deaf;		/* ignore the power button */
} cmd;

struct args {
	const char *s;		/* behind the word's name and its comma */
	struct text *out;
};

static void
comma(struct args *a)
{
	if (*a->s == ',')
		a->s++;
}

static uint32_t
number(struct args *a)
{
	uint32_t v = parse_dec(a->s, &a->s);

	comma(a);
	return v;
}

static uint32_t
address(struct args *a)
{
	uint32_t v = parse_ip(a->s, &a->s);

	comma(a);
	return v;
}

/* Bytes in hexadecimal up to the word's end. */
static size_t
bytes(struct args *a, uint8_t *buf, size_t size)
{
	char pair[3] = { 0 };
	const char *end;
	size_t n;

	for (n = 0; n < size && a->s[0] > ' ' && a->s[1] > ' '; n++) {
		memcpy(pair, a->s, 2);
		buf[n] = (uint8_t)parse_hex(pair, &end);
		a->s += 2;
	}
	return n;
}

static void
do_flood(struct args *a)
{
	(void)a;
	for (;;)
		serial_puts("POSTERN-TEST-GUEST flood flood flood flood\n");
}

static void
do_spin(struct args *a)
{
	(void)a;
	for (;;)
		__asm__ volatile("pause");
}

/* One byte in each page above the guest's own: the VMM needs them all then. */
static void
do_eat(struct args *a)
{
	volatile uint8_t *page = (volatile uint8_t *)EAT_FROM;
	uint32_t n = number(a) << 8;

	for (; n > 0; n--, page += 4096)
		*page = 1;
	serial_puts("POSTERN-TEST-GUEST full\n");
}

static void
do_halt(struct args *a)
{
	(void)a;
	machine_halt();
}

static void
do_reboot(struct args *a)
{
	(void)a;
	machine_reboot();
}

static void
do_poweroff(struct args *a)
{
	(void)a;
	machine_poweroff();
}

static void
do_fault(struct args *a)
{
	(void)a;
	machine_fault();
}

static void
do_panic(struct args *a)
{
	(void)a;
	machine_panic();
}

static void
do_sleep(struct args *a)
{
	cmd.until = clock_ms() + number(a);
	cmd.sleeping = 1;
}

static void
do_doze(struct args *a)
{
	(void)a;
	machine_doze();
}

static void
do_deaf(struct args *a)
{
	(void)a;
	cmd.deaf = 1;
}

static void
do_say(struct args *a)
{
	while (*a->s > ' ')
		serial_putc(*a->s++);
	serial_putc('\n');
}

static void
do_echo(struct args *a)
{
	(void)a;
	serial_echo();
}

/* What a terminal must never see raw: a title, a question, a colour, a
 * screen of its own, C1 controls. */
static void
do_esc(struct args *a)
{
	(void)a;
	serial_puts("\033]0;evil\007\033[c\033[31mred\033[?1049h\302\2331;2H"
		    "\2331m\n");
}

static void
do_open(struct args *a)
{
	channel_open(number(a), 1);
}

static void
do_shut(struct args *a)
{
	channel_open(number(a), 0);
}

static void
do_send(struct args *a)
{
	uint8_t frame[GUEST_MTU_FRAME];
	uint32_t n = number(a);
	size_t len = bytes(a, frame, sizeof(frame));

	while (n-- > 0)
		net_send(frame, len);
}

static void
do_mac(struct args *a)
{
	bytes(a, net.mac, sizeof(net.mac));
}

static void
do_ip(struct args *a)
{
	net.ip = address(a);
}

static void
do_arp(struct args *a)
{
	net_arp(address(a));
}

static void
do_ping(struct args *a)
{
	net_ping(address(a));
}

static void
do_syn(struct args *a)
{
	uint32_t ip = address(a);

	net_syn(ip, (uint16_t)number(a));
}

static void
do_udp(struct args *a)
{
	uint32_t ip = address(a);

	net_udp(ip, (uint16_t)number(a));
}

/* Another flow with each datagram, for ever. */
static void
do_flows(struct args *a)
{
	uint32_t ip = address(a), n;

	for (n = 1;; n++)
		net_udp(ip, (uint16_t)n);
}

static void
do_clear(struct args *a)
{
	(void)a;
	net.rx = net.tx = net.arp = net.icmp = net.tcp = net.udp = 0;
	net.other = net.pong = net.synack = net.rst = net.unreach = 0;
	net.answers = net.pages = 0;
}

static void
do_count(struct args *a)
{
	const struct {
		const char *name;
		uint32_t value;
	} counts[] = {
		{ "rx ", net.rx }, { " tx ", net.tx }, { " arp ", net.arp },
		{ " icmp ", net.icmp }, { " tcp ", net.tcp },
		{ " udp ", net.udp }, { " other ", net.other },
		{ " pong ", net.pong }, { " synack ", net.synack },
		{ " rst ", net.rst }, { " unreach ", net.unreach },
		{ " answers ", net.answers }, { " pages ", net.pages },
	};
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		text_str(a->out, counts[i].name);
		text_dec(a->out, counts[i].value);
	}
	text_str(a->out, "\n");
}

static const struct {
	const char *name;
	void (*run)(struct args *);
} words[] = {
	{ "halt", do_halt },		/* stop for ever, deaf to everything */
	{ "spin", do_spin },		/* burn the CPU for ever */
	{ "eat", do_eat },		/* eat,MIB of its memory */
	{ "flood", do_flood },		/* write to the console for ever */
	{ "reboot", do_reboot },
	{ "poweroff", do_poweroff },
	{ "fault", do_fault },		/* triple fault */
	{ "panic", do_panic },		/* tell pvpanic, then halt */
	{ "sleep", do_sleep },		/* sleep,MS before the next word */
	{ "doze", do_doze },		/* cost little; a sleep ends late */
	{ "deaf", do_deaf },		/* the power button does nothing */
	{ "say", do_say },		/* say,TEXT on the console */
	{ "echo", do_echo },		/* answer lines on the console */
	{ "esc", do_esc },		/* sequences for a terminal */
	{ "open", do_open },		/* open,N: channel port io.postern.N */
	{ "shut", do_shut },		/* shut,N: close it, or never open it */
	{ "send", do_send },		/* send,COUNT,FRAME (hexadecimal) */
	{ "mac", do_mac },		/* mac,060000000001: use this one now */
	{ "ip", do_ip },		/* ip,A.B.C.D: use this one now */
	{ "arp", do_arp },		/* arp,A.B.C.D: ask who has it */
	{ "ping", do_ping },		/* ping,A.B.C.D */
	{ "syn", do_syn },		/* syn,A.B.C.D,PORT */
	{ "udp", do_udp },		/* udp,A.B.C.D,PORT */
	{ "flows", do_flows },		/* flows,A.B.C.D: open them for ever */
	{ "clear", do_clear },		/* all counters to 0 */
	{ "count", do_count },		/* report them */
};

/* Perform the word at s and return what stands behind it. */
static const char *
word(const char *s, struct text *out)
{
	struct args a = { NULL, out };
	size_t i, n;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		n = strlen(words[i].name);
		if (!starts(s, words[i].name) || s[n] > ',')
			continue;
		a.s = s + n;
		comma(&a);
		words[i].run(&a);
		break;
	}
	while (*s > ' ')
		s++;
	while (*s != '\0' && *s <= ' ')
		s++;
	return s;
}

void
cmd_start(const char *cmdline)
{
	cmd.line = cmd.next = cmdline;
}

const char *
cmd_line(void)
{
	return cmd.line;
}

void
cmd_poll(void)
{
	static char report[256];
	struct text out;

	if (machine_button() && !cmd.deaf) {
		serial_puts("POSTERN-TEST-GUEST power button\n");
		machine_poweroff();
	}
	if (cmd.sleeping && (int32_t)(clock_ms() - cmd.until) >= 0)
		cmd.sleeping = 0;
	while (*cmd.next != '\0' && !cmd.sleeping) {
		out = (struct text) { report, 0, sizeof(report) };
		report[0] = '\0';
		cmd.next = word(cmd.next, &out);
		serial_puts(report);
	}
}

void
cmd_datagram(const char *s, struct text *out)
{
	while (*s != '\0')
		s = word(s, out);
}
