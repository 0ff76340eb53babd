/* SPDX-License-Identifier: ISC */
/*
 * Checks of a host, as const tables, one file a group. A check looks at one
 * file and judges its text, so that tests can feed it any; or it probes. None
 * changes anything, and none needs more rights than the caller has: what is
 * not seen is said to be so.
 */
#ifndef CTLD_CLI_DOCTOR_H
#define CTLD_CLI_DOCTOR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum doc_level {
	DOC_OK,
	DOC_UNSEEN,	/* not for the caller's eyes: ask as root */
	DOC_WARN,
	DOC_REFUSE,	/* VMs cannot run, or not those of several tenants */
};

struct doc_found {
	enum doc_level level;
	char text[160];
};

/* What probes may look at. */
struct doctor {
	int root;		/* directory that paths are relative to */
	const json_t *policy;	/* as the daemon says, NULL: not reached */
	const json_t *vms;	/* the caller's that run, or NULL */
	const char *socket;
};

struct doc_check {
	const char *name;
	const char *path;	/* beneath root; NULL with a probe */
	/* text: the file's, never NULL. NULL: a number within lo and hi. */
	void (*judge)(const char *text, struct doc_found *f);
	void (*probe)(const struct doctor *d, struct doc_found *f);
	int64_t lo, hi;
	enum doc_level bad;	/* what a number beyond them is */
	enum doc_level absent;	/* what a missing file is */
	const char *wanted, *why, *fix;
};

struct doc_group {
	const char *name;
	const struct doc_check *checks;
	unsigned n;
};
extern const struct doc_group doc_kernel, doc_sysctl, doc_cpu, doc_files,
    doc_net, doc_daemon, doc_vmm;

/* One check. */
void doc_run(const struct doctor *d, const struct doc_check *c,
    struct doc_found *f);
/* All of them: an array of {group, check, level, found, wanted, why, fix};
 * *worst is the highest level. A new reference. */
json_t *doc_all(const struct doctor *d, enum doc_level *worst);
const char *doc_level_name(enum doc_level l);

/* Fill *f. */
void doc_say(struct doc_found *f, enum doc_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Whole words, separated by blanks, commas or newlines. */
int doc_has_word(const char *list, const char *word);

/* ---- judges that tests feed, and what they need */
void judge_release(const char *text, struct doc_found *f);
void judge_cgroups(const char *mountinfo, struct doc_found *f);
void judge_controllers(const char *text, struct doc_found *f);
void judge_seccomp(const char *text, struct doc_found *f);
void judge_swaps(const char *text, struct doc_found *f);
void judge_core_pattern(const char *text, struct doc_found *f);
void judge_vulnerability(const char *name, const char *text,
    struct doc_found *f);
void judge_firecracker(const char *text, struct doc_found *f);
void judge_lsm(const char *text, struct doc_found *f);
void judge_printk(const char *text, struct doc_found *f);
/* passwd, subuid: does somebody else hold an id of the range? */
void judge_passwd(const char *text, uint32_t base, uint32_t count,
    struct doc_found *f);
void judge_subuid(const char *text, uint32_t base, uint32_t count,
    struct doc_found *f);
/* /proc/net/route: does a route that is not ours lead into the pool? */
void judge_routes(const char *text, uint32_t addr, unsigned prefix,
    const char *ifprefix, struct doc_found *f);

#endif
