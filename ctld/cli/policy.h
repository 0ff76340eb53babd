/* SPDX-License-Identifier: ISC */
/* What postern policy prints, from the tables that the code enforces. */
#ifndef CTLD_CLI_POLICY_H
#define CTLD_CLI_POLICY_H

#include <jansson.h>

/* Every process: title, program, capabilities, limits, what it sees of the
 * file system, whom it believes, the name of its seccomp program. uids: of the
 * roles, by name, as the daemon says; may be NULL. A new reference. */
json_t *policy_processes(const json_t *uids);

/* Every seccomp program: its action for calls that it does not name, the
 * lists that it is the union of, and the rules of its own list, each with its
 * reason. A new reference. */
json_t *policy_seccomp(void);

#endif
