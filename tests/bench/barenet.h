/* SPDX-License-Identifier: ISC */
/* The network of the bare program: links and addresses, no rules. As root. */
#ifndef TESTS_BENCH_BARENET_H
#define TESTS_BENCH_BARENET_H

/* A new network namespace with tap0, which that uid may attach, and a veth
 * pair to ours ("bb<slot>"), all with addresses and up. Its descriptor; the
 * links go with it. Ends the program on failure. */
int barenet(unsigned slot, unsigned uid);

#endif
