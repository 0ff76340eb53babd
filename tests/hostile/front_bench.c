/* SPDX-License-Identifier: ISC */
/* Runs in the tests, as root; kills only what it started. */
#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "config.h"
#include "common/fdutil.h"
#include "common/peer.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "common/sysx.h"
#include "policy/seccomp.h"
#include "privd/ledger.h"
#include "tests/hostile/front_bench.h"

#define FRONT_UID 61001u

static void
configure(struct sysconf *c)
{
	struct err e;

	sysconf_default(c);
	ATF_REQUIRE(getcwd(c->run_dir, sizeof(c->run_dir)) != NULL);
	(void)strlcpy(c->instance, "fronttst", sizeof(c->instance));
	c->uid = (struct sysconf_uids){ FRONT_UID, 61002, 61003, 61004, 61005,
		61006, 61007 };
	c->gid = c->uid;
	c->group = 61010;
	c->members[0] = ALICE;
	c->members[1] = BOB;
	c->members[2] = ADMIN;
	c->nmembers = 3;
	c->admins[0] = ADMIN;
	c->nadmins = 1;
	c->slots = 64;
	c->max_vms = 32;
	c->vm_id_count = 16384;
	c->fallback.vms = 3;
	c->fallback.start_rate = 1000; /* one test is about that */
	c->debug = 0;
	ATF_REQUIRE_EQ_MSG(0, sysconf_check(c, &e), "%s", e.msg);
}

static int
listener(const struct sysconf *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s",
	    c->run_dir, CONTROL_SOCKET) < (int)sizeof(sun.sun_path));
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	ATF_REQUIRE_EQ(0, chmod(sun.sun_path, 0666));
	ATF_REQUIRE_EQ(0, chmod(".", 0755));
	ATF_REQUIRE_EQ(0, listen(fd, 64));
	return fd;
}

struct bench *
bench_new(const char *program)
{
	struct bench *b = calloc(1, sizeof(*b));

	ATF_REQUIRE(b != NULL);
	configure(&b->conf);
	b->listen = listener(&b->conf);
	b->ledger = memfd_create("ledger", MFD_CLOEXEC);
	ATF_REQUIRE_EQ(0, posix_fallocate(b->ledger, 0,
	    (off_t)ledger_size(b->conf.slots)));
	bench_start(b, program);
	bench_boot(b);
	return b;
}

void
bench_start(struct bench *b, const char *program)
{
	int exe = open(program, O_PATH | O_CLOEXEC), w[3][2], i;
	int conf = fd_sealed("conf", &b->conf, sizeof(b->conf));
	char title[] = "privd: front";
	char *argv[] = { title, NULL }, *env[] = { NULL };
	struct err e = { 0 };
	int filter = seccomp_compile(SEC_FRONT, &b->conf, &e);

	ATF_REQUIRE_MSG(exe >= 0 && conf >= 0 && filter >= 0, "%s: %s",
	    program, e.msg);
	for (i = 0; i < 3; i++)
		ATF_REQUIRE_EQ(0, wire_pair(w[i]));
	b->pid = fork();
	ATF_REQUIRE(b->pid >= 0);
	if (b->pid == 0) {
		const int keep[] = { conf, filter, w[0][0], w[1][0], w[2][0],
			b->ledger, exe };

		role_become(ROLE_FRONT, FRONT_UID, FRONT_UID);
		if (fd_arrange(keep, 7, RFD_CONF) < 0 ||
		    fcntl(RFD_CONF + 6, F_SETFD, FD_CLOEXEC) < 0)
			_exit(100);
		(void)sysx_execveat(RFD_CONF + 6, argv, env);
		_exit(101);
	}
	b->ctld = w[0][1];
	b->net = w[1][1];
	b->jail = w[2][1];
	for (i = 0; i < 3; i++)
		(void)close(w[i][0]);
	(void)close(exe);
	(void)close(conf);
	(void)close(filter);
}

void
bench_boot(struct bench *b)
{
	ATF_REQUIRE_EQ('j', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_LIST_NEXT, b->m.h.type);
	bench_answer(b, 'j', ENOENT);
	ATF_REQUIRE_EQ('n', bench_asked(b, 5000));
	ATF_REQUIRE_EQ(PRIVOP_NET_COMMIT, b->m.h.type);
	bench_answer(b, 'n', 0);
}

int
bench_wait(struct bench *b)
{
	int st, i;

	for (i = 0; i < 500; i++) {
		pid_t pid = waitpid(b->pid, &st, WNOHANG);

		ATF_REQUIRE(pid >= 0);
		if (pid == b->pid) {
			fd_close(&b->ctld);
			fd_close(&b->net);
			fd_close(&b->jail);
			return WIFEXITED(st) ? WEXITSTATUS(st) :
					       1000 + WTERMSIG(st);
		}
		(void)poll(NULL, 0, 10);
	}
	return -1;
}

void
bench_kill(struct bench *b)
{
	ATF_REQUIRE_EQ(0, kill(b->pid, SIGKILL));
	ATF_REQUIRE_EQ(1000 + SIGKILL, bench_wait(b));
}

/* A child of that uid connects and stays until we close. */
int
bench_client(struct bench *b, uint32_t uid)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, st;
	pid_t pid;

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s",
	    CONTROL_SOCKET);
	pid = fork();
	ATF_REQUIRE(pid >= 0);
	if (pid == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (setresuid(uid, uid, uid) < 0 ||
		    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
			_exit(1);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &st, 0));
	ATF_REQUIRE_EQ(0, st);
	fd = accept4(b->listen, NULL, NULL, SOCK_CLOEXEC);
	/* as if the client listener had accepted it */
	ATF_REQUIRE(fd >= 0 && fchown(fd, b->conf.uid.client, (gid_t)-1) == 0);
	return fd;
}

void
bench_ask(struct bench *b, uint16_t op, uint32_t slot, uint64_t generation,
    const void *body, const int *fds, unsigned nfds)
{
	static const unsigned char zero[WIRE_BODY_MAX];
	struct wire_hdr h = { .type = op, .seq = ++b->seq, .slot = slot,
		.generation = generation };
	struct pollfd p = { .fd = b->ctld, .events = POLLOUT };

	while (wire_send(b->ctld, &h, body != NULL ? body : zero,
		   privop_row(op)->w.req_len, fds, nfds) < 0) {
		ATF_REQUIRE_EQ_MSG(EAGAIN, errno, "%s", strerror(errno));
		ATF_REQUIRE_EQ(1, poll(&p, 1, 5000));
	}
}

char
bench_asked(struct bench *b, int ms)
{
	struct pollfd p[2] = { { .fd = b->net, .events = POLLIN },
		{ .fd = b->jail, .events = POLLIN } };

	if (poll(p, 2, ms) <= 0)
		return 0;
	if (p[0].revents != 0 && wire_recv(b->net, &b->m) == 1)
		return 'n';
	if (p[1].revents != 0 && wire_recv(b->jail, &b->m) == 1)
		return 'j';
	return 0;
}

void
bench_answer(struct bench *b, char by, int code)
{
	const struct privop_row *row = privop_row(b->m.h.type);
	uint64_t rep[WIRE_BODY_MAX / 8] = { 0 };
	struct rep_hdr r = { .code = code };
	int fd = -1;

	wire_drop_fds(&b->m);
	memcpy(rep, &r, sizeof(r));
	if (code == 0 && row->w.out_min > 0)
		fd = memfd_create("pidfd", MFD_CLOEXEC);
	ATF_REQUIRE_EQ(0, wire_reply(by == 'n' ? b->net : b->jail, &b->m, rep,
	    row->w.rep_len, &fd, fd >= 0));
	fd_close(&fd);
}

int
bench_heard(struct bench *b)
{
	struct pollfd p[3] = { { .fd = b->ctld, .events = POLLIN },
		{ .fd = b->net, .events = POLLIN },
		{ .fd = b->jail, .events = POLLIN } };
	struct rep_hdr r;
	char by;

	for (;;) {
		if (poll(p, b->hold ? 1 : 3, 5000) <= 0)
			return -1;
		if (p[0].revents != 0) {
			if (wire_recv(b->ctld, &b->m) != 1)
				return -1;
			wire_drop_fds(&b->m);
			memcpy(&r, b->m.body, sizeof(r));
			return r.code;
		}
		by = bench_asked(b, 0);
		if (by == 0)
			return -1;
		bench_answer(b, by, 0);
	}
}

int
bench_call(struct bench *b, uint16_t op, uint32_t slot, uint64_t generation,
    const void *body, const int *fds, unsigned nfds)
{
	bench_ask(b, op, slot, generation, body, fds, nfds);
	return bench_heard(b);
}

int
bench_reserve(struct bench *b, uint32_t peer, uint32_t owner,
    struct rep_reserve *rep)
{
	struct req_reserve req = { .cpus = 1, .memory_mib = 64, .nports = 1,
		.owner = owner };
	int fd CLEANUP_FD = bench_client(b, peer);
	int code = bench_call(b, PRIVOP_RESERVE, 0, 0, &req, &fd, 1);

	memcpy(rep, b->m.body, sizeof(*rep));
	return code;
}

void
bench_run(struct bench *b, const struct rep_reserve *r)
{
	struct req_ns_make ns = { .mode = NET_NAT };
	struct req_net_up up = { .mode = NET_NAT, .nports = 1 };
	struct req_limits lim = { 1000, 100, 128, 64 };
	struct req_spawn sp = { .vmm = VMM_QEMU };
	int fds[4], i;

	up.ports[0] = (struct net_port){ .host = 8080, .guest = 80,
		.proto = IPPROTO_TCP };
	for (i = 0; i < 4; i++)
		fds[i] = memfd_create("x", MFD_CLOEXEC);
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_NS_MAKE, r->slot,
	    r->generation, &ns, NULL, 0));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_NET_UP, r->slot,
	    r->generation, &up, NULL, 0));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_LIMITS, r->slot,
	    r->generation, &lim, NULL, 0));
	ATF_REQUIRE_EQ(0, bench_call(b, PRIVOP_SPAWN, r->slot,
	    r->generation, &sp, fds, 4));
	for (i = 0; i < 4; i++)
		(void)close(fds[i]);
}

unsigned
bench_fds(const struct bench *b)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", b->pid);
	d = opendir(path);
	ATF_REQUIRE(d != NULL);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

const char *
bench_program(const atf_tc_t *tc)
{
	static char path[512];

#ifdef WITH_SANITIZERS
	atf_tc_skip("a confined role does not run with sanitizers");
#endif
	(void)snprintf(path, sizeof(path), "%s/../../privd-front",
	    atf_tc_get_config_var_wd(tc, "srcdir", "."));
	return path;
}

int
bench_alive(struct bench *b)
{
	struct req_slot_next req = { .after = UINT32_MAX };
	int code = bench_call(b, PRIVOP_SLOT_NEXT, 0, 0, &req, NULL, 0);

	return code == 0 || code == ENOENT;
}

unsigned
bench_step(const struct bench *b)
{
	struct rep_hdr r;

	memcpy(&r, b->m.body, sizeof(r));
	return r.step;
}
