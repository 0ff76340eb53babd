/* SPDX-License-Identifier: ISC */
/* Test code: any surprise ends the test case. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "tests/lib/ctldrun.h"

void
ct_begin(struct setup *s)
{
	fake_start(&s->f);
	s->wire = fake_client(&s->f, FAKE_UID, &s->keep, NULL);
}

struct rep_cl
ct_start(struct setup *s, int wire, const struct clreq_start *rq,
    struct wire_msg *m)
{
	struct rep_cl r;
	int fds[16];
	unsigned i, n = fake_files(fds);

	r = fake_ask(&s->f, wire, CLIENTOP_START, rq, fds, n, m);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	return r;
}

struct rep_cl
ct_start_web(struct setup *s)
{
	struct clreq_start rq;
	struct wire_msg m;

	fake_spec(&rq, "web");
	return ct_start(s, s->wire, &rq, &m);
}

void
ct_start_begin(struct setup *s, int wire, const char *name)
{
	struct clreq_start rq;
	int fds[16];
	unsigned i, n = fake_files(fds);

	fake_spec(&rq, name);
	fake_send(&s->f, wire, CLIENTOP_START, &rq, fds, n);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	for (i = 0; i < 200 && s->f.hold != 0 && !s->f.holding; i++)
		fake_pump(&s->f, 50);
	fake_pump(&s->f, 50);
}

struct rep_cl
ct_stop(struct setup *s, int wire, const char *name)
{
	struct clreq_stop rq = { .ref.owner = OWNER_SELF,
		.grace_ms = UINT32_MAX };
	struct wire_msg m;

	(void)strlcpy(rq.ref.name, name, sizeof(rq.ref.name));
	return fake_ask(&s->f, wire, CLIENTOP_STOP, &rq, NULL, 0, &m);
}

struct rep_cl
ct_removal(struct setup *s, int wire, const char *name, int force)
{
	struct clreq_remove rq = { .ref.owner = OWNER_SELF,
		.force = (uint32_t)force };
	struct wire_msg m;

	(void)strlcpy(rq.ref.name, name, sizeof(rq.ref.name));
	return fake_ask(&s->f, wire, CLIENTOP_REMOVE, &rq, NULL, 0, &m);
}

unsigned
ct_state_files(const char *end, char name[64])
{
	size_t n, m = strlen(end);
	struct dirent *d;
	DIR *dir = opendir("state");
	unsigned count = 0;

	ATF_REQUIRE(dir != NULL);
	while ((d = readdir(dir)) != NULL) {
		n = strlen(d->d_name);
		if (n > m && strcmp(d->d_name + n - m, end) == 0) {
			count++;
			(void)strlcpy(name, d->d_name, 64);
		}
	}
	(void)closedir(dir);
	return count;
}

uint32_t
ct_status(struct setup *s, const char *name)
{
	struct cl_vm vm;

	return fake_get(&s->f, s->wire, name, &vm) == 0 ? vm.status : 0;
}

void
ct_check_log(const struct fake *f, unsigned from, const uint16_t *want,
    unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		ATF_REQUIRE_MSG(from + i < f->nlog, "only %u requests",
		    f->nlog);
		ATF_CHECK_EQ_MSG(want[i], f->log[from + i],
		    "%u: want %s, got %s", i, privop_name(want[i]),
		    privop_name(f->log[from + i]));
	}
}

void
ct_check_tail(const struct fake *f, const uint16_t *want, unsigned n)
{
	unsigned i = f->nlog, k = n;

	while (k > 0) {
		ATF_REQUIRE(i > 0);
		i--;
		if (f->log[i] == PRIVOP_REAP && k < n && want[k] == PRIVOP_REAP)
			continue;
		ATF_CHECK_EQ_MSG(want[k - 1], f->log[i], "want %s, got %s",
		    privop_name(want[k - 1]), privop_name(f->log[i]));
		k--;
	}
}

void
ct_fails(struct setup *s, uint16_t op, int code, uint16_t step, uint16_t error)
{
	static const uint16_t down[] = { PRIVOP_KILL, PRIVOP_REAP,
		PRIVOP_NET_DOWN, PRIVOP_RELEASE };
	struct rep_cl r;
	char name[64];

	s->f.fail[op] = code;
	s->f.fail_step[op] = step;
	r = ct_start_web(s);
	s->f.fail[op] = 0;
	ATF_CHECK_EQ_MSG(error, r.error, "%s: error %u", privop_name(op),
	    (unsigned)r.error);
	ATF_CHECK_EQ(step, r.step);
	ATF_CHECK_EQ(0, fake_used(&s->f));
	if (op != PRIVOP_RESERVE)
		ct_check_tail(&s->f, down, 4);
	ATF_CHECK_EQ(CLE_NOT_FOUND, fake_get(&s->f, s->wire, "web", NULL));
	ATF_CHECK_EQ(0, ct_state_files(".json", name));
}

void
ct_again(struct setup *s)
{
	fake_kill_ctld(&s->f);
	(void)close(s->wire);
	(void)close(s->keep);
	fake_ctld(&s->f);
	fake_pump(&s->f, 200);
	s->wire = fake_client(&s->f, FAKE_UID, &s->keep, NULL);
}

uint32_t
ct_list(struct setup *s, int wire, uint32_t flags, struct cl_vm *vms)
{
	struct clreq_list rq = { .flags = flags };
	struct clrep_list rep;
	struct wire_msg m;

	(void)fake_ask(&s->f, wire, CLIENTOP_LIST, &rq, NULL, 0, &m);
	memcpy(&rep, m.body, sizeof(rep));
	ATF_REQUIRE(rep.n <= 4);
	ATF_CHECK_EQ(0, fd_unseal(m.fds[0], vms, rep.n * sizeof(*vms)));
	wire_drop_fds(&m);
	return rep.n;
}
