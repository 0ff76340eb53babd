/* SPDX-License-Identifier: ISC */
/* What the host's processor can do for guests. */
#ifndef CTLD_CONF_HOST_H
#define CTLD_CONF_HOST_H

#include <stdint.h>
#include <stdio.h>

struct host_cpu {
	int virt;		/* vmx or svm among the flags */
	uint32_t khz;		/* 0: not told */
};

/* Read the first processor's lines of /proc/cpuinfo from f. */
void host_cpu(FILE *f, struct host_cpu *h);

#endif
