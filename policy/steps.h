/* SPDX-License-Identifier: ISC */
#ifndef POLICY_STEPS_H
#define POLICY_STEPS_H

#include <stdint.h>

enum step {
#define STEP(NAME, name) STEP_##NAME,
#include "policy/steps.def"
#undef STEP
	STEP_END
};

const char *step_name(uint16_t step);	/* "?" beyond the table */

#endif
