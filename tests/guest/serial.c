/* SPDX-License-Identifier: ISC */
/*
 * The guest's console: COM1, written byte by byte as its VMM takes them. Runs
 * in the VM; whatever it writes is a tenant's bytes to everybody outside. Its
 * input is ignored until a test wants it answered.
 */
#include "guest.h"

#define COM1 0x3f8
#define COM1_IER (COM1 + 1)
#define COM1_FCR (COM1 + 2)
#define COM1_LSR (COM1 + 5)
#define IER_RECEIVED 1
#define FCR_ENABLE 1
#define LSR_DATA 1
#define LSR_THRE 0x20		/* the transmitter takes another byte */

static struct {
	int on;
	char line[256];
	size_t len;
} echo;

void
serial_putc(char c)
{
	while ((inb(COM1_LSR) & LSR_THRE) == 0)
		continue;
	outb(COM1, (uint8_t)c);
}

void
serial_puts(const char *s)
{
	while (*s != '\0')
		serial_putc(*s++);
}

/* Early: to switch the queue on throws away what it has. */
void
serial_init(void)
{
	outb(COM1_FCR, FCR_ENABLE);
	outb(COM1_IER, IER_RECEIVED);
}

void
serial_echo(void)
{
	echo.on = 1;
}

static void
answer(void)
{
	static char report[256];
	struct text t = { report, 0, sizeof(report) - 1 };

	echo.line[echo.len] = '\0';
	echo.len = 0;
	if (starts(echo.line, "do ")) {
		cmd_datagram(echo.line + 3, &t);
		report[t.len] = '\0';
		serial_puts(report);
		serial_puts("done\n");
		return;
	}
	serial_puts("serial: ");
	serial_puts(echo.line);
	serial_puts("\n");
}

int
serial_poll(void)
{
	int n = 0;
	char c;

	for (; echo.on && (inb(COM1_LSR) & LSR_DATA) != 0; n++) {
		c = (char)inb(COM1);
		if (c == '\r' || c == '\n')
			answer();
		else if (echo.len < sizeof(echo.line) - 1)
			echo.line[echo.len++] = c;
	}
	return n;
}
