/* SPDX-License-Identifier: ISC */
/* Counters of this host's links, from the kernel, which tells anybody. */
#ifndef CTLD_CLI_LINKS_H
#define CTLD_CLI_LINKS_H

#include <stdint.h>

struct link_count {
	char name[16];
	uint32_t index;
	int up;
	/* as the host counts: what it received is what the VM sent */
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, dropped;
};
struct links {
	struct link_count *a;
	unsigned n, size;
};

/* All links of the caller's network namespace. 0 or -1 with errno. */
int links_read(struct links *l);
const struct link_count *links_find(const struct links *l, const char *name);
void links_free(struct links *l);

#endif
