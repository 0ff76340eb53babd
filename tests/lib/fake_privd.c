/* SPDX-License-Identifier: ISC */
/* Test code: any surprise ends the test case. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "common/sandbox.h"
#include "common/sysx.h"
#include "policy/seccomp.h"
#include "tests/lib/fake_privd.h"

#define MUST(x) ATF_REQUIRE_MSG((x), "%s: %s", #x, strerror(errno))

static struct fake_slot *
slot_of(struct fake *f, const struct wire_hdr *h)
{
	struct fake_slot *s;

	if (h->slot >= FAKE_SLOTS)
		return NULL;
	s = &f->slots[h->slot];
	return s->state != ST_FREE && s->generation == h->generation ? s :
								       NULL;
}

static void
answer(struct fake *f, const struct wire_msg *m, void *rep, int code,
    uint16_t step, const int *fds, unsigned nfds)
{
	struct rep_hdr r = { .code = code, .step = step };

	memcpy(rep, &r, sizeof(r));
	MUST(wire_reply(f->front, m, rep, privop_row(m->h.type)->w.rep_len,
		 fds, code == 0 ? nfds : 0) == 0);
}

static void
fake_reserve(struct fake *f, struct wire_msg *m)
{
	struct rep_reserve rep = { 0 };
	struct req_reserve rq;
	uint32_t uid, gid, i;

	memcpy(&rq, m->body, sizeof(rq));
	MUST(wire_peer(m->fds[0], &uid, &gid) == 0);
	for (i = 0; i < FAKE_SLOTS && f->slots[i].state != ST_FREE; i++)
		;
	MUST(i < FAKE_SLOTS);
	f->slots[i].state = ST_RESERVED;
	f->slots[i].generation = rep.generation = ++f->generation;
	f->slots[i].owner = rep.owner =
	    rq.owner == UINT32_MAX ? uid : rq.owner;
	rep.slot = i;
	rep.vm_addr = 0x0a000001 + 2 * i;
	rep.host_addr = 0x0a000000 + 2 * i;
	answer(f, m, &rep, 0, 0, NULL, 0);
}

static void
fake_spawn(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	struct rep_spawn rep = { 0 };

	s->pid = fork();
	MUST(s->pid >= 0);
	if (s->pid == 0) {
		(void)sysx_close_range(0, ~0U, 0);
		for (;;)
			(void)pause();
	}
	MUST((s->pidfd = sysx_pidfd_open(s->pid)) >= 0);
	s->listener = fd_steal(&m->fds[SPAWN_LISTEN]);
	s->rings[0] = fd_steal(&m->fds[SPAWN_CONSOLE]);
	s->rings[1] = fd_steal(&m->fds[SPAWN_LOG]);
	s->sup_state = f->sup_state;
	s->end = f->sup_end;
	s->wait_status = f->sup_wait;
	answer(f, m, &rep, 0, 0, &s->pidfd, 1);
}

static void
sup_die(struct fake_slot *s)
{
	if (s->pid > 0)
		(void)kill(s->pid, SIGKILL);
	fd_close(&s->conn);
	fd_close(&s->listener);
}

static void
fake_kill(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	struct rep_kill rep = { 0 };
	struct req_kill rq;

	memcpy(&rq, m->body, sizeof(rq));
	f->how[f->nlog - 1] = rq.how;
	if (rq.how == KILL_ALL)
		sup_die(s);
	answer(f, m, &rep, 0, 0, NULL, 0);
	if (rq.how == KILL_VMM || (rq.how == KILL_TERM_VMM && !f->deaf))
		fake_sup_tell(f, m->h.slot, SUP_ENDED, END_SIGNAL,
		    rq.how == KILL_VMM ? SIGKILL : SIGTERM);
}

static int
fake_reap(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	struct rep_reap rep = { .oom = f->oom };

	if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) != s->pid) {
		answer(f, m, &rep, EBUSY, STEP_REAP, NULL, 0);
		return -1;
	}
	s->pid = 0;
	fd_close(&s->pidfd);
	fd_close(&s->conn);
	fd_close(&s->listener);
	fd_close(&s->rings[0]);
	fd_close(&s->rings[1]);
	answer(f, m, &rep, 0, 0, NULL, 0);
	return 0;
}

static void
fake_slot_next(struct fake *f, struct wire_msg *m)
{
	struct rep_slot_next rep = { 0 };
	struct req_slot_next rq;
	uint32_t i;

	memcpy(&rq, m->body, sizeof(rq));
	for (i = rq.after == UINT32_MAX ? 0 : rq.after + 1;
	     i < FAKE_SLOTS && f->slots[i].state == ST_FREE; i++)
		;
	if (i >= FAKE_SLOTS) {
		answer(f, m, &rep, ENOENT, 0, NULL, 0);
		return;
	}
	rep.slot = i;
	rep.owner = f->slots[i].owner;
	rep.generation = f->slots[i].generation;
	rep.state = f->slots[i].state;
	answer(f, m, &rep, 0, 0, NULL, 0);
}

static void
perform(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	unsigned char rep[WIRE_BODY_MAX] = { 0 };
	const struct privop_row *row = privop_row(m->h.type);
	struct rep_net_up up = { .bad = f->bad };
	uint32_t uid, gid;

	if (m->h.type == PRIVOP_STOP) {
		MUST(wire_peer(m->fds[0], &uid, &gid) == 0);
		s->seen_stop += uid == s->owner || uid == FAKE_ADMIN;
	}
	if (m->h.type == PRIVOP_REAP) {
		if (fake_reap(f, s, m) < 0)
			return;
	} else if (m->h.type == PRIVOP_KILL) {
		fake_kill(f, s, m);
	} else if (m->h.type == PRIVOP_SPAWN) {
		fake_spawn(f, s, m);
	} else if (m->h.type == PRIVOP_ADOPT) {
		answer(f, m, rep, s->pid > 0 ? 0 : ESRCH, 0, &s->pidfd, 1);
	} else if (m->h.type == PRIVOP_NET_UP) {
		answer(f, m, &up, 0, 0, NULL, 0);
	} else {
		answer(f, m, rep, 0, 0, NULL, 0);
	}
	if (row->next != ST_SAME)
		s->state = row->next;
}

static void
request(struct fake *f, struct wire_msg *m)
{
	const struct privop_row *row = privop_row(m->h.type);
	unsigned char rep[WIRE_BODY_MAX] = { 0 };
	struct rep_net_up up = { .bad = f->bad };
	struct fake_slot *s = slot_of(f, &m->h);
	uint16_t op = m->h.type;

	/* what follows an unanswered request stays in the queue behind it */
	if (f->silent[op])
		f->stalled = 1;
	if (op == PRIVOP_KILL || op == PRIVOP_STOP)
		f->stalled = 0;
	if (f->stalled)
		return;
	if (f->fail[op] != 0) {
		if (op == PRIVOP_NET_UP)
			memcpy(rep, &up, sizeof(up));
		answer(f, m, rep, f->fail[op], f->fail_step[op], NULL, 0);
	} else if (op == PRIVOP_RESERVE) {
		fake_reserve(f, m);
	} else if (op == PRIVOP_SLOT_NEXT) {
		fake_slot_next(f, m);
	} else if (s == NULL) {
		answer(f, m, rep, ESTALE, STEP_SLOT, NULL, 0);
	} else if ((row->states & s->state) == 0) {
		answer(f, m, rep, ESTALE, STEP_STATE, NULL, 0);
	} else {
		perform(f, s, m);
	}
}

static void
on_front(struct fake *f)
{
	struct wire_msg m;
	int k = wire_recv(f->front, &m);

	if (k < 0 && errno == EAGAIN)
		return;
	ATF_REQUIRE_MSG(k == 1, "ctld's wire: %d", k);
	MUST(privop_row(m.h.type) != NULL);
	MUST(wire_check_request(&m, &privop_row(m.h.type)->w) == 0);
	ATF_REQUIRE_EQ(ASK_CTLD, privop_row(m.h.type)->asker);
	MUST(f->nlog < 512);
	f->log[f->nlog++] = m.h.type;
	if (f->hold != 0 && m.h.type == f->hold)
		f->holding = 1;
	if (f->holding) {
		MUST(f->nheld < 64);
		f->held[f->nheld++] = m;
		return;
	}
	request(f, &m);
	wire_drop_fds(&m);
}

void
fake_release(struct fake *f)
{
	unsigned i;

	f->hold = 0;
	f->holding = 0;
	for (i = 0; i < f->nheld; i++) {
		request(f, &f->held[i]);
		wire_drop_fds(&f->held[i]);
	}
	f->nheld = 0;
}

void
fake_sup_tell(struct fake *f, unsigned slot, uint32_t state, uint32_t end,
    int32_t wait_status)
{
	struct fake_slot *s = &f->slots[slot];
	struct supreq_state st = { state, end, wait_status, 0 };
	struct wire_hdr h = { .type = SUPOP_STATE, .seq = ++f->seq };

	if (s->sup_state == SUP_ENDED)
		return;
	s->sup_state = state;
	s->end = end;
	s->wait_status = wait_status;
	if (s->conn >= 0)
		(void)wire_send(s->conn, &h, &st, sizeof(st), NULL, 0);
}

static void
sup_hello(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	struct suprep_hello rep = { .version = SUP_VERSION,
		.state = s->sup_state, .end = s->end,
		.wait_status = s->wait_status };
	struct supreq_state st = { s->sup_state, s->end, s->wait_status, 0 };
	struct wire_hdr h = { .type = SUPOP_STATE, .seq = ++f->seq };

	if (f->sup_version != 0)
		rep.version = f->sup_version;
	MUST(wire_reply(s->conn, m, &rep, sizeof(rep), NULL, 0) == 0);
	(void)wire_send(s->conn, &h, &st, sizeof(st), NULL, 0);
}

/* Paused or resumed: the state, then the answer, as vmsup tells them. */
static void
sup_pause(struct fake *f, unsigned slot, struct wire_msg *m)
{
	struct suprep_pause rep = { .r.code = f->sup_code };

	if (f->sup_code < 0)
		return;
	if (f->sup_code == 0)
		fake_sup_tell(f, slot, m->h.type == SUPOP_PAUSE ? SUP_PAUSED :
			SUP_RUNNING, END_UNKNOWN, -1);
	MUST(wire_reply(f->slots[slot].conn, m, &rep, sizeof(rep), NULL, 0) ==
	    0);
}

/* The stream is kept; the answer is the script's. */
static void
sup_stream(struct fake *f, struct fake_slot *s, struct wire_msg *m)
{
	struct rep_hdr rep = { .code = f->stream_code };

	fd_close(&f->stream);
	f->stream = fd_steal(&m->fds[0]);
	if (f->stream_code != -2)
		MUST(wire_reply(s->conn, m, &rep, sizeof(rep), NULL, 0) == 0);
}

static void
on_sup(struct fake *f, unsigned slot)
{
	struct fake_slot *s = &f->slots[slot];
	unsigned char rep[WIRE_BODY_MAX] = { 0 };
	struct wire_msg m;
	int k = wire_recv(s->conn, &m);

	if (k < 0 && errno == EAGAIN)
		return;
	if (k <= 0) {
		fd_close(&s->conn);
		return;
	}
	MUST(supop_row(m.h.type) != NULL);
	MUST(wire_check_request(&m, supop_row(m.h.type)) == 0);
	if (m.h.type == SUPOP_HELLO) {
		sup_hello(f, s, &m);
		return;
	}
	if (m.h.type == SUPOP_CONSOLE || m.h.type == SUPOP_CONNECT) {
		sup_stream(f, s, &m);
		return;
	}
	if (m.h.type == SUPOP_PAUSE || m.h.type == SUPOP_RESUME) {
		sup_pause(f, slot, &m);
		return;
	}
	MUST(wire_reply(s->conn, &m, rep, supop_row(m.h.type)->rep_len,
		 s->rings, m.h.type == SUPOP_RINGS ? 2 : 0) == 0);
	wire_drop_fds(&m);
	if (m.h.type == SUPOP_SHUTDOWN && !f->deaf)
		fake_sup_tell(f, slot, SUP_ENDED, END_SHUTDOWN, 0);
	if (m.h.type == SUPOP_ACK_EXIT)
		sup_die(s);
}

void
fake_pump(struct fake *f, int ms)
{
	struct pollfd p[1 + 2 * FAKE_SLOTS];
	unsigned i;

	for (;;) {
		p[0] = (struct pollfd){ .fd = f->front, .events = POLLIN };
		for (i = 0; i < FAKE_SLOTS; i++) {
			p[1 + 2 * i] = (struct pollfd){
				.fd = f->slots[i].conn >= 0 ?
				    -1 : f->slots[i].listener,
				.events = POLLIN };
			p[2 + 2 * i] = (struct pollfd){
				.fd = f->slots[i].conn, .events = POLLIN };
		}
		if (poll(p, 1 + 2 * FAKE_SLOTS, ms) <= 0)
			return;
		if (p[0].revents != 0)
			on_front(f);
		for (i = 0; i < FAKE_SLOTS; i++) {
			if (p[1 + 2 * i].revents != 0)
				f->slots[i].conn = accept4(
				    f->slots[i].listener, NULL, NULL,
				    SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (p[2 + 2 * i].revents != 0)
				on_sup(f, i);
		}
	}
}

unsigned
fake_used(const struct fake *f)
{
	unsigned i, n = 0;

	for (i = 0; i < FAKE_SLOTS; i++)
		n += f->slots[i].state != ST_FREE;
	return n;
}

void
fake_until_used(struct fake *f, unsigned n)
{
	int64_t until = now_ms() + 10000;

	while (fake_used(f) != n && now_ms() < until)
		fake_pump(f, 10);
	fake_pump(f, 50); /* and ctld has heard of it */
}

unsigned
fake_count(const struct fake *f, uint16_t op)
{
	unsigned i, n = 0;

	for (i = 0; i < f->nlog; i++)
		n += f->log[i] == op;
	return n;
}

static void
fake_conf(struct sysconf *c)
{
	struct err e;
	const uint32_t m[] = { FAKE_UID, FAKE_UID2, FAKE_ADMIN };

	sysconf_default(c);
	memset(c->instance, 0, sizeof(c->instance));
	(void)strlcpy(c->instance, "fake", sizeof(c->instance));
	c->uid = (struct sysconf_uids){ 61001, 61002, 61003, FAKE_CTLD, 61005,
		61006, 61007 };
	c->gid = c->uid;
	c->group = FAKE_GID;
	memcpy(c->members, m, sizeof(m));
	c->nmembers = 3;
	c->admins[0] = FAKE_ADMIN;
	c->nadmins = 1;
	ATF_REQUIRE_MSG(sysconf_check(c, &e) == 0, "%s", e.msg);
}

static int
own_dir(const char *name)
{
	int fd;

	MUST(mkdir(name, 0700) == 0 || errno == EEXIST);
	MUST((fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	MUST(fchown(fd, FAKE_CTLD, FAKE_GID) == 0);
	return fd;
}

static void
run_ctld(const int *keep, unsigned n)
{
	char *argv[] = { (char *)(uintptr_t)"ctld", NULL }, *envp[] = { NULL };
	int prog, last = 3 + (int)n - 1;

	role_become(ROLE_CTLD, FAKE_CTLD, FAKE_GID);
	/* the program comes last, so that it can go away at exec */
	if (fd_arrange(keep, n, 3) < 0)
		_exit(126);
	prog = fcntl(last, F_DUPFD_CLOEXEC, 100);
	(void)close(last);
	(void)sysx_execveat(prog, argv, envp);
	_exit(127);
}

void
fake_ctld(struct fake *f)
{
	int keep[8], front[2], cl[2], program;
	struct err e;

	MUST(wire_pair(front) == 0 && wire_pair(cl) == 0);
	MUST((program = open(CTLD_PROGRAM, O_RDONLY | O_CLOEXEC)) >= 0);
	MUST((keep[0] = fd_sealed("conf", &f->conf, sizeof(f->conf))) >= 0);
	keep[1] = seccomp_compile(SEC_CTLD, &f->conf, &e);
	ATF_REQUIRE_MSG(keep[1] >= 0, "%s", e.msg);
	keep[2] = front[1];
	keep[3] = cl[1];
	keep[4] = f->state_dir;
	keep[5] = f->run_dir;
	keep[6] = f->channel_dir;
	keep[7] = program;
	MUST((f->ctld = fork()) >= 0);
	if (f->ctld == 0)
		run_ctld(keep, 8);
	(void)close(front[1]);
	(void)close(cl[1]);
	(void)close(program);
	(void)close(keep[0]);
	(void)close(keep[1]);
	f->front = front[0];
	f->listener = cl[0];
}

void
fake_start(struct fake *f)
{
	unsigned i;

	memset(f, 0, sizeof(*f));
	f->sup_state = SUP_RUNNING;
	f->sup_wait = -1;
	f->stream = -1;
	for (i = 0; i < FAKE_SLOTS; i++) {
		f->slots[i].state = ST_FREE;
		f->slots[i].pidfd = f->slots[i].listener = -1;
		f->slots[i].conn = -1;
		f->slots[i].rings[0] = f->slots[i].rings[1] = -1;
	}
	fake_conf(&f->conf);
	f->state_dir = own_dir("state");
	f->run_dir = own_dir("run");
	f->channel_dir = own_dir("channel");
	fake_ctld(f);
	fake_pump(f, 100);
}

void
fake_kill_ctld(struct fake *f)
{
	MUST(kill(f->ctld, SIGKILL) == 0);
	MUST(waitpid(f->ctld, NULL, 0) == f->ctld);
	fd_close(&f->front);
	fd_close(&f->listener);
	f->holding = 0;
	f->hold = 0;
	for (; f->nheld > 0; f->nheld--)
		wire_drop_fds(&f->held[f->nheld - 1]);
}

void
fake_end(struct fake *f)
{
	unsigned i;
	int ws;

	/* it must still be there: nothing above may have killed it */
	ATF_CHECK_EQ(0, waitpid(f->ctld, &ws, WNOHANG));
	fake_kill_ctld(f);
	for (i = 0; i < FAKE_SLOTS; i++)
		if (f->slots[i].pid > 0) {
			(void)kill(f->slots[i].pid, SIGKILL);
			(void)waitpid(f->slots[i].pid, NULL, 0);
		}
}
