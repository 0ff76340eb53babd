/* SPDX-License-Identifier: ISC */
/*
 * virtio-mmio network device, in its legacy form (qemu's default) and its
 * modern one (Firecracker). Runs in the VM. Distrusts nothing: the device is
 * the VMM's. Invariants: 64 receive buffers of 2 KiB are always with the
 * device (Firecracker receives nothing below 64 KiB of buffers), and both
 * queues are used in order.
 */
#include "virtio.h"

#define MMIO_QEMU 0xfeb00000u
#define MMIO_STEP 512
#define MMIO_SLOTS 24

#define REG_MAGIC 0x000
#define REG_DEVICE 0x008
#define REG_DRIVER_FEATURES 0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_PAGE_SIZE 0x028	/* legacy */

#define MAGIC 0x74726976u
#define FEATURE_MAC (1u << 5)
#define FEATURE_VERSION_1 1u	/* bit 32 */

#define RING 64
#define BUFFER 2048
#define PAGE 4096

/* One queue, laid out as a legacy device wants it: the used ring on a page. */
struct queue {
	struct virtio_desc desc[RING];
	struct {
		uint16_t flags, idx, ring[RING], event;
	} avail;
	struct {
		uint16_t flags;
		volatile uint16_t idx;
		struct virtio_used ring[RING];
		uint16_t event;
	} used __attribute__((aligned(PAGE)));
} __attribute__((aligned(PAGE)));

static struct queue rx, tx;
static uint8_t rxbuf[RING][BUFFER], txbuf[RING][BUFFER];

static struct {
	uint32_t base;
	size_t header;		/* of virtio, before each frame */
	uint16_t seen;		/* receive: next entry of the used ring */
} dev;

static volatile uint32_t *
reg(uint32_t offset)
{
	return reg32(dev.base + offset);
}

int
virtio_is_qemu(void)
{
	return *reg32(MMIO_QEMU + REG_MAGIC) == MAGIC;
}

static int
is_device(uint32_t base, uint32_t device)
{
	return *reg32(base + REG_MAGIC) == MAGIC &&
	    *reg32(base + REG_DEVICE) == device;
}

/* virtio_mmio.device=4K@0xd0001000:6 as Firecracker tells it, or qemu's. */
uint32_t
virtio_find(const char *cmdline, uint32_t device)
{
	static const char key[] = "virtio_mmio.device=";
	const char *p;
	uint32_t base, i;

	for (p = cmdline; *p != '\0'; p++) {
		if (!starts(p, key))
			continue;
		while (*p != '@' && *p != ' ' && *p != '\0')
			p++;
		if (!starts(p, "@0x"))
			continue;
		base = parse_hex(p + 3, &p);
		if (is_device(base, device))
			return base;
	}
	for (i = 0; virtio_is_qemu() && i < MMIO_SLOTS; i++)
		if (is_device(MMIO_QEMU + i * MMIO_STEP, device))
			return MMIO_QEMU + i * MMIO_STEP;
	return 0;
}

static void
address(uint32_t where, const volatile void *p)
{
	*reg32(where) = (uint32_t)p;
	*reg32(where + 4) = 0;
}

void
virtio_rings(uint32_t base, uint32_t queue, uint32_t size,
    const volatile void *desc, const volatile void *avail,
    const volatile void *used)
{
	*reg32(base + REG_QUEUE_SEL) = queue;
	*reg32(base + REG_QUEUE_NUM) = size;
	address(base + REG_QUEUE_DESC, desc);
	address(base + REG_QUEUE_AVAIL, avail);
	address(base + REG_QUEUE_USED, used);
	*reg32(base + REG_QUEUE_READY) = 1;
}

static void
queue_init(uint32_t n, struct queue *q, int modern)
{
	if (modern) {
		virtio_rings(dev.base, n, RING, &q->desc, &q->avail,
		    &q->used);
		return;
	}
	*reg(REG_QUEUE_SEL) = n;
	*reg(REG_QUEUE_NUM) = RING;
	*reg(REG_QUEUE_ALIGN) = PAGE;
	*reg(REG_QUEUE_PFN) = (uint32_t)q / PAGE;
}

/* The status grows bit by bit: Firecracker refuses any other order. */
void
virtio_negotiate(uint32_t base, uint32_t features, int modern)
{
	*reg32(base + REG_STATUS) = 0;
	*reg32(base + REG_STATUS) = 1;
	*reg32(base + REG_STATUS) = 3;
	*reg32(base + REG_DRIVER_FEATURES_SEL) = 0;
	*reg32(base + REG_DRIVER_FEATURES) = features;
	if (modern) {
		*reg32(base + REG_DRIVER_FEATURES_SEL) = 1;
		*reg32(base + REG_DRIVER_FEATURES) = FEATURE_VERSION_1;
		*reg32(base + REG_STATUS) = 11;
	} else
		*reg32(base + REG_PAGE_SIZE) = PAGE;
}

int
virtio_net_init(const char *cmdline, uint8_t mac[6])
{
	uint16_t i;
	int modern;

	dev.base = virtio_find(cmdline, DEVICE_NET);
	if (dev.base == 0)
		return 0;
	modern = *reg(REG_VERSION) == 2;
	dev.header = modern ? 12 : 10;
	virtio_negotiate(dev.base, FEATURE_MAC, modern);
	queue_init(0, &rx, modern);
	queue_init(1, &tx, modern);
	for (i = 0; i < RING; i++) {
		rx.desc[i].addr = (uint32_t)rxbuf[i];
		rx.desc[i].len = BUFFER;
		rx.desc[i].flags = DESC_WRITE;
		rx.avail.ring[i] = i;
		tx.desc[i].addr = (uint32_t)txbuf[i];
		tx.avail.ring[i] = i;
	}
	rx.avail.idx = RING;
	virtio_barrier();
	*reg(REG_STATUS) = modern ? 15 : 7;
	*reg(REG_NOTIFY) = 0;
	for (i = 0; i < 6; i++)
		mac[i] = *(volatile uint8_t *)(dev.base + REG_CONFIG + i);
	return 1;
}

int
virtio_send(const uint8_t *frame, size_t len)
{
	uint16_t slot = tx.avail.idx % RING;
	uint32_t tries;

	if (len > BUFFER - dev.header)
		return -1;
	for (tries = 0; (uint16_t)(tx.avail.idx - tx.used.idx) >= RING; tries++)
		if (tries == 1000000)
			return -1;
	memset(txbuf[slot], 0, dev.header);
	memcpy(txbuf[slot] + dev.header, frame, len);
	tx.desc[slot].len = (uint32_t)(len + dev.header);
	virtio_barrier();
	tx.avail.idx++;
	virtio_barrier();
	*reg(REG_NOTIFY) = 1;
	return 0;
}

uint8_t *
virtio_receive(size_t *len)
{
	uint32_t id;

	/* Acknowledge first: what comes later raises the line again. */
	*reg(REG_IRQ_ACK) = *reg(REG_IRQ_STATUS);
	virtio_barrier();
	if (rx.used.idx == dev.seen)
		return NULL;
	id = rx.used.ring[dev.seen % RING].id;
	*len = rx.used.ring[dev.seen % RING].len - dev.header;
	return rxbuf[id] + dev.header;
}

void
virtio_done(void)
{
	uint16_t id = (uint16_t)rx.used.ring[dev.seen++ % RING].id;

	rx.avail.ring[rx.avail.idx % RING] = id;
	virtio_barrier();
	rx.avail.idx++;
	virtio_barrier();
	*reg(REG_NOTIFY) = 0;
}
