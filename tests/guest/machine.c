/* SPDX-License-Identifier: ISC */
/*
 * The guest's machine: port and memory access, a clock, interrupts to sleep
 * by, and the ways to end. Runs in the VM, on qemu's microvm and on
 * Firecracker. Invariant: interrupts are taken only inside machine_idle(), so
 * no code anywhere needs a lock.
 */
#include "guest.h"

#define LAPIC 0xfee00000u
#define LAPIC_SPURIOUS (LAPIC + 0xf0)
#define LAPIC_LVT_TIMER (LAPIC + 0x320)
#define LAPIC_COUNT_INIT (LAPIC + 0x380)
#define LAPIC_COUNT (LAPIC + 0x390)
#define LAPIC_DIVIDE (LAPIC + 0x3e0)
#define LAPIC_ENABLE 0x100
#define LAPIC_PERIODIC 0x20000
#define LAPIC_BY_ONE 0xb
#define TICK 10000000u		/* ns: qemu and KVM count nanoseconds */

#define IOAPIC_PINS 24
#define VECTOR 0x40
#define VECTOR_SPURIOUS 0x4f

/* microvm's generic event device: events, then sleep and reset registers. */
#define GED_EVENTS 0xfea00000u
#define GED_SLEEP 0xfea00200u
#define GED_RESET 0xfea00202u
#define GED_POWER_BUTTON 0x2
#define GED_SLEEP_S5 0x34
#define GED_RESET_VALUE 0x42

#define KBD_STATUS 0x64
#define KBD_DATA 0x60
#define KBD_RESET 0xfe
#define KBD_ABSENT 0xff
#define KEY_DELETE 0x71

#define PVPANIC 0x505
#define PVPANIC_PANICKED 1

static struct {
	int qemu;
	uint32_t khz;		/* units of 1,024 TSC cycles a second */
	uint64_t start;
} machine;

static struct {
	uint16_t low, selector, flags, high;
} idt[VECTOR_SPURIOUS + 1];

void
outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

uint8_t
inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

volatile uint32_t *
reg32(uint32_t addr)
{
	return (volatile uint32_t *)addr;
}

static uint64_t
tsc(void)
{
	uint64_t v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

/* Send every pin to the one vector: whatever device it is, we look at all. */
static void
ioapic_init(uint32_t base)
{
	uint32_t pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		*reg32(base) = 0x10 + 2 * pin;
		*reg32(base + 0x10) = VECTOR;
		*reg32(base) = 0x11 + 2 * pin;
		*reg32(base + 0x10) = 0;
	}
}

static void
gate(unsigned int vector)
{
	uint32_t entry = (uint32_t)irq_entry;

	idt[vector].low = (uint16_t)entry;
	idt[vector].selector = 8;
	idt[vector].flags = 0x8e00;
	idt[vector].high = (uint16_t)(entry >> 16);
}

/* Measure the TSC against a tenth of the timer's period. */
static void
clock_init(void)
{
	uint64_t before;
	uint32_t from;

	from = *reg32(LAPIC_COUNT);
	before = tsc();
	while (from - *reg32(LAPIC_COUNT) < TICK / 10)
		continue;
	machine.khz = (uint32_t)((tsc() - before) >> 10);
	if (machine.khz == 0)
		machine.khz = 1;
	machine.start = tsc();
}

void
machine_init(int qemu)
{
	struct idtr idtr = { sizeof(idt) - 1, (uint32_t)idt };

	machine.qemu = qemu;
	gate(VECTOR);
	gate(VECTOR_SPURIOUS);
	irq_load(&idtr);
	outb(0x21, 0xff);	/* the old interrupt controllers: silent */
	outb(0xa1, 0xff);
	*reg32(LAPIC_SPURIOUS) = LAPIC_ENABLE | VECTOR_SPURIOUS;
	*reg32(LAPIC_DIVIDE) = LAPIC_BY_ONE;
	*reg32(LAPIC_LVT_TIMER) = LAPIC_PERIODIC | VECTOR;
	*reg32(LAPIC_COUNT_INIT) = TICK;
	ioapic_init(0xfec00000u);
	if (qemu)
		ioapic_init(0xfec10000u);
	clock_init();
}

uint32_t
clock_ms(void)
{
	return (uint32_t)((tsc() - machine.start) >> 10) / machine.khz;
}

void
machine_doze(void)
{
	*reg32(LAPIC_COUNT_INIT) = TICK * 128;
}

void
machine_idle(void)
{
	irq_wait();
}

int
machine_button(void)
{
	uint8_t status;

	if (machine.qemu)
		return (*reg32(GED_EVENTS) & GED_POWER_BUTTON) != 0;
	status = inb(KBD_STATUS);
	if (status == KBD_ABSENT || (status & 1) == 0)
		return 0;
	return inb(KBD_DATA) == KEY_DELETE;
}

void
machine_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* An interrupt without a table is three faults, and the VMM's end. */
void
machine_fault(void)
{
	static const struct idtr none;

	irq_load(&none);
	__asm__ volatile("ud2");
	machine_halt();
}

/* Tell the event device and give the VMM time to act; not every one does. */
static void
ged_write(uint32_t reg, uint8_t value)
{
	uint32_t from = clock_ms();

	if (!machine.qemu)
		return;
	*(volatile uint8_t *)reg = value;
	while (clock_ms() - from < 100)
		continue;
}

void
machine_reboot(void)
{
	ged_write(GED_RESET, GED_RESET_VALUE);
	outb(KBD_STATUS, KBD_RESET);
	machine_fault();
}

void
machine_poweroff(void)
{
	ged_write(GED_SLEEP, GED_SLEEP_S5);
	outb(KBD_STATUS, KBD_RESET);	/* Firecracker has no other way */
	machine_fault();
}

void
machine_panic(void)
{
	serial_puts("POSTERN-TEST-GUEST panic\n");
	outb(PVPANIC, PVPANIC_PANICKED);
	machine_halt();
}
