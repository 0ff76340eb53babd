/* SPDX-License-Identifier: ISC */
/*
 * virtio-console with several ports: every one whose name is io.postern.N is
 * opened and answers each line: "N: " and the line again, or for "do WORDS"
 * the words' report and "done". Runs in the VM; modern devices only. Trusts
 * the device, which is the VMM's. Invariant: a port's line buffer is as large
 * as a receive buffer, so a long line is cut and never overruns.
 */
#include "virtio.h"

#define FEATURE_MULTIPORT (1u << 1)
#define PORTS 9			/* number 0 is a console of no use to us */
#define RING 4
#define BUFFER 512
#define ALL_PORTS 0xffffffffu
#define QUEUE_CONTROL 2		/* in, then out */
#define NAME "io.postern."
#define TRIES 20000000u		/* of looking whether the host has read */

enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE,
	PORT_OPEN, PORT_NAME };

struct control {
	uint32_t id;
	uint16_t event, value;
};

struct ring {
	struct virtio_desc desc[RING] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, ring[RING], event;
	} avail;
	struct {
		uint16_t flags;
		volatile uint16_t idx;
		struct virtio_used ring[RING];
		uint16_t event;
	} used __attribute__((aligned(16)));
	uint16_t seen;
	uint8_t buf[RING][BUFFER];
};

static struct {
	uint32_t base;
	struct ring in, out;	/* control */
	struct {
		struct ring in, out;
		uint32_t number;	/* of its name; 0: not ours */
		int open;
		char line[BUFFER];
		size_t len;
	} port[PORTS];
	uint32_t shut[PORTS];	/* numbers that are not to be opened */
} con;

static void
ring_init(struct ring *r, uint32_t queue, int in)
{
	uint16_t i;

	for (i = 0; i < RING; i++) {
		r->desc[i].addr = (uint32_t)r->buf[i];
		r->desc[i].len = BUFFER;
		r->desc[i].flags = in ? DESC_WRITE : 0;
		r->avail.ring[i] = i;
	}
	r->avail.idx = in ? RING : 0;
	virtio_rings(con.base, queue, RING, r->desc, &r->avail, &r->used);
}

static void
ring_put(struct ring *r, uint32_t queue, const void *data, size_t len)
{
	uint16_t slot = r->avail.idx % RING;
	uint32_t tries;

	for (tries = 0; (uint16_t)(r->avail.idx - r->used.idx) >= RING;
	    tries++)
		if (tries == TRIES)
			return;
	if (len > BUFFER)
		len = BUFFER;
	memcpy(r->buf[slot], data, len);
	r->desc[slot].len = (uint32_t)len;
	virtio_barrier();
	r->avail.idx++;
	virtio_barrier();
	*reg32(con.base + REG_NOTIFY) = queue;
}

/* The next filled buffer or NULL; give it back with ring_done(). */
static uint8_t *
ring_get(struct ring *r, size_t *len)
{
	struct virtio_used *u;

	virtio_barrier();
	if (r->used.idx == r->seen)
		return NULL;
	u = &r->used.ring[r->seen % RING];
	*len = u->len;
	return r->buf[u->id];
}

static void
ring_done(struct ring *r, uint32_t queue)
{
	uint16_t id = (uint16_t)r->used.ring[r->seen++ % RING].id;

	r->avail.ring[r->avail.idx % RING] = id;
	virtio_barrier();
	r->avail.idx++;
	virtio_barrier();
	*reg32(con.base + REG_NOTIFY) = queue;
}

static uint32_t
queue_of(uint32_t port)
{
	return port == 0 ? 0 : 2 + 2 * port;
}

static void
tell(uint32_t id, uint16_t event, uint16_t value)
{
	struct control c = { id, event, value };

	ring_put(&con.out, QUEUE_CONTROL + 1, &c, sizeof(c));
}

void
channel_init(const char *cmdline)
{
	uint32_t i;

	con.base = virtio_find(cmdline, DEVICE_CONSOLE);
	if (con.base == 0 || *reg32(con.base + REG_VERSION) != 2) {
		con.base = 0;
		return;
	}
	virtio_negotiate(con.base, FEATURE_MULTIPORT, 1);
	ring_init(&con.in, QUEUE_CONTROL, 1);
	ring_init(&con.out, QUEUE_CONTROL + 1, 0);
	for (i = 0; i < PORTS; i++) {
		*reg32(con.base + REG_QUEUE_SEL) = queue_of(i);
		if (*reg32(con.base + REG_QUEUE_NUM_MAX) == 0)
			continue;	/* the device has no such port */
		ring_init(&con.port[i].in, queue_of(i), 1);
		ring_init(&con.port[i].out, queue_of(i) + 1, 0);
	}
	*reg32(con.base + REG_STATUS) = 15;
	for (i = 0; i < PORTS; i++)
		*reg32(con.base + REG_NOTIFY) = queue_of(i);
	*reg32(con.base + REG_NOTIFY) = QUEUE_CONTROL;
	tell(ALL_PORTS, DEVICE_READY, 1);
}

static void
put(uint32_t i, const char *s, size_t len)
{
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = len < BUFFER ? len : BUFFER;
		ring_put(&con.port[i].out, queue_of(i) + 1, s, n);
	}
}

static void
set_open(uint32_t i, int open)
{
	if (con.port[i].open == open)
		return;
	con.port[i].open = open;
	tell(i, PORT_OPEN, (uint16_t)open);
}

static int
is_shut(uint32_t number)
{
	size_t i;

	for (i = 0; i < PORTS; i++)
		if (con.shut[i] == number)
			return 1;
	return 0;
}

void
channel_open(uint32_t number, int open)
{
	size_t k;
	uint32_t i;

	for (k = 0; k < PORTS; k++)
		if (con.shut[k] == (open ? number : 0)) {
			con.shut[k] = open ? 0 : number;
			break;
		}
	for (i = 1; i < PORTS; i++)
		if (con.port[i].number == number)
			set_open(i, open);
}

static void
line(uint32_t i, const char *s)
{
	static char answer[BUFFER * 2];
	struct text t = { answer, 0, sizeof(answer) };

	if (starts(s, "do ")) {
		cmd_datagram(s + 3, &t);
		text_str(&t, "done\n");
	} else {
		text_dec(&t, con.port[i].number);
		text_str(&t, ": ");
		text_str(&t, s);
		text_str(&t, "\n");
	}
	put(i, answer, t.len);
}

static void
port_input(uint32_t i, const uint8_t *data, size_t len)
{
	char *to = con.port[i].line;
	size_t k;

	for (k = 0; k < len; k++) {
		if (data[k] != '\n') {
			if (con.port[i].len < BUFFER - 1)
				to[con.port[i].len++] = (char)data[k];
			continue;
		}
		to[con.port[i].len] = '\0';
		con.port[i].len = 0;
		line(i, to);
	}
}

static void
control(const uint8_t *data, size_t len)
{
	char name[32] = { 0 };
	const char *end;
	struct control c;
	size_t n;

	if (len < sizeof(c))
		return;
	memcpy(&c, data, sizeof(c));
	if (c.id >= PORTS)
		return;
	if (c.event == PORT_ADD)
		tell(c.id, PORT_READY, 1);
	if (c.event != PORT_NAME)
		return;
	n = len - sizeof(c) < sizeof(name) - 1 ? len - sizeof(c) :
						 sizeof(name) - 1;
	memcpy(name, data + sizeof(c), n);
	if (!starts(name, NAME))
		return;
	con.port[c.id].number = parse_dec(name + strlen(NAME), &end);
	if (!is_shut(con.port[c.id].number))
		set_open(c.id, 1);
}

int
channel_poll(void)
{
	uint8_t *data;
	uint32_t i;
	size_t len;
	int n = 0;

	if (con.base == 0)
		return 0;
	*reg32(con.base + REG_IRQ_ACK) = *reg32(con.base + REG_IRQ_STATUS);
	while ((data = ring_get(&con.in, &len)) != NULL) {
		control(data, len);
		ring_done(&con.in, QUEUE_CONTROL);
		n++;
	}
	for (i = 1; i < PORTS; i++)
		while (con.port[i].open &&
		    (data = ring_get(&con.port[i].in, &len)) != NULL) {
			port_input(i, data, len);
			ring_done(&con.port[i].in, queue_of(i));
			n++;
		}
	return n;
}
