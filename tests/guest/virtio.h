/* SPDX-License-Identifier: ISC */
/* What the test guest's two virtio-mmio drivers share: finding a device and
 * starting it. Runs in the VM. */
#ifndef TESTS_GUEST_VIRTIO_H
#define TESTS_GUEST_VIRTIO_H

#include "guest.h"

#define REG_VERSION 0x004
#define REG_QUEUE_SEL 0x030
#define REG_QUEUE_NUM_MAX 0x034
#define REG_QUEUE_NUM 0x038
#define REG_QUEUE_ALIGN 0x03c	/* legacy */
#define REG_QUEUE_PFN 0x040	/* legacy */
#define REG_QUEUE_READY 0x044
#define REG_NOTIFY 0x050
#define REG_IRQ_STATUS 0x060
#define REG_IRQ_ACK 0x064
#define REG_STATUS 0x070
#define REG_QUEUE_DESC 0x080
#define REG_QUEUE_AVAIL 0x090
#define REG_QUEUE_USED 0x0a0
#define REG_CONFIG 0x100

#define DEVICE_NET 1
#define DEVICE_CONSOLE 3
#define DESC_WRITE 2

struct virtio_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct virtio_used {
	uint32_t id, len;
};

static inline void
virtio_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Registers of the first device of that kind, or 0. */
uint32_t virtio_find(const char *cmdline, uint32_t device);
/* Up to, not including, DRIVER_OK; modern: VERSION_1 beside the features. */
void virtio_negotiate(uint32_t base, uint32_t features, int modern);
/* Rings of a modern device. */
void virtio_rings(uint32_t base, uint32_t queue, uint32_t size,
    const volatile void *desc, const volatile void *avail,
    const volatile void *used);

#endif
