/* SPDX-License-Identifier: ISC */
/*
 * The guest's console: COM1, written byte by byte as its VMM takes them. Runs
 * in the VM; whatever it writes is a tenant's bytes to everybody outside.
 */
#include "guest.h"

#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20		/* the transmitter takes another byte */

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
