/* SPDX-License-Identifier: ISC */
/* What the test cases of the real ctld have in common. */
#ifndef TESTS_CTLDRUN_H
#define TESTS_CTLDRUN_H

#include <atf-c.h>

#include "tests/lib/fake_privd.h"

#define CASE(name, about)                                        \
	ATF_TC(name);                                            \
	ATF_TC_HEAD(name, tc)                                    \
	{                                                        \
		atf_tc_set_md_var(tc, "descr", about);           \
		atf_tc_set_md_var(tc, "require.user", "root");   \
	}                                                        \
	ATF_TC_BODY(name, tc)

/* A ctld and one client of it. */
struct setup { struct fake f; int wire, keep; };

void ct_begin(struct setup *s);
struct rep_cl ct_start(struct setup *s, int wire, const struct clreq_start *rq,
    struct wire_msg *m);
struct rep_cl ct_start_web(struct setup *s);
/* Sent, not waited for. */
void ct_start_begin(struct setup *s, int wire, const char *name);
struct rep_cl ct_stop(struct setup *s, int wire, const char *name);
struct rep_cl ct_removal(struct setup *s, int wire, const char *name,
    int force);
/* Files in the state directory whose name ends so; *name: the last. */
unsigned ct_state_files(const char *end, char name[64]);
uint32_t ct_status(struct setup *s, const char *name);
/* The log must hold these requests, in this order, from `from` on. */
void ct_check_log(const struct fake *f, unsigned from, const uint16_t *want,
    unsigned n);
/* The same without REAPs that came too early. */
void ct_check_tail(const struct fake *f, const uint16_t *want, unsigned n);
void ct_fails(struct setup *s, uint16_t op, int code, uint16_t step,
    uint16_t error);
/* A client again, after ctld was started anew. */
void ct_again(struct setup *s);
uint32_t ct_list(struct setup *s, int wire, uint32_t flags, struct cl_vm *vms);

#endif
