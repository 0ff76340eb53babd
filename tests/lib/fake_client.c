/* SPDX-License-Identifier: ISC */
/* Test code: clients of fake_privd.h; any surprise ends the test case. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bsd/string.h>
#include <atf-c.h>

#include "common/fdutil.h"
#include "tests/lib/fake_privd.h"

#define MUST(x) ATF_REQUIRE_MSG((x), "%s: %s", #x, strerror(errno))

void
fake_send(struct fake *f, int wire, uint16_t op, const void *body,
    const int *fds, unsigned nfds)
{
	struct wire_hdr h = { .type = op, .seq = ++f->seq };

	MUST(wire_send(wire, &h, body, clientop_row(op)->w.req_len, fds,
		 nfds) == 0);
}

int
fake_answer(struct fake *f, int wire, struct wire_msg *m, int ms)
{
	int64_t until = now_ms() + ms;
	int k;

	m->nfds = 0;
	do {
		k = wire_recv(wire, m);
		if (k >= 0)
			return k;
		MUST(errno == EAGAIN);
		fake_pump(f, 5);
	} while (now_ms() < until);
	return -1;
}

struct rep_cl
fake_ask(struct fake *f, int wire, uint16_t op, const void *body,
    const int *fds, unsigned nfds, struct wire_msg *m)
{
	struct rep_cl r;

	fake_send(f, wire, op, body, fds, nfds);
	ATF_REQUIRE_EQ_MSG(1, fake_answer(f, wire, m, 15000), "no answer");
	MUST(wire_check_reply(m, &clientop_row(op)->w) == 0);
	memcpy(&r, m->body, sizeof(r));
	MUST(wire_str_ok(r.reason, sizeof(r.reason)) &&
	    wire_str_ok(r.field, sizeof(r.field)));
	return r;
}

int
fake_client(struct fake *f, uint32_t uid, int *keep, struct rep_cl *why)
{
	struct clreq_conn rq = { .uid = uid };
	int wire[2], sock[2], fds[2];
	struct wire_msg m;
	struct rep_cl r;

	MUST(wire_pair(wire) == 0);
	MUST(seteuid(uid) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == 0);
	MUST(seteuid(0) == 0);
	fds[0] = wire[1];
	fds[1] = sock[1];
	r = fake_ask(f, f->listener, CLIENTOP_CONN, &rq, fds, 2, &m);
	(void)close(wire[1]);
	(void)close(sock[1]);
	*keep = sock[0];
	if (why != NULL)
		*why = r;
	return wire[0];
}

void
fake_spec(struct clreq_start *s, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->owner = OWNER_SELF;
	s->flags = CL_HAS_ROOTFS;
	(void)strlcpy(s->name, name, sizeof(s->name));
	s->cpus = 1;
	s->memory_mib = 64;
	s->backend = BACKEND_QEMU;
	s->net = s->net_up.mode = NET_NAT;
	s->grace_ms = 200;
	(void)strlcpy(s->kernel_path, "kernel", sizeof(s->kernel_path));
	(void)strlcpy(s->rootfs_path, "rootfs", sizeof(s->rootfs_path));
}

unsigned
fake_files(int fds[16])
{
	int fd;

	MUST((fd = open("kernel", O_RDWR | O_CREAT, 0644)) >= 0);
	MUST(fd_writen(fd, "\177ELF and more", 13) == 0);
	(void)close(fd);
	MUST((fd = open("rootfs", O_RDWR | O_CREAT, 0644)) >= 0);
	MUST(ftruncate(fd, 4096) == 0 && fchown(fd, FAKE_UID, FAKE_GID) == 0);
	(void)close(fd);
	fds[0] = open("kernel", O_RDONLY | O_CLOEXEC);
	fds[1] = open("rootfs", O_RDONLY | O_CLOEXEC);
	fds[2] = open("rootfs", O_RDWR | O_CLOEXEC);
	MUST(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
	return 3;
}

uint16_t
fake_get(struct fake *f, int wire, const char *name, struct cl_vm *vm)
{
	struct clreq_get rq = { .ref.owner = OWNER_SELF };
	struct clrep_get rep;
	struct wire_msg m;

	(void)strlcpy(rq.ref.name, name, sizeof(rq.ref.name));
	(void)fake_ask(f, wire, CLIENTOP_GET, &rq, NULL, 0, &m);
	memcpy(&rep, m.body, sizeof(rep));
	if (vm != NULL)
		*vm = rep.vm;
	return rep.r.error;
}
