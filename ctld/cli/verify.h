/* SPDX-License-Identifier: ISC */
/*
 * postern doctor --verify: what front's ledger and ctld's files say, beside
 * what the kernel has. Reads only. The invariants are those of the daemon's
 * recovery: I1 everything there is accounted for and everything accounted for
 * is there, I2 nothing without its intent recorded, I3 no VM with a link and
 * without its rules, I4 no id used twice, I5 what runs is supervised, I7 what
 * is foreign is named and not touched, I6 what is said twice is done once, I8
 * records are whole, I9 the end of a VM needs nothing that can be used up, I10
 * nothing is left of VMs that are gone, I11 no core file, I12 a refusal is
 * recorded once.
 */
#ifndef CTLD_CLI_VERIFY_H
#define CTLD_CLI_VERIFY_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/sysconf.h"
#include "ctld/cli/cli.h"
#include "ctld/cli/links.h"
#include "privd/ledger.h"

#define V_HIERARCHIES 12	/* directories <instance>-vms there can be */

struct v_slot {			/* what was found of one slot */
	struct ledger_slot led;
	int recorded;		/* ledger_read(): 1, 0, -1 damaged */
	unsigned cgroups;	/* in how many hierarchies */
	uint64_t cg_generation;
	uint32_t cg_owner;
	pid_t sup, vmm;		/* first of each leaf; 0: none */
	uint64_t netns;		/* inode of vmsup's; 0: unknown */
	unsigned elements;	/* in the host's set of VMs */
	unsigned ports;		/* in the host's maps of ports */
	int link, link_up;
	char id[32];		/* of ctld's file that names it, or "" */
	uint64_t file_generation;
	long long file_status;	/* enum vm_status */
};

struct v_port {			/* an element of the host's maps */
	uint32_t slot, bound;	/* bound 0: every address */
	uint16_t host;
	uint8_t proto;
};

struct world {
	struct sysconf conf;	/* as far as Policy tells */
	struct v_slot *slot;	/* conf.slots of them */
	char cgroup[V_HIERARCHIES][160];
	unsigned ncgroups, v2;	/* v2: index of the v2 one */
	struct links links;
	struct v_port *ports;
	unsigned nports, ports_size;
	uint64_t host_netns;
	json_t *ids, *names;	/* of ctld's records; "OWNER/NAME" */
	json_t *problems;	/* {invariant, what, fix} */
};

/* The exit status: 0 nothing is wrong, 1 something is, 7 no daemon. */
int verify(struct cli *c, const json_t *policy);

/* verify_found.c: fill w. 0, or -1 after v_problem(). */
int v_ledger(struct world *w);
int v_cgroups(struct world *w);
int v_links(struct world *w);
int v_files(struct world *w);
void v_processes(struct world *w);
/* verify_live.c. v_audit makes one call that is refused. */
void v_live(struct world *w);
void v_audit(struct cli *c, json_t *problems);
/* verify_rules.c */
int v_elements(struct world *w);
void v_rules(struct world *w);

void v_problem(struct world *w, const char *invariant, const char *fix,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
